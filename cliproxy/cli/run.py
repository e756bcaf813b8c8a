"""``cliproxy run``: twistd with this daemon as its only, fixed sub-command, so that no plugin is searched for."""

from __future__ import annotations

import atexit
import os
import time
from pathlib import Path
from typing import Any, ClassVar, Final

from twisted.application.service import ServiceMaker
from twisted.logger import LogLevel
from twisted.python import usage
from twisted.scripts import twistd

from cliproxy import __version__, tap
from cliproxy.cli.options import Options
from cliproxy.cli.terminal import Terminal
from cliproxy.daemon.inherited import begun_with, succeeds
from cliproxy.daemon.signals import hold_signals
from cliproxy.logs.application_log import ApplicationLog
from cliproxy.logs.destinations import LogFile, Stream
from cliproxy.logs.folder import LogFolder

_NAME: Final = "cliproxy"
#: Where a process in the background logs that is told nothing else.
_BACKGROUND: Final = "cliproxy.log"
#: Names of what is open already: to open them again would truncate nothing and fail for a user who did not open them.
_STREAMS: Final = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}


class _Own(Options):
    """The options that are ours, as the page of help shows them."""

    synopsis = "[options] [-- CLIENT [ARGUMENTS]]"
    longdesc = tap.Options.longdesc
    optParameters: ClassVar[list[list[Any]]] = [
        ["pidfile", "", "", "Name of the pidfile"],
        *tap.Options.optParameters,
        ["model", "m", None, "With a CLIENT: the model that it begins with"],
    ]
    optFlags: ClassVar[list[list[Any]]] = [
        ["daemon", None, "Go to the background"],
        ["quiet", "q", "Log warnings and errors only"],
        ["verbose", "v", "Log everything, what the libraries say of themselves too"],
    ]
    examples = """\
Examples:
  cliproxy run --config config.yaml
  cliproxy run --port 9000 --daemon --pidfile cliproxy.pid --logfile cliproxy.log
  cliproxy run -- claude -p hello         a client with a daemon of its own
"""

    def opt_logfile(self, name: str) -> None:
        """Log to this file, - for standard output"""

    def opt_help_all(self) -> None:
        """Display twistd's options too and exit."""


class Run(twistd.ServerOptions):  # type: ignore[misc, name-defined]
    """twistd's options and the daemon's own, in one list.

    It stays in the foreground and writes no pid file unless told otherwise: who wants a daemon says ``--daemon``, as the
    init script does.
    """

    synopsis = _Own.synopsis
    longdesc = tap.Options.longdesc
    subCommands = ()
    optParameters = _Own.optParameters
    optFlags = _Own.optFlags

    def opt_help(self) -> None:
        """Display this help and exit."""
        print(self.page(), end="")
        raise SystemExit(0)

    opt_h = opt_help

    def opt_help_all(self) -> None:
        """Display this and exit."""
        print(self)
        raise SystemExit(0)

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"cliproxy {__version__}")
        raise SystemExit(0)

    def page(self) -> str:
        """The page of help: twistd's own options are on that of ``--help-all``."""
        own = _Own()
        own.parent = self.parent
        return own.page()

    def parseArgs(self, *words: str) -> None:
        self.client = words

    def postOptions(self) -> None:
        """Fill in what twistd would have learned from a sub-command on its command line.

        :raises usage.UsageError: the configuration cannot be used.
        """
        hold_signals()
        self["nodaemon"] = not self["daemon"]
        if self["pidfile"] and succeeds(begun_with(), os.getppid()):
            Path(self["pidfile"]).unlink(missing_ok=True)  # it named the process that hands over
        elif self["pidfile"]:
            clear_stale(Path(self["pidfile"]))
        self.subCommand = _NAME
        self.loadedPlugins = {_NAME: ServiceMaker(_NAME, "cliproxy.tap", self.longdesc, _NAME)}
        self.subOptions = tap.Options()
        self.subOptions.parent, self.subOptions.verbose = self, bool(self["verbose"])
        own = [row[0] for row in tap.Options.optParameters]
        self.subOptions.parseOptions([f"--{name}={self[name]}" for name in own if self[name] is not None])
        if self.client:
            return
        if self["model"] is not None:
            raise usage.UsageError("--model is for a client: cliproxy run --model NAME -- CLIENT")
        super().postOptions()
        if not self["logger"] and not self["syslog"]:
            self._log_by_ourselves()

    def _log_to(self, place: Stream | LogFile) -> ApplicationLog:
        least = LogLevel.warn if self["quiet"] else LogLevel.debug if self["verbose"] else None
        folder = LogFolder.of(self.subOptions.loaded.settings, os.environ)
        return ApplicationLog(place, folder, os.environ, time.time, least)

    def _log_by_ourselves(self) -> None:
        settings = self.subOptions.loaded.settings
        log = self._log_to(self._place())
        log.configure(settings)
        self.subOptions.log = log
        self["logger"] = lambda: log
        atexit.register(self._write_last, log)

    def _write_last(self, log: ApplicationLog) -> None:
        """What waits, when the start has failed: as the user that would have served, whose file it is to be."""
        if os.geteuid() == 0 and not self["euid"]:
            if self["gid"] is not None:
                os.setegid(self["gid"])
            if self["uid"] is not None:
                os.seteuid(self["uid"])
        log.stop()

    def _place(self) -> Stream | LogFile:
        """Where ``--logfile`` says; without it standard output, or ``cliproxy.log`` here for a process in the background.

        :raises usage.UsageError: a process in the background has no standard output.
        """
        name = self["logfile"] or ("-" if self["nodaemon"] else _BACKGROUND)
        descriptor = _STREAMS.get(name)
        if descriptor is None:
            return LogFile(Path(os.path.abspath(name)))
        if not self["nodaemon"]:
            raise usage.UsageError(f"--daemon has no {name} to log to: --logfile names a file")
        return Stream(descriptor)

    def run(self, terminal: Terminal) -> int:
        """Serve until stopped; with a client until that ends, and as it does."""
        if self.client:
            return self._run_client(terminal)
        twistd.runApp(self)
        return 0

    def _run_client(self, terminal: Terminal) -> int:
        from cliproxy.cli.private import Wanted, log_place, private_folder, run_client

        options = self.subOptions
        wanted = Wanted(self.client, options.loaded, options.path, self["model"], self["port"])
        with private_folder() as named:
            folder = Path(named)
            return run_client(wanted, self._log_to(log_place(self["logfile"], folder)), folder, terminal)


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
