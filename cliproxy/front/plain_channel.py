"""Connections whose requests are plain: the way of nearly every call of an SDK.

The first head that is not plain, and all that is not just a request and its answer, goes with its bytes to the
:class:`~cliproxy.front.channel.BoundedChannel`, which keeps the connection: no rule of framing is written twice.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from cliproxy.front.channel import READ_RATE, BoundedChannel
from cliproxy.front.limits import UNKNOWN_BYTES
from cliproxy.front.plain_request import PlainRequest
from cliproxy.front.request import BODY_GRACE_SECONDS, BODY_RATE
from cliproxy.upstream.eager import unsent
from cliproxy.wire.plain_head import MOST_BYTES

#: A client may send so much before the answer to what it sent is whole.
_MOST_AHEAD: Final = 16 * 1024
#: Bytes of one read while a body is coming, and otherwise.
_LARGE_READ: Final = 256 * 1024
_SMALL_READ: Final = 64 * 1024


class PlainChannel(Protocol):
    """A connection as long as its requests are plain.

    :ivar known: its client has shown a key.
    :ivar paused: the client is sent faster than it reads.
    """

    transport: Any
    known = False
    paused = False
    _request: PlainRequest | None = None
    _whole: BoundedChannel | None = None
    _head = b""
    _wanted = 0
    _ahead = b""
    _unread = 0
    _since = 0.0

    def __init__(self, site: Any) -> None:
        self.site = site
        self._body: bytearray | None = None

    @property
    def waits(self) -> bool:
        """Whether nothing is under way."""
        return self._request is None

    @property
    def reading(self) -> bool:
        """Whether no request is answered just now."""
        return self._request is None or self._body is not None

    def connectionMade(self) -> None:
        """A client is connected."""
        self._used = self.site.reactor.seconds()
        self.site.came(self)
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        """Bytes came: a head with all or the beginning of its body, more of a body, or what comes too early."""
        if self._whole is not None:
            self._whole.dataReceived(data)
        elif self._body is not None:
            self._go_on(data)
        elif self._request is None:
            self._begin(data)
        elif len(self._ahead) + len(data) > _MOST_AHEAD:
            # Reading on would be unbounded, and not reading would hide that the client left.
            self.transport.abortConnection()
        else:
            self._ahead += data

    def _begin(self, data: bytes) -> None:
        site = self.site
        end = data.find(b"\r\n\r\n", 0, MOST_BYTES)
        found = site.heads.read(data[:end]) if end > 0 and not site.leaving else None
        if found is None:
            self._hand_over(data)
            return
        path, query, headers, length = found
        came = len(data) - end - 4
        if came > length or length > site.limits.body_bytes:
            self._hand_over(data)
            return
        request = PlainRequest(self, path, query, headers, site.new_id(), site.reactor.seconds())
        if not self.known and site.knows(request):
            self.known = True
            site.forget_stranger(self)
        if (length > UNKNOWN_BYTES and not self.known) or not site.budget.take(came):
            self._hand_over(data)
            return
        self._request, request.held = request, came
        if came == length:
            self._enter(request, data[end + 4 :])
        else:
            self._head, self._wanted, self._since = data[: end + 4], length, request.began
            self._body = bytearray(data[end + 4 :])
            self.transport.bufferSize = _LARGE_READ

    def _go_on(self, data: bytes) -> None:
        request, body = self._request, self._body
        assert request is not None and body is not None
        left = self._wanted - len(body)
        if len(data) > left or not self.site.budget.take(len(data)):
            self._hand_over(self._head + body + data)
            return
        body += data
        request.held += len(data)
        if len(data) == left:
            self._body, self._head = None, b""
            self.transport.bufferSize = _SMALL_READ
            self._enter(request, bytes(body))

    def _enter(self, request: PlainRequest, body: bytes) -> None:
        request.body = body
        self.site.plain(request)

    def answered(self, request: PlainRequest) -> None:
        """The answer is whole."""
        self._let_go(request)
        self._request = None
        self._used = self.site.reactor.seconds()
        self.site.tell(request)
        if self._ahead:
            data, self._ahead = self._ahead, b""
            self._hand_over(data)

    def _let_go(self, request: PlainRequest) -> None:
        if request.held:
            self.site.budget.give(request.held)
            request.held = 0

    def _hand_over(self, data: bytes) -> BoundedChannel:
        """From here on the connection is a :class:`BoundedChannel`'s, with what has come and was not answered."""
        if self._request is not None:
            self._let_go(self._request)
            self._request = self._body = None
        self._head = b""
        self.transport.unregisterProducer()
        whole: BoundedChannel = self.site.whole(self)
        self._whole = whole
        whole.makeConnection(self.transport)
        self.site.went(self)
        if self.known:
            whole.make_known()
        if data:
            whole.dataReceived(data)
        return whole

    # The transport holds more than it should of what the client does not read.

    def pauseProducing(self) -> None:
        """The client is sent faster than it reads: from now on it has to read some, or it is gone."""
        self.paused, self._unread = True, unsent(self.transport)
        self._since = self.site.reactor.seconds()
        if self._request is not None and self._request.producer is not None:
            self._request.producer.pauseProducing()

    def resumeProducing(self) -> None:
        """It has read all."""
        self.paused = False
        if self._request is not None and self._request.producer is not None:
            self._request.producer.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is going; whoever asks hears it by :meth:`connectionLost`."""

    def check(self, now: float, idle_seconds: float) -> None:
        """End what takes too long: an idle connection, a body that trickles in, a reader that does not read."""
        if self.paused:
            self._check_reader(now)
        elif self._body is not None:
            seconds = now - self._since
            if seconds >= BODY_GRACE_SECONDS and len(self._body) < BODY_RATE * seconds:
                self._hand_over(self._head + self._body).refuse_slow()
        elif self._request is None and now - self._used >= idle_seconds:
            self.transport.loseConnection()

    def _check_reader(self, now: float) -> None:
        seconds = now - self._since
        if seconds < self.site.limits.stall_seconds:
            return
        before, self._unread, self._since = self._unread, unsent(self.transport), now
        if before - self._unread < READ_RATE * seconds:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        if self._whole is not None:
            self._whole.connectionLost(reason)
            return
        self.site.went(self)
        request, self._request = self._request, None
        if request is not None:
            self._let_go(request)
            if self._body is None and not request.recorded:
                self.site.tell(request, gone=True)
            request.lost(reason)
