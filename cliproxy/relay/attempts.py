"""One attempt of an exchange: its request is made and sent, and the answer looked at.

Whoever waits calls :meth:`Attempts.make`. The straight way (:mod:`cliproxy.relay.straight`) goes through the same decisions by
plain calls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred

from cliproxy.dialects.counts import usage_of
from cliproxy.dialects.interface import Mint
from cliproxy.dialects.renaming import renaming
from cliproxy.errors import ErrorDetail, FailureKind, NotExpressible, RequestFault, UpstreamFailure
from cliproxy.failover.failover import Failover
from cliproxy.ir.loss import Loss, named
from cliproxy.pool.pool import Lease
from cliproxy.providers.interface import Operation, UpstreamRequest
from cliproxy.providers.lanes import spoken
from cliproxy.providers.outbound import Outbound, prepare
from cliproxy.providers.quota_headers import windows
from cliproxy.providers.registry import PROVIDERS
from cliproxy.providers.secrets import mask_secrets
from cliproxy.relay.budget import Budget
from cliproxy.relay.exchange import JSON_HEADERS, Exchange
from cliproxy.relay.pump import Pump
from cliproxy.relay.recording import Tried, reported_cost
from cliproxy.routing.credential import Credential
from cliproxy.routing.learned import Learned
from cliproxy.routing.snapshot import Snapshot
from cliproxy.routing.thinking import parse_suffix
from cliproxy.upstream.client import Client, Timeouts, UpstreamResponse
from cliproxy.upstream.local import respond
from cliproxy.wire.escape import visible
from cliproxy.wire.traceparent import TraceContext, attempt_span

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


def needs_token(credential: Credential) -> bool:
    """Whether a credential is only sent with a token, which may have to be waited for."""
    return bool(credential.account) or credential.auth.startswith("oauth:")


class Attempts:
    """What all attempts share.

    :ivar tell: says how far an exchange is, if anybody watches.
    """

    def __init__(
        self,
        *,
        reactor: Any,
        client: Client,
        failover: Failover,
        learned: Learned,
        budget: Budget,
        ready: Callable[[Credential], Awaitable[Credential]],
        mint: Mint,
        now: Callable[[], float],
        aside: Callable[[Callable[[], bytes]], Deferred[bytes]],
        tell: Callable[[str, Exchange], None],
    ) -> None:
        """The parameters are :class:`cliproxy.relay.relay.Relay`'s."""
        self.client = client
        self.learned = learned
        self._reactor = reactor
        self._failover = failover
        self._budget = budget
        self._ready = ready
        self._mint = mint
        self._now = now
        self._aside = aside
        self._tell = tell

    async def make(self, exchange: Exchange, lease: Lease) -> Answered:
        """An attempt, whole, until it shows content."""
        if needs_token(lease.candidate.credential):
            credential = await self._ready(lease.candidate.credential)
            lease.candidate = attrs.evolve(lease.candidate, credential=credential)
            if credential.key not in exchange.snapshot.secrets:
                exchange.snapshot = exchange.snapshot.hiding(credential.key)
        outbound = self.outbound(exchange, lease)
        if outbound.request is None:
            return await self._aside(outbound.counted_here), ESTIMATED
        proxy, timeouts = lease.candidate.credential.proxy_url, timeouts_of(exchange)
        client = self.client if exchange.capture is None else exchange.capture.listening(self.client, lease.candidate)
        response = await client.send(outbound.request, proxy_url=proxy, timeouts=timeouts)
        return await self.read(exchange, lease, outbound, response)

    def outbound(self, exchange: Exchange, lease: Lease) -> Outbound:
        """The attempt's request.

        :raises RequestFault: it cannot be made.
        """
        lease.candidate = candidate = spoken(lease.candidate, exchange.inbound)
        settings, now = exchange.snapshot.settings, int(self._now())
        outbound = prepare(exchange.inbound, exchange.dialect, candidate, settings, self._mint, now)
        if exchange.tracing is not None and outbound.request is not None:
            outbound.request = _traced(outbound.request, exchange.tracing, exchange)
        exchange.lease, exchange.losses = lease, outbound.losses
        self._tell("attempt", exchange)
        if exchange.strict:
            _refuse_losses(outbound.losses)
        return outbound

    async def read(self, exchange: Exchange, lease: Lease, outbound: Outbound, response: UpstreamResponse) -> Answered:
        """What the upstream's answer gives: a body, a stream that has shown content, or a failure."""
        try:
            answered = await self._read(exchange, lease, outbound, response)
            self.learned.note(lease.candidate, 200)
            return answered
        except BaseException:  # raised again; whoever reads no more of an answer closes it
            response.cancel()
            raise

    async def _read(self, exchange: Exchange, lease: Lease, outbound: Outbound, response: UpstreamResponse) -> Answered:
        operation = exchange.inbound.operation
        if not is_good(response):
            if operation is Operation.COUNT and response.status in NO_SUCH_CALL:
                response.cancel()
                return await self._aside(outbound.counted_here), ESTIMATED
            if "location" in response.headers and 300 <= response.status < 400:
                raise _redirected(lease, response, exchange.snapshot)
            raise await self._judged(exchange, lease, response)
        tried = self._observed(exchange, lease, response)
        if operation is not Operation.GENERATE:
            body = mask_secrets(await response.read(ANSWER_LIMIT), exchange.snapshot.secrets)  # it may be an error
            tried.counted = usage_of(body) if operation is not Operation.COUNT else None
            return outbound.finish(body), ()
        if outbound.request is not None and outbound.request.reshape is not None:
            body = outbound.request.reshape(await response.read(ANSWER_LIMIT))
            response = respond(self._reactor, WholeAnswer(body), lease.candidate.credential.label)
        pump = self._pump(exchange, outbound, response, tried)
        if exchange.inbound.stream:
            await pump.held()
            return b"", ()
        return await pump.whole(), ()

    def pump(self, exchange: Exchange, lease: Lease, outbound: Outbound, response: UpstreamResponse) -> Pump:
        """The pump of a good answer that is a completion as its provider's dialect has it."""
        return self._pump(exchange, outbound, response, self._observed(exchange, lease, response))

    def _observed(self, exchange: Exchange, lease: Lease, response: UpstreamResponse) -> Tried:
        self._failover.observe(lease, windows(response.headers, self._now()))
        tried = Tried(len(exchange.trace.attempts), lease.candidate, reported=reported_cost(response.headers))
        exchange.tried.append(tried)
        return tried

    def _pump(self, exchange: Exchange, outbound: Outbound, response: UpstreamResponse, tried: Tried) -> Pump:
        content_type = response.headers.get("content-type", "")
        edit = exchange.edit
        if edit is None and tried.candidate.renames:
            edit = renaming(parse_suffix(exchange.inbound.model)[0])
        transcoder = outbound.transcoder(content_type, exchange.inbound, edit)
        mask = partial(mask_secrets, secrets=exchange.snapshot.secrets)
        exchange.pump = tried.pump = pump = Pump(response, transcoder, mask, self._budget)
        return pump

    async def _judged(self, exchange: Exchange, lease: Lease, response: UpstreamResponse) -> UpstreamFailure:
        self.learned.note(lease.candidate, response.status)
        self._failover.observe(lease, windows(response.headers, self._now()))
        body = mask_secrets(await response.read(ERROR_LIMIT), exchange.snapshot.secrets)
        provider = PROVIDERS[lease.candidate.credential.provider]
        detail = provider.judge(response.status, response.headers, body, self._now())
        return UpstreamFailure(detail, FailureKind.STATUS, response.headers, body, provider.dialect)


