"""A daemon's own process: its parts start together, and files enough may be open.

An embedded service has none of this room, so that two of them in one process share nothing.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from twisted.application.service import MultiService
from twisted.internet.error import CannotListenError

from cliproxy.errors import SettingsError
from cliproxy.wire.urls import bracketed

#: Open files that are enough for what one process can serve.
DESCRIPTORS: Final = 65536


def allow_descriptors() -> None:
    """Raise the process's own limit on open files, as far as it may: each stream takes two, and many systems begin at 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def steady_clock(reactor: Any) -> None:
    """Let the reactor's time be monotonic, before anything is put on its clock: Twisted's own is the wall clock, and all
    timers stand still for as long as that is set back."""
    reactor.seconds = time.monotonic


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
        except (CannotListenError, SettingsError) as error:
            if not self._foreground:
                raise
            raise SystemExit("\n".join(f"cliproxy: {sentence}" for sentence in _sentences(error))) from None


def _sentences(error: CannotListenError | SettingsError) -> tuple[str, ...]:
    if isinstance(error, SettingsError):
        return error.problems
    reason = getattr(error.socketError, "strerror", None) or str(error.socketError)
    return (f"cannot listen on {bracketed(error.interface)}:{error.port}: {reason}",)
