"""What an entry of any kind says of its credentials: how they are used, and what they serve, its ``models`` or its vendor's,
less ``excluded-models``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from cliproxy.routing.capability import Capability
from cliproxy.routing.credential import Served
from cliproxy.routing.known_models import CATALOGUE
from cliproxy.routing.thinking import parse_suffix
from cliproxy.settings.model import CompatEntry, KeyEntry, ModelEntry, ProviderEntry


def of_entry(entry: KeyEntry | CompatEntry | ProviderEntry) -> dict[str, Any]:
    """The members of a :class:`~cliproxy.routing.credential.Credential` that every kind of entry sets for all of its keys."""
    return {
        "prefix": entry.prefix,
        "priority": entry.priority,
        "headers": entry.headers,
        "max_concurrency": entry.max_concurrency,
        "request_retry": entry.request_retry,
        "disable_cooling": entry.disable_cooling,
        "error_rules": entry.request_scoped_errors,
        "subscription": entry.billing == "subscription",
    }


def served(entries: Sequence[ModelEntry], excluded: Sequence[str], catalogue: str = "") -> tuple[Served, ...]:
    """The entry's own models, or else the ``catalogue``'s, without the excluded ones. Of equal ids the first stands."""
    if not entries:
        return _catalogued(catalogue, tuple(excluded))
    return _first_of_each((named(entry) for entry in entries if entry.name), excluded)


@lru_cache(maxsize=512)
def _catalogued(catalogue: str, excluded: tuple[str, ...]) -> tuple[Served, ...]:
    return _first_of_each((Served(info.id, info.id) for info in CATALOGUE.get(catalogue, ())), excluded)


def _first_of_each(offered: Iterable[Served], excluded: Sequence[str]) -> tuple[Served, ...]:
    kept: dict[str, Served] = {}
    for each in offered:
        if not left_out(excluded, each.alias, parse_suffix(each.name)[0]):
            kept.setdefault(each.alias.lower(), each)
    return tuple(kept.values())


def named(entry: ModelEntry) -> Served:
    """A model that the configuration names."""
    thinking = entry.thinking
    return Served(
        entry.alias or entry.name,
        entry.name,
        user_defined=True,
        display_name=entry.display_name,
        context_length=entry.max_context_length,
        thinking=None if thinking is None else Capability(thinking.min, thinking.max, thinking.levels),
        input_modalities=entry.input_modalities,
        renames=entry.force_mapping,
    )


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
