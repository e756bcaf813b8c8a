"""``routing.strategy``: in which order the usable candidates of one tier are taken. Pure and deterministic."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Final, Protocol

import attrs

from cliproxy.pool.rota import Rota, Tier
from cliproxy.routing.route import Candidate, Key

FILL_FIRST: Final = "fill-first"
WEIGHTED: Final = "weighted-round-robin"
LEAST_BUSY: Final = "least-busy"
SOONEST_RESET: Final = "soonest-reset"
MOST_LEFT: Final = "most-left"


class Load(Protocol):
    """What a strategy may know of the pool."""

    def in_flight(self, credential_id: str) -> int:
        """Requests that hold the credential now."""

    def resets_at(self, candidate: Candidate, now: float) -> float:
        """When the vendor's window will be renewed, in monotonic seconds; infinity when the vendor does not say, minus
        infinity when it was not asked."""

    def left(self, candidate: Candidate, now: float) -> float:
        """The share of its quota that is left, 1 while nothing is known of it."""


@attrs.define
class Turns:
    """Whose turn it is, for each route name: the last one taken, and what each has earned towards the next turn."""

    last: dict[str, Key] = attrs.field(factory=dict)
    earned: dict[str, dict[Key, int]] = attrs.field(factory=dict)

    def order(
        self,
        strategy: str,
        name: str,
        tier: Tier,
        usable: Callable[[Candidate], bool],
        rota: Rota,
        load: Load,
        now: float,
    ) -> Iterator[Candidate]:
        """The usable ones of ``tier``, best first, each looked for when it is asked for: as a rule only the first is.

        :param rota: all candidates of the route in its own order, which fixes the rotation: comings and goings of
            credentials do not upset the turns.
        """
        if strategy == FILL_FIRST:
            return filter(usable, tier[0])
        if strategy == WEIGHTED:
            earned = self.earned.get(name, {})
            return iter(
                sorted(
                    filter(usable, tier[0]),
                    key=lambda candidate: -(earned.get(candidate.key, 0) + candidate.credential.weight),
                )
            )
        rotation = filter(usable, self._rotation(name, tier, rota))
        if strategy == LEAST_BUSY:
            return _least_first(rotation, lambda candidate: load.in_flight(candidate.credential.id), 0)
        if strategy == SOONEST_RESET:
            return _least_first(rotation, lambda candidate: load.resets_at(candidate, now), -math.inf)
        if strategy == MOST_LEFT:
            return _least_first(rotation, lambda candidate: -load.left(candidate, now), -1.0)
        return rotation

    def take(self, strategy: str, name: str, taken: Candidate, others: Iterable[Candidate]) -> None:
        """``taken`` had its turn before the usable ``others``. Smooth weights: everyone earns its own, the taken one pays
        them all."""
        self.last[name] = taken.key
        if strategy == WEIGHTED:
            earned = self.earned.setdefault(name, {})
            weights = {candidate.key: candidate.credential.weight for candidate in (taken, *others)}
            for key, weight in weights.items():
                earned[key] = earned.get(key, 0) + weight
            earned[taken.key] -= sum(weights.values())

    def _rotation(self, name: str, tier: Tier, rota: Rota) -> Iterator[Candidate]:
        candidates, places = tier
        last = self.last.get(name)
        at = 0 if last is None else bisect.bisect_right(places, rota.place.get(last, -1))
        return chain(islice(candidates, at, None), islice(candidates, at)) if at else iter(candidates)


def _least_first(
    rotation: Iterable[Candidate], measure: Callable[[Candidate], float], least: float
) -> Iterator[Candidate]:
    """Sorted by ``measure``, of which nobody has less than ``least``: who has that need not wait for the others to be asked."""
    rest: list[Candidate] = []
    for candidate in rotation:
        if measure(candidate) == least:
            yield candidate
        else:
            rest.append(candidate)
    yield from sorted(rest, key=measure)
