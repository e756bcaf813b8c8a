"""One exchange, from a client's body to its last byte. The page to read first.

A request walks down (decode, route, failover, provider, wire) and its answer walks up once. What decides is below, pure;
what waits is here and in :mod:`cliproxy.upstream`. A first attempt goes :mod:`straight <cliproxy.relay.straight>` if it can.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from cliproxy.dialects.interface import Mint
from cliproxy.errors import ErrorDetail, RequestFault, UpstreamFailure
from cliproxy.failover.failover import Failover, Plan
from cliproxy.ir.loss import named
from cliproxy.pool.affinity import Holders, key_from
from cliproxy.providers.inbound import Inbound
from cliproxy.providers.outbound import can_keep
from cliproxy.relay.access_log import AccessLog
from cliproxy.relay.attempts import Attempts
from cliproxy.relay.budget import Budget
from cliproxy.relay.delivery import Delivery
from cliproxy.relay.events import Events
from cliproxy.relay.exchange import Exchange
from cliproxy.relay.heartbeats import Heartbeats
from cliproxy.relay.in_flight import IdleEvent
from cliproxy.relay.record import Record
from cliproxy.relay.recording import progress_of, record_of
from cliproxy.relay.straight import Rest, Straight, is_straight
from cliproxy.routing.credential import Credential
from cliproxy.routing.learned import Learned
from cliproxy.routing.permission import permitted
from cliproxy.routing.route import Route
from cliproxy.routing.snapshot import Snapshot
from cliproxy.upstream.client import Client
from cliproxy.wire.escape import visible
from cliproxy.wire.traceparent import TraceContext, begun, parsed


class Relay:
    """What all exchanges share. ``snapshot`` is replaced by a reload; ``account`` takes the record of each. ``sample`` is the
    share of requests of which a trace begins here; None where none is kept.

    :ivar straight: whether first attempts may be made straightly; else the failover loop makes all of them.
    """

    _log = Logger()

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        budget: Budget,
        reactor: Any,
        client: Client,
        failover: Failover,
        learned: Learned | None = None,
        ready: Callable[[Credential], Awaitable[Credential]],
        mint: Mint,
        now: Callable[[], float],
        aside: Callable[[Callable[[], bytes]], Deferred[bytes]],
    ) -> None:
        """
        :param budget: for answers that are gathered for a client that waits.
        :param ready: gives a credential its token, where it needs one.
        :param learned: told which names vendors know.
        :param now: Unix seconds.
        :param aside: runs what computes for long where it does not hold up everybody else.
        """
        self.snapshot = snapshot
        self.client = client
        self.failover = failover
        self.learned = learned or Learned(reactor.seconds)
        self.straight = True
        self.exchanges: dict[int, Exchange] = {}
        self._holders = Holders()
        self._idle = IdleEvent(reactor)
        self._reactor = reactor
        self._now = now
        self._heartbeats = Heartbeats(reactor)
        self.journal = AccessLog(reactor)
        self.delivery = Delivery(reactor, failover)
        self.attempts = Attempts(
            reactor=reactor,
            client=client,
            failover=failover,
            learned=self.learned,
            budget=budget,
            ready=ready,
            mint=mint,
            now=now,
            aside=aside,
            tell=self._tell,
        )
        self.events = Events()
        self.account: Callable[[Record, Exchange], object] = _unread
        self.sample: float | None = None

    def start(self, exchange: Exchange) -> Deferred[None]:
        """:meth:`serve`, for who waits for a Deferred. Cancelling it is the client's hang-up."""
        done: Deferred[None] = Deferred(lambda _: self.leave(exchange))
        self.serve(exchange, lambda failure: done.callback(None) if failure is None else done.errback(failure))
        return done

    def serve(self, exchange: Exchange, over: Callable[[Failure | None], object]) -> None:
        """Answer one exchange, whatever happens.

        :param over: called once, when the answer is written, perhaps before this returns; its failure is the client's hang-up
            (CancelledError), or a bug of ours.
        """
        exchange.over = over
        exchange.started = self._reactor.seconds()
        self.exchanges[id(exchange)] = exchange
        exchange.beat = self._heartbeats.watch(exchange)
        if self.sample is not None or "traceparent" in exchange.inbound.headers:
            exchange.tracing = self._traced(exchange)
        self._tell("started", exchange)
        try:
            exchange.plan = plan = self._plan(exchange)
        except RequestFault as fault:
            self.delivery.refuse(exchange, fault.detail, tuple(fault.headers.items()))
            self.end(exchange)
            return
        except BaseException:  # a bug of ours, and whoever called says so
            self.end(exchange, Failure())
            return
        lease = self.failover.begin(plan) if self.straight else None
        if lease is None or not is_straight(exchange, lease):
            self.go_on(exchange)
        else:
            exchange.straight = straight = Straight(self, exchange, plan, lease)
            straight.begin()

    def leave(self, exchange: Exchange) -> None:
        """The client hung up."""
        if exchange.straight is not None:
            exchange.straight.leave()
        elif exchange.task is not None:
            exchange.task.cancel()

    def go_on(self, exchange: Exchange, rest: Rest | None = None) -> None:
        """The failover loop makes what attempts are left: all of them, or those after ``rest``, which is left of the first."""
        exchange.task = Deferred.fromCoroutine(self._run(exchange, rest))
        exchange.task.addBoth(lambda result: self.end(exchange, result if isinstance(result, Failure) else None))

    async def _run(self, exchange: Exchange, rest: Rest | None) -> None:
        assert exchange.plan is not None
        try:
            body, headers = await self.failover.run(exchange.plan, partial(self.attempts.make, exchange), rest)
            self.show(exchange)
            if exchange.inbound.stream:
                await self._pour(exchange)
            else:
                self.delivery.whole(exchange, body, headers)
        except RequestFault as fault:
            self.delivery.refuse(exchange, fault.detail, tuple(fault.headers.items()))
        except UpstreamFailure as failure:
            self.delivery.fail(exchange, failure)
        except CancelledError:
            if exchange.cut is None:
                exchange.left = True
                raise
            self.delivery.refuse(exchange, exchange.cut)

    async def _pour(self, exchange: Exchange) -> None:
        pump = exchange.pump
        assert pump is not None
        try:
            self.delivery.begin(exchange)
            await pump.pour(exchange.reply)
        except BaseException:  # raised again
            self.delivery.broken_off(exchange)
            raise
        self.delivery.poured(exchange, pump)

    def show(self, exchange: Exchange) -> None:
        """The first content is there."""
        exchange.shown = self._reactor.seconds()
        self._tell("first", exchange)

    def end(self, exchange: Exchange, failure: Failure | None = None) -> None:
        """The exchange is over."""
        if exchange.beat is not None:
            exchange.beat.exchange = None
        try:
            self._note_holder(exchange)
            del self.exchanges[id(exchange)]
            self._record(exchange)
            if not self.exchanges:
                self._idle.set()
        finally:
            over, exchange.over = exchange.over, None
            exchange.plan = exchange.task = None  # they know the exchange: without them it is let go of at once
            exchange.inbound.release()
            assert over is not None
            over(failure)

    def _tell(self, kind: str, exchange: Exchange) -> None:
        """Say how far the exchange is, if anybody watches."""
        if self.events.watched:
            self.events.publish(kind, progress_of(exchange, self._reactor.seconds(), self._now()))

    def _traced(self, exchange: Exchange) -> TraceContext | None:
        """The trace that the client began; else one of ours, where traces are kept."""
        headers = exchange.inbound.headers
        context = parsed(headers.get("traceparent", ""), headers.get("tracestate", ""))
        if context is None and self.sample is not None:
            context = begun(f"{exchange.id} {self._now()}", self.sample)
        return context

    def _plan(self, exchange: Exchange) -> Plan:
        inbound, snapshot = exchange.inbound, exchange.snapshot
        route = permitted(exchange.key, exchange.route or snapshot.router.resolve(inbound.model))
        route = self._towards_holder(inbound, route)
        choice = len(route.candidates) > 1 or bool(route.fallbacks)
        first = exchange.key is not None and exchange.key.priority > 0
        affinity = key_from(inbound.headers, inbound.body, inbound.reader) if choice else None
        exchange.session = (affinity or "")[:12]
        return Plan(
            route=route,
            settings=snapshot.settings,
            stream=inbound.stream,
            affinity=affinity,
            trace=exchange.trace,
            resolve=lambda name: permitted(exchange.key, snapshot.router.resolve(name)),
            id=exchange.id,
            reserve=0.0 if first else snapshot.settings.routing.reserve / 100,
        )

    def _towards_holder(self, inbound: Inbound, route: Route) -> Route:
        """The route without the candidates that cannot hold what the request names, and without all others where the
        holder is known. A route that keeps none is left as it is: the attempt says why it cannot be made."""
        if len(route.candidates) < 2 or not inbound.held:
            return route
        able = [candidate for candidate in route.candidates if all(can_keep(held, candidate) for held in inbound.held)]
        holder = self._holders.find(held.id for held in inbound.held)
        known = [candidate for candidate in able if candidate.credential.id == holder]
        return attrs.evolve(route, candidates=tuple(known or able or route.candidates))

    def _note_holder(self, exchange: Exchange) -> None:
        """Remember who gave an answer that a later request may name, where others could be asked in its place."""
        pump, lease = exchange.pump, exchange.lease
        answer_id = None if pump is None else pump.transcoder.id
        if answer_id and lease is not None and (exchange.inbound.held or len(lease.walk.candidates) > 1):
            limit = exchange.snapshot.settings.affinity.max_entries
            self._holders.remember(answer_id, lease.candidate.credential.id, limit)

    def _record(self, exchange: Exchange) -> None:
        """What became of it, once, for whoever keeps books."""
        record = record_of(exchange, self._reactor.seconds(), self._now())
        self.journal.write(record, more=bool(self.exchanges))
        if exchange.admission is not None:
            tokens = 0 if record.usage is None else (record.usage.input or 0) + (record.usage.output or 0)
            tokens += sum((usage.input or 0) + (usage.output or 0) for usage, _ in record.used.values())
            usd = record.cost.spent + sum(usd for _, usd in record.used.values())
            exchange.admission.settle(tokens, usd, record.time)
        self.account(record, exchange)
        if exchange.snapshot.settings.debug:
            self._log.debug(
                "[{id}] way={way} lost in translation: {losses}",
                id=exchange.id,
                way="straight" if exchange.went_straight else "loop",
                losses=visible(named(exchange.losses)) or "nothing",
            )

    # -- shutdown

    def seconds(self) -> float:
        """Monotonic time."""
        now: float = self._reactor.seconds()
        return now

    @property
    def open(self) -> int:
        """Exchanges under way."""
        return len(self.exchanges)

    async def idle(self, seconds: float) -> None:
        """Wait until no exchange is under way, at most so many seconds."""
        if self.exchanges:
            await self._idle.wait(seconds)

    def cut_all(self, detail: ErrorDetail) -> None:
        """End every exchange with ``detail``, in the client's dialect: drain time is over."""
        for exchange in list(self.exchanges.values()):
            if exchange.pump is not None and exchange.reply.begun and exchange.inbound.stream:
                exchange.pump.cut(detail)
            else:
                exchange.cut = detail
                self.leave(exchange)


def _unread(record: Record, exchange: Exchange) -> None:
    """Nobody keeps books."""
