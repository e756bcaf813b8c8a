"""How many refusals of one peer are worth a line each: strangers write no log full. Pure."""

from __future__ import annotations

from typing import Final

#: Lines a peer may cause in a window, in seconds; what is more is counted and said once.
MOST: Final = 10
WINDOW: Final = 60.0
#: Peers told apart in a window; those after them are counted together.
PEERS: Final = 1000
OTHERS: Final = "others"


class Refusals:
    """The refusals of the present window, by peer."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def worth_saying(self, peer: str) -> bool:
        """Count one; whether it is to have a line of its own."""
        key = peer if peer in self._seen or len(self._seen) < PEERS else OTHERS
        count = self._seen[key] = self._seen.get(key, 0) + 1
        return count <= MOST

    @property
    def empty(self) -> bool:
        """Nothing was refused in this window."""
        return not self._seen

    def close(self) -> list[tuple[str, int]]:
        """End the window: (peer, how many had no line), for each peer that has any."""
        seen, self._seen = self._seen, {}
        return [(peer, count - MOST) for peer, count in seen.items() if count > MOST]
