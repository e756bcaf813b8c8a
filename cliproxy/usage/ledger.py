"""The ledger: a row a request, a row an attempt, and sums by the hour. The request path only appends to a list."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cliproxy.relay.record import Record
from cliproxy.usage.allowances import Amounts
from cliproxy.usage.database import IN_MEMORY, Database, prepare
from cliproxy.usage.rows import (
    ATTEMPT,
    DAY,
    GROUP,
    HOUR,
    REQUEST,
    SUMS,
    attempt_rows,
    hour_row,
    request_row,
    since_hour,
)

T = TypeVar("T")

#: Records wait at most so many seconds, and so many at most, before they are written.
WAIT: Final = 1.0
BATCH: Final = 500
#: So many are kept while they cannot be written; what is more is dropped, and counted.
MOST_WAITING: Final = 20_000
#: So many single requests are kept where there is no file.
KEPT_IN_MEMORY: Final = 10_000
_KEYS: Final = len(GROUP.split(","))


def _insert(table: str, columns: str) -> str:
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(columns.split(',')))})"


ADD_REQUEST: Final = _insert("requests", REQUEST)
_ADD_ATTEMPT: Final = _insert("tries", ATTEMPT)


def _adding(table: str, group: str) -> str:
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS.split(", "))
    return f"{_insert(table, f'{group}, {SUMS}')} ON CONFLICT ({group}) DO UPDATE SET {sums}"


_ADD_HOUR: Final = _adding("hours", GROUP)
_ADD_DAY: Final = _adding("days", GROUP)
_ADD_KEY_HOUR: Final = _adding("key_hours", "hour, key")


def _uncounted(records: list[Record]) -> None:
    """Nobody counts them."""


def add_sums(cursor: Any, records: Iterable[Record]) -> None:
    """Add records to the sums of their hours, days and keys."""
    hours = _added_up((row[:_KEYS], row[_KEYS:]) for row in map(hour_row, records))
    days = _added_up((((key[0] // DAY * DAY, *key[1:]), sums) for key, sums in hours.items()))
    keys = _added_up(((key[:2], sums) for key, sums in hours.items()))
    for statement, found in ((_ADD_HOUR, hours), (_ADD_DAY, days), (_ADD_KEY_HOUR, keys)):
        cursor.executemany(statement, [(*key, *sums) for key, sums in found.items()])


def _added_up(rows: Iterable[tuple[tuple[Any, ...], Sequence[Any]]]) -> dict[tuple[Any, ...], list[Any]]:
    """One of all that have the same key."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    for key, values in rows:
        sums = found.get(key)
        if sums is None:
            found[key] = list(values)
        else:
            for place, value in enumerate(values):
                if value:
                    sums[place] += value
    return found


