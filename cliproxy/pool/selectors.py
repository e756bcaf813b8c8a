"""``routing.strategy``: in which order the usable candidates of one tier are taken. Pure and deterministic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import attrs

from cliproxy.routing.route import Candidate, Key

FILL_FIRST: Final = "fill-first"
WEIGHTED: Final = "weighted-round-robin"
LEAST_BUSY: Final = "least-busy"
SOONEST_RESET: Final = "soonest-reset"


class Load(Protocol):
    """What a strategy may know of the pool."""

    def in_flight(self, credential_id: str) -> int:
        """Requests that hold the credential now."""

    def resets_at(self, candidate: Candidate, now: float) -> float:
        """When the vendor's window will be renewed, in monotonic seconds; infinity when the vendor does not say, minus
        infinity when it was not asked."""


@attrs.define
class Turns:
    """Whose turn it is, for each route name: the last one taken, and what each has earned towards the next turn."""

    last: dict[str, Key] = attrs.field(factory=dict)
    earned: dict[str, dict[Key, int]] = attrs.field(factory=dict)

    def order(
        self, strategy: str, name: str, usable: Sequence[Candidate], every: Sequence[Candidate], load: Load, now: float
    ) -> list[Candidate]:
        """``usable``, best first.

        :param every: all candidates of the route in its own order, which fixes the rotation: comings and goings of
            credentials do not upset the turns.
        """
        if strategy == FILL_FIRST:
            return list(usable)
        if strategy == WEIGHTED:
            earned = self.earned.get(name, {})
            return sorted(usable, key=lambda candidate: -(earned.get(candidate.key, 0) + candidate.credential.weight))
        rotation = self._rotation(name, usable, every)
        if strategy == LEAST_BUSY:
            rotation.sort(key=lambda candidate: load.in_flight(candidate.credential.id))
        elif strategy == SOONEST_RESET:
            rotation.sort(key=lambda candidate: load.resets_at(candidate, now))
        return rotation

    def take(self, strategy: str, name: str, taken: Candidate, usable: Sequence[Candidate]) -> None:
        """``taken`` had its turn among ``usable``. Smooth weights: everyone earns its own, the taken one pays them all."""
        self.last[name] = taken.key
        if strategy == WEIGHTED:
            earned = self.earned.setdefault(name, {})
            weights = {candidate.key: candidate.credential.weight for candidate in usable}
            for key, weight in weights.items():
                earned[key] = earned.get(key, 0) + weight
            earned[taken.key] -= sum(weights.values())

    def _rotation(self, name: str, usable: Sequence[Candidate], every: Sequence[Candidate]) -> list[Candidate]:
        if len(usable) < 2:
            return list(usable)
        place: dict[Key, int] = {}
        for candidate in every:
            place.setdefault(candidate.key, len(place))
        after = place.get(self.last.get(name, ("", "", "")), -1) + 1
        return sorted(usable, key=lambda candidate: (place[candidate.key] - after) % len(place))
