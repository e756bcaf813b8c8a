"""The HTTP server's edges: what twisted.web leaves open is closed here.

Bodies stay in bounded memory (twisted.web spools them to disk and has no ceiling), heads have an absolute deadline, bodies a
least rate, HTTP/2 is never offered (rapid reset), and a client that pipelines more than it may is dropped.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, Final

import attrs
from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IAddress, IDelayedCall, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import NO_BODY_CODES, HTTPChannel
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from cliproxy import __version__
from cliproxy.front.failures import early_answer
from cliproxy.upstream.eager import write_now

SERVER: Final = f"cliproxy/{__version__}".encode()

#: Idle keep-alive connections are closed after this many seconds.
IDLE_SECONDS: Final = 75
#: However many files the process may have open, so many clients are connected at most.
MOST_CONNECTIONS: Final = 32 * 1024
#: Files that are no client's: the listener, the log, the state file, name look-ups.
SPARE_DESCRIPTORS: Final = 64
#: A body must reach :data:`BODY_RATE` bytes a second, on average, once it has taken this many seconds.
BODY_GRACE_SECONDS: Final = 20
BODY_RATE: Final = 1024
#: After an early refusal the client may send this much, this long, before the connection is cut.
LINGER_SECONDS: Final = 5
LINGER_BYTES: Final = 256 * 1024 * 1024
#: A client that has shown no key may send so much of a body; whether it needed one is said when the request is whole.
UNKNOWN_BYTES: Final = 256 * 1024
#: Of a read larger than this the head is parsed apart.
_LARGE: Final = 8 * 1024


@attrs.frozen
class Limits:
    """What clients may take: bytes of a body, seconds for a head, connections at a time of all of them together."""

    body_bytes: int = 64 * 1024 * 1024
    header_seconds: float = 10.0
    connections: int = attrs.field(factory=lambda: most_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))


def most_connections(descriptors: int) -> int:
    """How many clients are let in where the process may have so many files open: each may need an upstream connection."""
    if descriptors == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(16, min(MOST_CONNECTIONS, (descriptors - SPARE_DESCRIPTORS) // 2))


class BoundedRequest(Request):
    """A request whose body is held in memory and never outgrows the limit.

    :ivar fields: headers of the answer that are not in ``responseHeaders``, where each would be looked at several times.
    """

    defaultContentType = None
    fields: Sequence[tuple[str, str]] = ()
    channel: BoundedChannel
    content: BytesIO
    _body_call: IDelayedCall | None = None
    _body_started = 0.0
    refused = False

    def gotLength(self, length: int | None) -> None:
        """The head is complete: refuse a declared body that is too large, watch a slow one."""
        self.content = BytesIO()
        limits = self.channel.site.limits
        if len(self.requestHeaders.getRawHeaders(b"host", ())) > 1:  # RFC 9112 section 3.2
            self._refuse(400, "the request names more than one Host")
        elif length is not None and length > limits.body_bytes:
            self._refuse(413, "the body is larger than this server accepts (max-body-mb)")

    def watch(self) -> None:
        """The body did not come with the head: from now on it must come fast enough."""
        if self._body_call is None:
            reactor = self.channel.site.reactor
            self._body_started = reactor.seconds()
            self._body_call = reactor.callLater(BODY_GRACE_SECONDS, self._check_rate)

    def handleContentChunk(self, data: bytes) -> None:
        """Some of the body came."""
        if self.refused:
            return
        site, before = self.channel.site, self.content.tell()
        if before + len(data) > site.limits.body_bytes:
            self.refuse_size()
        elif before <= UNKNOWN_BYTES < before + len(data) and not site.knows(self):
            self._refuse(401, "a body of this size is read from clients with a key only")
        else:
            self.content.write(data)

    def refuse_size(self) -> None:
        """The body is too large, or says that it will be."""
        self._refuse(413, "the body is larger than this server accepts (max-body-mb)")

    def _check_rate(self) -> None:
        reactor = self.channel.site.reactor
        if self.content.tell() < BODY_RATE * (reactor.seconds() - self._body_started):
            self._body_call = None
            self._refuse(408, "the body came too slowly")
        else:
            self._body_call = reactor.callLater(5, self._check_rate)

    def _stop_watching(self) -> None:
        if self._body_call is not None:
            self._body_call.cancel()
            self._body_call = None

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer before the body is in, and close: what follows on this connection is not a request."""
        self._stop_watching()
        self.refused = True
        channel = self.channel
        channel.refuse(early_answer(channel.path, status, sentence))

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The whole request is here."""
        self._stop_watching()
        if not self.refused:
            super().requestReceived(command, path, version)

    def parseCookies(self) -> None:
        """Nothing here reads cookies."""

    def process(self) -> None:
        """Hand the request to the front's one resource: it routes by itself."""
        site = self.site = self.channel.site
        self.responseHeaders.setRawHeaders(b"Server", [SERVER])
        self.prepath = []
        self.postpath = []
        self.render(site.resource)

    def write(self, data: bytes) -> None:
        """Send bytes of the answer as one piece, the head with the first of them."""
        if self.finished:
            raise RuntimeError("the answer is finished: nothing can be written any more")
        if self._disconnected:
            return
        head = b""
        if not self.startedWriting:
            self.startedWriting = 1
            head = self._head()
        if self.method == b"HEAD" or self.code in NO_BODY_CODES:
            data = b""
        elif data and self.chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if head or data:
            self.channel.write(head + data)

    def _head(self) -> bytes:
        """Status line and headers. Without a length the body is chunked, or ends with an HTTP/1.0 connection."""
        headers = self.responseHeaders
        fields = "".join([f"{name}: {value}\r\n" for name, value in self.fields])
        if fields.count("\n") != len(self.fields) or fields.count("\r") != len(self.fields):
            fields = "".join([f"{name}: {' '.join(value.split())}\r\n" for name, value in self.fields])
        sized = "Content-Length: " in fields or headers.hasHeader(b"Content-Length")
        if not sized and self.clientproto == b"HTTP/1.1" and self.method != b"HEAD" and self.code not in NO_BODY_CODES:
            headers.setRawHeaders(b"Transfer-Encoding", [b"chunked"])
            self.chunked = 1
        lines = [b"%b %d %b" % (self.clientproto, self.code, self.code_message)]
        lines += [name + b": " + value for name, values in headers.getAllRawHeaders() for value in values]
        return b"\r\n".join([*lines, fields.encode(), b""])

    def connectionLost(self, reason: Any) -> None:
        """The client left."""
        self._stop_watching()
        super().connectionLost(reason)


