"""One request's walk over a route: what it tried, and what it may still try. Pure.

A round tries every candidate at most once. A further round begins after a wait: a backoff when somebody is usable, else the
nearest cool-down's end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from cliproxy.errors import UpstreamFailure
from cliproxy.pool.rota import Rota, rota_of
from cliproxy.pool.selectors import WEIGHTED
from cliproxy.pool.verdict import Fault, Verdict
from cliproxy.routing.route import Candidate, Key
from cliproxy.settings.model import Settings

BACKOFF_FIRST: Final = 0.5
BACKOFF_CAP: Final = 5.0
#: A backoff is scaled by a random factor from this range, so that requests that failed together do not return together.
BACKOFF_JITTER: Final = (0.8, 1.2)


def eligible(candidates: Sequence[Candidate], settings: Settings) -> tuple[Candidate, ...]:
    """Those that take part at all: weight 0 is out of weighted-round-robin."""
    if settings.routing.strategy != WEIGHTED:
        return tuple(candidates)
    return tuple(candidate for candidate in candidates if candidate.credential.weight > 0)


@attrs.frozen
class Failed:
    """One failed attempt and how it was judged."""

    failure: UpstreamFailure
    verdict: Verdict


@attrs.define(eq=False)
class Walk:
    """A walk begins with every candidate of the route and no attempt.

    :ivar candidates: the route's :func:`eligible` ones, in its order.
    :ivar name: the route's base name, as answers call the model.
    :ivar conversation: the affinity key within this name, or None.
    :ivar tried: candidates tried in this round.
    :ivar met: candidates tried at all; ``max-retry-credentials`` bounds them.
    :ivar counted: failures that cost a retry.
    :ivar waits: rounds begun by waiting rather than for a counted retry.
    :ivar waiting: a round has begun, and nobody was tried in it yet.
    :ivar reserve: the share of a quota that is kept for others; 0 when it may use all of it.
    :ivar before: attempts the same request made for other names.
    :ivar failed: the failures, in order.
    :ivar over: an answer was given at once; nothing else is to be tried for this name.
    """

    name: str
    candidates: tuple[Candidate, ...]
    settings: Settings
    stream: bool = False
    conversation: str | None = None
    before: int = 0
    reserve: float = 0.0
    tried: set[Key] = attrs.field(factory=set)
    met: set[Key] = attrs.field(factory=set)
    counted: int = 0
    waits: int = 0
    waiting: bool = False
    backoffs: int = 0
    failed: list[Failed] = attrs.field(factory=list)
    over: bool = False
    _rota: Rota | None = None

    @property
    def rota(self) -> Rota:
        """The candidates, sorted."""
        if self._rota is None:
            self._rota = rota_of(self.candidates)
        return self._rota

    @property
    def turn(self) -> str:
        """Under what its turns are taken: the name in any spelling."""
        return self.name.lower()

    @property
    def number(self) -> int:
        """Attempts the request has made."""
        return self.before + len(self.failed)

    def _may_try(self, candidate: Candidate, waits: int) -> bool:
        """Whether ``candidate`` may serve this request after so many waits.

        A candidate serves the n-th counted retry when its own ``request-retry``, else the global one, is at least n.
        """
        retries = candidate.credential.request_retry
        if retries is None:
            retries = self.settings.request_retry
        if waits > retries:
            return False
        if self.counted > retries + (self.settings.streaming.bootstrap_retries if self.stream else 0):
            return False
        most = self.settings.max_retry_credentials
        return most <= 0 or len(self.met) < most or candidate.key in self.met

    def may_try(self, candidate: Candidate) -> bool:
        """Whether this round may still try ``candidate``."""
        return candidate.key not in self.tried and self._may_try(candidate, self.waits)

    def open(self) -> Iterator[Candidate]:
        """The candidates this round may still try."""
        return filter(self.may_try, self.candidates)

    def next_round(self) -> Iterator[Candidate]:
        """The candidates another round could try."""
        waits = self.waits + self._unpaid
        return (candidate for candidate in self.candidates if self._may_try(candidate, waits))

    @property
    def may_go_on(self) -> bool:
        """Offers were tried in this round that another could try again, once the request has waited for it."""
        return bool(self.settings.max_retry_interval > 0 and self.tried and any(True for _ in self.next_round()))

    def cools(self, candidate: Candidate) -> bool:
        """Whether a failure of ``candidate`` may cool it: as it says itself, else as the settings do."""
        own = candidate.credential.disable_cooling
        return not (self.settings.disable_cooling if own is None else own)

    def take(self, candidate: Candidate) -> None:
        """``candidate`` is being tried."""
        self.waiting = False
        self.tried.add(candidate.key)
        self.met.add(candidate.key)

    def note(self, failure: UpstreamFailure, verdict: Verdict) -> None:
        """The attempt failed."""
        self.failed.append(Failed(failure, verdict))
        self.over = verdict.at_once
        if verdict.counted:
            self.counted += 1

    @property
    def _unpaid(self) -> bool:
        """The next round costs a wait: neither did a counted retry pay for it, nor has it begun already."""
        if not self.tried:
            return not self.waiting
        return not (self.failed and self.failed[-1].verdict.counted)

    def begin_round(self) -> None:
        """Everyone may be tried again. A round that no counted retry pays for counts as a wait."""
        self.waits += self._unpaid
        self.waiting = True
        self.tried.clear()

    def backoff(self, jitter: float) -> float:
        """Seconds until the next round, longer each time.

        :param jitter: a factor from :data:`BACKOFF_JITTER`.
        """
        seconds = min(BACKOFF_FIRST * 2.0 ** min(self.backoffs, 8), BACKOFF_CAP)
        self.backoffs += 1
        return seconds * jitter

    @property
    def context_exceeded(self) -> bool:
        """The last word was that the prompt is too long for this model."""
        return bool(self.failed) and self.failed[-1].verdict.fault is Fault.CONTEXT
