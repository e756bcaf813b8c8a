"""``cliproxy restart``: the listening sockets go to a new process, and the old one ends when its requests have.

The new process is a child with the same command line. It inherits the sockets, says over a pipe that it serves, and only then
does the old one let go: a configuration that cannot be used, or a broken installation, leaves everything as it was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from subprocess import Popen
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.task import deferLater
from twisted.logger import Logger

from cliproxy.daemon.inherited import announce, handing
from cliproxy.errors import CliproxyError
from cliproxy.service import CliproxyService

#: How long the new process may take to serve.
_READY_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05
#: How long the word of it takes to whoever asked.
_WORD_SECONDS: Final = 0.2


class Ready(Service):
    """Says that this process serves: to the one before it, if there is one, and to systemd, if that asks."""

    name = "ready"

    def __init__(self, pipe: int | None, environment: Mapping[str, str]) -> None:
        """:param pipe: the descriptor to say it on."""
        self._pipe = pipe
        self._environment = environment

    def startService(self) -> None:
        """Everything else has started."""
        super().startService()
        announce(self._environment, os.getpid())
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            os.write(pipe, str(os.getpid()).encode())
            os.close(pipe)


class Handover:
    """Hands the daemon's sockets over, once.

    :param release: called when the new process serves: what the old one keeps for itself (state file, pid file, control
        socket) is the new one's from then on.
    """

    _log = Logger()

    def __init__(
        self, daemon: CliproxyService, reactor: Any, save: Callable[[], None], release: Callable[[], None]
    ) -> None:
        """:param save: writes what the new process is to begin with."""
        self._daemon = daemon
        self._reactor = reactor
        self._save = save
        self._release = release
        self._under_way = False

    async def begin(self) -> int:
        """Start the new process; gives its number when it serves.

        :raises CliproxyError: it did not; this one goes on.
        """
        if self._under_way:
            raise CliproxyError("a restart is under way")
        self._under_way = True
        self._save()
        try:
            number = await self._begun()
        except CliproxyError:
            self._under_way = False
            raise
        self._log.info("process {number} serves now; {open} requests end here", number=number, open=self._daemon.open)
        self._daemon.successor = max(1.0, self._daemon.settings.drain_seconds)
        self._release()
        self._reactor.callLater(_WORD_SECONDS, self._reactor.stop)
        return number

    async def _begun(self) -> int:
        """The new process's number, which it says itself: after ``--daemon`` it is not our child's."""
        heard, said = os.pipe()
        os.set_blocking(heard, False)
        sockets = [port.fileno() for port in self._daemon.listener.ports]
        variables = {**os.environ, **handing(os.getpid(), sockets, said)}
        try:
            child = Popen([sys.executable, *sys.orig_argv[1:]], env=variables, pass_fds=[*sockets, said])
        except OSError as error:
            os.close(heard)
            raise CliproxyError(f"the new process cannot be started: {error.strerror}") from None
        finally:
            os.close(said)
        try:
            return await self._word(heard, child)
        finally:
            os.close(heard)

    async def _word(self, heard: int, child: Popen[bytes]) -> int:
        until = self._reactor.seconds() + _READY_SECONDS
        while True:
            await deferLater(self._reactor, _LOOK_SECONDS)
            child.poll()
            try:
                word = os.read(heard, 20)
            except BlockingIOError:
                if self._reactor.seconds() < until:
                    continue
                child.kill()
                raise CliproxyError(f"the new process did not serve within {_READY_SECONDS:g} s") from None
            if not word:
                raise CliproxyError("the new process did not start; its words are in the log")
            return int(word)
