"""The failover loop: one request, as many attempts as the fault table allows.

What decides is pure and in :mod:`cliproxy.pool`; what waits is in :mod:`cliproxy.failover.leases`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import TypeVar

import attrs
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cliproxy.errors import FailureKind, RequestFault, UpstreamFailure
from cliproxy.failover.leases import Leases
from cliproxy.failover.standing import Standing
from cliproxy.pool.answers import ending
from cliproxy.pool.pool import WHOLE, Lease, Pool
from cliproxy.pool.trace import Trace, attempt_of, reason
from cliproxy.pool.verdict import Verdict, judge
from cliproxy.pool.walk import Walk, eligible
from cliproxy.routing.credential import Credential
from cliproxy.routing.quota import Window
from cliproxy.routing.route import Route
from cliproxy.settings.model import Settings
from cliproxy.wire.escape import visible

T = TypeVar("T")


@attrs.define(eq=False)
class Plan:
    """One request's failover, as the relay asks for it.

    :ivar resolve: the router's: fallback names are resolved when their turn comes.
    :ivar affinity: the conversation's key (:func:`cliproxy.pool.affinity.key_from`), or None.
    :ivar id: the exchange's id, for the log.
    :ivar reserve: the share of a quota that is kept for others.
    :ivar begun: the lease of the first attempt, where :meth:`Failover.begin` gave one; ``ticket`` is its request's.
    """

    route: Route
    settings: Settings
    resolve: Callable[[str], Route]
    stream: bool = False
    affinity: str | None = None
    id: str = ""
    reserve: float = 0.0
    trace: Trace = attrs.field(factory=Trace)
    begun: Lease | None = None
    ticket: int = 0


class Failover:
    """One for the daemon's life, over the pool that outlives configurations.

    :param clock: waits, and the monotonic time of the pool.
    :param random: jitter.
    :param now: Unix seconds, for the log.
    :param refresh: gives a refreshed credential after a 401, or None when there is nothing to refresh.
    """

    _log = Logger()

    def __init__(
        self,
        pool: Pool,
        clock: IReactorTime,
        random: Random,
        refresh: Callable[[Credential], Awaitable[Credential | None]] | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self.pool = pool
        self._clock = clock
        self._refresh = refresh
        self._standing = Standing(pool, clock, now or clock.seconds)
        self._leases = Leases(pool, clock, random)

    def begin(self, plan: Plan) -> Lease | None:
        """The lease of a first attempt that is made without waiting. It ends with :meth:`showed`, or goes to :meth:`run`.

        None where none is to be had at once; then nothing has happened.
        """
        ticket = self._leases.enter()
        lease = self._leases.at_once(self._walk(plan, plan.route, 0))
        if lease is None:
            self._leases.leave()
        else:
            plan.begun, plan.ticket, plan.trace.affinity = lease, ticket, lease.affinity
        return lease

    def showed(self, plan: Plan, lease: Lease) -> None:
        """The attempt has shown content; the lease stays out until :meth:`finish`."""
        self._record(plan, lease, 200, "answered")
        self._leases.answered(lease)
        self._standing.answered(lease)

    async def run(
        self,
        plan: Plan,
        attempt: Callable[[Lease], Awaitable[T]],
        first: Callable[[Lease], Awaitable[T]] | None = None,
    ) -> T:
        """Attempt until one shows content; its result is given, and its lease stays out until :meth:`finish`.

        ``attempt`` raises UpstreamFailure before content; a RequestFault answers the request at once. Cancelling ends
        the attempt or the wait in progress, and none follows.

        :param first: the rest of an attempt that was begun with :meth:`begin`.
        :raises UpstreamFailure: what the client gets.
        :raises RequestFault: ``attempt``'s own.
        """
        ticket = self._leases.enter() if plan.begun is None else plan.ticket
        try:
            return await self._over_names(plan, ticket, attempt, first)
        except BaseException:  # raised again, the client's hang-up (CancelledError) included
            self._leases.leave()
            raise

    def finish(self, lease: Lease, failure: UpstreamFailure | None = None, *, cancelled: bool = False) -> None:
        """The answer that :meth:`run` gave is over: whole, failed after content, or the client left. Idempotent."""
        if lease.ended:
            return
        self._leases.leave()
        if cancelled:
            self._leases.released(lease)
        elif failure is None:
            self._leases.succeeded(lease)
        else:
            self._leases.failed(lease, _judged(lease, failure))
            self._standing.failed(lease, failure)

    def observe(self, lease: Lease, windows: Sequence[Window]) -> None:
        """An answer says what is left of the vendor's quotas."""
        if windows:
            self.pool.observe(lease, windows, self._clock.seconds())

    def clear(self, credential: str | None = None, model: str | None = None) -> int:
        """The operator frees what is cooled (:meth:`Pool.clear`); who waits for it goes on at once."""
        freed = self.pool.clear(credential, model)
        self._standing.forget()
        self._leases.serve(credential)
        return freed

    def usable(self, credential: Credential) -> bool:
        """Whether nothing cools the whole credential now."""
        health = self.pool.cooldowns().get((credential.id, WHOLE))
        return health is None or not health.cooling(self._clock.seconds())

    @property
    def waiting(self) -> int:
        """Requests in the wait queue."""
        return self._leases.waiting

    @property
    def idle(self) -> bool:
        """No request is in flight, waits or retries."""
        return not (self._leases.in_flight or self._leases.waiting or self._leases.retrying)

    def _walk(self, plan: Plan, route: Route, before: int) -> Walk:
        conversation = None if plan.affinity is None else f"{route.base.lower()} {plan.affinity}"
        candidates = eligible(route.candidates, plan.settings)
        return Walk(route.base, candidates, plan.settings, plan.stream, conversation, before, plan.reserve)

    async def _over_names(
        self,
        plan: Plan,
        ticket: int,
        attempt: Callable[[Lease], Awaitable[T]],
        first: Callable[[Lease], Awaitable[T]] | None,
    ) -> T:
        """The route, then its fallbacks, theirs included, each name once."""
        route, pending, met = plan.route, list(plan.route.fallbacks), {plan.route.base.lower()}
        walk = self._walk(plan, route, 0) if plan.begun is None else plan.begun.walk
        while True:
            try:
                return await self._over_offers(plan, walk, ticket, attempt, first)
            except UpstreamFailure:
                if walk.over and not walk.context_exceeded:
                    raise
                following = self._next_name(plan, pending, met)
                if following is None:
                    raise
                walk = self._walk(plan, following, walk.number)

    def _next_name(self, plan: Plan, pending: list[str], met: set[str]) -> Route | None:
        while pending:
            try:
                route = plan.resolve(pending.pop(0))
            except RequestFault:  # nobody serves that fallback now
                continue
            if route.base.lower() not in met:
                met.add(route.base.lower())
                pending[:0] = route.fallbacks
                return route
        return None

    async def _over_offers(
        self,
        plan: Plan,
        walk: Walk,
        ticket: int,
        attempt: Callable[[Lease], Awaitable[T]],
        first: Callable[[Lease], Awaitable[T]] | None,
    ) -> T:
        while True:
            lease, plan.begun = plan.begun, None
            if lease is None:
                lease, first = await self._obtained(plan, walk, ticket), None
            try:
                result = await self._once(lease, attempt, first)
            except UpstreamFailure as failure:
                verdict = _judged(lease, failure)
                walk.note(failure, verdict)
                self._record(plan, lease, verdict.status, reason(failure, verdict))
                self._leases.failed(lease, verdict)
                self._standing.failed(lease, failure)
                if walk.over:
                    raise ending(walk, self.pool, self._clock.seconds()) from None
            except BaseException as ended:  # raised again: the client left, or its request is at fault. No blame.
                self._record(plan, lease, 0, "cancelled" if isinstance(ended, CancelledError) else "not sent")
                self._leases.released(lease)
                raise
            else:
                self.showed(plan, lease)
                return result

    async def _obtained(self, plan: Plan, walk: Walk, ticket: int) -> Lease:
        asked = self._clock.seconds()
        lease = await self._leases.obtain(walk, ticket)
        plan.trace.waited += self._clock.seconds() - asked
        if lease is None:
            raise ending(walk, self.pool, self._clock.seconds(), crowded=self._leases.crowded)
        plan.trace.affinity = lease.affinity
        return lease

    async def _once(
        self,
        lease: Lease,
        attempt: Callable[[Lease], Awaitable[T]],
        first: Callable[[Lease], Awaitable[T]] | None,
    ) -> T:
        """One attempt. A connection found dead is replayed once, and a 401 once after a refresh; neither is counted."""
        stale = refreshed = False
        rest = first or attempt
        while True:
            try:
                making, rest = rest(lease), attempt
                return await making
            except UpstreamFailure as failure:
                if failure.kind is FailureKind.STALE and not stale:
                    stale = True
                elif failure.detail.status == 401 and self._refresh is not None and not refreshed:
                    refreshed = True
                    fresh = await self._refresh(lease.candidate.credential)
                    if fresh is None:
                        raise
                    lease.candidate = attrs.evolve(lease.candidate, credential=fresh)
                else:
                    raise

    def _record(self, plan: Plan, lease: Lease, status: int, why: str) -> None:
        made = attempt_of(lease, status, why, self._clock.seconds())
        plan.trace.attempts.append(made)
        if plan.settings.debug:  # a debug line that nobody wants costs as much as one that is read
            self._log.debug(
                "{exchange} attempt {number} with {credential} for {model} ended after {seconds:.3f} s: {status} {why}",
                exchange=plan.id,
                number=lease.number,
                **attrs.asdict(made) | {"why": visible(why)},
            )


def _judged(lease: Lease, failure: UpstreamFailure) -> Verdict:
    credential, settings = lease.candidate.credential, lease.walk.settings
    switch = settings.quota_exceeded.switch_project
    return judge(failure, model=lease.candidate.model, rules=credential.error_rules, switch_project=switch)
