"""Waiting until nothing is under way."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime


class Quiet:
    """Lets one waiter wait for it; whoever counts what is under way says when it has come."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiter: Deferred[None] | None = None

    async def wait(self, seconds: float) -> None:
        """Until :meth:`come`, at most so many seconds."""
        self._waiter = Deferred()
        timer = self._clock.callLater(seconds, self.come)
        await self._waiter
        if timer.active():
            timer.cancel()

    def come(self) -> None:
        """Nothing is under way any more."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.callback(None)
