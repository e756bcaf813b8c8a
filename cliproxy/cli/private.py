"""``cliproxy run -- CLIENT``: a client and a daemon of its own, which begin and end together.

The daemon listens on a free port of this machine, with a client key that only this client is told; it is reached by nobody
else, and writes no state, no usage and no control socket where another daemon of the same configuration has its own.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.logger import Logger, globalLogBeginner
from twisted.python.failure import Failure

from cliproxy.cli.clients import Facts, Home
from cliproxy.cli.connect import choose, client_of
from cliproxy.cli.launch import Launch, launch_of
from cliproxy.cli.terminal import Terminal
from cliproxy.daemon.accounts_watch import AccountsWatch
from cliproxy.daemon.announce import Announcement
from cliproxy.daemon.discovering import discovering
from cliproxy.daemon.epoll import lighten
from cliproxy.daemon.log_service import LogService
from cliproxy.daemon.process import allow_descriptors, steady_clock
from cliproxy.errors import CliproxyError, SettingsError
from cliproxy.logs.application_log import ApplicationLog
from cliproxy.logs.destinations import LogFile
from cliproxy.service import CliproxyService
from cliproxy.settings.load import Loaded
from cliproxy.settings.model import ClientKey, Secret, Settings

_HOST: Final = "127.0.0.1"
#: How long vendors may take to say what they serve, where nothing else says it.
_LISTS_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.1
#: Sent on to the client. A terminal sends the last two to every process that runs in it, so to the client too.
_FORWARDED: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGQUIT)
_FROM_TERMINAL: Final = (signal.SIGINT, signal.SIGQUIT)
#: What shells end with for a command that is not there, or is no program; and above which number for a signal.
NOT_FOUND: Final = 127
_NO_PROGRAM: Final = 126
_SIGNALLED: Final = 128


@attrs.frozen
class Wanted:
    """What is to run.

    :ivar words: the client's command and arguments.
    :ivar loaded: the configuration.
    :ivar path: where it was read; None for the demo.
    :ivar model: what the client begins with; None for what suits it best.
    :ivar port: to listen on; None for a free one.
    """

    words: Sequence[str]
    loaded: Loaded
    path: Path | None
    model: str | None
    port: int | None


def private_settings(settings: Settings, key: str, port: int | None) -> Settings:
    """A configuration for one client: on this machine only, opened by ``key`` alone."""
    return attrs.evolve(
        settings,
        host=_HOST,
        port=port or 0,
        tls=attrs.evolve(settings.tls, enable=False),
        api_keys=(ClientKey(Secret(key)),),
    )


def run_client(wanted: Wanted, log: ApplicationLog, folder: Path, terminal: Terminal) -> int:
    """Serve until the client ends; its exit code.

    :param folder: for files of the client's, of which nobody else can read any.
    """
    command = wanted.words[0]
    if shutil.which(command) is None:
        there = Path(command).exists() and os.sep in command
        print(f"cliproxy: {command} {'is no program' if there else 'is not installed here'}", file=terminal.err)
        return _NO_PROGRAM if there else NOT_FOUND
    from twisted.internet import reactor

    key = f"sk-{secrets.token_urlsafe(24)}"
    steady_clock(reactor)
    allow_descriptors()
    daemon = CliproxyService(private_settings(wanted.loaded.settings, key, wanted.port), reactor)
    private = _Private(wanted, daemon, key, folder, terminal, reactor)
    log.configure(daemon.settings)
    globalLogBeginner.beginLoggingTo([log], redirectStandardIO=False)
    LogService(log, reactor).setServiceParent(private)
    daemon.setServiceParent(private)
    AccountsWatch(daemon, reactor).setServiceParent(private)
    discovering(daemon, reactor).setServiceParent(daemon)
    Announcement(daemon, wanted.loaded.warnings, wanted.path, lambda text: None).setServiceParent(private)
    lighten(reactor)
    private.run()
    return private.code


class _Private(MultiService):
    """Everything in the process, and the client beside it."""

    _log = Logger()

    def __init__(
        self, wanted: Wanted, daemon: CliproxyService, key: str, folder: Path, terminal: Terminal, reactor: Any
    ) -> None:
        super().__init__()
        self._wanted, self._daemon, self._key, self._folder = wanted, daemon, key, folder
        self._terminal, self._reactor = terminal, reactor
        self._client: Any = None
        self.code = 0

    def run(self) -> None:
        """Run the reactor until the client has ended."""
        self._reactor.callWhenRunning(self._begin)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._end)
        self._reactor.run()

    def _begin(self) -> None:
        for number in _FORWARDED:
            signal.signal(number, lambda number, frame: self._reactor.callFromThread(self._signalled, number))
        Deferred.fromCoroutine(self._serve()).addErrback(self._failed)

    def _end(self) -> Any:
        stopped = self.stopService() if self.running else None
        self._daemon.hurry()  # whoever asked is gone
        return stopped

    async def _serve(self) -> None:
        self.privilegedStartService()
        self.startService()
        facts = Facts(f"http://{_HOST}:{self._daemon.port}", self._key, await self._model())
        client = client_of(self._wanted.words[0])
        launch = launch_of(client, facts, Home(Path.home(), os.environ), self._folder)
        _furnish(launch)
        command, *arguments = self._wanted.words
        ended = _Ended()
        self._client = self._reactor.spawnProcess(
            ended,
            shutil.which(command),
            [command, *launch.arguments, *arguments],
            env=launch.environment(os.environ),
            childFDs={0: 0, 1: 1, 2: 2},
        )
        self.code = await ended.code
        self._reactor.stop()

    async def _model(self) -> str:
        """What was asked for, else what suits the client best of what is served, as soon as that is known.

        :raises CliproxyError: nothing is.
        """
        if self._wanted.model is not None:
            return self._wanted.model
        client = client_of(self._wanted.words[0])
        deadline = self._reactor.seconds() + _LISTS_SECONDS
        while not self._listed() and self._reactor.seconds() < deadline:
            await deferLater(self._reactor, _LOOK_SECONDS)
        return choose(client.prefers if client else (), self._listed())

    def _listed(self) -> list[str]:
        return [info.id for info in self._daemon.relay.snapshot.catalog.listed()]

    def _signalled(self, number: int) -> None:
        if number in _FROM_TERMINAL and _in_the_foreground():
            return  # the terminal has sent it to the client as well
        if self._client is None:
            self.code = _SIGNALLED + number
            self._reactor.stop()
        elif self._client.pid is not None:
            os.kill(self._client.pid, number)

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, CannotListenError):
            error = CliproxyError(f"cannot listen on {error.interface}:{error.port}: {error.socketError.strerror}")
        if isinstance(error, SettingsError | CliproxyError | OSError):
            print(f"cliproxy: {error}", file=self._terminal.err)
        else:
            self._log.failure("the client could not be started", failure)
            print(f"cliproxy: the client could not be started: {failure.getErrorMessage()}", file=self._terminal.err)
        self.code = 1
        self._reactor.stop()


class _Ended(ProcessProtocol):
    """Waits for the client.

    :ivar code: fires with its exit code, as shells count it.
    """

    def __init__(self) -> None:
        self.code: Deferred[int] = Deferred()

    def processEnded(self, reason: Failure) -> None:
        """It has ended."""
        ended: Any = reason.value
        self.code.callback(_SIGNALLED + ended.signal if ended.signal else ended.exitCode)


def _furnish(launch: Launch) -> None:
    for path, text in launch.files.items():
        path.write_text(text, encoding="utf-8")
    for path, users in launch.links.items():
        path.symlink_to(users)


def _in_the_foreground() -> bool:
    """Whether a terminal's signals reach this process and its client together."""
    try:
        with open("/dev/tty", "rb", buffering=0) as tty:
            return os.tcgetpgrp(tty.fileno()) == os.getpgrp()
    except OSError as error:
        if error.errno not in (errno.ENXIO, errno.ENOTTY, errno.ENOENT, errno.EACCES, errno.EIO):
            raise
        return False


def private_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes when the client has ended."""
    return tempfile.TemporaryDirectory(prefix="cliproxy-", ignore_cleanup_errors=True)


def log_place(logfile: str | None, folder: Path) -> LogFile:
    """Where the daemon logs: never to the client's terminal."""
    return LogFile(Path(os.path.abspath(logfile)) if logfile else folder / "daemon.log")