class BoundedChannel(HTTPChannel):
    """A connection with an absolute deadline for each request head."""

    site: BoundedSite
    transport: Any
    _head_call: IDelayedCall | None = None
    _linger_call: IDelayedCall | None = None
    _idle_call: IDelayedCall | None = None
    _used = 0.0
    _upgraded: Any = None
    _discarded = 0

    @property
    def waits(self) -> bool:
        """Whether nothing is under way: no request, and no part of one."""
        return not (self._handlingRequest or self._upgraded is not None or self._linger_call or self._head_begun())

    def connectionMade(self) -> None:
        """A client is connected."""
        self.site.channels[self] = None
        super().connectionMade()

    @property
    def path(self) -> bytes:
        """The path of the request being read."""
        return getattr(self, "_path", b"/")

    def dataReceived(self, data: bytes) -> None:
        """Bytes came: if they leave a head or a body unfinished, its clock runs."""
        end = data.find(b"\r\n\r\n") + 4 if self.line_mode and len(data) > _LARGE else 0
        if end > 3:  # the head's lines are cut off one by one: from the head, not from all that came with it
            super().dataReceived(data[:end])
            if self.transport.disconnecting:
                return
            data = data[end:]
        super().dataReceived(data)
        if self._handlingRequest:
            return
        if not self.line_mode:
            if self.requests and not self.requests[-1].refused:
                self.requests[-1].watch()
        elif self._head_call is None and self._head_begun():
            self._head_call = self.site.reactor.callLater(self.site.limits.header_seconds, self._head_late)

    def write(self, data: bytes) -> None:
        """Send bytes, at once if the socket takes them."""
        write_now(self.transport, data)

    def _head_begun(self) -> bool:
        return bool(self._buffer) or bool(self.requests)

    def lineReceived(self, line: bytes) -> None:
        """A line of a head. A folded one (RFC 9112 section 5.2) is refused: not everybody unfolds it to the same request."""
        if line[:1] in (b" ", b"\t"):
            self._respondToBadRequestAndDisconnect()
        else:
            super().lineReceived(line)

    def _maybeChooseTransferDecoder(self, header: bytes, data: bytes) -> bool:
        """How the body is framed. The only coding that frames one is ``chunked`` (RFC 9112 section 6.1)."""
        if header == b"Transfer-Encoding" and data.lower() != b"chunked":
            return self._failChooseTransferDecoder()
        chosen: bool = super()._maybeChooseTransferDecoder(header, data)
        return chosen

    def _send100Continue(self) -> None:
        """Ask for the body, unless it has been refused."""
        if not self.requests[-1].refused:
            super()._send100Continue()

    def allHeadersReceived(self) -> None:
        """A head is complete."""
        self._stop_head_clock()
        super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:
        """Body bytes, or bytes sent ahead of the answer: of those, only a little is put up with."""
        if self._handlingRequest:
            if sum(map(len, self._dataBuffer)) + len(data) > self._optimisticEagerReadSize:
                # Reading on would be unbounded, and not reading would hide that the client left.
                self.transport.abortConnection()
                return
        elif self.requests and self.requests[-1].refused:
            return
        super().rawDataReceived(data)
        announced = getattr(self._transferDecoder, "length", None)
        if announced is not None and announced > self.site.limits.body_bytes:
            self.requests[-1].refuse_size()

    def become(self, protocol: Any) -> None:
        """Stop being HTTP: the connection is ``protocol``'s from now on, with what the client has already sent."""
        self.setTimeout(None)
        self.transport.unregisterProducer()
        self.dataReceived = protocol.dataReceived  # type: ignore[method-assign]
        self._upgraded = protocol
        waiting, self._dataBuffer = b"".join(self._dataBuffer), []
        self.transport.resumeProducing()
        protocol.makeConnection(self.transport)
        if waiting:
            protocol.dataReceived(waiting)

    def refuse(self, answer: bytes) -> None:
        """Write a whole answer and close.

        What the client still sends is read and dropped for a moment: closing at once would reset the connection, and the
        client would never see the answer.
        """
        self._stop_head_clock()
        self.setTimeout(None)
        self.transport.write(answer)
        self.dataReceived = self._discard  # type: ignore[method-assign]
        self._linger_call = self.site.reactor.callLater(LINGER_SECONDS, self.transport.abortConnection)
        if ITCPTransport.providedBy(self.transport):
            self.transport.loseWriteConnection()

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > LINGER_BYTES:
            self.transport.abortConnection()

    def _head_late(self) -> None:
        self._head_call = None
        self.refuse(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    def _stop_head_clock(self) -> None:
        if self._head_call is not None:
            self._head_call.cancel()
            self._head_call = None

    # The idle timer runs on through a request, and looks what is due when it goes off: to stop it and to start another for each
    # request costs more than to let it ring once in vain.

    def setTimeout(self, period: int | None) -> int | None:
        """Close the connection after so many idle seconds; None: not while a request is under way."""
        before, self.timeOut = self.timeOut, period
        self.resetTimeout()
        if period is not None and self._idle_call is None:
            self._idle_call = self.site.reactor.callLater(period, self._idle_due)
        return before

    def resetTimeout(self) -> None:
        """The connection is in use."""
        self._used = self.site.reactor.seconds()

    def _idle_due(self) -> None:
        self._idle_call = None
        if self.timeOut is None:
            return
        left = self._used + self.timeOut - self.site.reactor.seconds()
        if left > 0:
            self._idle_call = self.site.reactor.callLater(left, self._idle_due)
        else:
            self.timeoutConnection()

    def timeoutConnection(self) -> None:
        """Idle for too long: closed without a log line, this is how keep-alive ends."""
        self._abortingCall = self.callLater(self.abortTimeout, self.forceAbortClient)
        self.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self.site.channels.pop(self, None)
        self._stop_head_clock()
        if self._linger_call is not None and self._linger_call.active():
            self._linger_call.cancel()
        if self._upgraded is not None:
            self._upgraded.connectionLost(reason)
        super().connectionLost(reason)
        if self._idle_call is not None:
            self._idle_call.cancel()
            self._idle_call = None


class BoundedSite(Site):
    """A site over the front's resource. ``limits`` may be changed at any time; new requests see the change.

    :ivar channels: the connections that are open, the oldest first.
    :ivar knows: whether a request, of which the head is there, comes from a client that may send much.
    """

    protocol = BoundedChannel  # type: ignore[assignment]
    requestFactory = BoundedRequest

    def __init__(self, resource: IResource, limits: Limits, reactor: Any) -> None:
        super().__init__(resource, parsePOSTFormSubmission=False, timeout=IDLE_SECONDS, reactor=reactor)
        self.limits = limits
        self.channels: dict[BoundedChannel, None] = {}
        self.knows: Callable[[Request], bool] = lambda request: True

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A connection's protocol. Where too many are open the oldest idle one goes; where none is idle the new one does.

        The owner's UNIX socket is always let in.
        """
        if len(self.channels) >= self.limits.connections and not isinstance(addr, UNIXAddress):
            idle = next((channel for channel in self.channels if channel.waits), None)
            if idle is None:
                return None
            del self.channels[idle]  # it is gone in a moment, and not to be chosen again until then
            idle.transport.abortConnection()
        return super().buildProtocol(addr)

    def acceptableProtocols(self) -> list[bytes]:
        """HTTP/1.1 alone is offered over TLS."""
        return [b"http/1.1"]

    def startFactory(self) -> None:
        """No access-log file: the relay says what a request was."""

    def stopFactory(self) -> None:
        """Nothing to close."""

    def log(self, request: Any) -> None:
        """See :meth:`startFactory`."""
