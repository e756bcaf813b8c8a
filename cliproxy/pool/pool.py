"""The pool: which credential serves, and what is held against whom. A pure state machine, always told the time.

It outlives configurations: health is kept under (credential id, upstream model), so reloads and refreshes leave it be.
Times are monotonic seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import attrs

from cliproxy.pool.affinity import Home, Homes
from cliproxy.pool.cooldown import Health
from cliproxy.pool.quotas import Quotas
from cliproxy.pool.selectors import Turns
from cliproxy.pool.verdict import Fault, Verdict
from cliproxy.pool.walk import Walk
from cliproxy.routing.credential import Credential
from cliproxy.routing.quota import Window
from cliproxy.routing.route import Candidate, Key, ModelKey

#: Where a fault of the whole credential is kept: no model has this name.
WHOLE: Final = ""


class State(enum.Enum):
    """Whether a candidate can be taken."""

    USABLE = "usable"
    BUSY = "busy"
    """Well, but at its ``max-concurrency``."""
    PROBED = "probed"
    """Half-open, and one request is finding out."""
    COOLING = "cooling"


@attrs.frozen
class Availability:
    """How a candidate stands now.

    :ivar until: when its cool-down ends; None when it has none. In the past: half-open.
    :ivar reason: why it was cooled.
    :ivar status: the status that cooled it, 0 when none did.
    """

    state: State
    until: float | None = None
    reason: Fault | None = None
    status: int = 0


class Affinity(enum.Enum):
    """What became of a conversation's preference; the ``X-Cliproxy-Affinity`` words."""

    HIT = "hit"
    MISS = "miss"
    MOVED = "moved"
    NONE = "none"


class WaitReason(enum.Enum):
    """Why a walk has no lease, and what it waits for."""

    BUDGET = "budget"
    """A candidate is usable; only the fleet's retry budget forbids it."""
    TURN = "turn"
    """A candidate is well and full."""
    ROUND = "round"
    """Everybody was tried, somebody is still usable: another round, after a backoff."""
    RECOVERY = "recovery"
    """All are cooling, and the nearest is due soon enough."""
    NONE = "none"


@attrs.frozen
class Outlook:
    """See :meth:`Pool.prospect`.

    :ivar due: the nearest end of a cool-down among those it may still try.
    """

    hope: WaitReason
    due: float | None = None


@attrs.define(eq=False)
class Lease:
    """One attempt's hold on a candidate. Ends with :meth:`Pool.succeed`, :meth:`Pool.fail` or :meth:`Pool.release`.

    :ivar candidate: the candidate taken.
    :ivar walk: whose attempt it is.
    :ivar number: which attempt of its request this is, from 1.
    :ivar began: when it was taken.
    :ivar probing: the half-open health this attempt probes.
    :ivar answered: it showed content.
    :ivar ended: the hold is over.
    """

    candidate: Candidate
    walk: Walk
    number: int
    began: float
    affinity: Affinity = Affinity.NONE
    probing: list[Health] = attrs.field(factory=list)
    answered: bool = False
    ended: bool = False


