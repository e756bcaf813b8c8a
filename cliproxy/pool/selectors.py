"""``routing.strategy``: in which order the usable offers of one tier are taken. Pure and deterministic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import attrs

from cliproxy.pool.offer import Key, Offer, OfferT, key_of

FILL_FIRST: Final = "fill-first"
WEIGHTED: Final = "weighted-round-robin"
LEAST_BUSY: Final = "least-busy"
SOONEST_RESET: Final = "soonest-reset"


class Load(Protocol):
    """What a strategy may know of the pool."""

    def in_flight(self, credential_id: str) -> int:
        """Requests that hold the credential now."""

    def resets_at(self, offer: Offer, now: float) -> float:
        """When the vendor's window will be renewed, in monotonic seconds; infinity when the vendor does not say, minus
        infinity when it was not asked."""


@attrs.define
class Turns:
    """Whose turn it is, for each route name: the last one taken, and what each has earned towards the next turn."""

    last: dict[str, Key] = attrs.field(factory=dict)
    earned: dict[str, dict[Key, int]] = attrs.field(factory=dict)

    def order(
        self, strategy: str, name: str, usable: Sequence[OfferT], every: Sequence[OfferT], load: Load, now: float
    ) -> list[OfferT]:
        """``usable``, best first.

        :param every: all offers of the route in its own order, which fixes the rotation: comings and goings of
            credentials do not upset the turns.
        """
        if strategy == FILL_FIRST:
            return list(usable)
        if strategy == WEIGHTED:
            earned = self.earned.get(name, {})
            return sorted(usable, key=lambda offer: -(earned.get(key_of(offer), 0) + offer.credential.weight))
        rotation = self._rotation(name, usable, every)
        if strategy == LEAST_BUSY:
            rotation.sort(key=lambda offer: load.in_flight(offer.credential.id))
        elif strategy == SOONEST_RESET:
            rotation.sort(key=lambda offer: load.resets_at(offer, now))
        return rotation

    def take(self, strategy: str, name: str, taken: OfferT, usable: Sequence[OfferT]) -> None:
        """``taken`` had its turn among ``usable``. Smooth weights: everyone earns its own, the taken one pays them all."""
        self.last[name] = key_of(taken)
        if strategy == WEIGHTED:
            earned = self.earned.setdefault(name, {})
            weights = {key_of(offer): offer.credential.weight for offer in usable}
            for key, weight in weights.items():
                earned[key] = earned.get(key, 0) + weight
            earned[key_of(taken)] -= sum(weights.values())

    def _rotation(self, name: str, usable: Sequence[OfferT], every: Sequence[OfferT]) -> list[OfferT]:
        if len(usable) < 2:
            return list(usable)
        place: dict[Key, int] = {}
        for offer in every:
            place.setdefault(key_of(offer), len(place))
        after = place.get(self.last.get(name, ("", "")), -1) + 1
        return sorted(usable, key=lambda offer: (place[key_of(offer)] - after) % len(place))
