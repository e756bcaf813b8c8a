"""Token counts in one convention: input includes cached tokens, output includes reasoning."""

from __future__ import annotations

import attrs


@attrs.define
class Usage:
    """Counts of one answer. ``None`` is "not said", 0 is "none"; dialects convert in one function each.

    :ivar input: all prompt tokens, cache reads and writes included.
    :ivar output: all generated tokens, reasoning included.
    :ivar cache_write: all tokens written to the cache; ``cache_write_1h`` are those of them kept for an hour.
    :ivar tier: the service tier that the vendor says it served from, lower case.
    :ivar cost: what the vendor says the answer cost, in US dollars.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    # For the bill alone: nothing is translated from them, and counts that differ in them are equal.
    cache_write_1h: int | None = attrs.field(default=None, eq=False)
    tier: str | None = attrs.field(default=None, eq=False)
    cost: float | None = attrs.field(default=None, eq=False)
