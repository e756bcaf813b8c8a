"""Leases for walks: given now, after a wait, or never. The waits and the fleet's retry budget are here."""

from __future__ import annotations

from itertools import count
from random import Random
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from cliproxy.failover.wait_queue import WaitQueue
from cliproxy.pool.pool import Lease, Pool, WaitReason
from cliproxy.pool.verdict import Verdict
from cliproxy.pool.walk import BACKOFF_JITTER, Walk

#: Fleet-wide, this share of the requests in flight may be retries, and always so many.
RETRY_SHARE: Final = 0.2
RETRY_FLOOR: Final = 3

#: Timers may fire a rounding error early.
_EPSILON: Final = 1e-6


class Leases:
    """Every request enters, obtains leases, ends each through one of the four doors, and leaves.

    :ivar in_flight: requests that have entered and not left.
    """

    def __init__(self, pool: Pool, clock: IReactorTime, random: Random) -> None:
        self._pool = pool
        self._clock = clock
        self._random = random
        self._line = WaitQueue(pool, clock, self._grant)
        self._tickets = count()
        self._retries: set[Lease] = set()
        self.in_flight = 0

    @property
    def retrying(self) -> int:
        """Undecided attempts that are not the first of their request."""
        return len(self._retries)

    @property
    def waiting(self) -> int:
        """Requests in the waiting line."""
        return len(self._line)

    @property
    def crowded(self) -> bool:
        """The waiting line is full."""
        return self._line.full

    def enter(self) -> int:
        """A request begins. Gives its ticket: its rank in the waiting line."""
        self.in_flight += 1
        return next(self._tickets)

    def leave(self) -> None:
        """A request is over, its answer included."""
        self.in_flight -= 1

    def at_once(self, walk: Walk) -> Lease | None:
        """The walk's first lease, if one is to be had now."""
        return self._grant(walk)

    async def obtain(self, walk: Walk, ticket: int) -> Lease | None:
        """The walk's next lease, after whatever wait it takes; None when attempts have ended. Cancellable."""
        patience: float | None = None
        while True:
            now = self._clock.seconds()
            lease = self._grant(walk)
            if lease is not None:
                return lease
            outlook = self._pool.outlook(walk, now)
            if outlook.hope is WaitReason.ROUND:
                walk.begin_round()
                await deferLater(self._clock, walk.backoff(self._random.uniform(*BACKOFF_JITTER)))
                continue
            if outlook.hope is WaitReason.NONE or self.crowded:
                return None
            until, turn = outlook.due, outlook.hope is WaitReason.TURN
            if not turn or walk.may_go_on:
                patience = now + walk.settings.max_retry_interval if patience is None else patience
                until = patience if until is None else min(until, patience)
            if not turn and patience is not None and now >= patience - _EPSILON:
                return None
            if outlook.hope is WaitReason.RECOVERY:
                walk.begin_round()
            lease = await self._line.wait(ticket, walk, until)
            if lease is not None:
                return lease
            if turn and walk.may_go_on and until is not None and self._clock.seconds() >= until - _EPSILON:
                walk.begin_round()  # those tried before the turn came may have recovered

    def answered(self, lease: Lease) -> None:
        """The attempt showed content; its hold goes on until one of the other three."""
        self._pool.answer(lease, self._clock.seconds())
        self._decided(lease)

    def succeeded(self, lease: Lease) -> None:
        """The answer ended well."""
        self._pool.succeed(lease, self._clock.seconds())
        self._decided(lease)

    def failed(self, lease: Lease, verdict: Verdict) -> None:
        """The attempt failed, before or after content."""
        self._pool.fail(lease, verdict, self._clock.seconds())
        self._decided(lease)

    def released(self, lease: Lease) -> None:
        """The attempt ended without blame."""
        self._pool.release(lease)
        self._decided(lease)

    def _decided(self, lease: Lease) -> None:
        """Those who wait for the attempt's outcome, its place or its share of the budget are served."""
        retry = lease in self._retries
        self._retries.discard(lease)
        self._line.serve(lease.candidate.credential.id)
        if retry:
            self._line.serve_retries()

    def serve(self, credential_id: str | None) -> None:
        """A credential's health changed from outside (None: everybody's)."""
        self._line.serve(credential_id)

    def _grant(self, walk: Walk) -> Lease | None:
        """A lease if one is to be had now and, for a retry, the fleet's budget allows."""
        if walk.number and len(self._retries) >= max(RETRY_FLOOR, RETRY_SHARE * self.in_flight):
            return None
        lease = self._pool.pick(walk, self._clock.seconds())
        if lease is not None and walk.number:
            self._retries.add(lease)
        return lease
