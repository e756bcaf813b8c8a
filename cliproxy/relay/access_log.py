"""The access log: one line an answer, written in batches, because a line of its own costs more than routing the request.

An event carries the records themselves under ``records``: an observer that knows them writes them in its own form, and for
any other the event's text is their plain lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger, LogLevel

from cliproxy.relay.record import Record, plain
from cliproxy.relay.refusals import WINDOW, Refusals

#: A line waits at most this long for others, in seconds.
WAIT: Final = 0.5
#: So many records are not held back.
BATCH: Final = 256


def _unmasked(text: str) -> str:
    return text


class _Lines:
    """Records as text, once somebody asks for it."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def __str__(self) -> str:
        return "\n".join(map(plain, self._records))


class AccessLog:
    """Records that are logged together, as one event of several lines.

    :ivar mask: takes the configured secrets out of a path that a stranger wrote.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self.mask: Callable[[str], str] = _unmasked
        self._clock = clock
        self._records: list[Record] = []
        self._timer: IDelayedCall | None = None
        self._refusals = Refusals()

    def write(self, record: Record, *, more: bool = True) -> None:
        """Take a record; it is logged soon, or now if ``more`` are not expected or it is a warning."""
        if not record.known and not self._worth_saying(record):
            return
        if record.path:
            record = attrs.evolve(record, path=self.mask(record.path))
        if record.alarming:
            self.flush()
            self._emit(LogLevel.warn, [record])
            return
        self._records.append(record)
        if len(self._records) >= BATCH or not more:
            self.flush()
        elif self._timer is None:
            self._timer = self._clock.callLater(WAIT, self.flush)

    def flush(self) -> None:
        """Log what is waiting."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        records, self._records = self._records, []
        if records:
            self._emit(LogLevel.info, records)

    def _emit(self, level: LogLevel, records: Sequence[Record]) -> None:
        self._log.emit(level, "{lines}", lines=_Lines(records), records=records)

    def _worth_saying(self, record: Record) -> bool:
        if self._refusals.empty:
            self._clock.callLater(WINDOW, self._say_rest)
        return self._refusals.worth_saying(record.peer)

    def _say_rest(self) -> None:
        for peer, count in self._refusals.close():
            self._log.warn("{count} more requests of {peer} were refused within a minute", count=count, peer=peer)
