"""The row of a model that the catalogue does not list: that of the listed model it is a variant or a successor of.

``gpt-5-mini`` is a variant of ``gpt-5`` and ``claude-sonnet-4-5`` the undated ``claude-sonnet-4-5-20250929``;
``claude-opus-5-5``, newer than any Opus that is listed, is taken to be asked as the newest of them (reports.md 7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from cliproxy.routing.capability import ModelInfo

_DATE: Final = re.compile(r"[-@](?:20\d{6}|20\d\d-\d\d-\d\d|latest)$|-\d{3}$")
_VERSION: Final = re.compile(r"(?<![a-z0-9])\d{1,2}(?:[.-]\d{1,2})*(?![0-9])")
#: A name with one of these is another kind of model, whatever it begins with.
_OTHER_KINDS: Final = re.compile(
    r"(?:^|[-.])(?:tts|image|audio|live|realtime|transcribe|embedding|search|computer)(?:$|[-.])"
)

#: The listed models of a family (what stands before the version, what behind it), each with its version, oldest first.
Series = Mapping[tuple[str, str], list[tuple[tuple[int, ...], ModelInfo]]]


def undated(name: str) -> str:
    """A lower-cased name without a date, ``latest`` or a three-digit release at its end; Claude's versions with dashes."""
    bare = _DATE.sub("", name.lower())
    return bare.replace(".", "-") if bare.startswith("claude-") else bare


def version_of(name: str) -> tuple[str, tuple[int, ...], str] | None:
    """(what stands before the version, the version, what behind it); None without one."""
    bare = undated(name).removesuffix("-preview")
    found = _VERSION.search(bare)
    if found is None:
        return None
    return bare[: found.start()], tuple(int(part) for part in re.split(r"[.-]", found[0])), bare[found.end() :]


def series_of(infos: Iterable[ModelInfo]) -> Series:
    """The listed models by family."""
    series: dict[tuple[str, str], list[tuple[tuple[int, ...], ModelInfo]]] = {}
    for info in infos:
        found = version_of(info.id)
        if found is not None:
            series.setdefault((found[0], found[2]), []).append((found[1], info))
    for members in series.values():
        members.sort(key=lambda member: member[0])
    return series


def variant_of(name: str, listed: Mapping[str, ModelInfo]) -> ModelInfo | None:
    """The row of the longest listed name that ``name`` is, with more words or without a date.

    :param listed: rows by lower-cased undated name.
    """
    bare = undated(name)
    if _OTHER_KINDS.search(bare):
        return None
    while bare:
        if bare in listed:
            return _renamed(listed[bare], name)
        bare, _, word = bare.rpartition("-")
        if word[:1].isdigit() and len(word) < 3:  # a version of its own
            return None
    return None


def successor_of(name: str, series: Series) -> ModelInfo | None:
    """The row of the newest of the family that is not newer than ``name``; for a family's ``latest`` the newest of all."""
    if _OTHER_KINDS.search(name.lower()):
        return None
    found = version_of(name)
    if found is None:
        members = series.get((undated(name) + "-", "")) if name.lower().endswith("-latest") else None
        return _renamed(members[-1][1], name) if members else None
    before, version, behind = found
    while True:
        for known, info in reversed(series.get((before, behind), ())):
            if known <= version:
                return _renamed(info, name)
        if not behind:
            return None
        behind = behind.rpartition("-")[0]


def _renamed(info: ModelInfo, name: str) -> ModelInfo:
    return attrs.evolve(info, id=name, display_name=name, description="", created=0)
