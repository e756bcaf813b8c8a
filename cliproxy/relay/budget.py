"""What the daemon holds of all messages together."""

from __future__ import annotations

from typing import Final

import attrs

#: Whoever is refused because others' messages fill the daemon is asked to come again after so many seconds.
BUSY_SECONDS: Final = 2.0


@attrs.define
class Budget:
    """Bytes of bodies that the daemon holds at a time, those of all clients together."""

    limit: int
    taken: int = 0

    def take(self, size: int) -> bool:
        """Whether so many bytes more may be held; they then count until they are given back."""
        if self.taken + size > self.limit:
            return False
        self.taken += size
        return True

    def give(self, size: int) -> None:
        """So many bytes are held no more."""
        self.taken -= size
