"""Offers and walks for the pool's tests."""

from __future__ import annotations

import attrs

from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.pool.verdict import Verdict, judge
from cliproxy.pool.walk import Walk
from cliproxy.routing.credential import Credential
from cliproxy.settings.model import Routing, Secret, Settings


@attrs.frozen
class Plain:
    """An offer, and nothing more."""

    credential: Credential
    model: str = "m"


def offer(letter: str, model: str = "m", **extra: object) -> Plain:
    """Credential ``letter``'s offer of ``model``."""
    owner = Credential(letter, letter, "demo", "demo", Secret(""), "https://vendor.test")
    return Plain(attrs.evolve(owner, **extra), model)  # type: ignore[arg-type]


def walk(*offers: Plain, strategy: str = "round-robin", talk: str | None = None, **settings: object) -> Walk[Plain]:
    """A fresh walk over ``offers``."""
    found = Settings(routing=Routing(strategy), **settings)  # type: ignore[arg-type]
    return Walk("m", offers, found, conversation=talk)


def verdict(status: int, hint: float | None = None) -> Verdict:
    """The table's verdict on ``status``."""
    return judge(UpstreamFailure(ErrorDetail(status, "model m", retry_after=hint)), model="m")
