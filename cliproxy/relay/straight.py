"""The straight way: a first attempt by plain calls, for what costs next to nothing but coroutines.

It decides nothing by itself. Whatever an upstream does beyond an ordinary answer, and whatever becomes of the request before
there is one, becomes the first attempt of the failover loop, which goes on from there as if it had made it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from cliproxy.errors import RequestFault, UpstreamFailure
from cliproxy.failover.failover import Failover, Plan
from cliproxy.pool.pool import Lease
from cliproxy.providers.interface import Operation
from cliproxy.providers.outbound import Outbound
from cliproxy.relay.attempts import Answered, Attempts, is_good, needs_token, timeouts_of
from cliproxy.relay.delivery import Delivery
from cliproxy.relay.exchange import Exchange
from cliproxy.relay.pump import Pump
from cliproxy.upstream.begun import Begun
from cliproxy.upstream.client import UpstreamResponse

#: The rest of an attempt, for the failover loop.
Rest = Callable[[Lease], Awaitable[Answered]]


class Way(Protocol):
    """What the straight way needs of the relay."""

    failover: Failover
    attempts: Attempts
    delivery: Delivery

    def go_on(self, exchange: Exchange, rest: Rest | None = None) -> None:
        """The failover loop takes the exchange, with what is left of its first attempt."""

    def show(self, exchange: Exchange) -> None:
        """The first content is there."""

    def end(self, exchange: Exchange, failure: Failure | None = None) -> None:
        """The exchange is over."""


def is_straight(exchange: Exchange, lease: Lease) -> bool:
    """Whether an attempt may be made without waiting for anything but the upstream, and nobody listens to it."""
    ordinary = exchange.inbound.operation is Operation.GENERATE and exchange.capture is None
    return ordinary and not needs_token(lease.candidate.credential)


def _raising(error: BaseException) -> Rest:
    """What is left of an attempt that has failed."""

    async def rest(lease: Lease) -> Answered:
        raise error

    return rest


class Straight:
    """One exchange's first attempt, up to the end of its answer."""

    __slots__ = ("_begun", "_exchange", "_lease", "_outbound", "_plan", "_pouring", "_pump", "_way")

    def __init__(self, way: Way, exchange: Exchange, plan: Plan, lease: Lease) -> None:
        self._way = way
        self._exchange = exchange
        self._plan = plan
        self._lease = lease
        self._outbound: Outbound | None = None
        self._begun: Begun | None = None
        self._pump: Pump | None = None
        self._pouring = False

    def begin(self) -> None:
        """Make the request and send it."""
        attempts, exchange = self._way.attempts, self._exchange
        try:
            self._outbound = outbound = attempts.outbound(exchange, self._lease)
        except BaseException as error:  # the loop raises it again
            self._hand_over(_raising(error))
            return
        request = outbound.request
        if request is None or request.reshape is not None:
            self._hand_over(None)
            return
        proxy = self._lease.candidate.credential.proxy_url
        exchange.inbound.rest()
        self._begun = attempts.client.begin(request, self, proxy_url=proxy, timeouts=timeouts_of(exchange))

    # What the upstream does.

    def answered(self, response: UpstreamResponse) -> None:
        """The head of the answer is there."""
        attempts, exchange, outbound = self._way.attempts, self._exchange, self._outbound
        assert outbound is not None
        if not is_good(response):
            self._hand_over(lambda lease: attempts.read(exchange, lease, outbound, response))
            return
        try:
            self._pump = pump = attempts.pump(exchange, self._lease, outbound, response)
            self._outbound = None  # the request need not be kept for as long as its answer takes
            ready = pump.hold() if exchange.inbound.stream else pump.gather()
        except BaseException as error:  # the loop raises it again
            response.cancel()
            self._hand_over(_raising(error))
            return
        if ready:
            self._woken()
        else:
            pump.woken = self._woken

    def failed(self, failure: Exception) -> None:
        """There is no answer."""
        self._hand_over(_raising(failure))

    def _woken(self) -> None:
        """The answer has shown content, or is over."""
        pump, body = self._pump, b""
        assert pump is not None
        try:
            if self._exchange.inbound.stream:
                pump.let_go()
            else:
                body = pump.gathered()
        except (UpstreamFailure, RequestFault) as failure:
            pump.cancel()
            self._hand_over(_raising(failure))
            return
        try:
            self._show(pump, body)
        except BaseException:  # a bug of ours: said where the exchange ends
            self._break_off(Failure())

    def _show(self, pump: Pump, body: bytes) -> None:
        way, exchange = self._way, self._exchange
        way.attempts.learned.note(self._lease.candidate, 200)
        way.failover.showed(self._plan, self._lease)
        exchange.went_straight = True
        way.show(exchange)
        if not exchange.inbound.stream:
            way.delivery.whole(exchange, body, ())
            self._end()
            return
        way.delivery.begin(exchange)
        self._pouring = True
        if pump.begin(exchange.reply):
            self._poured()
        else:
            pump.woken = self._poured

    def _poured(self) -> None:
        """The answer is over."""
        pump = self._pump
        assert pump is not None
        try:
            pump.detach()
            self._way.delivery.poured(self._exchange, pump)
        except BaseException:  # a bug of ours: said where the exchange ends
            self._break_off(Failure())
        else:
            self._end()

    # The end.

    def leave(self) -> None:
        """The client hung up, or the daemon cuts what it has not begun to answer."""
        if self._pouring:
            self._exchange.left = True
            self._break_off(Failure(CancelledError()))
            return
        if self._pump is not None:
            self._pump.cancel()
        elif self._begun is not None:
            self._begun.cancel()
        self._hand_over(_raising(CancelledError()))

    def _break_off(self, failure: Failure) -> None:
        if self._pump is not None:
            self._pump.cancel()
            self._pump.detach()
        self._way.delivery.broken_off(self._exchange)
        self._end(failure)

    def _hand_over(self, rest: Rest | None) -> None:
        self._exchange.straight = None
        self._way.go_on(self._exchange, rest)

    def _end(self, failure: Failure | None = None) -> None:
        self._exchange.straight = None
        self._way.end(self._exchange, failure)
