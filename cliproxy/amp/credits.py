"""How many requests used Amp's credits today: counted, and remembered over a restart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from twisted.logger import Logger

from cliproxy.credentials.state_file import write_whole
from cliproxy.jsontypes import InvalidJSON, dumps, loads


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


class CreditsFile:
    """Where the count survives a restart. A file that cannot be read or written costs the memory, never the daemon."""

    _log = Logger()

    def __init__(self, path: Path, credits: Credits) -> None:
        self._path = path
        self._credits = credits
        self._saved = ("", 0)

    def restore(self) -> None:
        """Add what an earlier life counted today."""
        try:
            found = loads(self._path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, InvalidJSON) as error:
            self._log.warn("{path} is not used: {why}", path=str(self._path), why=type(error).__name__)
            return
        day, requests = (found.get("day"), found.get("requests")) if isinstance(found, dict) else (None, None)
        if isinstance(day, str) and day and isinstance(requests, int) and requests > 0:
            self._credits.add(day, requests)
            self._saved = (self._credits.day, self._credits.requests)

    def save(self) -> None:
        """Write the count, if it changed."""
        now = (self._credits.day, self._credits.requests)
        if now == self._saved or not now[1]:
            return
        try:
            write_whole(self._path, dumps({"day": now[0], "requests": now[1]}) + b"\n")
        except OSError as error:
            self._log.warn("cannot write {path}: {why}", path=str(self._path), why=error.strerror)
        self._saved = now
