"""Offers and walks for the pool's tests."""

from __future__ import annotations

import attrs

from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.pool.verdict import Verdict, judge
from cliproxy.pool.walk import Walk
from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.credential import Credential
from cliproxy.routing.route import Candidate
from cliproxy.settings.model import Routing, Secret, Settings


def offer(letter: str, model: str = "m", suffix: str | None = None, **extra: object) -> Candidate:
    """Credential ``letter``'s offer of ``model``, under a configured suffix."""
    owner = Credential(letter, letter, "demo", "demo", Secret(""), "https://vendor.test")
    return Candidate(attrs.evolve(owner, **extra), model, suffix, model, ModelInfo(model))  # type: ignore[arg-type]


def walk(*offers: Candidate, strategy: str = "round-robin", talk: str | None = None, **settings: object) -> Walk:
    """A fresh walk over ``offers``."""
    found = Settings(routing=Routing(strategy), **settings)  # type: ignore[arg-type]
    return Walk("m", offers, found, conversation=talk)


def verdict(status: int, hint: float | None = None) -> Verdict:
    """The table's verdict on ``status``."""
    return judge(UpstreamFailure(ErrorDetail(status, "model m", retry_after=hint)), model="m")
