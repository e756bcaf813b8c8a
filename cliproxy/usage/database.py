"""SQLite in one thread of its own: everything that is written and read goes through it in turn."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final, TypeVar

from twisted.enterprise.adbapi import ConnectionPool
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorThreads

T = TypeVar("T")

#: A database that is gone with the process.
IN_MEMORY: Final = ":memory:"

#: What the tables are like; a file with others is from before this was settled, and begins anew.
_VERSION: Final = 2
#: An attempt that was the only one and was answered says what its request's row says: only ``attempt_ms`` is kept of it there.
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, request_id TEXT NOT NULL, key TEXT NOT NULL, peer TEXT NOT NULL,
    credential TEXT NOT NULL, credential_id TEXT NOT NULL, provider TEXT NOT NULL, dialect_in TEXT NOT NULL,
    dialect_out TEXT NOT NULL, endpoint TEXT NOT NULL, route TEXT NOT NULL, session TEXT NOT NULL, asked TEXT NOT NULL,
    model TEXT NOT NULL, stream INTEGER NOT NULL, status INTEGER NOT NULL, outcome TEXT NOT NULL, attempts INTEGER NOT NULL,
    attempt_ms REAL, affinity TEXT NOT NULL, ms REAL NOT NULL, first_ms REAL, input INTEGER, cached INTEGER,
    cache_write INTEGER, cache_write_1h INTEGER, output INTEGER, reasoning INTEGER, cost_usd REAL NOT NULL,
    saved_usd REAL NOT NULL, cache_saved_usd REAL NOT NULL, cost_source TEXT NOT NULL, losses INTEGER NOT NULL,
    failure TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS requests_time ON requests (time);
CREATE TABLE IF NOT EXISTS tries (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, request_id TEXT NOT NULL, number INTEGER NOT NULL, credential TEXT NOT NULL,
    credential_id TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, status INTEGER NOT NULL, why TEXT NOT NULL,
    ms REAL NOT NULL, input INTEGER, output INTEGER, cost_usd REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS tries_time ON tries (time);
CREATE INDEX IF NOT EXISTS tries_request ON tries (request_id);
CREATE VIEW IF NOT EXISTS attempts AS
    SELECT time, request_id, 0 AS number, credential, credential_id, provider, model, 200 AS status, 'answered' AS why,
        attempt_ms AS ms, input, output, cost_usd FROM requests WHERE attempt_ms IS NOT NULL
    UNION ALL SELECT time, request_id, number, credential, credential_id, provider, model, status, why, ms, input, output,
        cost_usd FROM tries;
"""
_SUMS: Final = """
    requests INTEGER NOT NULL, failed INTEGER NOT NULL, input INTEGER NOT NULL, cached INTEGER NOT NULL,
    cache_write INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL, cost_usd REAL NOT NULL,
    lost_usd REAL NOT NULL, saved_usd REAL NOT NULL, cache_saved_usd REAL NOT NULL, ms REAL NOT NULL,
"""
_KINDS: Final = "model TEXT NOT NULL, credential TEXT NOT NULL, provider TEXT NOT NULL, "
#: Sums by the hour; the same by the day, in UTC, which begins at ``hour``; and by the hour and the key alone.
_ROLLUPS: Final = "".join(
    f"CREATE TABLE IF NOT EXISTS {table} (hour INTEGER NOT NULL, key TEXT NOT NULL, {kinds}{_SUMS} PRIMARY KEY ({key})) "
    "WITHOUT ROWID;\n"
    for table, kinds, key in (
        ("hours", _KINDS, "hour, key, model, credential, provider"),
        ("days", _KINDS, "hour, key, model, credential, provider"),
        ("key_hours", "", "hour, key"),
    )
)


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, unless they are there. WAL: what was committed survives the process, however it ends."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
        connection.executescript("DROP TABLE IF EXISTS requests; DROP TABLE IF EXISTS hours;")
        kind = connection.execute("SELECT type FROM sqlite_master WHERE name = 'attempts'").fetchone()
        if kind is not None:
            connection.execute(f"DROP {kind[0]} attempts")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.executescript(_SCHEMA + _ROLLUPS)


class Database:
    """One file, or none: the reactor's threads do the work where it has any."""

    def __init__(self, path: str, reactor: Any) -> None:
        self._pool: ConnectionPool | None = None
        if IReactorThreads.providedBy(reactor):
            self._pool = ConnectionPool(
                "sqlite3",
                path,
                check_same_thread=False,
                cp_min=1,
                cp_max=1,
                cp_reactor=reactor,
                cp_openfun=prepare,
                cp_noisy=False,
            )
        else:
            self._connection = sqlite3.connect(path)
            prepare(self._connection)

    def interact(self, work: Callable[[Any], T]) -> Deferred[T]:
        """Do ``work`` with a cursor, as one transaction; its result, or what it raised, after a rollback."""
        if self._pool is not None:
            found: Deferred[T] = self._pool.runInteraction(work)
            return found
        return maybeDeferred(self._here, work)

    def _here(self, work: Callable[[Any], T]) -> T:
        with self._connection:
            return work(self._connection.cursor())

    def close(self) -> None:
        """No more work."""
        if self._pool is not None:
            self._pool.close()
        else:
            self._connection.close()
