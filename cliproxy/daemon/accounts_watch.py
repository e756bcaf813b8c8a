"""``auth-dir`` is looked at, as the configuration file is: a login that comes, changes or goes takes effect at once."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cliproxy.accounts.directory import accounts_in, signature
from cliproxy.daemon.reload import POLL_SECONDS
from cliproxy.errors import SettingsError
from cliproxy.routing.account import credential_of
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Settings
from cliproxy.wire.escape import visible


class AccountsWatch(Service):
    """Says of each file that is not used why, once, and has the daemon read them again when they change."""

    name = "accounts"
    _log = Logger()

    def __init__(self, daemon: CliproxyService, reactor: Any) -> None:
        self._daemon = daemon
        self._seen = signature(daemon.settings.auth_dir)
        self._said: set[tuple[str, str]] = set()
        self._poll = LoopingCall(self._check)
        self._poll.clock = reactor

    def startService(self) -> None:
        """Begin looking."""
        super().startService()
        self._say(self._daemon.settings)
        self._poll.start(POLL_SECONDS, now=False)

    def stopService(self) -> None:
        """Stop looking."""
        super().stopService()
        self._poll.stop()

    def _check(self) -> None:
        settings = self._daemon.settings
        found = signature(settings.auth_dir)
        if found != self._seen:
            self._seen = found
            try:
                self._daemon.apply(settings)
            except SettingsError as error:
                self._log.error("the accounts are not read again: {why}", why="; ".join(error.problems))
            self._say(settings)

    def _say(self, settings: Settings) -> None:
        for account in accounts_in(settings.auth_dir):
            why = credential_of(account, settings)
            if isinstance(why, str) and (account.name, why) not in self._said:
                self._said.add((account.name, why))
                self._log.warn("{file} is not used: it {why}", file=visible(account.name), why=visible(why))
