"""What is under way beside the relay's exchanges: the daemon waits for it when it stops, and cuts it when it must."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

_Result = TypeVar("_Result")


class IdleEvent:
    """Lets one waiter wait for it; whoever counts what is under way says when it has come."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiter: Deferred[None] | None = None

    async def wait(self, seconds: float) -> None:
        """Until :meth:`set`, at most so many seconds."""
        self._waiter = Deferred()
        timer = self._clock.callLater(seconds, self.set)
        await self._waiter
        if timer.active():
            timer.cancel()

    def set(self) -> None:
        """Nothing is under way any more."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.callback(None)


class InFlight:
    """Coroutines that are being waited for."""

    def __init__(self, clock: IReactorTime) -> None:
        self._tasks: set[Deferred[Any]] = set()
        self._idle = IdleEvent(clock)

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._tasks)

    def run(self, task: Coroutine[Deferred[Any], Any, _Result]) -> Deferred[_Result]:
        """Start one. Cancelling the Deferred cancels it."""
        running = Deferred.fromCoroutine(task)
        self._tasks.add(running)

        def over(result: Any) -> Any:
            self._tasks.discard(running)
            if not self._tasks:
                self._idle.set()
            return result

        return running.addBoth(over)

    async def idle(self, seconds: float) -> None:
        """Wait until there is none, at most so many seconds."""
        if self._tasks:
            await self._idle.wait(seconds)

    def cut_all(self) -> None:
        """Cancel each of them."""
        for task in list(self._tasks):
            task.cancel()
