"""Our side of an HTTP/1.1 connection: one request after another, each with its answer (RFC 9112).

Faster than a general client because a proxy needs less: the request is whole before it is sent, the body of the answer is
handed over as it comes, nothing is followed or retried here, and one timer serves a connection all its life.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import attrs
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IConsumer, IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from cliproxy.errors import UpstreamFailure
from cliproxy.upstream.eager import write_now
from cliproxy.upstream.reasons import broken_off
from cliproxy.upstream.response import UpstreamResponse
from cliproxy.wire.coding import DamagedCoding
from cliproxy.wire.http1 import MAX_HEAD, Body, ProtocolFault, body_of, find_head_end, keeps_alive, parse_head

#: A request up to this size is written at once; the body of a larger one follows as the socket takes it.
WRITE_AT_ONCE: Final = 256 * 1024


@attrs.frozen
class Timeouts:
    """How long to wait, in seconds.

    :ivar connect: for a connection: name look-up, proxy and TLS included.
    :ivar first_byte: from the end of the request to a whole response head.
    :ivar idle: between two pieces of a body. Time in which its reader held it back does not count.
    """

    connect: float = 10.0
    first_byte: float = 600.0
    idle: float = 300.0


@attrs.frozen
class Sending:
    """One request, as the connection needs it.

    :ivar head: request line and headers, the empty line included.
    :ivar bodiless: the answer has no body whatever its head says (HEAD).
    :ivar decode: see :class:`UpstreamResponse`.
    """

    head: bytes
    body: bytes
    timeouts: Timeouts
    bodiless: bool
    decode: bool


class Taker(Protocol):
    """Who is told what becomes of a request. One of the two is called, once, unless the request is given up before."""

    def answered(self, response: UpstreamResponse) -> None:
        """The head of the answer is there."""

    def failed(self, failure: Exception) -> None:
        """There is no answer: an UpstreamFailure says why, of the kind STALE when a connection used before died without a
        byte. Anything else is a bug of ours."""


class Owner(Protocol):
    """Who keeps connections."""

    def made(self, connection: Connection) -> None:
        """The connection is up."""

    def released(self, connection: Connection) -> None:
        """The answer is complete and the connection may carry another request."""

    def lost(self, connection: Connection) -> None:
        """The connection is no more."""


class Connection(TwistedProtocol):
    """A connection to one origin. At most one exchange at a time.

    :ivar origin: whom we talk to, in error messages.
    :ivar max_idle: seconds it may wait for another request before it closes itself.
    """

    transport: Any  # ITransport, with what TCP and TLS have in common beyond it

    def __init__(self, clock: IReactorTime, owner: Owner, origin: str, max_idle: float) -> None:
        self.origin = origin
        self.max_idle = max_idle
        self.closed = False
        self._clock = clock
        self._owner = owner
        self._used = False  # carried an exchange before the present one
        self._sending: Sending | None = None
        self._waiting: Taker | None = None  # for the head of the answer
        self._heard = False  # any byte of the present answer
        self._head = b""
        self._interim = 0  # bytes of 1xx heads
        self._body: Body | None = None
        self._response: UpstreamResponse | None = None
        self._reusable = True
        self._upload: _Upload | None = None
        self._reading = True
        self._timer: IDelayedCall | None = None
        self._since = 0.0  # when the present wait began
        self._held_back = 0.0  # when the reader paused
        self._limit = max_idle  # how long the present wait may last

    # The request.

    def ask(self, sending: Sending, taker: Taker) -> None:
        """Send a request; ``taker`` is told what becomes of it."""
        assert self._sending is None and self._response is None and not self.closed
        self._sending = sending
        self._heard = False
        self._interim = 0
        self._waiting = taker
        self._await(sending.timeouts.first_byte)
        if len(sending.head) + len(sending.body) <= WRITE_AT_ONCE:
            write_now(self.transport, sending.head + sending.body)
        else:
            self.transport.write(sending.head)
            self._upload = _Upload(self, sending.body)
            self._upload.start(self.transport)

    def give_up(self) -> None:
        """Nobody waits for the answer any more: the connection is closed."""
        self._waiting = None
        self.abort()

    def uploaded(self, whole: bool) -> None:
        """A large body moved on. While it does, the upstream is not silent, it is listening."""
        if self._waiting is not None and self._sending is not None:
            self._await(self._sending.timeouts.first_byte)
        if whole:
            self._upload = None

    # The answer.

    def connectionMade(self) -> None:
        self._owner.made(self)
        if hasattr(self.transport, "setTcpNoDelay"):  # TLS passes it on; in-memory transports have none
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)

    def dataReceived(self, data: bytes) -> None:
        body = self._body
        if body is not None:
            self._since = self._clock.seconds()
            self._take(body, data)
        elif self._waiting is not None:
            self._heard = True
            self._read_head(data)
        else:
            # Nobody asked: whatever this is, it must not answer the next request.
            self.abort()

    def _read_head(self, data: bytes) -> None:
        sending = self._sending
        assert sending is not None
        searched = len(self._head)
        data = self._head + data
        try:
            while True:
                end = find_head_end(data, searched)
                if (end if end >= 0 else len(data)) + self._interim > MAX_HEAD:
                    raise ProtocolFault(f"a head of more than {MAX_HEAD // 1024} KiB")
                if end < 0:
                    self._head = data
                    return
                head = parse_head(data[:end])
                data = data[end:]
                if head.status >= 200:
                    break
                if head.status == 101:
                    raise ProtocolFault("a change of protocol that was not asked for")
                self._interim += end
                searched = 0
            self._head = b""
            body = body_of(head, bodiless=sending.bodiless)
            response = UpstreamResponse(head.status, head.headers, head.raw, self.origin, self, decode=sending.decode)
        except (ProtocolFault, DamagedCoding) as fault:
            self.fail(f"{self.origin} answered with {fault}")
            return
        self._sending = None  # the request, which may be large, is not needed for as long as its answer takes
        self._reusable = keeps_alive(head)
        self._body = body
        self._response = response
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        self._await(sending.timeouts.idle)
        # What came with the head goes in before anybody can ask for it: a small answer is complete, and its connection
        # free, by the time it is looked at.
        self._take(body, data)
        waiting.answered(response)

    def _take(self, body: Body, data: bytes) -> None:
        """Pass on what ``data`` holds of the body, its end included."""
        data = body.feed(data)
        response = self._response
        assert response is not None
        if not body.ended and body.fault is None:
            if data:
                response.arrived(data)
            return
        failure = None
        if body.fault is None:
            self._finish(reusable=self._reusable and not body.excess)
        else:
            failure = UpstreamFailure.transport(f"{self.origin} answered with {body.fault}")
            self._finish(reusable=False)
        response.finished(failure, data)

    def _finish(self, *, reusable: bool) -> None:
        """The exchange is over: back to the owner with the connection, or away with it."""
        self._body = self._response = None
        self._used = True
        if reusable and self._upload is None and not self.closed:
            self.resume()
            self._await(self.max_idle)
            self._owner.released(self)
        else:
            self.abort()

    def fail(self, message: str, *, stale: bool = False) -> None:
        """Close the connection; its exchange, if there is one, ends with ``message``."""
        failure = UpstreamFailure.transport(message, stale=stale)
        waiting, self._waiting = self._waiting, None
        response, self._response = self._response, None
        self._body = None
        self.abort()
        if waiting is not None:
            waiting.failed(failure)
        if response is not None:
            response.finished(failure)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed = True
        self._stop_timer()
        if self._upload is not None:
            self._upload.stopProducing()
        if self._waiting is not None:
            stale = self._used and not self._heard
            self.fail(broken_off(self.origin, reason.value, "the head" if self._heard else None), stale=stale)
        elif self._body is not None and self._response is not None:
            response, self._response = self._response, None
            whole = self._body.end_of_input() and isinstance(reason.value, ConnectionDone)
            self._body = None
            response.finished(
                None if whole else UpstreamFailure.transport(broken_off(self.origin, reason.value, "the body"))
            )
        self._owner.lost(self)

    # What the response asks of us.

    def pause(self) -> None:
        """Stop reading."""
        if self._reading and not self.closed:
            self._reading = False
            self._held_back = self._clock.seconds()
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Read on. The silence before the pause still counts, the pause does not."""
        if not self._reading and not self.closed:
            self._reading = True
            self._since += self._clock.seconds() - self._held_back
            self._arm()
            self.transport.resumeProducing()

    def abort(self) -> None:
        """Close the connection at once, whatever it is doing."""
        self._response = None
        self._body = None
        if not self.closed:
            self.closed = True
            self._stop_timer()
            self.transport.abortConnection()

    # The timer. It is left running when the wait it was set for is over, and looks what is due when it goes off.

    def _await(self, seconds: float) -> None:
        """A wait of at most ``seconds`` begins now."""
        self._since = self._clock.seconds()
        self._limit = seconds
        self._arm()

    def _arm(self) -> None:
        """Let the timer go off in time for the present wait; earlier does no harm."""
        due = self._since + self._limit
        if self._timer is not None:
            if self._timer.getTime() <= due:
                return
            self._timer.cancel()
        self._timer = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._ring)

    def _ring(self) -> None:
        self._timer = None
        if not self._reading:
            self._timer = self._clock.callLater(self._limit, self._ring)
            return
        if self._since + self._limit > self._clock.seconds():
            self._arm()
        elif self._waiting is not None:
            self.fail(f"{self.origin} did not answer within {self._limit:g} s")
        elif self._response is not None:
            self.fail(f"{self.origin} fell silent for {self._limit:g} s in the middle of its answer")
        else:
            self.abort()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


@implementer(IPushProducer)
class _Upload:
    """A large request body on its way: as much as the socket takes, when it takes it."""

    _PIECE: Final = 128 * 1024

    def __init__(self, connection: Connection, body: bytes) -> None:
        self._connection = connection
        self._body = memoryview(body)
        self._at = 0
        self._consumer: IConsumer | None = None
        self._paused = False

    def start(self, consumer: IConsumer) -> None:
        self._consumer = consumer
        consumer.registerProducer(self, True)
        self.resumeProducing()

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        while not self._paused and self._consumer is not None:
            piece = bytes(self._body[self._at : self._at + self._PIECE])
            self._at += len(piece)
            whole = self._at >= len(self._body)
            self._connection.uploaded(whole)
            self._consumer.write(piece)
            if whole:
                self.stopProducing()

    def stopProducing(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.unregisterProducer()