@attrs.define
class Ledger:
    """Takes records and answers questions about them.

    :ivar path: the file; :data:`IN_MEMORY` keeps the last requests and all sums until the process ends.
    :ivar now: Unix seconds.
    :ivar dropped: records that could not be kept.
    :ivar counted: is given every record once, many at a time.
    """

    path: str
    reactor: Any
    now: Callable[[], float]
    retention_days: int = 90
    dropped: int = 0
    counted: Callable[[list[Record]], object] = _uncounted
    _waiting: list[Record] = attrs.field(factory=list)
    _fresh: list[Record] = attrs.field(factory=list)
    _soon: bool = False
    _moving: bool = False
    _timer: IDelayedCall | None = None
    _database: Database | None = None
    _writing: Deferred[None] | None = None
    _pruned: float = 0.0
    _warned: float = -60.0
    _log = Logger()

    def add(self, record: Record, *, soon: bool = False) -> None:
        """Take a record; it is written within a second, or as ``soon`` as what is being written is."""
        waiting = self._waiting
        waiting.append(record)
        self._fresh.append(record)
        if self._timer is None:
            self._timer = self.reactor.callLater(WAIT, self._due)
        self._soon = self._soon or soon
        if (soon or len(waiting) >= BATCH) and self._writing is None:
            self.flush()
        elif len(waiting) > MOST_WAITING:
            waiting.pop(0)
            self.dropped += 1

    def tell(self) -> None:
        """Have counted what is not yet."""
        fresh, self._fresh = self._fresh, []
        if fresh:
            self.counted(fresh)

    def _due(self) -> None:
        self._timer = None
        self.flush()

    def flush(self) -> Deferred[None]:
        """Write what waits."""
        self.tell()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting or self._moving:
            return self.interact(lambda cursor: None)
        records, self._waiting, self._soon = self._waiting, [], False
        writing = self.interact(partial(self._write, records, self._horizon()))
        self._writing = writing
        writing.addBoth(self._written, records)
        return writing

    def _horizon(self) -> float | None:
        """What is older is to go, once an hour; None in between."""
        if self.now() - self._pruned < HOUR:
            return None
        self._pruned = self.now()
        return self._pruned - self.retention_days * DAY

    def _write(self, records: list[Record], horizon: float | None, cursor: Any) -> None:
        cursor.executemany(ADD_REQUEST, map(request_row, records))
        cursor.executemany(_ADD_ATTEMPT, [row for record in records for row in attempt_rows(record)])
        add_sums(cursor, records)
        if self.path == IN_MEMORY:
            for table in ("requests", "tries"):
                cursor.execute(f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?", (KEPT_IN_MEMORY,))
        elif horizon is not None:
            for table in ("requests", "tries"):
                cursor.execute(f"DELETE FROM {table} WHERE time < ?", (horizon,))

    def _written(self, result: Any, records: list[Record]) -> None:
        self._writing = None
        if not isinstance(result, Failure):
            if self._soon:
                self.flush()
            return
        kept = [*records, *self._waiting]
        self.dropped += max(0, len(kept) - MOST_WAITING)
        self._waiting = kept[-MOST_WAITING:]
        if self._timer is None:
            self._timer = self.reactor.callLater(WAIT * 5, self._due)
        if self.now() - self._warned >= 60:
            self._warned = self.now()
            why = f"{result.getErrorMessage()}; {len(self._waiting)} records wait, {self.dropped} are lost"
            self._log.warn("the ledger {path} cannot be written: {why}", path=self.path, why=why)

    def interact(self, work: Callable[[Any], T]) -> Deferred[T]:
        """Do ``work`` with a cursor, behind what is being written already."""
        if self._database is None:
            self._database = Database(self.path, self.reactor)
        return self._database.interact(work)

    async def ask(self, question: Callable[[Any], T]) -> T:
        """The answer of ``question``, which is given a cursor, with everything recorded so far in it."""
        await self.flush()
        return await self.interact(question)

    async def keep_in(self, path: str) -> None:
        """Go on in a file, with all that is known.

        :raises sqlite3.Error: it cannot be written; everything stays as it was.
        """
        await self.flush()
        self._moving = True
        try:
            if self._database is not None:
                await self._database.interact(partial(copied, path=path))
            before, self._database, self.path = self._database, None, path
        finally:
            self._moving = False
        if before is not None:
            before.close()
        await self.flush()

    async def close(self) -> None:
        """Write the last of it."""
        if self._database is not None or self._waiting:
            await self.flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._database is not None:
            self._database.close()
            self._database = None


def copied(cursor: Any, path: str) -> None:
    """Add what the tables hold to those of a file."""
    with contextlib.closing(sqlite3.connect(path)) as kept:
        prepare(kept)
        with kept:
            for statement, table, columns in (
                (ADD_REQUEST, "requests", REQUEST),
                (_ADD_ATTEMPT, "tries", ATTEMPT),
                (_ADD_HOUR, "hours", f"{GROUP}, {SUMS}"),
                (_ADD_DAY, "days", f"{GROUP}, {SUMS}"),
                (_ADD_KEY_HOUR, "key_hours", f"hour, key, {SUMS}"),
            ):
                kept.executemany(statement, cursor.execute(f"SELECT {columns} FROM {table}"))


def summed(cursor: Any, since: float, keys: frozenset[str]) -> dict[str, Amounts]:
    """What the keys of these labels have used since an hour's begin: ``usd``, ``tokens`` and ``requests``."""
    table, given = since_hour(since)
    cursor.execute(f"SELECT key, sum(cost_usd), sum(input + output), sum(requests) FROM {table} GROUP BY key", given)
    return {
        key: Amounts(usd or 0.0, tokens or 0.0, requests or 0.0)
        for key, usd, tokens, requests in cursor.fetchall()
        if key in keys
    }
