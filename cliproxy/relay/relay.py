"""One exchange, from a client's body to its last byte. The page to read first.

A request walks down (decode, route, failover, provider, wire) and its answer walks up once. What decides is below, pure;
what waits is here and in :mod:`cliproxy.upstream`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from cliproxy.dialects.counts import usage_of
from cliproxy.dialects.interface import Mint
from cliproxy.errors import ErrorDetail, FailureKind, NotExpressible, RequestFault, UpstreamFailure
from cliproxy.failover.failover import Failover, Plan
from cliproxy.ir.loss import Loss
from cliproxy.jsontypes import InvalidJSON, dumps, loads
from cliproxy.pool.affinity import Holders, key_from
from cliproxy.pool.pool import Lease
from cliproxy.providers.inbound import Inbound
from cliproxy.providers.interface import Operation
from cliproxy.providers.lanes import spoken
from cliproxy.providers.outbound import Outbound, can_keep, prepare
from cliproxy.providers.registry import PROVIDERS
from cliproxy.providers.retry_hints import renewal
from cliproxy.providers.secrets import mask_secrets
from cliproxy.relay.access_log import AccessLog
from cliproxy.relay.budget import Budget
from cliproxy.relay.events import Events
from cliproxy.relay.exchange import JSON_HEADERS, SSE_HEADERS, Exchange, Heartbeat
from cliproxy.relay.in_flight import IdleEvent
from cliproxy.relay.pump import Pump
from cliproxy.relay.record import Record
from cliproxy.relay.recording import Tried, cost_of, progress_of, record_of, reported_cost
from cliproxy.routing.credential import Credential
from cliproxy.routing.learned import Learned
from cliproxy.routing.permission import permitted
from cliproxy.routing.route import Route
from cliproxy.routing.snapshot import Snapshot
from cliproxy.upstream.client import Client, Timeouts, UpstreamResponse
from cliproxy.upstream.local import respond
from cliproxy.wire.escape import visible
from cliproxy.wire.headers import retry_after

#: An upstream's error body is read this far.
ERROR_LIMIT: Final = 64 * 1024
#: An answer that is one JSON object, and not a completion, is read this far.
ANSWER_LIMIT: Final = 64 * 1024 * 1024
#: How an upstream says that it does not count tokens; we then do.
NO_SUCH_CALL: Final = (404, 405, 501)
ESTIMATED: Final = (("X-Cliproxy-Estimate", "true"),)

#: What an attempt that succeeded gives: the whole body, and the headers that are its own. A stream's body stays in the pump.
Answered = tuple[bytes, tuple[tuple[str, str], ...]]


@attrs.frozen
class WholeAnswer:
    """A JSON answer that is already here, for an upstream whose own was not in its provider's dialect."""

    body: bytes
    status: int = 200
    headers: Sequence[tuple[str, str]] = JSON_HEADERS
    interval: float = 0.0

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """The one piece."""
        return (self.body,)


