"""The configuration as it may be looked at: no secret is in it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from cliproxy.jsontypes import JSONObject
from cliproxy.settings.model import Secret, Settings, without_user
from cliproxy.settings.rules import key_of

_MOST_VALUES: Final = 8


def differing(settings: Settings) -> list[JSONObject]:
    """``key`` and ``value``, in words, of every setting that is not at its default."""
    return [{"key": key, "value": value} for key, value in _walk(settings, Settings(), "")]


def _walk(value: Any, default: Any, prefix: str) -> Iterator[tuple[str, str]]:
    for field in attrs.fields(type(value)):
        name, mine, usual = f"{prefix}{key_of(field)}", getattr(value, field.name), getattr(default, field.name)
        if mine == usual:
            continue
        if attrs.has(type(mine)) and type(mine) is type(usual) and not isinstance(mine, Secret):
            yield from _walk(mine, usual, f"{name}.")
        else:
            yield name, _said(mine)


def _said(value: Any) -> str:
    if isinstance(value, Secret):
        return "set" if value else "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return _listed(value)
    if value is None or value == "":
        return "none"
    if isinstance(value, str | Path):
        return without_user(str(value))[1:-1] if "@" in str(value) else str(value)
    return f"{value:g}" if isinstance(value, float) else str(value) if isinstance(value, int) else "set"


def _listed(values: tuple[Any, ...]) -> str:
    if not all(isinstance(value, str | int | float) for value in values):
        return f"{len(values)} {'entry' if len(values) == 1 else 'entries'}"
    shown = ", ".join(str(value) for value in values[:_MOST_VALUES])
    more = len(values) - _MOST_VALUES
    return f"{shown} and {more} more" if more > 0 else shown or "none"
