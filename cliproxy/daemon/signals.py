"""Signals as method calls."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service


class Signals(Service):
    """Signals as method calls, for a daemon that owns its process."""

    name = "signals"

    def __init__(self, reactor: Any, actions: dict[signal.Signals, Callable[[], object]]) -> None:
        self._reactor = reactor
        self._actions = actions

    def startService(self) -> None:
        """Take the signals over."""
        super().startService()
        for number, action in self._actions.items():
            signal.signal(number, lambda *_, action=action: self._reactor.callFromThread(action))

    def stopService(self) -> None:
        """Give them back."""
        super().stopService()
        for number in self._actions:
            signal.signal(number, signal.SIG_DFL)
