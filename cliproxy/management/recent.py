"""How the last requests of each credential went, as the original's panel draws it: twenty blocks of ten minutes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from cliproxy.jsontypes import JSONObject

BLOCK: Final = 600
BLOCKS: Final = 20


def recent_requests(cursor: Any, now: float) -> Callable[[str], list[JSONObject]]:
    """What gives, for a credential's id, its attempts of the last blocks, the oldest first."""
    last = int(now) // BLOCK
    cursor.execute(
        "SELECT credential_id, CAST(time AS INTEGER) / ?, sum(status = 200), count(*) FROM attempts "
        "WHERE time >= ? GROUP BY 1, 2",
        (BLOCK, (last - BLOCKS + 1) * BLOCK),
    )
    found = {(id, block): (good, whole - good) for id, block, good, whole in cursor.fetchall()}

    def blocks(id: str) -> list[JSONObject]:
        told: list[JSONObject] = []
        for block in range(last - BLOCKS + 1, last + 1):
            good, bad = found.get((id, block), (0, 0))
            told.append({"time": _span(block * BLOCK), "success": good, "failed": bad})
        return told

    return blocks


def recent_sums(cursor: Any) -> Callable[[str], JSONObject]:
    """What gives, for a credential's label, how many of its requests went well and how many did not, in all."""
    cursor.execute("SELECT credential, sum(requests - failed), sum(failed) FROM days GROUP BY 1")
    found = {label: {"success": good, "failed": bad} for label, good, bad in cursor.fetchall()}
    return lambda label: found.get(label, {"success": 0, "failed": 0})


def _span(begin: int) -> str:
    moments = (datetime.fromtimestamp(begin + step, UTC).strftime("%H:%M") for step in (0, BLOCK))
    return "-".join(moments)
