"""What an entry serves: its ``models`` or its vendor's, less ``excluded-models``."""

from __future__ import annotations

from collections.abc import Sequence

from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.credential import Served
from cliproxy.routing.thinking import parse_suffix
from cliproxy.settings.model import ModelEntry


def served(
    entries: Sequence[ModelEntry], excluded: Sequence[str], catalogue: Sequence[ModelInfo] = ()
) -> tuple[Served, ...]:
    """The entry's own models, or else the vendor's; without the excluded ones. Of equal ids the first stands."""
    if entries:
        offered = [Served(entry.alias or entry.name, entry.name, user_defined=True) for entry in entries if entry.name]
    else:
        offered = [Served(info.id, info.id) for info in catalogue]
    kept: dict[str, Served] = {}
    for each in offered:
        if not left_out(excluded, each.alias, parse_suffix(each.name)[0]):
            kept.setdefault(each.alias.lower(), each)
    return tuple(kept.values())


def left_out(excluded: Sequence[str], *names: str) -> bool:
    """Whether ``excluded-models`` covers one of the names."""
    return any(excludes(pattern, name.lower()) for pattern in excluded for name in names)


def excludes(pattern: str, name: str) -> bool:
    """Whether an ``excluded-models`` pattern covers a lower-cased name: exact, or with ``*`` for any run (config.md 4.2)."""
    first, *rest = pattern.strip().lower().split("*")
    if not rest:
        return name == first
    *middle, last = rest
    if not name.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        found = name.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(name) - at >= len(last) and name.endswith(last)


def readable(name: str) -> str:
    """A name fit for a response header."""
    return "".join(char if " " <= char <= "~" else "?" for char in name)
