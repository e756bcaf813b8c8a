"""The waiting line: requests that want a lease, first come first served. Bounded, and every place can be given up."""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cliproxy.pool.pool import Lease, Pool, State
from cliproxy.pool.walk import Walk

#: Waiting requests beyond this are turned away.
LINE_LIMIT: Final = 1024


@attrs.define(eq=False)
class Waiter:
    """One request's place. ``ticket`` says when the request came; it keeps its rank however often it looks again."""

    ticket: int
    walk: Walk
    woken: Deferred[Lease | None]
    timer: IDelayedCall | None = None


class WaitQueue:
    """Who waits, and who is served when something changes.

    :param grant: tries to take a lease for a walk.
    """

    def __init__(self, pool: Pool, clock: IReactorTime, grant: Callable[[Walk], Lease | None]) -> None:
        self._pool = pool
        self._clock = clock
        self._grant = grant
        self._places: list[Waiter] = []
        self._changes: deque[Callable[[], None]] = deque()
        self._serving = False

    def __len__(self) -> int:
        return len(self._places)

    @property
    def full(self) -> bool:
        """No further request may wait."""
        return len(self._places) >= LINE_LIMIT

    async def wait(self, ticket: int, walk: Walk, until: float | None) -> Lease | None:
        """Stand in line until served with a lease. None: the time is up, or it should look again at what changed.

        :param until: monotonic seconds.
        """
        place = Waiter(ticket, walk, Deferred())
        bisect.insort(self._places, place, key=lambda other: other.ticket)
        if until is not None:
            place.timer = self._clock.callLater(max(0.0, until - self._clock.seconds()), self._wake, place, None)
        try:
            return await place.woken
        finally:
            self._leave(place)

    def _leave(self, place: Waiter) -> None:
        if place in self._places:
            self._places.remove(place)
        if place.timer is not None and place.timer.active():
            place.timer.cancel()

    def _wake(self, place: Waiter, lease: Lease | None) -> None:
        self._leave(place)
        place.woken.callback(lease)

    def serve(self, credential_id: str | None) -> None:
        """Something about a credential changed (None: about all): serve those it may help.

        An attempt that a served request makes may end before this returns; what it changes is served after.
        """
        self._enqueue(partial(self._serve_changed, credential_id))

    def serve_retries(self) -> None:
        """The retry budget may have room."""
        self._enqueue(self._serve_retries)

    def _enqueue(self, change: Callable[[], None]) -> None:
        if not self._places:
            return
        self._changes.append(change)
        if self._serving:
            return
        self._serving = True
        try:
            while self._changes:
                self._changes.popleft()()
        finally:
            self._serving = False

    def _serve_changed(self, credential_id: str | None) -> None:
        for place in tuple(self._places):
            walk = place.walk
            candidates = walk.candidates if credential_id is None else walk.rota.by_credential.get(credential_id, ())
            if place.woken.called or not candidates:
                continue
            lease = self._grant(place.walk)
            if lease is not None:
                self._wake(place, lease)
                continue
            states = {self._pool.standing(candidate, self._clock.seconds()).state for candidate in candidates}
            if State.COOLING in states:
                self._wake(place, None)
            elif credential_id is not None and State.USABLE not in states:
                return

    def _serve_retries(self) -> None:
        for place in tuple(self._places):
            if place.woken.called or not place.walk.number:
                continue
            lease = self._grant(place.walk)
            if lease is not None:
                self._wake(place, lease)
