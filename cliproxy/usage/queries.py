"""Questions to the ledger: each is a function of a cursor, and gives what JSON can say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from cliproxy.errors import RequestFault
from cliproxy.jsontypes import JSONObject
from cliproxy.usage.rows import ATTEMPT, HOUR, REQUEST, SUMS, since_hour

#: By what usage may be grouped, and how SQL says it.
GROUPS: Final = {
    "key": "key",
    "model": "model",
    "credential": "credential",
    "provider": "provider",
    "day": "strftime('%Y-%m-%d', hour, 'unixepoch')",
    "hour": "strftime('%Y-%m-%dT%H:00:00Z', hour, 'unixepoch')",
}
_TOTALS: Final = ", ".join(f"coalesce(sum({name}), 0)" for name in SUMS.split(", "))
_NAMES: Final = SUMS.split(", ")
_UNITS: Final = {"s": 1, "m": 60, "h": HOUR, "d": 24 * HOUR, "w": 7 * 24 * HOUR}
#: So many single requests are given at most.
MOST_ROWS: Final = 1000


def seconds_of(text: str) -> float:
    """``90s``, ``30m``, ``12h``, ``7d`` or ``2w`` in seconds; ``all`` is for ever.

    :raises RequestFault: 400, it is none of these.
    """
    if text == "all":
        return float("inf")
    number, unit = text[:-1], text[-1:]
    if not (number.isdecimal() and number.isascii() and unit in _UNITS and len(number) < 7):
        raise RequestFault.bad(f"{text[:40]!r} is not a time such as 12h or 7d", param="since")
    return float(int(number) * _UNITS[unit])


def summary(cursor: Any, by: str, since: float, key: str | None = None) -> JSONObject:
    """Sums since an hour's begin, in all and by group, the costliest first, days in order.

    :param by: one of :data:`GROUPS`.
    :param key: the label of the only key to count; None for all.
    """
    hour = max(0, int(since)) // HOUR * HOUR
    table, given = since_hour(since)
    parameters: tuple[int | str, ...] = (hour,) if by == "hour" else given
    table, where = ("key_hours", "WHERE hour >= ?") if by == "hour" else (table, "WHERE 1")
    if key is not None:
        where, parameters = f"{where} AND key = ?", (*parameters, key)
    cursor.execute(f"SELECT {_TOTALS} FROM {table} {where}", parameters)
    total = _named(cursor.fetchone())
    expression, order = GROUPS[by], "1" if by in ("day", "hour") else "sum(cost_usd) DESC, sum(requests) DESC, 1"
    cursor.execute(
        f"SELECT {expression}, {_TOTALS} FROM {table} {where} GROUP BY 1 ORDER BY {order} LIMIT 5000", parameters
    )
    groups = [{"name": row[0], **_named(row[1:])} for row in cursor.fetchall()]
    begin = _time(float(hour))
    return {"since": begin, "by": by, "total": total, "groups": groups}


def _named(row: Iterable[Any]) -> JSONObject:
    found = dict(zip(_NAMES, row, strict=True))
    found["tokens"] = found["input"] + found["output"]
    return found


def recent(cursor: Any, limit: int, before: int | None = None) -> list[JSONObject]:
    """The newest single requests, each with its attempts; ``before`` is the ``id`` of one to go on from."""
    names = ["id", *REQUEST.split(", ")]
    where, given = ("", ()) if before is None else ("WHERE id < ?", (before,))
    cursor.execute(
        f"SELECT id, {REQUEST} FROM requests {where} ORDER BY id DESC LIMIT ?", (*given, min(limit, MOST_ROWS))
    )
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for request in found:
        request["tries"] = _tries(cursor, request)
        request["stream"] = bool(request["stream"])
        request["time"] = _time(request["time"])
    return found


def _tries(cursor: Any, request: JSONObject) -> list[JSONObject]:
    columns = ATTEMPT.split(", ")
    if request["attempt_ms"] is not None:  # the only one: the request's row says it
        said = {"number": 0, "status": 200, "why": "answered", "ms": request["attempt_ms"]}
        return [{name: said.get(name, request.get(name)) for name in columns}]
    cursor.execute(f"SELECT {ATTEMPT} FROM tries WHERE request_id = ? ORDER BY number", (request["request_id"],))
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def snapshot(cursor: Any, details: int = 5_000) -> JSONObject:
    """The original's shape of ``/usage`` (management.md 3), a key's label in a key's place.

    :param details: so many of the newest requests are in it singly; the sums count all.
    """
    cursor.execute(f"SELECT key, model, {_TOTALS} FROM days GROUP BY key, model")
    apis: dict[str, Any] = {}
    for key, model, *sums in cursor.fetchall():
        named = _named(sums)
        api = apis.setdefault(key, {"total_requests": 0, "total_tokens": 0, "models": {}})
        api["total_requests"] += named["requests"]
        api["total_tokens"] += named["tokens"]
        entry = {"total_requests": named["requests"], "total_tokens": named["tokens"], "details": []}
        api["models"][model or "unknown"] = entry
    cursor.execute(
        "SELECT key, model, time, credential, credential_id, input, output, reasoning, cached, outcome FROM requests "
        "ORDER BY id DESC LIMIT ?",
        (details,),
    )
    for key, model, time, source, index, *counts, outcome in reversed(cursor.fetchall()):
        place = apis.get(key, {"models": {}})["models"].get(model or "unknown")
        if place is not None:
            place["details"].append(_detail(time, source, index, counts, outcome != "ok"))
    return {**_overall(cursor), "apis": apis}


def _detail(time: float, source: str, index: str, counts: list[Any], failed: bool) -> JSONObject:
    return {
        "timestamp": _time(time),
        "source": source,
        "auth_index": index,
        "tokens": token_counts(*counts),
        "failed": failed,
    }


def token_counts(given: int | None, output: int | None, reasoning: int | None, cached: int | None) -> JSONObject:
    """Counts in the original's words; what is not known is 0."""
    return {
        "input_tokens": given or 0,
        "output_tokens": output or 0,
        "reasoning_tokens": reasoning or 0,
        "cached_tokens": cached or 0,
        "total_tokens": (given or 0) + (output or 0),
    }


def _overall(cursor: Any) -> JSONObject:
    cursor.execute(f"SELECT {_TOTALS} FROM days")
    total = _named(cursor.fetchone())
    found: JSONObject = {
        "total_requests": total["requests"],
        "success_count": total["requests"] - total["failed"],
        "failure_count": total["failed"],
        "total_tokens": total["tokens"],
    }
    for name, expression in (("day", GROUPS["day"]), ("hour", "strftime('%H', hour, 'unixepoch')")):
        cursor.execute(f"SELECT {expression}, sum(requests), sum(input + output) FROM key_hours GROUP BY 1 ORDER BY 1")
        rows = cursor.fetchall()
        found[f"requests_by_{name}"] = {row[0]: row[1] for row in rows}
        found[f"tokens_by_{name}"] = {row[0]: row[2] for row in rows}
    return found


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