class Pool:
    """The health, the load and the homes of all credentials.

    :ivar changes: grows with every change worth saving.
    """

    def __init__(self) -> None:
        self._health: dict[ModelKey, Health] = {}
        self.quotas = Quotas()
        self._in_flight: dict[str, int] = {}
        self._turns = Turns()
        self._homes = Homes()
        self.changes = 0

    # -- looking

    def in_flight(self, credential_id: str) -> int:
        """Requests that hold the credential now."""
        return self._in_flight.get(credential_id, 0)

    def resets_at(self, candidate: Candidate, now: float) -> float:
        """When the vendor's window will be renewed; infinity when the vendor does not say, minus that before it was asked."""
        return self.quotas.resets_at(candidate.model_key, now)

    def left(self, candidate: Candidate, now: float) -> float:
        """The share of its quota that is left, from 0 to 1."""
        return self.quotas.left(candidate, now)

    def standing(self, candidate: Candidate, now: float) -> Availability:
        """How ``candidate`` stands."""
        worst: Health | None = None
        probed = False
        for health in self._held_against(candidate):
            if health.until is not None and (worst is None or worst.until is None or health.until > worst.until):
                worst = health
            probed = probed or health.probed
        state = State.BUSY if self._full(candidate.credential) else State.USABLE
        if worst is None:
            return Availability(state)
        if worst.cooling(now):
            state = State.COOLING
        elif probed:
            state = State.PROBED
        return Availability(state, worst.until, worst.reason, worst.status)

    def standing_for(self, walk: Walk, candidate: Candidate, now: float) -> Availability:
        """How ``candidate`` stands for this walk: what is left of it may be kept for others."""
        standing = self.standing(candidate, now)
        if walk.reserve and standing.state is State.USABLE and self.left(candidate, now) < walk.reserve:
            until = self.quotas.full_at(candidate, walk.reserve, now)
            return Availability(State.COOLING, until, Fault.QUOTA, 429)
        return standing

    def usable(self, candidate: Candidate, now: float) -> bool:
        """Whether ``candidate`` could be taken now."""
        health, credential = self._health, candidate.credential
        if health and (candidate.model_key in health or (credential.id, WHOLE) in health):
            return self.standing(candidate, now).state is State.USABLE
        return not (credential.max_concurrency and self._full(credential))

    def _full(self, credential: Credential) -> bool:
        return 0 < credential.max_concurrency <= self.in_flight(credential.id)

    def _held_against(self, candidate: Candidate) -> Iterator[Health]:
        for model in (WHOLE, candidate.model):
            health = self._health.get((candidate.credential.id, model))
            if health is not None:
                yield health

    def cooldowns(self) -> Mapping[ModelKey, Health]:
        """What is held against whom, by (credential id, model); model :data:`WHOLE` is all of them. To be read only."""
        return self._health

    # -- taking

    def order(self, walk: Walk, now: float) -> Iterator[Candidate]:
        """The candidates the walk could take now, in the order it would: the best tier by strategy, home first. Each is looked
        for when it is asked for."""

        def usable(candidate: Candidate) -> bool:
            if not (walk.may_try(candidate) and self.usable(candidate, now)):
                return False
            return not walk.reserve or self.left(candidate, now) >= walk.reserve

        rota, strategy, home = walk.rota, walk.settings.routing.strategy, self._home(walk, now)
        for tier in rota.tiers:
            given: set[Key] = set()
            for candidate in filter(usable, rota.named(tier, home.home, home.away)) if home is not None else ():
                given.add(candidate.key)
                yield candidate
            for candidate in self._turns.order(strategy, walk.turn, tier, usable, rota, self, now):
                if candidate.key not in given:
                    given.add(candidate.key)
                    yield candidate
            if given:
                return
        last = self._last_resort(walk.candidates, now)
        if last is not None and walk.may_try(last):
            yield last

    def pick(self, walk: Walk, now: float) -> Lease | None:
        """Take the best candidate the walk may still try; None when none is usable now."""
        ordered = self.order(walk, now)
        candidate = next(ordered, None)
        if candidate is None:
            return None
        lease = Lease(candidate, walk, walk.number + 1, now)
        lease.affinity = self._welcome(walk, candidate, now)
        if lease.affinity is not Affinity.HIT:
            self._turns.take(walk.settings.routing.strategy, walk.turn, candidate, ordered)
        walk.take(candidate)
        self.quotas.asked(candidate.model_key, now)
        for health in self._held_against(candidate) if self._health else ():
            if health.until is not None:
                health.until = min(health.until, now)  # a last resort's cool-down is over
                health.probed = True
                lease.probing.append(health)
        self._in_flight[candidate.credential.id] = self.in_flight(candidate.credential.id) + 1
        return lease

    def _home(self, walk: Walk, now: float) -> Home | None:
        wanted = walk.settings.affinity
        if walk.conversation is None or not wanted.enabled or len(walk.candidates) < 2:
            return None
        return self._homes.find(walk.conversation, now, wanted.ttl_seconds)

    def _welcome(self, walk: Walk, candidate: Candidate, now: float) -> Affinity:
        """Remember where the conversation is served. Home moves for good only when it left the route or its tier fell
        behind."""
        wanted = walk.settings.affinity
        if walk.conversation is None or not wanted.enabled or len(walk.candidates) < 2:
            return Affinity.NONE
        home = self._home(walk, now)
        if home is None:
            self._homes.settle(walk.conversation, candidate.key, now, wanted.max_entries)
            return Affinity.MISS
        if home.home == candidate.key:
            return Affinity.HIT
        if all(
            other.credential.priority < candidate.credential.priority for other in walk.rota.by_key.get(home.home, ())
        ):
            self._homes.settle(walk.conversation, candidate.key, now, wanted.max_entries)
        return Affinity.MOVED

    def outlook(self, walk: Walk, now: float) -> Outlook:
        """What the walk, which was given no lease, can hope for."""
        this_round = [self.standing_for(walk, candidate, now) for candidate in walk.open()]
        states = {standing.state for standing in this_round}
        if State.USABLE in states:
            return Outlook(WaitReason.BUDGET)
        next_round = [self.standing_for(walk, candidate, now) for candidate in walk.next_round()]
        if State.BUSY in states:
            return Outlook(WaitReason.TURN, _nearest(this_round + next_round))
        states = {standing.state for standing in next_round}
        if State.USABLE in states or State.BUSY in states or (State.PROBED in states and walk.tried):
            return Outlook(WaitReason.ROUND)
        due = _nearest(next_round)
        longest = walk.settings.max_retry_interval
        if longest > 0 and (State.PROBED in states or (due is not None and due - now <= longest)):
            return Outlook(WaitReason.RECOVERY, due)
        return Outlook(WaitReason.NONE, due)

    def _last_resort(self, candidates: Sequence[Candidate], now: float) -> Candidate | None:
        """Everybody is cooling: transient trouble does not take away the last one. Of those the nearest is taken."""
        found: list[tuple[float, Candidate]] = []
        for candidate in candidates:
            standing = self.standing(candidate, now)
            if standing.state is not State.COOLING:
                return None
            free = not self._full(candidate.credential) and not any(
                health.probed for health in self._held_against(candidate)
            )
            if standing.reason is Fault.UPSTREAM and standing.until is not None and free:
                found.append((standing.until, candidate))
        return min(found, key=lambda pair: pair[0])[1] if found else None

    # -- giving back

    def answer(self, lease: Lease, now: float) -> None:
        """The attempt showed its first content: whatever it probed is well."""
        if lease.ended or lease.answered:
            return
        lease.answered = True
        for health in self._held_against(lease.candidate):
            health.answered(lease.began)
        self._unprobe(lease)
        if lease.walk.conversation is not None:
            self._homes.served(lease.walk.conversation, lease.candidate.key, now)
        self._tidy(lease.candidate)

    def observe(self, lease: Lease, windows: Sequence[Window], now: float) -> None:
        """The vendor says what is left of its quotas."""
        self.quotas.learn(lease.candidate.model_key, windows, now)

    def succeed(self, lease: Lease, now: float) -> None:
        """The answer ended well."""
        if lease.ended:
            return
        self.answer(lease, now)
        for health in self._held_against(lease.candidate):
            health.succeeded()
        self._tidy(lease.candidate)
        self.release(lease)

    def fail(self, lease: Lease, verdict: Verdict, now: float) -> None:
        """The attempt failed, before or after content."""
        if lease.ended:
            return
        if verdict.hint is not None:
            self.observe(lease, [Window("retry-after", 0.0, verdict.hint)], now)
        if verdict.cools is not None:
            candidate = lease.candidate
            key = (candidate.credential.id, WHOLE if verdict.cools is Fault.CREDENTIAL else candidate.model)
            self._health.setdefault(key, Health()).blame(
                verdict,
                now,
                began=lease.began,
                cooling_off=lease.walk.cools(candidate),
                last_usable=verdict.cools is Fault.UPSTREAM and not self._has_others(lease),
            )
            self._tidy(candidate)
        self.release(lease)

    def _has_others(self, lease: Lease) -> bool:
        """Whether another than the lease's candidate is cooled by nothing, not even half: it can carry the traffic. The next in
        turn is the likeliest."""
        own = lease.candidate.model_key
        return any(
            all(health.until is None for health in self._held_against(other))
            for other in lease.walk.rota.following(lease.candidate.key)
            if other.model_key != own
        )

    def release(self, lease: Lease) -> None:
        """The attempt ended without blame: the client left, or its request was at fault. Idempotent."""
        if lease.ended:
            return
        lease.ended = True
        self._unprobe(lease)
        left = self.in_flight(lease.candidate.credential.id) - 1
        if left > 0:
            self._in_flight[lease.candidate.credential.id] = left
        else:
            self._in_flight.pop(lease.candidate.credential.id, None)

    def _unprobe(self, lease: Lease) -> None:
        for health in lease.probing:
            health.probed = False
        lease.probing.clear()

    def _tidy(self, candidate: Candidate) -> None:
        """Forget what is blameless. Every change of health passes here."""
        self.changes += 1
        for model in (WHOLE, candidate.model):
            health = self._health.get((candidate.credential.id, model))
            if health is not None and health.blameless:
                del self._health[candidate.credential.id, model]

    # -- the operator, reload and restart

    def clear(self, credential: str | None = None, model: str | None = None) -> int:
        """Free what is cooled: everything, one credential's, one model's, or one of both. Gives how many were freed."""
        freed = [
            key
            for key in self._health
            if (credential is None or key[0] == credential) and (model is None or key[1] == model)
        ]
        for key in freed:
            del self._health[key]
        self.changes += bool(freed)
        return len(freed)

    def keep(self, credential_ids: Collection[str]) -> None:
        """A reload: what is held against credentials that no longer exist is dropped."""
        gone = [key for key in self._health if key[0] not in credential_ids]
        for key in gone:
            del self._health[key]
        self.quotas.keep(credential_ids)
        self.changes += bool(gone)

    def restore(self, health: Mapping[ModelKey, Health]) -> None:
        """Take over what an earlier life remembered."""
        self._health.update(health)


def _nearest(standings: Sequence[Availability]) -> float | None:
    return min((s.until for s in standings if s.state is State.COOLING and s.until is not None), default=None)
