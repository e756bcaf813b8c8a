"""Signals as method calls, from the first line of the start to the last of the drain."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any, Final

from twisted.application.service import Service

#: What would end a process that has not taken them, and means something else here.
TAKEN: Final = (signal.SIGHUP, signal.SIGUSR1)
#: What stops the daemon; twisted's reactor takes the first of them.
_STOPS: Final = (signal.SIGTERM, signal.SIGINT)


def hold_signals() -> None:
    """Let no early signal end the process before there is anybody to take it."""
    for number in TAKEN:
        signal.signal(number, signal.SIG_IGN)


class Signals(Service):
    """Signals as method calls, for a daemon that owns its process.

    :param hurry: a second signal to stop ends the drain; a third one ends the process.
    """

    name = "signals"

    def __init__(
        self, reactor: Any, actions: dict[signal.Signals, Callable[[], object]], hurry: Callable[[], object]
    ) -> None:
        self._reactor = reactor
        self._actions = actions
        self._hurry = hurry

    def startService(self) -> None:
        """Take the signals over."""
        super().startService()
        for number, action in self._actions.items():
            signal.signal(number, lambda *_, action=action: self._reactor.callFromThread(action))

    def stopService(self) -> None:
        """Nothing is reloaded any more, and to stop once more is to stop at once."""
        super().stopService()
        hold_signals()
        for number in _STOPS:
            signal.signal(number, self._again)

    def _again(self, number: int, frame: Any) -> None:
        for stop in _STOPS:
            signal.signal(stop, lambda *_: os._exit(1))
        self._reactor.callFromThread(self._hurry)
