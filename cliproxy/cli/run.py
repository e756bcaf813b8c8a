"""``cliproxy run``: twistd with this daemon as its only, fixed sub-command, so that no plugin is searched for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar, TextIO, cast

from twisted.application.service import ServiceMaker
from twisted.logger import ILogObserver, textFileLogObserver
from twisted.scripts import twistd

from cliproxy import tap
from cliproxy.cli.terminal import Terminal
from cliproxy.daemon.signals import hold_signals

_NAME = "cliproxy"


class Run(twistd.ServerOptions):  # type: ignore[misc, name-defined]
    """twistd's options and the daemon's own, in one list.

    It stays in the foreground and writes no pid file unless told otherwise: who wants a daemon says ``--daemon``, as the
    init script does.
    """

    synopsis = "Usage: cliproxy run [options]"
    longdesc = tap.Options.longdesc
    subCommands = ()
    optParameters: ClassVar[list[list[Any]]] = [
        ["pidfile", "", "", "Name of the pidfile"],
        *tap.Options.optParameters,
    ]
    optFlags: ClassVar[list[list[Any]]] = [["daemon", None, "Go to the background"]]

    def postOptions(self) -> None:
        """Fill in what twistd would have learned from a sub-command on its command line.

        :raises usage.UsageError: the configuration cannot be used.
        """
        hold_signals()
        self["nodaemon"] = not self["daemon"]
        if self["pidfile"]:
            clear_stale(Path(self["pidfile"]))
        self.subCommand = _NAME
        self.loadedPlugins = {_NAME: ServiceMaker(_NAME, "cliproxy.tap", self.longdesc, _NAME)}
        self.subOptions = tap.Options()
        self.subOptions.parent = self
        own = [row[0] for row in tap.Options.optParameters]
        self.subOptions.parseOptions([f"--{name}={self[name]}" for name in own if self[name] is not None])
        super().postOptions()
        if self["logfile"] and self["logfile"] != "-" and not self["logger"]:
            self["logger"] = _log_to(os.path.abspath(self["logfile"]))

    def run(self, terminal: Terminal) -> int:
        """Serve until stopped."""
        twistd.runApp(self)
        return 0


def clear_stale(pidfile: Path) -> None:
    """Remove a pid file that names no living cliproxy: it is torn, or its number is another program's by now."""
    try:
        named = Path("/proc", str(int(pidfile.read_bytes())), "cmdline").read_bytes()
    except ValueError:
        named = b""
    except OSError:
        return  # no pid file, or no /proc to look into: twistd looks at it by itself
    if b"cliproxy" not in named:
        pidfile.unlink(missing_ok=True)


class MovableLog:
    """A text file that is opened again when it has been moved or removed, as logrotate does.

    twistd's own log file answers ``SIGUSR1`` instead, which clears cool-downs here, and writes on at its old place when it is
    truncated.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: TextIO = self._open()

    def write(self, text: str) -> int:
        """Append."""
        try:
            moved = os.stat(self._path).st_ino != os.fstat(self._file.fileno()).st_ino
        except FileNotFoundError:
            moved = True
        if moved:
            self._file.close()
            self._file = self._open()
        return self._file.write(text)

    def flush(self) -> None:
        """Hand what was written to the system."""
        self._file.flush()

    def _open(self) -> TextIO:
        return open(self._path, "a", encoding="utf-8", errors="backslashreplace")


def _log_to(path: str) -> Callable[[], ILogObserver]:
    return lambda: textFileLogObserver(cast(IO[str], MovableLog(path)))
