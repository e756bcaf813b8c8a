"""A new configuration without a restart: on ``SIGHUP``, and when the file changes.

Everything is checked before anything is applied. A file that cannot be used leaves the last good one in force, and the log
says why.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from cliproxy.errors import SettingsError
from cliproxy.settings.load import Loaded
from cliproxy.settings.model import Settings
from cliproxy.settings.problems import Problem, Severity

#: How often the file is looked at, in seconds. It is looked at, not watched: that survives editors which replace it.
POLL_SECONDS: Final = 1.0


_LAST_KEY: Final = (
    "it has no api-keys any more, so that everybody would be served; if that is meant, write api-keys: []"
)


def report(log: Logger, problem: Problem) -> None:
    """Log a problem of a configuration that is used all the same."""
    level = LogLevel.error if problem.severity is Severity.SKIPPED else LogLevel.warn
    log.emit(level, "{problem}", problem=str(problem))


class Reloader(Service):
    """Keeps a configuration file and the daemon in step.

    :param read: reads and checks the file.
    :param compile: makes ready what ``put`` puts in force; may raise :exc:`SettingsError`, and changes nothing.
    :param keyed: whether the daemon asks for client keys now.
    :param aside: runs what takes long where it holds up nobody: reading and compiling.
    """

    name = "reload"
    _log = Logger()

    def __init__(
        self,
        path: Path,
        read: Callable[[], Loaded],
        compile: Callable[[Settings], Any],
        put: Callable[[Any], object],
        reactor: Any,
        *,
        keyed: Callable[[], bool],
        aside: Callable[[Callable[[], Any]], Deferred[Any]] = maybeDeferred,
    ) -> None:
        self._path = path
        self._read = read
        self._compile = compile
        self._put = put
        self._keyed = keyed
        self._aside = aside
        self._taken = self._last = self._look()
        self._running: Deferred[bool] | None = None
        self._poll = LoopingCall(self._check)
        self._poll.clock = reactor

    def _look(self) -> tuple[int, int, int] | None:
        """What identifies the file's present content, whatever links lead to it; None while there is none, or an empty one."""
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
        """A change is taken when two looks in a row see the same: until then it may be half of what is being written."""
        last, self._last = self._last, self._look()
        # A file that is gone or empty is one being replaced.
        if self._last is not None and self._last == last and last != self._taken:
            self.reload()

    def reload(self) -> Deferred[bool]:
        """Read, check and apply the file as it is now; says whether it was applied. One at a time: a second one follows."""
        before = self._running
        if before is not None:
            again: Deferred[bool] = Deferred()
            before.addCallback(lambda _: self._begin().chainDeferred(again))
            return again
        return self._begin()

    def _begin(self) -> Deferred[bool]:
        self._taken = self._look()
        running: Deferred[bool] = Deferred.fromCoroutine(self._reload()).addErrback(self._broke)
        if running.called:
            return running
        done: Deferred[bool] = Deferred()
        self._running = done

        def over(applied: bool) -> bool:
            self._running = None
            done.callback(applied)
            return applied

        return running.addCallback(over)

    def _broke(self, failure: Failure) -> bool:
        """A bug of ours; the next change of the file is to be seen all the same."""
        self._log.failure("{path}: not reloaded", failure, path=str(self._path))
        return False

    async def _reload(self) -> bool:
        try:
            loaded, compiled = await self._aside(self._prepared)
        except SettingsError as error:
            for problem in error.problems:
                self._log.error("not reloaded: {problem}", problem=problem)
            self._log.error("{path}: the last good configuration stays in force", path=str(self._path))
            return False
        self._put(compiled)
        for warning in loaded.warnings:
            report(self._log, warning)
        self._log.info("{path}: reloaded", path=str(self._path))
        return True

    def _prepared(self) -> tuple[Loaded, Any]:
        """The file, read and compiled. It may be the half of one that somebody writes, and then lacks the keys.

        :raises SettingsError: it cannot be used.
        """
        loaded = self._read()
        if self._keyed() and not loaded.settings.api_keys and not loaded.keyless:
            raise SettingsError((f"{self._path}: {_LAST_KEY}",))
        return loaded, self._compile(loaded.settings)