class Relay:
    """What all exchanges share. ``snapshot`` is replaced by a reload; ``account`` takes the record of each."""

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
        self._budget = budget
        self.client = client
        self.failover = failover
        self.ready = ready
        self.learned = learned or Learned(reactor.seconds)
        self._exchanges: dict[int, Exchange] = {}
        self._holders = Holders()
        self._idle = IdleEvent(reactor)
        self._reactor = reactor
        self.journal = AccessLog(reactor)
        self._mint = mint
        self._now = now
        self._aside = aside
        self.events = Events()
        self.account: Callable[[Record], object] = _unread

    def start(self, exchange: Exchange) -> Deferred[None]:
        """Answer one exchange, whatever happens. Cancelling the Deferred is the client's hang-up."""
        exchange.task = Deferred.fromCoroutine(self._run(exchange))
        return exchange.task

    async def _run(self, exchange: Exchange) -> None:
        exchange.started = self._reactor.seconds()
        self._exchanges[id(exchange)] = exchange
        heartbeat = Heartbeat(self._reactor, exchange)
        try:
            self._tell("started", exchange)
            body, headers = await self.failover.run(self._plan(exchange), partial(self._attempt, exchange))
            exchange.shown = self._reactor.seconds()
            self._tell("first", exchange)
            await self._deliver(exchange, body, headers)
        except RequestFault as fault:
            self._refuse(exchange, fault.detail, tuple(fault.headers.items()))
        except UpstreamFailure as failure:
            self._refuse(exchange, failure.detail, verbatim=self._verbatim(exchange, failure))
        except CancelledError:
            if exchange.cut is None:
                exchange.left = True
                raise
            self._refuse(exchange, exchange.cut)
        finally:
            heartbeat.stop()
            self._note_holder(exchange)
            del self._exchanges[id(exchange)]
            self._record(exchange)
            if not self._exchanges:
                self._idle.set()

    def _tell(self, kind: str, exchange: Exchange) -> None:
        """Say how far the exchange is, if anybody watches."""
        if self.events.watched:
            self.events.publish(kind, progress_of(exchange, self._reactor.seconds(), self._now()))

    def _plan(self, exchange: Exchange) -> Plan:
        inbound, snapshot = exchange.inbound, exchange.snapshot
        route = permitted(exchange.key, exchange.route or snapshot.router.resolve(inbound.model))
        route = self._towards_holder(inbound, route)
        choice = len(route.candidates) > 1 or bool(route.fallbacks)
        return Plan(
            route=route,
            settings=snapshot.settings,
            stream=inbound.stream,
            affinity=key_from(inbound.headers, inbound.body, inbound.reader) if choice else None,
            trace=exchange.trace,
            resolve=lambda name: permitted(exchange.key, snapshot.router.resolve(name)),
            id=exchange.id,
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

    # -- one attempt

    async def _attempt(self, exchange: Exchange, lease: Lease) -> Answered:
        settings = exchange.snapshot.settings
        lease.candidate = spoken(lease.candidate, exchange.inbound)
        if lease.candidate.credential.account or lease.candidate.credential.auth.startswith("oauth:"):
            credential = await self.ready(lease.candidate.credential)
            lease.candidate = attrs.evolve(lease.candidate, credential=credential)
            if credential.key not in exchange.snapshot.secrets:
                exchange.snapshot = exchange.snapshot.hiding(credential.key)
        outbound = prepare(exchange.inbound, exchange.dialect, lease.candidate, settings, self._mint, int(self._now()))
        exchange.lease, exchange.losses = lease, outbound.losses
        self._tell("attempt", exchange)
        if exchange.strict:
            _refuse_losses(outbound.losses)
        if outbound.request is None:
            return await self._aside(outbound.counted_here), ESTIMATED
        timeouts = Timeouts(
            connect=settings.connect_timeout_seconds,
            first_byte=settings.first_byte_timeout_seconds,
            idle=settings.stream_idle_seconds,
        )
        proxy = lease.candidate.credential.proxy_url
        response = await self.client.send(outbound.request, proxy_url=proxy, timeouts=timeouts)
        try:
            delivery = await self._read(exchange, lease, outbound, response)
            self.learned.note(lease.candidate, 200)
            return delivery
        except BaseException:  # raised again; whoever reads no more of an answer closes it
            response.cancel()
            raise

    async def _read(self, exchange: Exchange, lease: Lease, outbound: Outbound, response: UpstreamResponse) -> Answered:
        """What the upstream's answer gives: a body, a stream that has shown content, or a failure."""
        operation = exchange.inbound.operation
        if not 200 <= response.status < 300:
            if operation is Operation.COUNT and response.status in NO_SUCH_CALL:
                response.cancel()
                return await self._aside(outbound.counted_here), ESTIMATED
            if "location" in response.headers and 300 <= response.status < 400:
                raise _redirected(lease, response, exchange.snapshot)
            raise await self._judged(exchange, lease, response)
        self.failover.observe(lease, renewal(response.headers, self._now()))
        tried = Tried(len(exchange.trace.attempts), lease.candidate, reported=reported_cost(response.headers))
        exchange.tried.append(tried)
        if operation is not Operation.GENERATE:
            body = mask_secrets(await response.read(ANSWER_LIMIT), exchange.snapshot.secrets)  # it may be an error
            tried.counted = usage_of(body) if operation is not Operation.COUNT else None
            return outbound.finish(body), ()
        return await self._generate(exchange, lease, outbound, response)

    async def _generate(
        self, exchange: Exchange, lease: Lease, outbound: Outbound, response: UpstreamResponse
    ) -> Answered:
        if outbound.request is not None and outbound.request.reshape is not None:
            body = outbound.request.reshape(await response.read(ANSWER_LIMIT))
            response = respond(self._reactor, WholeAnswer(body), lease.candidate.credential.label)
        content_type = response.headers.get("content-type", "")
        transcoder = outbound.transcoder(content_type, exchange.inbound, exchange.edit)
        tried = exchange.tried[-1]
        exchange.pump = tried.pump = pump = Pump(
            response, transcoder, partial(mask_secrets, secrets=exchange.snapshot.secrets), self._budget
        )
        if exchange.inbound.stream:
            await pump.held()
            return b"", ()
        return await pump.whole(), ()

    async def _judged(self, exchange: Exchange, lease: Lease, response: UpstreamResponse) -> UpstreamFailure:
        self.learned.note(lease.candidate, response.status)
        body = mask_secrets(await response.read(ERROR_LIMIT), exchange.snapshot.secrets)
        provider = PROVIDERS[lease.candidate.credential.provider]
        detail = provider.judge(response.status, response.headers, body, self._now())
        return UpstreamFailure(detail, FailureKind.STATUS, response.headers, body, provider.dialect)

    # -- the way up

    async def _deliver(self, exchange: Exchange, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        reply, lease, pump = exchange.reply, exchange.lease, exchange.pump
        assert lease is not None
        if not exchange.inbound.stream:
            self.failover.finish(lease)
            length = () if reply.begun else (("Content-Length", str(len(body))),)
            cost = cost_of(exchange)
            priced = () if cost.source == "unknown" else (("X-Cliproxy-Cost-Usd", f"{cost.usd:.8f}"),)
            reply.begin(200, [*JSON_HEADERS, *length, *self._headers(exchange), *priced, *headers])
            reply.write(body)
            return
        assert pump is not None
        try:
            kind = JSON_HEADERS if exchange.inbound.alt else SSE_HEADERS
            reply.begin(200, [*kind, *self._headers(exchange)])
            exchange.inbound.release()
            await pump.pour(reply)
        except BaseException:  # raised again: whoever took a lease gives it back
            self.failover.finish(lease, cancelled=True)
            raise
        exchange.failed = pump.failure.detail if pump.failure is not None else None
        self.failover.finish(lease, pump.failure)

    def _headers(self, exchange: Exchange) -> list[tuple[str, str]]:
        """What every answer says of itself."""
        headers = exchange.trace.headers()
        if exchange.losses:
            headers.append(("X-Cliproxy-Losses", str(len(exchange.losses))))
        upstream = exchange.trace.waited + sum(attempt.seconds for attempt in exchange.trace.attempts)
        overhead = self._reactor.seconds() - exchange.started - upstream
        headers.append(("X-Cliproxy-Overhead-Ms", f"{max(0.0, overhead) * 1000:.1f}"))
        if exchange.admission is not None:
            headers += exchange.admission.headers(exchange.dialect.name, self._reactor.seconds())
        return headers

    def _verbatim(self, exchange: Exchange, failure: UpstreamFailure) -> bytes:
        """The upstream's own error body, where the client speaks its dialect."""
        same = failure.dialect == exchange.dialect.name
        return failure.body if same and is_container(failure.body) else b""

    def _refuse(
        self, exchange: Exchange, detail: ErrorDetail, headers: tuple[tuple[str, str], ...] = (), verbatim: bytes = b""
    ) -> None:
        """Answer with an error: as an HTTP status while that is possible, in the stream once it has begun."""
        reply, dialect = exchange.reply, exchange.dialect
        exchange.failed = detail
        if not reply.begun:
            body = verbatim or dumps(dialect.encode_error(detail))
            retry = [("Retry-After", retry_after(detail.retry_after))] if detail.retry_after else []
            length = ("Content-Length", str(len(body)))
            reply.begin(detail.status, [*JSON_HEADERS, length, *retry, *self._headers(exchange), *headers])
            reply.write(body)
        elif exchange.inbound.stream:
            reply.write(b"".join(map(dialect.frame, dialect.terminal_error(detail))))
        else:
            reply.write(verbatim or dumps(dialect.encode_error(detail)))

    def _record(self, exchange: Exchange) -> None:
        """What became of it, once, for whoever keeps books."""
        record = record_of(exchange, self._reactor.seconds(), self._now())
        self.journal.write(record, more=bool(self._exchanges))
        if exchange.admission is not None:
            tokens = 0 if record.usage is None else (record.usage.input or 0) + (record.usage.output or 0)
            tokens += sum((usage.input or 0) + (usage.output or 0) for usage, _ in record.used.values())
            usd = record.cost.spent + sum(usd for _, usd in record.used.values())
            exchange.admission.settle(tokens, usd, record.time)
        self.account(record)
        if exchange.snapshot.settings.debug and exchange.losses:
            self._log.debug(
                "[{id}] lost in translation: {losses}", id=exchange.id, losses=visible(_named(exchange.losses))
            )

    # -- shutdown

    def seconds(self) -> float:
        """Monotonic time."""
        now: float = self._reactor.seconds()
        return now

    @property
    def open(self) -> int:
        """Exchanges under way."""
        return len(self._exchanges)

    async def idle(self, seconds: float) -> None:
        """Wait until no exchange is under way, at most so many seconds."""
        if self._exchanges:
            await self._idle.wait(seconds)

    def cut_all(self, detail: ErrorDetail) -> None:
        """End every exchange with ``detail``, in the client's dialect: drain time is over."""
        for exchange in list(self._exchanges.values()):
            if exchange.pump is not None and exchange.reply.begun and exchange.inbound.stream:
                exchange.pump.cut(detail)
            elif exchange.task is not None:
                exchange.cut = detail
                exchange.task.cancel()


def _unread(record: Record) -> None:
    """Nobody keeps books."""


def is_container(data: bytes) -> bool:
    """Whether ``data`` is a JSON object, or an array such as Google puts its errors in."""
    try:
        return isinstance(loads(data), dict | list)
    except InvalidJSON:
        return False


def _redirected(lease: Lease, response: UpstreamResponse, snapshot: Snapshot) -> RequestFault:
    """A redirect is not followed, for a key would go with the request: the operator corrects the address."""
    target = response.headers["location"].partition("?")[0].partition("#")[0]  # a query may hold a key
    where = mask_secrets(target[:300].encode("latin-1", "replace"), snapshot.secrets)
    sentence = f"the upstream redirects to {visible(where.decode('latin-1'))}; correct the base-url of"
    return RequestFault(ErrorDetail(502, f"{sentence} {lease.candidate.credential.label}"))


def _named(losses: Sequence[Loss]) -> str:
    return "; ".join(f"{loss.what} at {loss.where}" if loss.where else loss.what for loss in losses)


def _refuse_losses(losses: Sequence[Loss]) -> None:
    """``strict-translation``.

    :raises NotExpressible: naming every loss of meaning.
    """
    meant = [loss for loss in losses if loss.meaning]
    if meant:
        sentence = f"strict-translation: the upstream's dialect cannot say {_named(meant)}"
        raise NotExpressible(ErrorDetail(400, sentence, code="loss_of_meaning", param=meant[0].where or None))
