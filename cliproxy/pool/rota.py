"""A route's candidates, sorted once and not for each request: tiers, places, and who belongs to whom. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from cliproxy.routing.route import Candidate, Key

#: So many routes' rotas are remembered.
_KEPT: Final = 256

#: One tier: its candidates in the order of their places, and the places.
Tier = tuple[tuple[Candidate, ...], tuple[int, ...]]


class Rota:
    """What is always the same about some candidates.

    :ivar tiers: those of one priority each, the highest first.
    :ivar place: where each stands in the route's own order, which fixes the rotation.
    :ivar by_credential: whose candidates are whose.
    """

    __slots__ = ("by_credential", "by_key", "candidates", "place", "tiers")

    def __init__(self, candidates: tuple[Candidate, ...]) -> None:
        self.candidates = candidates
        self.place: dict[Key, int] = {}
        self.by_key: dict[Key, list[Candidate]] = {}
        self.by_credential: dict[str, list[Candidate]] = {}
        tiers: dict[int, list[Candidate]] = {}
        for candidate in candidates:
            self.place.setdefault(candidate.key, len(self.place))
            self.by_key.setdefault(candidate.key, []).append(candidate)
            self.by_credential.setdefault(candidate.credential.id, []).append(candidate)
            tiers.setdefault(candidate.credential.priority, []).append(candidate)
        self.tiers: list[Tier] = [self._placed(tiers[priority]) for priority in sorted(tiers, reverse=True)]

    def _placed(self, tier: list[Candidate]) -> Tier:
        tier.sort(key=lambda candidate: self.place[candidate.key])
        return tuple(tier), tuple(self.place[candidate.key] for candidate in tier)

    def named(self, tier: Tier, *keys: Key | None) -> Iterator[Candidate]:
        """The candidates of these keys that stand in ``tier``, in this order."""
        for key in keys:
            for candidate in self.by_key.get(key, ()) if key is not None else ():
                if candidate.credential.priority == tier[0][0].credential.priority:
                    yield candidate

    def following(self, key: Key) -> Iterator[Candidate]:
        """Everybody, beginning behind the one of ``key``."""
        after = self.place.get(key, -1) + 1
        yield from self.candidates[after:]
        yield from self.candidates[:after]


#: The rotas of the last routes, found by the tuple itself: to hash thousands of candidates takes too long.
_rotas: OrderedDict[int, Rota] = OrderedDict()


def rota_of(candidates: tuple[Candidate, ...]) -> Rota:
    """The rota of these very candidates."""
    known = _rotas.get(id(candidates))
    if known is None or known.candidates is not candidates:
        known = _rotas[id(candidates)] = Rota(candidates)
        if len(_rotas) > _KEPT:
            _rotas.popitem(last=False)
    return known
