"""The last hour by the minute: how requests ended, what they used, how long they took. Pure, and of a fixed size.

Times are counted in steps that grow by a fifth, so a percentile is right to a tenth.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from itertools import accumulate
from typing import Final

import attrs

from cliproxy.jsontypes import JSONObject
from cliproxy.relay.record import Record
from cliproxy.usage.rows import outcome, spent

KEPT: Final = 60
_GROWTH: Final = 1.2
#: The first step ends at this many seconds; there are so many steps, the last of which takes all that is longer.
_SHORTEST: Final = 0.005
_STEPS: Final = 64
_ENDS: Final = [_SHORTEST * _GROWTH**step for step in range(_STEPS - 1)]


@attrs.define
class Times:
    """How long something took, in steps."""

    counts: list[int] = attrs.field(factory=lambda: [0] * _STEPS)
    total: int = 0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(_ENDS, seconds)] += 1
        self.total += 1

    def percentile(self, share: float) -> float | None:
        """Milliseconds that ``share`` of all did not exceed, about; None without any."""
        if not self.total:
            return None
        wanted = max(1, math.ceil(self.total * share))
        step = next(step for step, so_far in enumerate(accumulate(self.counts)) if so_far >= wanted)
        seconds: float = _SHORTEST * _GROWTH ** max(0.0, step - 0.5)
        return round(seconds * 1000, 1)


@attrs.define
class Minute:
    """One minute.

    :ivar start: its begin, in Unix seconds.
    :ivar ok: answered by the first credential that was asked; ``over`` by a later one.
    :ivar left: the client hung up.
    """

    start: int
    ok: int = 0
    over: int = 0
    failed: int = 0
    left: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0
    usd: float = 0.0
    first: Times = attrs.field(factory=Times)
    whole: Times = attrs.field(factory=Times)

    def count(self, record: Record) -> None:
        """Take in one record."""
        how, once = outcome(record), len(record.attempts) < 2
        if how == "failed":
            self.failed += 1
        elif how == "cancelled":
            self.left += 1
        elif once:
            self.ok += 1
        else:
            self.over += 1
        usage = record.usage
        if usage is not None:
            self.input += usage.input or 0
            self.cached += usage.cached or 0
            self.output += usage.output or 0
        self.usd += record.cost.spent if once else spent(record)
        self.whole.add(record.seconds)
        if record.first is not None:
            self.first.add(record.first)

    def told(self) -> JSONObject:
        """For JSON; times in milliseconds."""
        plain = ("start", "ok", "over", "failed", "left", "input", "cached", "output", "usd")
        times = {
            f"{name}_{word}": kept.percentile(share)
            for name, kept in (("first", self.first), ("whole", self.whole))
            for word, share in (("p50", 0.5), ("p95", 0.95))
        }
        return {**{name: getattr(self, name) for name in plain}, **times}


@attrs.define
class Minutes:
    """The last :data:`KEPT` minutes in which anything ended.

    :ivar now: Unix seconds.
    """

    now: Callable[[], float]
    kept: deque[Minute] = attrs.field(factory=lambda: deque(maxlen=KEPT))

    def count(self, record: Record) -> None:
        """Take in one record."""
        start = int(record.time) // 60 * 60
        if not self.kept or self.kept[-1].start < start:
            self.kept.append(Minute(start))
        self.kept[-1].count(record)

    def told(self, since: int = 0) -> list[JSONObject]:
        """Those that are not over an hour old, and did not begin before ``since``; minutes without a request are left out."""
        oldest = max(since, int(self.now()) // 60 * 60 - (KEPT - 1) * 60)
        return [minute.told() for minute in self.kept if minute.start >= oldest]
