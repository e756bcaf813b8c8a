"""How many requests used Amp's credits today: counted, and remembered over a restart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime


class Credits:
    """Requests sent to ampcode.com for inference, by UTC day; only the present day's are kept.

    :param now: Unix seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.day = ""
        self._requests = 0

    def _today(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).date().isoformat()

    @property
    def requests(self) -> int:
        """Today's so far."""
        return self._requests if self.day == self._today() else 0

    def add(self, day: str = "", requests: int = 1) -> int:
        """Count; gives the day's sum. A day that is over counts no more."""
        today = self._today()
        if day in ("", today):
            self.day, self._requests = today, self.requests + requests
        return self.requests
