"""What the pool chooses among."""

from __future__ import annotations

from typing import Protocol, TypeVar

from cliproxy.routing.credential import Credential


class Offer(Protocol):
    """One way to serve a request: a credential and an upstream model (a routing candidate)."""

    @property
    def credential(self) -> Credential:
        """Whose key."""

    @property
    def model(self) -> str:
        """The upstream's name, without prefix and suffix."""


#: A kind of offer; what goes into the pool comes out in the lease.
OfferT = TypeVar("OfferT", bound=Offer)

#: (credential id, upstream model).
Key = tuple[str, str]


def key_of(offer: Offer) -> Key:
    """What tries, cool-downs and affinity are kept under."""
    return offer.credential.id, offer.model
