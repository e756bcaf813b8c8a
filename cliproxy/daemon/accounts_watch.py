"""``auth-dir`` is looked at, as the configuration file is: a login that comes, changes or goes takes effect at once."""

from __future__ import annotations

from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cliproxy.accounts.directory import account, accounts_in, signature
from cliproxy.daemon.reload import POLL_SECONDS
from cliproxy.errors import SettingsError
from cliproxy.pool.pool import WHOLE
from cliproxy.routing.account import credential_of
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Settings
from cliproxy.wire.escape import visible

#: How often it is looked whose token ends soon, in seconds.
RENEW_SECONDS: Final = 5.0


class AccountsWatch(Service):
    """Says of each file that is not used why, once, has the daemon read them again when they change, and renews tokens.

    A change counts when two looks in a row agree: a file may be half written. A renewal, which changes the tokens of a file
    and nothing else, makes no new configuration.
    """

    name = "accounts"
    _log = Logger()

    def __init__(self, daemon: CliproxyService, reactor: Any) -> None:
        self._daemon = daemon
        self._seen = self._looked = signature(daemon.settings.auth_dir)
        self._meanings: dict[str, int] = {}
        self._said: set[tuple[str, str]] = set()
        self._poll, self._renewing = LoopingCall(self._check), LoopingCall(self._renew)
        self._poll.clock = self._renewing.clock = reactor

    def startService(self) -> None:
        """Begin looking."""
        super().startService()
        self._say(self._daemon.settings)
        self._poll.start(POLL_SECONDS, now=False)
        self._renewing.start(RENEW_SECONDS)

    def stopService(self) -> None:
        """Stop looking."""
        super().stopService()
        self._poll.stop()
        self._renewing.stop()

    def _renew(self) -> None:
        self._daemon.tokens.look(self._daemon.relay.snapshot.credentials)

    def _check(self) -> None:
        settings = self._daemon.settings
        found = signature(settings.auth_dir)
        settled, self._looked = found == self._looked, found
        if not settled or found == self._seen:
            return
        names = {name for name, *_ in found ^ self._seen}
        self._seen = found
        if self._take({name for name, *_ in found} & names, names):
            try:
                self._daemon.apply(settings)
            except SettingsError as error:
                self._log.error("the accounts are not read again: {why}", why="; ".join(error.problems))
            self._say(settings)

    def _take(self, there: set[str], changed: set[str]) -> bool:
        """Take over the tokens of changed files; whether anything else of them has changed."""
        before = {name: self._meanings.pop(name, None) for name in changed}
        for name in there:
            found = account(self._daemon.settings.auth_dir / name)
            self._meanings[name] = found.meaning
            if self._daemon.tokens.changed(name, found):
                self._daemon.hide(name, found.access_token, found.refresh_token)
                self._daemon.failover.clear(name, WHOLE)
        return any(self._meanings.get(name) != meaning for name, meaning in before.items())

    def _say(self, settings: Settings) -> None:
        for found in accounts_in(settings.auth_dir):
            self._meanings[found.name] = found.meaning
            why = credential_of(found, settings)
            if isinstance(why, str) and (found.name, why) not in self._said:
                self._said.add((found.name, why))
                self._log.warn("{file} is not used: it {why}", file=visible(found.name), why=visible(why))
