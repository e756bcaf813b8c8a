"""The twistd plugin's two halves: options and the service they make.

Nothing that installs a reactor (klein, twisted.web.proxy) is imported before :func:`makeService` runs.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import attrs
from twisted.application.service import IService
from twisted.python import usage

from cliproxy.errors import SettingsError
from cliproxy.logs.application_log import ApplicationLog
from cliproxy.logs.folder import MAIN, LogFolder
from cliproxy.settings.demo import demo_settings
from cliproxy.settings.load import Loaded, load
from cliproxy.wire.addresses import unbracketed

DEFAULT_CONFIG = "config.yaml"
_LAST_PORT = 65535


def port_number(word: str) -> int:
    """A port of the command line; 0 is a free one.

    :raises usage.UsageError: it is none.
    """
    if not (word.isascii() and word.isdigit() and int(word) <= _LAST_PORT):
        raise usage.UsageError(f"--port is to be a number from 0 to {_LAST_PORT}, not {word!r}")
    return int(word)


class Options(usage.Options):
    """What the daemon is told on its command line; the rest is in the configuration file."""

    synopsis = "[options]"
    longdesc = f"Serves until it is stopped. Without --config, {DEFAULT_CONFIG} here is used; without one, the demo."
    optParameters: ClassVar[list[list[Any]]] = [
        ["config", "c", None, "The configuration file"],
        ["host", None, None, "Listen on this address, whatever the file says", unbracketed],
        ["port", None, None, "Listen on this port, whatever the file says", port_number],
    ]
    loaded: Loaded
    path: Path | None = None
    log: ApplicationLog | None = None
    """Ours; None where twistd logs in its own way."""
    verbose = False
    """``debug``, whatever the file says."""

    def postOptions(self) -> None:
        """Read and check the configuration.

        :raises usage.UsageError: it cannot be used; the message holds every problem.
        """
        given = self["config"]
        if given is not None or Path(DEFAULT_CONFIG).exists():
            self.path = Path(given or DEFAULT_CONFIG).absolute()  # a link in it is followed at every look
        try:
            self.loaded = self.read()
        except SettingsError as error:
            raise usage.UsageError("\n".join(error.problems)) from None

    def read(self) -> Loaded:
        """Read the file again, the command line on top of it.

        :raises SettingsError: it cannot be used.
        """
        if self.path is None:
            loaded = Loaded(demo_settings(self["host"], self["port"], random.SystemRandom()))
        else:
            loaded = load(self.path, host=self["host"], port=self["port"], environ=os.environ)
        return attrs.evolve(loaded, settings=attrs.evolve(loaded.settings, debug=True)) if self.verbose else loaded


def makeService(options: Options) -> IService:
    """The daemon: the service itself, its reload, its signals, and a word on the terminal when it listens."""
    from twisted.internet import reactor
    from twisted.internet.threads import deferToThread

    from cliproxy.daemon.accounts_watch import AccountsWatch
    from cliproxy.daemon.announce import Announcement
    from cliproxy.daemon.collector import Collector, settle
    from cliproxy.daemon.control_socket import ControlSocket
    from cliproxy.daemon.discovering import discovering
    from cliproxy.daemon.epoll import lighten
    from cliproxy.daemon.handover import Handover, Ready
    from cliproxy.daemon.inherited import begun_with, inherited
    from cliproxy.daemon.kept_requests import kept_requests
    from cliproxy.daemon.log_service import LogService
    from cliproxy.daemon.process import Process, allow_descriptors, steady_clock
    from cliproxy.daemon.reload import Reloader
    from cliproxy.daemon.signals import Signals, hold_signals
    from cliproxy.daemon.state_file import SavedState
    from cliproxy.daemon.tracing import Tracing
    from cliproxy.daemon.usage_file import SavedUsage
    from cliproxy.service import CliproxyService

    hold_signals()
    steady_clock(reactor)
    allow_descriptors()
    sockets, pipe = inherited(begun_with(), os.getpid(), os.getppid())
    daemon = CliproxyService(options.loaded.settings, reactor, inherited=sockets)
    whole = Process(foreground=options.parent is None or bool(options.parent.get("nodaemon", True)))
    if options.log is not None:
        LogService(options.log, reactor).setServiceParent(whole)
        daemon.configured.append(options.log.configure)
    daemon.setServiceParent(whole)
    actions: dict[signal.Signals, Any] = {signal.SIGUSR1: daemon.clear_cooldowns}

    def put(snapshot: Any) -> None:
        daemon.put(snapshot)
        settle()

    if options.path is not None:
        reloader = Reloader(
            options.path,
            options.read,
            daemon.compiled,
            put,
            reactor,
            keyed=lambda: bool(daemon.settings.api_keys),
            aside=deferToThread,
        )
        reloader.setServiceParent(whole)
        daemon.config_file.path, daemon.config_file.apply = options.path, reloader.reload
        state, owners = SavedState(daemon, reactor), ControlSocket(daemon, reactor)
        state.setServiceParent(whole)
        AccountsWatch(daemon, reactor).setServiceParent(whole)
        discovering(daemon, reactor).setServiceParent(daemon)
        SavedUsage(daemon).setServiceParent(whole)
        folder = options.log.folder if options.log is not None else LogFolder.of(daemon.settings, os.environ)
        kept_requests(daemon, folder, reactor).setServiceParent(whole)
        Tracing(daemon, reactor).setServiceParent(daemon)
        owners.setServiceParent(whole)

        def release() -> None:
            state.release()
            owners.release()
            if options.parent is not None:
                options.parent["pidfile"] = ""  # it names the new process

        daemon.restart = Handover(daemon, reactor, state.save, release).begin
        actions[signal.SIGHUP] = reloader.reload
    else:
        ControlSocket(daemon, reactor).setServiceParent(whole)
    Signals(reactor, actions, daemon.hurry).setServiceParent(whole)
    Collector().setServiceParent(whole)
    lighten(reactor)
    say = partial(print, file=sys.stderr, flush=True)
    if options.log is not None and options.log.in_file:
        say(f"cliproxy logs to {options.log.folder.path / MAIN}")
    Announcement(daemon, options.loaded.warnings, options.path, say).setServiceParent(whole)
    Ready(pipe, begun_with()).setServiceParent(whole)
    return whole
