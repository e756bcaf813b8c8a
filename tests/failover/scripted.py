"""A failover with scripted vendors behind the attempt seam, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cliproxy.errors import ErrorDetail, FailureKind, UpstreamFailure
from cliproxy.failover.failover import Failover, Plan
from cliproxy.pool.pool import Lease, Pool
from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.credential import Credential
from cliproxy.routing.route import Candidate, Route
from cliproxy.settings.model import Secret, Settings

MODEL = "m-1"


def credential(letter: str, **extra: object) -> Credential:
    """A credential whose id and label are ``letter``."""
    plain = Credential(
        id=letter,
        label=letter,
        provider="openai-compatibility",
        channel="vendor",
        key=Secret(f"key-{letter}"),
        base_url="https://vendor.test",
    )
    return attrs.evolve(plain, **extra)  # type: ignore[arg-type]


def candidate(owner: Credential, model: str = MODEL) -> Candidate:
    """``owner``'s offer of ``model``."""
    return Candidate(owner, model, None, model, ModelInfo(model))


def route(*offers: Candidate, name: str = MODEL, fallbacks: Iterable[str] = ()) -> Route:
    """The route called ``name`` over ``offers``."""
    return Route(name, name, None, tuple(offers), tuple(fallbacks))


def answered(status: int, message: str = "no", **detail: object) -> UpstreamFailure:
    """An upstream's error answer."""
    return UpstreamFailure(ErrorDetail(status, message, **detail), FailureKind.STATUS, {}, b'{"error":"no"}')  # type: ignore[arg-type]


class Even(Random):
    """Jitter without jitter."""

    def uniform(self, a: float, b: float) -> float:
        """The middle."""
        return (a + b) / 2


#: What a vendor does with one attempt: nothing (serve), a failure, or a Deferred to wait for.
Move = Callable[[], "UpstreamFailure | Deferred[None] | None"]


@attrs.define
class Scripted:
    """Failover, pool and clock, and the vendors' moves by credential id (``*`` is everybody's). No move left: serve.

    :ivar log: (credential id, time) of every attempt.
    """

    settings: Settings = attrs.field(factory=Settings)
    clock: Clock = attrs.field(factory=Clock)
    pool: Pool = attrs.field(factory=Pool)
    log: list[tuple[str, float]] = attrs.field(factory=list)
    moves: dict[str, list[Move]] = attrs.field(factory=dict)
    always: Move | None = None
    routes: dict[str, Route] = attrs.field(factory=dict)
    failover: Failover = attrs.field(init=False)
    leases: list[Lease] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.failover = Failover(self.pool, self.clock, Even())

    async def attempt(self, lease: Lease) -> str:
        """One attempt at the scripted vendor."""
        owner = lease.candidate.credential.id
        self.log.append((owner, self.clock.seconds()))
        self.leases.append(lease)
        move = self._move(owner)
        outcome = move() if move is not None else None
        if isinstance(outcome, Deferred):
            await outcome
        elif outcome is not None:
            raise outcome
        return f"served by {owner}"

    def _move(self, owner: str) -> Move | None:
        for name in (owner, "*"):
            if self.moves.get(name):
                return self.moves[name].pop(0)
        return self.always

    def plan(self, offers: Route, *, stream: bool = False, affinity: str | None = None) -> Plan:
        """A plan for ``offers`` under the present settings."""
        return Plan(offers, self.settings, self.routes.__getitem__, stream=stream, affinity=affinity)

    def start(self, plan: Plan) -> Deferred[str]:
        """Begin a request."""
        return Deferred.fromCoroutine(self.failover.run(plan, self.attempt))

    def settle(self, running: Deferred[str], limit: float = 3600.0) -> str | BaseException:
        """Let time pass until ``running`` has ended; its result or its exception."""
        found: list[str | BaseException] = []
        running.addCallbacks(found.append, lambda failure: found.append(failure.value))
        while not found:
            calls = self.clock.getDelayedCalls()
            assert calls, "it waits for nothing that will come"
            assert self.clock.seconds() < limit, "it waits for ever"
            self.clock.advance(max(0.0, min(call.getTime() for call in calls) - self.clock.seconds()))
        return found[0]

    def cooling(self) -> dict[str, float]:
        """Seconds left to everything that cools: ``A`` is all of credential A, ``A/m-1`` one model of it."""
        now = self.clock.seconds()
        return {
            f"{owner}/{model}" if model else owner: round(health.until - now, 3)
            for (owner, model), health in sorted(self.pool.cooldowns().items())
            if health.until is not None
        }
