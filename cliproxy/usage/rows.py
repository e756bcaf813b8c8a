"""Records as rows, and what is added up by the hour. Pure."""

from __future__ import annotations

from typing import Any, Final

from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSONObject
from cliproxy.relay.record import Record

HOUR: Final = 3600
DAY: Final = 24 * HOUR
_NO_USAGE: Final = Usage()

REQUEST: Final = (
    "time, request_id, key, peer, credential, credential_id, provider, dialect_in, dialect_out, endpoint, route, session, "
    "asked, model, stream, status, outcome, attempts, attempt_ms, affinity, ms, first_ms, input, cached, cache_write, "
    "cache_write_1h, output, reasoning, cost_usd, saved_usd, cache_saved_usd, cost_source, losses, failure"
)
ATTEMPT: Final = (
    "time, request_id, number, credential, credential_id, provider, model, status, why, ms, input, output, cost_usd"
)
SUMS: Final = (
    "requests, failed, input, cached, cache_write, output, reasoning, "
    "cost_usd, lost_usd, saved_usd, cache_saved_usd, ms"
)
GROUP: Final = "hour, key, model, credential, provider"


def outcome(record: Record) -> str:
    """``ok``, ``cancelled`` by the client, or ``failed``."""
    if record.status == 0 or record.cancelled:
        return "cancelled"
    return "failed" if record.status >= 400 or record.failure else "ok"


def request_row(record: Record) -> tuple[Any, ...]:
    """One row of ``requests``."""
    usage, cost = record.usage or _NO_USAGE, record.cost
    return (
        record.time,
        record.id,
        record.client,
        record.peer,
        record.credential,
        record.credential_id,
        record.provider,
        record.dialect,
        record.upstream_dialect,
        record.operation,
        record.route,
        record.session,
        record.model,
        record.upstream_model,
        record.stream,
        record.status,
        outcome(record),
        len(record.attempts),
        record.attempts[0].seconds * 1000 if is_plain(record) else None,
        record.affinity,
        record.seconds * 1000,
        None if record.first is None else record.first * 1000,
        usage.input,
        usage.cached,
        usage.cache_write,
        usage.cache_write_1h,
        usage.output,
        usage.reasoning,
        spent(record),
        cost.saved,
        cost.cache_saved,
        cost.source,
        len(record.losses),
        record.failure[:300],
    )


def told(record: Record) -> JSONObject:
    """The record as events tell it: the columns of ``requests``, and the attempts."""
    found = dict(zip(REQUEST.split(", "), request_row(record), strict=True))
    found["tries"] = [
        {
            "credential": one.credential,
            "model": one.model,
            "status": one.status,
            "why": one.why,
            "ms": one.seconds * 1000,
        }
        for one in record.attempts
    ]
    return {**found, "id": record.id}


def is_plain(record: Record) -> bool:
    """Whether its one attempt was answered: then the request's row says all of it."""
    return len(record.attempts) == 1 and record.attempts[0].status == 200


def attempt_rows(record: Record) -> list[tuple[Any, ...]]:
    """The rows of ``tries``. What an attempt that was given up had used already has its cost too."""
    rows: list[tuple[Any, ...]] = []
    if is_plain(record):
        return rows
    for number, attempt in enumerate(record.attempts):
        usage, cost = record.used.get(number, (Usage(), 0.0))
        who = (
            attempt.credential,
            attempt.credential_id,
            attempt.provider,
            attempt.model,
            attempt.status,
            attempt.why[:200],
        )
        spent = (attempt.seconds * 1000, usage.input, usage.output, cost)
        rows.append((record.time, record.id, number, *who, *spent))
    return rows


def hour_row(record: Record) -> tuple[Any, ...]:
    """What the record adds to its row of ``hours``."""
    usage, cost = record.usage or _NO_USAGE, record.cost
    group = (int(record.time) // HOUR * HOUR, record.client, record.upstream_model, record.credential, record.provider)
    counts = (usage.input or 0, usage.cached or 0, usage.cache_write or 0, usage.output or 0, usage.reasoning or 0)
    usd = (*money(record), cost.cache_saved)
    return (*group, 1, int(outcome(record) != "ok"), *counts, *usd, record.seconds * 1000)


def money(record: Record) -> tuple[float, float, float]:
    """US dollars that the request cost, those of them that nobody had anything of, and those that a subscription saved."""
    cost = record.cost
    if record.used:
        return spent(record), lost(record), cost.saved
    if not cost.usd:
        return 0.0, 0.0, 0.0
    if cost.shadow:
        return 0.0, 0.0, cost.usd
    return cost.usd, 0.0 if outcome(record) == "ok" else cost.usd, 0.0


def _given_up(record: Record) -> float:
    """US dollars spent on attempts before the last."""
    if not record.used:
        return 0.0
    last = len(record.attempts) - 1
    return sum(cost for number, (_, cost) in record.used.items() if number != last)


def spent(record: Record) -> float:
    """US dollars that the request cost, its failed attempts included."""
    return _given_up(record) + record.cost.spent


def lost(record: Record) -> float:
    """Those of them spent on attempts that gave no answer, and on answers that failed or that nobody heard to the end."""
    return _given_up(record) + (record.cost.spent if outcome(record) != "ok" else 0.0)


def since_hour(since: float) -> tuple[str, tuple[int, ...]]:
    """A table of all sums since an hour's begin, and its parameters: whole days are added up already."""
    hour = max(0, int(since)) // HOUR * HOUR
    midnight = -(-hour // DAY) * DAY
    columns = f"{GROUP}, {SUMS}"
    days = f"SELECT {columns} FROM days WHERE hour >= ?"
    return f"({days} UNION ALL SELECT {columns} FROM hours WHERE hour >= ? AND hour < ?)", (midnight, hour, midnight)
