"""A request of which the head is plain (:mod:`cliproxy.wire.plain_head`), and its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http import NO_BODY_CODES, parse_qs

from cliproxy.front.access import Client
from cliproxy.front.request import SERVER, field_lines, phrase
from cliproxy.upstream.eager import write_now

_SERVER: Final = SERVER.decode()
_NO_ARGUMENTS: Final[dict[bytes, list[bytes]]] = {}


class PlainRequest:
    """One request, as much like a twisted.web request as the routes of plain paths need.

    :ivar headers: lower-case names; undecodable bytes as surrogates.
    :ivar body: whole, once the request is at its route.
    :ivar fields: headers of the answer, of whoever begins it.
    :ivar leave: called when the client leaves before the answer is whole; None when nobody is to be told.

    It is its own :class:`~cliproxy.relay.exchange.Reply`.
    """

    __slots__ = (
        "_answer_headers",
        "_gone",
        "begun",
        "leave",
        "status",
        "_sized",
        "amp",
        "args",
        "began",
        "body",
        "caller",
        "channel",
        "code",
        "fields",
        "finished",
        "headers",
        "held",
        "id",
        "own_path",
        "path",
        "producer",
        "recorded",
        "startedWriting",
        "why",
    )
    method = b"POST"
    prepath: tuple[bytes, ...] = ()

    def __init__(
        self, channel: Any, path: bytes, query: bytes, headers: dict[str, str], call_id: str, began: float
    ) -> None:
        self.channel = channel
        self.path = self.own_path = path
        self.args = parse_qs(query, 1) if query else _NO_ARGUMENTS
        self.headers = headers
        self.id, self.began = call_id, began
        self.body = b""
        self.held = 0
        self.caller: Client | None = None
        self.why = ""
        self.recorded = False
        self.amp = ("", "")
        self.code = 200
        self.fields: Sequence[tuple[str, str]] = ()
        self.startedWriting = self.finished = False
        self.producer: Any = None
        self._answer_headers: dict[str, str] = {}
        self._gone: list[Deferred[None]] = []
        self.begun = False
        self.status = 0
        self.leave: Callable[[], object] | None = None
        self._sized = True

    def getClientAddress(self) -> Any:
        """The TCP peer."""
        return None if self.channel is None else self.channel.transport.getPeer()

    def notifyFinish(self) -> Deferred[None]:
        """Fires when the answer is whole, fails when the client is gone before."""
        gone: Deferred[None] = Deferred()
        self._gone.append(gone)
        return gone

    def setResponseCode(self, code: int) -> None:
        """The answer's status."""
        self.code = code

    def setHeader(self, name: str | bytes, value: str | bytes) -> None:
        """A header of the answer."""
        name = name if isinstance(name, str) else name.decode("ascii")
        self._answer_headers[name] = value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")

    @property
    def gone(self) -> bool:
        """Nobody listens."""
        return self.channel is None

    def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Fix status and headers; they leave with the first byte. A second call does nothing: the first one stands."""
        if not self.begun and self.channel is not None:
            self.begun = True
            self.status = self.code = status
            self.fields = headers

    def attach(self, producer: Any) -> None:
        """Let the client's socket pace ``producer``, a push producer."""
        if self.channel is not None:
            self.producer = producer
            if self.channel.paused:
                producer.pauseProducing()

    def detach(self) -> None:
        """The producer has no more."""
        self.producer = None

    def write(self, data: bytes) -> None:
        """Send bytes of the answer as one piece, the head with the first of them."""
        if self.finished:
            raise RuntimeError("the answer is finished: nothing can be written any more")
        if self.channel is None:
            return
        head = b""
        if not self.startedWriting:
            self.startedWriting = True
            head = self._head()
        if data and not self._sized:
            data = b"%b%x\r\n%b\r\n" % (head, len(data), data)
        else:
            data = head + data
        if data:
            write_now(self.channel.transport, data)

    def _head(self) -> bytes:
        text = field_lines([*self._answer_headers.items(), *self.fields])
        self._sized = "Content-Length: " in text or self.code in NO_BODY_CODES
        coding = "" if self._sized else "Transfer-Encoding: chunked\r\n"
        known = "" if "X-Request-Id" in self._answer_headers else f"X-Request-Id: {self.id}\r\n"
        reason = phrase(self.code, b"Unknown Status").decode()
        head = f"HTTP/1.1 {self.code} {reason}\r\nServer: {_SERVER}\r\n{known}{coding}{text}\r\n"
        return head.encode("utf-8", "surrogateescape")

    def finish(self) -> None:
        """The answer is whole."""
        channel, self.leave = self.channel, None
        if channel is None:
            return
        if not self.startedWriting or not self._sized:
            self.write(b"")
            if not self._sized:
                write_now(channel.transport, b"0\r\n\r\n")
        self.finished, self.channel = True, None
        channel.answered(self)
        waiting, self._gone = self._gone, []
        for gone in waiting:
            gone.callback(None)

    def lost(self, reason: Failure) -> None:
        """The client left."""
        self.channel = None
        leave, self.leave = self.leave, None
        if leave is not None:
            leave()
        waiting, self._gone = self._gone, []
        for gone in waiting:
            gone.errback(reason)
