"""Usage that another instance exported, in the original's shape (management.md 3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from cliproxy.errors import RequestFault
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.relay.record import Record
from cliproxy.usage.ledger import ADD_REQUEST, add_sums
from cliproxy.usage.rows import request_row


def records_of(document: JSON, now: float) -> list[Record]:
    """The single requests of an export. Aggregates in it are not believed.

    :raises RequestFault: 400, it is no export that can be read.
    """
    if not isinstance(document, dict) or document.get("version", 0) not in (0, 1):
        raise RequestFault.bad("unsupported version")
    usage = document.get("usage")
    apis = usage.get("apis") if isinstance(usage, dict) else None
    if not isinstance(apis, dict):
        raise RequestFault.bad("invalid json: usage.apis is missing")
    return list(_records(apis, now))


def _records(apis: JSONObject, now: float) -> Iterator[Record]:
    for key, api in apis.items():
        models = api.get("models") if isinstance(api, dict) else None
        for model, entry in models.items() if isinstance(models, dict) and key.strip() else ():
            details = entry.get("details") if isinstance(entry, dict) else None
            for detail in details if isinstance(details, list) else ():
                if isinstance(detail, dict):
                    yield _record(key, model.strip() or "unknown", detail, now)


def _record(key: str, model: str, detail: JSONObject, now: float) -> Record:
    tokens = detail.get("tokens")
    counts = [_count(tokens.get(f"{name}_tokens")) if isinstance(tokens, dict) else 0 for name in _COUNTS]
    failed = detail.get("failed") is True
    return Record(
        id="",
        status=500 if failed else 200,
        seconds=0.0,
        client=key[:200],
        dialect="",
        model=model[:200],
        upstream_model=model[:200],
        credential=str(detail.get("source") or "")[:200],
        credential_id=str(detail.get("auth_index") or "")[:200],
        usage=Usage(input=counts[0], output=counts[1], reasoning=counts[2], cached=counts[3]),
        time=_time(detail.get("timestamp"), now),
        failure="imported as failed" if failed else "",
    )


_COUNTS = ("input", "output", "reasoning", "cached")


def _count(value: JSON) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else 0


def _time(value: JSON, now: float) -> float:
    try:
        moment = datetime.fromisoformat(value)
        found = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return now
    return found if 0 < found < 4e9 else now


def merge(cursor: Any, records: list[Record]) -> tuple[int, int]:
    """Add those that are not there yet; how many were added, and how many were."""
    added = 0
    for record in records:
        usage = record.usage or Usage()
        cursor.execute(
            "SELECT 1 FROM requests WHERE time BETWEEN ? AND ? AND key = ? AND model = ? "
            "AND credential = ? AND credential_id = ? AND input IS ? AND output IS ? AND (outcome = 'failed') = ? LIMIT 1",
            (
                record.time - 0.001,
                record.time + 0.001,
                record.client,
                record.upstream_model,
                record.credential,
                record.credential_id,
                usage.input,
            )
            + (usage.output, record.failure != ""),
        )
        if cursor.fetchone() is None:
            cursor.execute(ADD_REQUEST, request_row(record))
            add_sums(cursor, [record])
            added += 1
    return added, len(records) - added
