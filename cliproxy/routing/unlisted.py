"""Names that nobody lists: passed as they are written to whose vendor owns their family (today.md 1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from cliproxy.routing.catalog import described
from cliproxy.routing.credential import Credential
from cliproxy.routing.learned import Learned
from cliproxy.routing.model_facts import FactTable
from cliproxy.routing.route import Candidate
from cliproxy.routing.serving import left_out
from cliproxy.settings.model import Settings
from cliproxy.vendors.preset import owns

#: What a model's name may look like; nothing else is sent to anybody.
NAME: Final = re.compile(r"[A-Za-z0-9][\w.:/@+~-]{0,199}", re.ASCII)
_ANYBODYS: Final = ("*",)


#: So many names are remembered with who might serve them.
_MOST_REMEMBERED: Final = 256
#: Candidates, and the names they have upstream.
_Found = tuple[tuple[Candidate, ...], frozenset[str]]


class Unlisted:
    """The credentials whose entries name no models of their own."""

    def __init__(
        self, credentials: Sequence[Credential], settings: Settings, learned: Learned, facts: FactTable
    ) -> None:
        self._learned = learned
        self._facts = facts
        self._force_prefix = settings.force_model_prefix
        alone = len({credential.channel for credential in credentials}) == 1
        open_ones = [credential for credential in credentials if credential.families]
        self._owners = _grouped(each for each in open_ones if each.families != _ANYBODYS)
        self._sellers = _grouped(
            each for each in open_ones if each.families == _ANYBODYS and (alone or learned.listed(each) is None)
        )
        self._found: dict[tuple[str, bool], _Found] = {}

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """Whose vendor owns the name; failing these, who might serve anybody's: alone in the pool, or not yet asked what."""
        if NAME.fullmatch(name) is None:
            return ()
        return self._present(self._remembered(name, True)) or self._present(self._remembered(name, False))

    def _remembered(self, name: str, owners: bool) -> _Found:
        found = self._found.get((name, owners))
        if found is None:
            candidates = self._among(self._owners if owners else self._sellers, name)
            found = candidates, frozenset(candidate.model for candidate in candidates)
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            self._found[name, owners] = found
        return found

    def _present(self, found: _Found) -> tuple[Candidate, ...]:
        """Those whose vendor has not said that it has no such model."""
        candidates, names = found
        if not any(map(self._learned.lacked, names)):
            return candidates
        return tuple(each for each in candidates if not self._learned.absent(each.credential, each.model))

    def _among(self, groups: Sequence[Sequence[tuple[int, Credential]]], name: str) -> tuple[Candidate, ...]:
        found: list[tuple[int, Candidate]] = []
        for members in groups:
            like = members[0][1]
            model = self._unprefixed(like, name)
            if model and owns(like.families, model.lower()) and not left_out(like.excluded, model):
                info = described(like, model, self._facts)
                found += (
                    (place, Candidate(credential, model, None, name, info, listed=False))
                    for place, credential in members
                )
        found.sort(key=lambda each: each[0])
        return tuple(candidate for _, candidate in found)

    def _unprefixed(self, credential: Credential, name: str) -> str:
        """The upstream's name for ``name``; empty where the credential is not reached by it."""
        first, slash, rest = name.partition("/")
        if slash and credential.prefix and first == credential.prefix:
            return rest
        if credential.prefix and self._force_prefix:
            return ""
        return rest if slash and first.lower() in _spellings(credential) else name


def _spellings(credential: Credential) -> tuple[str, ...]:
    """What resellers, and clients of theirs, write before a vendor's own names: ``anthropic/claude-...``."""
    return () if credential.families == _ANYBODYS else (credential.vendor, credential.channel)


def _grouped(credentials: Iterable[Credential]) -> Sequence[Sequence[tuple[int, Credential]]]:
    """Credentials of which the same holds for any name, each with its place."""
    groups: dict[object, list[tuple[int, Credential]]] = {}
    for place, each in enumerate(credentials):
        key = (each.families, each.excluded, each.prefix, each.vendor, each.channel, each.provider)
        groups.setdefault(key, []).append((place, each))
    return list(groups.values())
