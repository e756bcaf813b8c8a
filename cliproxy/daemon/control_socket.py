"""The daemon's owner reaches it over a UNIX socket of its own."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cliproxy.front.site import BoundedSite
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Settings

#: How often a socket that could not be had is tried for again, in seconds.
TRY_SECONDS: Final = 1.0


def socket_path(settings: Settings) -> Path:
    """Where the daemon's owner reaches it: ``cliproxy explain`` and ``cliproxy cooldowns`` do."""
    return settings.auth_dir / "control.sock"


def _clear_stale(path: Path) -> None:
    """Remove what a dead daemon left: a lock whose number may be another program's by now, in a container even our own, and a
    socket on which nobody listens. A daemon that hangs still listens, and keeps both.

    :raises OSError: somebody listens, or it cannot be told.
    """
    lock = path.with_name(f"{path.name}.lock")
    if not lock.is_symlink() and not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            lock.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            return
        except BlockingIOError:
            raise OSError(f"{_owner(lock)} listens there and accepts nobody: it hangs") from None
    raise OSError(f"{_owner(lock)} listens there")


def _owner(lock: Path) -> str:
    try:
        return f"process {lock.readlink()}"
    except OSError:
        return "another process"


class _Door(Factory):
    noisy = False

    def __init__(self, site: BoundedSite) -> None:
        self.buildProtocol = site.owners  # type: ignore[method-assign]


class ControlSocket(Service):
    """The daemon's routes on a UNIX socket that only its owner can open: there, management needs no secret.

    A socket that cannot be had (another daemon uses the same ``auth-dir``) costs the socket, never the daemon, and is tried for
    again: the other may end.
    """

    name = "owner"
    _log = Logger()

    def __init__(self, daemon: CliproxyService, reactor: Any) -> None:
        self._path = socket_path(daemon.settings)
        self._door = _Door(daemon.site)
        self._reactor = reactor
        self._port: Any = None
        self._said = ""
        self._trying = LoopingCall(self._try)
        self._trying.clock = reactor

    def startService(self) -> None:
        """Open it."""
        super().startService()
        self._trying.start(TRY_SECONDS)

    def _try(self) -> None:
        try:
            self._open()
        except (CannotListenError, OSError) as error:
            why = str(error)
            if why != self._said:
                self._said = why
                self._log.warn("no control socket at {path}: {why}", path=str(self._path), why=why)
        else:
            if self._said:
                self._log.info("the control socket is at {path} now", path=str(self._path))
            self._trying.stop()

    def _open(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear_stale(self._path)
        before = os.umask(0o177)
        try:
            self._port = self._reactor.listenUNIX(str(self._path), self._door, mode=0o600, wantPID=True)
        finally:
            os.umask(before)

    def stopService(self) -> Any:
        """Close it."""
        super().stopService()
        if self._trying.running:
            self._trying.stop()
        return self.release()

    def release(self) -> Any:
        """Leave the path to another process."""
        port, self._port = self._port, None
        return port.stopListening() if port is not None else None
