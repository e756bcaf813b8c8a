"""What is written down of an exchange when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSONObject
from cliproxy.providers.registry import PROVIDERS
from cliproxy.relay.record import Record
from cliproxy.routing.prices import NO_COST, Cost
from cliproxy.routing.route import Candidate

if TYPE_CHECKING:
    from cliproxy.relay.exchange import Exchange
    from cliproxy.relay.pump import Pump


@attrs.define
class Tried:
    """What one attempt has used.

    :ivar number: its place in the trace.
    :ivar counted: the counts of an answer that is no completion.
    :ivar reported: what a gateway said in a header that it cost, in US dollars.
    """

    number: int
    candidate: Candidate
    pump: Pump | None = None
    counted: Usage | None = None
    reported: float | None = None

    def usage(self, cut: bool, size: int) -> Usage | None:
        """The counts. Of a stream that was cut before its vendor said them: what was sent and received, at four bytes and
        one event a token.

        :param size: of the request's body, in bytes.
        """
        found = self.counted if self.pump is None else self.pump.transcoder.usage
        if cut and self.pump is not None and self.pump.transcoder.started and not self.pump.transcoder.finish:
            known = found or Usage(input=size // 4)
            found = attrs.evolve(known, output=max(known.output or 0, self.pump.passed))
        if found is not None and found.cost is None and self.reported is not None:
            found = attrs.evolve(found, cost=self.reported)
        return found


def reported_cost(headers: Mapping[str, str]) -> float | None:
    """What LiteLLM says in a header that its answer cost, in US dollars."""
    try:
        found = float(headers.get("x-litellm-response-cost", ""))
    except ValueError:
        return None
    return found if 0 <= found < 1e6 else None


def record_of(exchange: Exchange, now: float, wall: float) -> Record:
    """The record of an exchange that ended ``now``, which is ``wall`` in Unix seconds."""
    candidate = exchange.lease.candidate if exchange.lease is not None else None
    credential = candidate.credential if candidate is not None else None
    first, last = exchange.shown, len(exchange.trace.attempts) - 1
    gone = exchange.left or exchange.reply.gone
    cut = gone or exchange.failed is not None
    used = {tried.number: _used(exchange, tried, cut) for tried in exchange.tried}
    usage, cost = used.pop(last, (None, NO_COST))
    return Record(
        id=exchange.id,
        status=0 if gone and not exchange.reply.begun else exchange.reply.status,
        seconds=now - exchange.started,
        peer=exchange.peer,
        client=exchange.client,
        dialect=exchange.inbound.dialect,
        model=exchange.inbound.model,
        upstream_model=candidate.model if candidate is not None else "",
        credential=credential.label if credential is not None else "",
        provider=credential.channel if credential is not None else "",
        stream=exchange.inbound.stream,
        first=None if first is None else first - exchange.started,
        usage=usage,
        attempts=exchange.trace.attempts,
        affinity=exchange.trace.affinity.value,
        route=exchange.amp,
        session=exchange.session,
        losses=exchange.losses,
        failure=exchange.failed.message if exchange.failed is not None else "",
        time=wall,
        operation=exchange.inbound.operation.value,
        upstream_dialect=PROVIDERS[credential.provider].dialect if credential is not None else "",
        credential_id=credential.id if credential is not None else "",
        cost=cost,
        cancelled=gone,
        straight=exchange.went_straight,
        used={number: (counts, cost.spent) for number, (counts, cost) in used.items() if counts is not None},
    )


def _used(exchange: Exchange, tried: Tried, cut: bool) -> tuple[Usage | None, Cost]:
    usage = tried.usage(cut, exchange.size)
    candidate, prices = tried.candidate, exchange.snapshot.prices
    return usage, prices.cost(candidate.credential, candidate.model, exchange.inbound.model, usage)


def progress_of(exchange: Exchange, now: float, wall: float) -> JSONObject:
    """How far an exchange is."""
    candidate = exchange.lease.candidate if exchange.lease is not None else None
    return {
        "id": exchange.id,
        "time": wall,
        "key": exchange.client,
        "dialect": exchange.inbound.dialect,
        "asked": exchange.inbound.model,
        "stream": exchange.inbound.stream,
        "attempt": len(exchange.trace.attempts),
        "credential": None if candidate is None else candidate.credential.label,
        "provider": None if candidate is None else candidate.credential.channel,
        "model": None if candidate is None else candidate.model,
        "ms": (now - exchange.started) * 1000,
        "failed": [
            {"credential": one.credential, "status": one.status, "why": one.why} for one in exchange.trace.attempts
        ],
    }


def cost_of(exchange: Exchange) -> Cost:
    """What the answer that is about to be given cost; nothing where nothing is known."""
    if not exchange.tried:
        return NO_COST
    return _used(exchange, exchange.tried[-1], cut=False)[1]
