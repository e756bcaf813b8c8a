"""Where usage is kept over a restart: ``usage.db`` beside the state file, when it is to be, and what budgets start from."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cliproxy.daemon.state_file import state_path
from cliproxy.service import CliproxyService
from cliproxy.settings.client_keys import PERIODS
from cliproxy.settings.model import Settings
from cliproxy.usage.allowances import window
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

    def startService(self) -> None:
        """Open it."""
        super().startService()
        settings, ledger = self._daemon.settings, self._daemon.ledger
        if not is_kept(settings):
            return
        path = usage_path(settings)
        ledger.path, ledger.retention_days = str(path), settings.usage_retention_days
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            self._log.warn("{path} cannot be written: {why}", path=str(path), why=error.strerror)
        restored = Deferred.fromCoroutine(self._restore(settings))
        restored.addErrback(lambda failure: self._log.failure("budgets begin at nothing", failure))

    async def _restore(self, settings: Settings) -> None:
        labels = frozenset(key.label for key in settings.api_keys if key.budgets)
        allowances = self._daemon.front.allowances
        for per in PERIODS:
            if any(budget.per == per for key in settings.api_keys for budget in key.budgets) and per != "minute":
                wall = self._daemon.now()
                begin = window(per, wall)[0]
                used = await self._daemon.ledger.ask(partial(summed, since=begin, keys=labels))
                allowances.restore(settings.api_keys, per, used, wall)
