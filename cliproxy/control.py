"""What a daemon has that owns its process: cool-downs over a restart, a socket for its owner, files enough to be open.

An embedded service has none of it, so that two of them in one process share nothing.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from twisted.application.service import MultiService, Service
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cliproxy.amp.credits import CreditsFile
from cliproxy.credentials.state_file import StateFile
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Settings

#: Open files that are enough for what one process can serve.
DESCRIPTORS: Final = 65536
#: How often cool-downs that changed are written, in seconds.
SAVE_SECONDS: Final = 5.0


def allow_descriptors() -> None:
    """Raise the process's own limit on open files, as far as it may: each stream takes two, and many systems begin at 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def state_path(settings: Settings) -> Path:
    """Where cool-downs are kept."""
    return settings.state_file or settings.auth_dir / "state.json"


def credits_path(settings: Settings) -> Path:
    """Where the day's count of requests that used Amp's credits is kept."""
    return state_path(settings).with_name("amp-credits.json")


def socket_path(settings: Settings) -> Path:
    """Where the daemon's owner reaches it: ``cliproxy explain`` and ``cliproxy cooldowns`` do."""
    return settings.auth_dir / "control.sock"


class Process(MultiService):
    """Everything in a daemon's process.

    :param foreground: a port that cannot be had ends the process with a sentence. In the background twistd says it, and would
        wait for ever for a child that leaves in another way.
    """

    def __init__(self, foreground: bool) -> None:
        super().__init__()
        self._foreground = foreground

    def privilegedStartService(self) -> None:
        """Listen, before privileges are given up."""
        with self._said_plainly():
            super().privilegedStartService()

    def startService(self) -> None:
        """Begin."""
        with self._said_plainly():
            super().startService()

    @contextmanager
    def _said_plainly(self) -> Iterator[None]:
        try:
            yield
        except CannotListenError as error:
            if not self._foreground:
                raise
            reason = getattr(error.socketError, "strerror", None) or str(error.socketError)
            raise SystemExit(f"cliproxy: cannot listen on {error.interface}:{error.port}: {reason}") from None


class Memory(Service):
    """Cool-downs and the count of Amp's credits over a restart: read at the start, written while they change and at the end."""

    name = "memory"

    def __init__(self, daemon: CliproxyService, reactor: Any) -> None:
        self._file = StateFile(state_path(daemon.settings), daemon.pool, reactor, daemon.now)
        self._credits = CreditsFile(credits_path(daemon.settings), daemon.amp.credits)
        self._writing = LoopingCall(self._save)
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
        self._writing.stop()
        self._save()

    def _save(self) -> None:
        self._file.save()
        self._credits.save()


class OwnersDoor(Service):
    """The daemon's routes on a UNIX socket that only its owner can open: there, management needs no secret.

    A socket that cannot be had (another daemon uses the same ``auth-dir``) costs the socket, never the daemon.
    """

    name = "owner"
    _log = Logger()

    def __init__(self, daemon: CliproxyService, reactor: Any) -> None:
        self._path = socket_path(daemon.settings)
        self._site = daemon.site
        self._reactor = reactor
        self._port: Any = None

    def startService(self) -> None:
        """Open it."""
        super().startService()
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            before = os.umask(0o177)
            try:
                self._port = self._reactor.listenUNIX(str(self._path), self._site, mode=0o600, wantPID=True)
            finally:
                os.umask(before)
        except (CannotListenError, OSError) as error:
            self._log.warn("no control socket at {path}: {why}", path=str(self._path), why=str(error))

    def stopService(self) -> Any:
        """Close it."""
        super().stopService()
        port, self._port = self._port, None
        return port.stopListening() if port is not None else None
