"""The state file: cool-downs that survive a restart. Written whole or not at all, and readable by its owner only."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cliproxy.pool.pool import Pool
from cliproxy.pool.state import parse, serialise


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


def write_whole(path: Path, data: bytes) -> None:
    """Replace ``path`` by a file of mode 0600 that holds ``data``; readers see the old one or the new one.

    :raises OSError: it cannot be written; the old file is untouched.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