def is_good(response: UpstreamResponse) -> bool:
    """Whether the answer's status says that it is what was asked for."""
    return 200 <= response.status < 300


def timeouts_of(exchange: Exchange) -> Timeouts:
    """How long the exchange's upstreams are waited for."""
    settings = exchange.snapshot.settings
    return Timeouts(
        connect=settings.connect_timeout_seconds,
        first_byte=settings.first_byte_timeout_seconds,
        idle=settings.stream_idle_seconds,
    )


def _traced(request: UpstreamRequest, context: TraceContext, exchange: Exchange) -> UpstreamRequest:
    """The request with the trace that it is part of."""
    span = attempt_span(context.trace, exchange.id, len(exchange.trace.attempts))
    return attrs.evolve(request, headers=[*request.headers, *context.headers(span)], address=None)


def _redirected(lease: Lease, response: UpstreamResponse, snapshot: Snapshot) -> RequestFault:
    """A redirect is not followed, for a key would go with the request: the operator corrects the address."""
    target = response.headers["location"].partition("?")[0].partition("#")[0]  # a query may hold a key
    where = mask_secrets(target[:300].encode("latin-1", "replace"), snapshot.secrets)
    sentence = f"the upstream redirects to {visible(where.decode('latin-1'))}; correct the base-url of"
    return RequestFault(ErrorDetail(502, f"{sentence} {lease.candidate.credential.label}"))


def _refuse_losses(losses: Sequence[Loss]) -> None:
    """``strict-translation``.

    :raises NotExpressible: naming every loss of meaning.
    """
    meant = [loss for loss in losses if loss.meaning]
    if meant:
        sentence = f"strict-translation: the upstream's dialect cannot say {named(meant)}"
        raise NotExpressible(ErrorDetail(400, sentence, code="loss_of_meaning", param=meant[0].where or None))
