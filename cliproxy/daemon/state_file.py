"""The state file: cool-downs that survive a restart. Written whole or not at all, and readable by its owner only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cliproxy.amp.credits import Credits
from cliproxy.jsontypes import InvalidJSON, dumps, loads
from cliproxy.pool.pool import Pool
from cliproxy.pool.state import parse, serialise
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Settings
from cliproxy.wire.files import write_whole

#: How often cool-downs that changed are written, in seconds.
SAVE_SECONDS: Final = 5.0


class StateFile:
    """One pool's state file. A file that cannot be read or written costs the memory, never the daemon.

    :param clock: the pool's monotonic time.
    :param now: Unix time.
    """

    _log = Logger()

    def __init__(self, path: Path, pool: Pool, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._path = path
        self._pool = pool
        self._clock = clock
        self._now = now
        self._saved = pool.changes

    def restore(self) -> None:
        """Give the pool what an earlier life remembered."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            self._log.warn("cannot read the state file {path}: {error}", path=str(self._path), error=error.strerror)
            return
        try:
            self._pool.restore(parse(data, now=self._clock.seconds(), wall=self._now()))
        except ValueError as error:
            self._log.warn("the state file {path} is not used: {error}", path=str(self._path), error=error)

    def save(self) -> None:
        """Write what changed since the last time, if anything did."""
        changes = self._pool.changes
        if changes == self._saved:
            return
        data = serialise(self._pool.cooldowns(), now=self._clock.seconds(), wall=self._now())
        try:
            write_whole(self._path, data)
        except OSError as error:
            self._log.warn("cannot write the state file {path}: {error}", path=str(self._path), error=error.strerror)
        self._saved = changes


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


def state_path(settings: Settings) -> Path:
    """Where cool-downs are kept."""
    return settings.state_file or settings.auth_dir / "state.json"


def credits_path(settings: Settings) -> Path:
    """Where the day's count of requests that used Amp's credits is kept."""
    return state_path(settings).with_name("amp-credits.json")


class SavedState(Service):
    """Cool-downs and the count of Amp's credits over a restart: read at the start, written while they change and at the end."""

    name = "memory"

    def __init__(self, daemon: CliproxyService, reactor: Any) -> None:
        self._file = StateFile(state_path(daemon.settings), daemon.pool, reactor, daemon.now)
        self._credits = CreditsFile(credits_path(daemon.settings), daemon.amp.credits)
        self._writing = LoopingCall(self.save)
        self._writing.clock = reactor

    def startService(self) -> None:
        """Remember."""
        super().startService()
        self._file.restore()
        self._credits.restore()
        self._writing.start(SAVE_SECONDS, now=False)

    def stopService(self) -> None:
        """Write the last of it."""
        super().stopService()
        if self._writing.running:
            self._writing.stop()
            self.save()

    def release(self) -> None:
        """Another process writes from now on."""
        if self._writing.running:
            self._writing.stop()

    def save(self) -> None:
        """Write what has changed."""
        self._file.save()
        self._credits.save()
