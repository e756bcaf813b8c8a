"""A background that is not one."""

from __future__ import annotations

from collections.abc import Callable


class AtOnce:
    """Work that is done when it is given; ``full`` is too much of it."""

    full = False

    def do(self, work: Callable[[], object]) -> bool:
        if self.full:
            return False
        work()
        return True

    def say(self, what: Callable[[], object]) -> None:
        what()
