"""One request of the HTTP server: its body stays in bounded memory (twisted.web spools bodies to disk and has no ceiling)."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.web.http import NO_BODY_CODES
from twisted.web.server import Request

from cliproxy import __version__
from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.front.access import Client
from cliproxy.front.limits import UNKNOWN_BYTES
from cliproxy.relay.budget import BUSY_SECONDS

SERVER: Final = f"cliproxy/{__version__}".encode()
_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}

#: A body must reach :data:`BODY_RATE` bytes a second, on average, once it has taken this many seconds.
BODY_GRACE_SECONDS: Final = 20
BODY_RATE: Final = 1024


def phrase(status: int, otherwise: bytes) -> bytes:
    """What a status is called; twisted.web does not know all that there are."""
    return _PHRASES.get(status, otherwise)


def field_lines(fields: Sequence[tuple[str, str]]) -> str:
    """Header fields as they are sent; a line end in a value becomes a blank."""
    text = "".join([f"{name}: {value}\r\n" for name, value in fields])
    if text.count("\n") != len(fields) or text.count("\r") != len(fields):
        text = "".join([f"{name}: {' '.join(value.split())}\r\n" for name, value in fields])
    return text


class BoundedRequest(Request):
    """A request whose body is held in memory and never outgrows the limit.

    :ivar fields: headers of the answer that are not in ``responseHeaders``, where each would be looked at several times.
    :ivar id: the ``X-Request-Id``.
    :ivar began: when its head was complete.
    :ivar caller: who calls, once that is known.
    :ivar why: for the log: why it was refused.
    :ivar guess: what a wrong management secret, or one that came too soon, is answered with.
    :ivar amp: how a request of Amp's is routed, and the model that it asks for.
    :ivar recorded: somebody else records what becomes of it, or it has been.
    """

    defaultContentType = None
    fields: Sequence[tuple[str, str]] = ()
    id = ""
    began = 0.0
    caller: Client | None = None
    why = ""
    guess: RequestFault | None = None
    amp: tuple[str, str] = ("", "")
    recorded = False
    channel: Any
    content: BytesIO
    _held = 0
    _body_call: IDelayedCall | None = None
    _body_started = 0.0
    refused = False

    def gotLength(self, length: int | None) -> None:
        """The head is complete: refuse what it leaves in doubt, and a declared body that is too large; note who shows a key."""
        channel, doubt = self.channel, self._doubt()
        self.content, self.id, self.began = BytesIO(), channel.site.new_id(), channel.site.reactor.seconds()
        if doubt:
            self._refuse(400, doubt)
            return
        if not channel.known and channel.site.knows(self):
            channel.make_known()
        if length is not None and length > channel.site.limits.body_bytes:
            self.refuse_size()
        elif length is not None and length > UNKNOWN_BYTES and not channel.known:
            self._refuse_stranger()

    def _doubt(self) -> str:
        """Why two readers could take the head for different requests (RFC 9112); empty when they could not."""
        hosts = self.requestHeaders.getRawHeaders(b"host", ())
        if len(hosts) > 1:  # section 3.2
            return "the request names more than one Host"
        version, path = self.channel.head_line
        if version == b"HTTP/1.1" and not hosts:
            return "the request names no Host"
        if version != b"HTTP/1.1" and self.requestHeaders.hasHeader(b"transfer-encoding"):  # section 6.1
            return "a Transfer-Encoding in HTTP/1.0"
        if not path.startswith(b"/") and path != b"*":
            return "the request's target is to be a path"
        return ""

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
        elif before + len(data) > UNKNOWN_BYTES and not self.channel.known:
            self._refuse_stranger()
        elif not site.budget.take(len(data)):
            self._refuse(503, "the daemon holds as many bodies as it may (max-bodies-mb)", retry_after=BUSY_SECONDS)
        else:
            self._held += len(data)
            self.content.write(data)

    def _refuse_stranger(self) -> None:
        self._refuse(401, "a body of this size is read from clients with a key only")

    def refuse_size(self) -> None:
        """The body is too large, or says that it will be."""
        self._refuse(413, "the body is larger than this server accepts (max-body-mb)")

    def _check_rate(self) -> None:
        reactor = self.channel.site.reactor
        if self.content.tell() < BODY_RATE * (reactor.seconds() - self._body_started):
            self._body_call = None
            self.refuse_slow()
        else:
            self._body_call = reactor.callLater(5, self._check_rate)

    def refuse_slow(self) -> None:
        """The body comes too slowly."""
        self._refuse(408, "the body came too slowly")

    def _stop_watching(self) -> None:
        if self._body_call is not None:
            self._body_call.cancel()
            self._body_call = None

    def _refuse(self, status: int, sentence: str, retry_after: float | None = None) -> None:
        """Answer before the body is in, and close: what follows on this connection is not a request."""
        self._stop_watching()
        self._let_go()
        self.refused = True
        self.channel.refuse(ErrorDetail(status, sentence, retry_after=retry_after), self)

    def _let_go(self) -> None:
        """The body is held no more."""
        if self._held:
            self.channel.site.budget.give(self._held)
            self._held = 0

    def finish(self) -> None:
        """The answer is whole."""
        self._let_go()
        super().finish()

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
        self.responseHeaders.setRawHeaders(b"X-Request-Id", [self.id])
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
        fields = field_lines(self.fields)
        sized = "Content-Length: " in fields or headers.hasHeader(b"Content-Length")
        if not sized and self.clientproto == b"HTTP/1.1" and self.method != b"HEAD" and self.code not in NO_BODY_CODES:
            headers.setRawHeaders(b"Transfer-Encoding", [b"chunked"])
            self.chunked = 1
        lines = [b"%b %d %b" % (self.clientproto, self.code, phrase(self.code, self.code_message))]
        lines += [name + b": " + value for name, values in headers.getAllRawHeaders() for value in values]
        return b"\r\n".join([*lines, fields.encode(), b""])

    def connectionLost(self, reason: Any) -> None:
        """The client left."""
        self._stop_watching()
        self._let_go()
        if self.id and self.path is not None and not self.finished:  # without a path it was refused with its line
            self.channel.site.tell(self, gone=True)
        super().connectionLost(reason)
