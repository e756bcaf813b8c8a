"""Where usage is kept over a restart: ``usage.db`` beside the state file, when it is to be, and what budgets start from."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cliproxy.daemon.state_file import state_path
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Settings
from cliproxy.usage.allowances import window
from cliproxy.usage.database import IN_MEMORY, prepare
from cliproxy.usage.ledger import summed


def usage_path(settings: Settings) -> Path:
    """The file of the ledger."""
    return state_path(settings).with_name("usage.db")


def is_kept(settings: Settings) -> bool:
    """Whether usage goes to a file: when it is asked for, and where a budget must outlive the process."""
    return settings.usage_statistics_enabled or any(key.budgets for key in settings.api_keys)


class SavedUsage(Service):
    """Opens the file before the first request, and gives budgets what was used in an earlier life."""

    name = "usage"
    _log = Logger()

    def __init__(self, daemon: CliproxyService) -> None:
        self._daemon = daemon
        daemon.configured.append(self.configure)

    def startService(self) -> None:
        """Open it."""
        super().startService()
        settings, ledger = self._daemon.settings, self._daemon.ledger
        ledger.retention_days = settings.usage_retention_days
        if not is_kept(settings):
            return
        self._make(usage_path(settings))
        ledger.path = str(usage_path(settings))
        try:
            self._restore(settings, usage_path(settings))
        except sqlite3.Error as error:
            self._log.error("budgets begin at nothing: {path}: {why}", path=ledger.path, why=str(error))

    def configure(self, settings: Settings) -> None:
        """Go on in the file, once it is asked for; it is left at the next start only."""
        ledger = self._daemon.ledger
        ledger.retention_days = settings.usage_retention_days
        if self.running and is_kept(settings) and ledger.path == IN_MEMORY:
            path = usage_path(settings)
            self._make(path)
            moved = Deferred.fromCoroutine(ledger.keep_in(str(path)))
            moved.addErrback(lambda failure: self._log.failure("usage is not kept in {path}", failure, path=str(path)))

    def _make(self, path: Path) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            self._log.warn("{path} cannot be written: {why}", path=str(path), why=error.strerror)

    def _restore(self, settings: Settings, path: Path) -> None:
        """Before anything is served, so that nobody gets more than is left."""
        keys = [key for key in settings.api_keys if key.budgets]
        if not keys:
            return
        allowances, wall = self._daemon.front.allowances, self._daemon.now()
        with contextlib.closing(sqlite3.connect(path)) as connection:
            prepare(connection)
            for per in {budget.per for key in keys for budget in key.budgets} - {"minute"}:
                begin = window(per, wall)[0]
                used = summed(connection.cursor(), begin, frozenset(key.label for key in keys))
                allowances.restore(settings.api_keys, per, used, wall)
