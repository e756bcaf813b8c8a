"""One connection of the HTTP server: what it may take, in bytes, in requests and in time.

Heads have an absolute deadline, bodies a least rate, readers too; a client that pipelines more than it may is dropped.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from cliproxy.errors import ErrorDetail
from cliproxy.front.call import header_map
from cliproxy.front.failures import early_answer
from cliproxy.upstream.eager import unsent, write_now

#: After an early refusal the client may send this much, this long, before the connection is cut.
LINGER_SECONDS: Final = 5
LINGER_BYTES: Final = 256 * 1024 * 1024
#: Of the requests that came in one read so many are answered in one turn of the reactor, and so many more may wait.
MOST_IN_TURN: Final = 8
MOST_WAITING: Final = 64
#: Bytes a second that a client has to read of what it is sent, on average, once the socket is full.
READ_RATE: Final = 1024
#: Of a read larger than this the head is parsed apart.
_LARGE: Final = 8 * 1024
#: Digits of a length that anybody could mean.
_LONGEST_LENGTH: Final = 18


class BoundedChannel(HTTPChannel):
    """A connection with an absolute deadline for each request head."""

    site: Any
    transport: Any
    _head_call: IDelayedCall | None = None
    _linger_call: IDelayedCall | None = None
    _idle_call: IDelayedCall | None = None
    _used = 0.0
    _upgraded: Any = None
    _discarded = 0
    known = False
    owner = False
    _turn: IDelayedCall | None = None
    _in_turn = 0
    _stall_call: IDelayedCall | None = None
    _unread = 0

    @property
    def waits(self) -> bool:
        """Whether nothing is under way: no request, and no part of one."""
        return not (self._handlingRequest or self._upgraded is not None or self._linger_call or self._head_begun())

    def connectionMade(self) -> None:
        """A client is connected."""
        self.site.came(self)
        super().connectionMade()
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpKeepAlive(True)

    def make_known(self) -> None:
        """The client has shown a key: it is a stranger no more."""
        self.known = True
        self.site.forget_stranger(self)

    @property
    def reading(self) -> bool:
        """Whether no request is answered just now: none has come, or not the whole of one."""
        return not self._handlingRequest and self._upgraded is None

    @property
    def path(self) -> bytes:
        """The path of the request being read."""
        return getattr(self, "_path", b"/")

    @property
    def asked(self) -> tuple[bytes, bytes]:
        """Method and target of the request being read."""
        return self._command, self._path

    @property
    def head_line(self) -> tuple[bytes, bytes]:
        """Version and target of the request being read."""
        return self._version, self._path

    def dataReceived(self, data: bytes) -> None:
        """Bytes came: if they leave a head or a body unfinished, its clock runs."""
        self._in_turn = 0
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
        if self._linger_call is not None:
            return
        if line[:1] in (b" ", b"\t"):
            self._respondToBadRequestAndDisconnect()
        elif self._receivedHeaderSize + len(line) > self.totalHeadersSize:
            self.lineLengthExceeded(line)
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """A head that is too long: of its target (RFC 9110 section 15.5.15), or of its fields (RFC 6585 section 5)."""
        if self._head_line_read:
            self._refuse_head(431, f"the request's head is longer than {self.totalHeadersSize} bytes")
        else:
            self._path = b"/"
            self._refuse_head(414, f"the request's target is longer than {self.MAX_LENGTH} bytes")

    @property
    def _head_line_read(self) -> bool:
        return self._receivedHeaderSize > 0

    def _respondToBadRequestAndDisconnect(self) -> None:
        """What came is no HTTP/1.1 request, or not for certain."""
        self._refuse_head(400, "the request is not well-formed HTTP/1.1")

    def _refuse_head(self, status: int, sentence: str) -> None:
        if self._linger_call is not None:
            return
        if self.requests:
            self.requests[-1].refused = True
        self.clearLineBuffer()
        self.refuse(ErrorDetail(status, sentence))

    def _maybeChooseTransferDecoder(self, header: bytes, data: bytes) -> bool:
        """How the body is framed. The only coding that frames one is ``chunked`` (RFC 9112 section 6.1)."""
        if header == b"Transfer-Encoding" and data.lower() != b"chunked":
            return self._failChooseTransferDecoder()
        if header == b"Content-Length" and len(data) > _LONGEST_LENGTH and data.isdigit():
            self.requests[-1].refuse_size()
            return False
        chosen: bool = super()._maybeChooseTransferDecoder(header, data)
        return chosen

    def _send100Continue(self) -> None:
        """Ask for the body, unless it has been refused."""
        if not self.requests[-1].refused:
            super()._send100Continue()

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """Whether the connection may carry another request."""
        kept: bool = super().checkPersistence(request, version)
        if kept and self.site.leaving:
            request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return kept and not self.site.leaving

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
            if self._turn is not None and data.count(b"\r\n\r\n") > MOST_WAITING:
                self.transport.abortConnection()
                return
        elif self._linger_call is not None or self.requests and self.requests[-1].refused:
            return
        super().rawDataReceived(data)
        announced = getattr(self._transferDecoder, "length", None)
        if announced is not None and announced > self.site.limits.body_bytes:
            self.requests[-1].refuse_size()

    def requestDone(self, request: Any) -> None:
        """A request is answered. Of those that came in one read only some are answered in one turn of the reactor."""
        self._in_turn += 1
        if self._in_turn < MOST_IN_TURN or not self.persistent:
            super().requestDone(request)
        else:
            self._turn = self.site.reactor.callLater(0, self._next_turn, request)

    def _next_turn(self, request: Any) -> None:
        self._turn = None
        self._in_turn = 0
        super().requestDone(request)

    # The transport holds more than it should of what the client does not read.

    def pauseProducing(self) -> None:
        """The client is sent faster than it reads: from now on it has to read some, or it is gone."""
        super().pauseProducing()
        if self._stall_call is None:
            self._unread = unsent(self.transport)
            self._stall_call = self.site.reactor.callLater(self.site.limits.stall_seconds, self._stalled)

    def resumeProducing(self) -> None:
        """It has read all."""
        self._stop_stall_clock()
        super().resumeProducing()

    def _stalled(self) -> None:
        self._stall_call = None
        seconds, before = self.site.limits.stall_seconds, self._unread
        self._unread = unsent(self.transport)
        if before - self._unread < READ_RATE * seconds:
            self.transport.abortConnection()
        else:
            self._stall_call = self.site.reactor.callLater(seconds, self._stalled)

    def _stop_stall_clock(self) -> None:
        if self._stall_call is not None:
            self._stall_call.cancel()
            self._stall_call = None

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

    def refuse(self, detail: ErrorDetail, request: Any = None) -> None:
        """Write a whole answer, to ``request`` if its head is there, and close.

        What the client still sends is read and dropped for a moment: closing at once would reset the connection, and the
        client would never see the answer.
        """
        self._stop_head_clock()
        self.setTimeout(None)
        call_id = self.site.refused_early(self, detail, request)
        headers = {} if request is None else header_map(request)
        self.transport.write(early_answer(self.path, headers, detail, call_id))
        self.dataReceived = self._discard  # type: ignore[method-assign]
        self._linger_call = self.site.reactor.callLater(LINGER_SECONDS, self.transport.abortConnection)
        if ITCPTransport.providedBy(self.transport):
            self.transport.loseWriteConnection()

    def refuse_slow(self) -> None:
        """The body of the request being read comes too slowly."""
        self.requests[-1].refuse_slow()

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > LINGER_BYTES:
            self.transport.abortConnection()

    def _head_late(self) -> None:
        self._head_call = None
        self.refuse(ErrorDetail(408, "the request's head came too slowly"))

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
        self.site.went(self)
        self._stop_head_clock()
        self._stop_stall_clock()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        if self._linger_call is not None and self._linger_call.active():
            self._linger_call.cancel()
        if self._upgraded is not None:
            self._upgraded.connectionLost(reason)
        super().connectionLost(reason)
        if self._idle_call is not None:
            self._idle_call.cancel()
            self._idle_call = None
