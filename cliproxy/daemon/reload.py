"""A new configuration without a restart: on ``SIGHUP``, and when the file changes.

Everything is checked before anything is applied. A file that cannot be used leaves the last good one in force, and the log
says why.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel

from cliproxy.errors import SettingsError
from cliproxy.settings.load import Loaded
from cliproxy.settings.model import Settings
from cliproxy.settings.problems import Problem, Severity

#: How often the file is looked at, in seconds. It is looked at, not watched: that survives editors which replace it.
POLL_SECONDS: Final = 1.0


def report(log: Logger, problem: Problem) -> None:
    """Log a problem of a configuration that is used all the same."""
    level = LogLevel.error if problem.severity is Severity.SKIPPED else LogLevel.warn
    log.emit(level, "{problem}", problem=str(problem))


class Reloader(Service):
    """Keeps a configuration file and the daemon in step.

    :param read: reads and checks the file.
    :param apply: puts checked settings in force; may raise :exc:`SettingsError` and then has changed nothing.
    """

    name = "reload"
    _log = Logger()

    def __init__(self, path: Path, read: Callable[[], Loaded], apply: Callable[[Settings], None], reactor: Any) -> None:
        self._path = path
        self._read = read
        self._apply = apply
        self._seen = self._look()
        self._poll = LoopingCall(self._check)
        self._poll.clock = reactor

    def _look(self) -> tuple[int, int, int] | None:
        """What identifies the file's present content; None while there is no file, or an empty one."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found.st_size else None

    def startService(self) -> None:
        """Begin looking."""
        super().startService()
        self._poll.start(POLL_SECONDS, now=False)

    def stopService(self) -> None:
        """Stop looking."""
        super().stopService()
        if self._poll.running:
            self._poll.stop()

    def _check(self) -> None:
        seen = self._look()
        # A file that is gone or empty is one being replaced.
        if seen is not None and seen != self._seen:
            self._seen = seen
            self.reload()

    def reload(self) -> bool:
        """Read, check and apply the file now; says whether it was applied."""
        try:
            loaded = self._read()
            self._apply(loaded.settings)
        except SettingsError as error:
            for problem in error.problems:
                self._log.error("not reloaded: {problem}", problem=problem)
            self._log.error("{path}: the last good configuration stays in force", path=str(self._path))
            return False
        except Exception:  # a bug of ours; the next change of the file is to be seen all the same
            self._log.failure("{path}: not reloaded", path=str(self._path))
            return False
        for warning in loaded.warnings:
            report(self._log, warning)
        self._log.info("{path}: reloaded", path=str(self._path))
        return True
