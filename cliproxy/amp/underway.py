"""What is under way beside the relay's exchanges: the daemon waits for it when it stops, and cuts it when it must."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from cliproxy.quiet import Quiet

_Result = TypeVar("_Result")


class Underway:
    """Coroutines that are being waited for."""

    def __init__(self, clock: IReactorTime) -> None:
        self._tasks: set[Deferred[Any]] = set()
        self._quiet = Quiet(clock)

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
                self._quiet.come()
            return result

        return running.addBoth(over)

    async def idle(self, seconds: float) -> None:
        """Wait until there is none, at most so many seconds."""
        if self._tasks:
            await self._quiet.wait(seconds)

    def cut_all(self) -> None:
        """Cancel each of them."""
        for task in list(self._tasks):
            task.cancel()
