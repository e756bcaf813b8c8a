"""Token counts in every spelling that vendors and their imitators use (docs/spec/reports.md 9)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.members import integer, member
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSONObject

#: Where a count may stand, the likeliest first; a pair is a member of a member.
_Places = tuple[str | tuple[str, str], ...]

_INPUT: Final[_Places] = ("prompt_tokens", "input_tokens")
_OUTPUT: Final[_Places] = ("completion_tokens", "output_tokens")
_CACHED: Final[_Places] = (
    ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"),
    "cache_read_input_tokens",
    "prompt_cache_hit_tokens",
    "cached_tokens",
    ("prompt_tokens_details", "cache_read_tokens"),
    ("input_tokens_details", "cache_read_tokens"),
    "cache_read_tokens",
    "num_cached_tokens",
)
_WRITTEN: Final[_Places] = (
    "cache_creation_input_tokens",
    ("prompt_tokens_details", "cache_write_tokens"),
    ("input_tokens_details", "cache_write_tokens"),
    ("prompt_tokens_details", "cache_creation_tokens"),
    ("input_tokens_details", "cache_creation_tokens"),
    ("prompt_tokens_details", "cached_creation_tokens"),
    "cache_write_input_tokens",
    "cache_write_tokens",
    "cache_creation_tokens",
)
_REASONING: Final[_Places] = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "thinking_tokens"),
    ("completion_tokens_details", "thinking_tokens"),
    "reasoning_tokens",
    "thinking_tokens",
)


def read(stated: JSONObject) -> Usage:
    """The counts of a ``usage`` object. Whether its input includes what the cache gave and took is the dialect's to know."""
    written = _count(stated, _WRITTEN)
    if written is None and isinstance(stated.get("cache_creation"), dict):
        written = sum(integer(count) or 0 for count in stated["cache_creation"].values())
    return Usage(
        input=_count(stated, _INPUT),
        output=_count(stated, _OUTPUT),
        cached=_count(stated, _CACHED),
        cache_write=written,
        reasoning=_count(stated, _REASONING),
    )


def _count(stated: JSONObject, places: _Places) -> int | None:
    """The first count that is not 0, since imitators fill in zeros under names they do not use; else 0 where it was said."""
    found: int | None = None
    for place in places:
        value = stated.get(place) if isinstance(place, str) else member(stated.get(place[0]), place[1])
        count = integer(value) if value is not None else None
        if count:
            return count
        found = count if found is None else found
    return found
