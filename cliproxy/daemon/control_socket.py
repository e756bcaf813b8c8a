"""The daemon's owner reaches it over a UNIX socket of its own."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from cliproxy.front.site import BoundedSite
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Settings


def socket_path(settings: Settings) -> Path:
    """Where the daemon's owner reaches it: ``cliproxy explain`` and ``cliproxy cooldowns`` do."""
    return settings.auth_dir / "control.sock"


def _clear_stale(path: Path) -> None:
    """Remove a lock whose owner is gone: its number may be another program's by now, in a container even our own."""
    lock = path.with_name(f"{path.name}.lock")
    if not lock.is_symlink():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            lock.unlink(missing_ok=True)


class _Door(Factory):
    noisy = False

    def __init__(self, site: BoundedSite) -> None:
        self.buildProtocol = site.owners  # type: ignore[method-assign]


class ControlSocket(Service):
    """The daemon's routes on a UNIX socket that only its owner can open: there, management needs no secret.

    A socket that cannot be had (another daemon uses the same ``auth-dir``) costs the socket, never the daemon.
    """

    name = "owner"
    _log = Logger()

    def __init__(self, daemon: CliproxyService, reactor: Any) -> None:
        self._path = socket_path(daemon.settings)
        self._door = _Door(daemon.site)
        self._reactor = reactor
        self._port: Any = None

    def startService(self) -> None:
        """Open it."""
        super().startService()
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _clear_stale(self._path)
            before = os.umask(0o177)
            try:
                self._port = self._reactor.listenUNIX(str(self._path), self._door, mode=0o600, wantPID=True)
            finally:
                os.umask(before)
        except (CannotListenError, OSError) as error:
            self._log.warn("no control socket at {path}: {why}", path=str(self._path), why=str(error))

    def stopService(self) -> Any:
        """Close it."""
        super().stopService()
        port, self._port = self._port, None
        return port.stopListening() if port is not None else None
