"""The access log: one line a request, written in batches, because a line of its own costs more than routing the request."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from cliproxy.wire.escape import visible

#: A line waits at most this long for others, in seconds.
WAIT: Final = 0.5
#: So much is not held back, in characters.
BATCH: Final = 64 * 1024


class AccessLog:
    """Lines that are logged together, as one event of several lines."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._lines: list[str] = []
        self._size = 0
        self._timer: IDelayedCall | None = None

    def write(self, line: str, *, more: bool = True) -> None:
        """Take a line; it is logged soon, or now if ``more`` are not expected.

        Whatever is in it, it stays one line and steers no terminal.
        """
        line = visible(line)
        self._lines.append(line)
        self._size += len(line)
        if self._size >= BATCH or not more:
            self.flush()
        elif self._timer is None:
            self._timer = self._clock.callLater(WAIT, self.flush)

    def flush(self) -> None:
        """Log what is waiting."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        lines, self._lines, self._size = self._lines, [], 0
        if lines:
            self._log.info("{lines}", lines="\n".join(lines))
