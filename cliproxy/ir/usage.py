"""Token counts in one convention: input includes cached tokens, output includes reasoning."""

from __future__ import annotations

import attrs


@attrs.define
class Usage:
    """Counts of one answer. ``None`` is "not said", 0 is "none"; dialects convert in one function each.

    :ivar input: all prompt tokens, cache reads and writes included.
    :ivar output: all generated tokens, reasoning included.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
