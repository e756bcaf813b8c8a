"""The ledger, and what it is asked."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.ir.usage import Usage
from cliproxy.pool.trace import Attempt
from cliproxy.relay.record import Record
from cliproxy.routing.prices import Cost
from cliproxy.usage import ledger as module
from cliproxy.usage.database import IN_MEMORY
from cliproxy.usage.imported import merge, records_of
from cliproxy.usage.ledger import Ledger
from cliproxy.usage.queries import recent, snapshot, summary

NOW = 1_770_000_000.0


def record(**more: Any) -> Record:
    given = {
        "id": "r1",
        "status": 200,
        "seconds": 1.5,
        "client": "laptop",
        "dialect": "openai",
        "model": "asked",
        "upstream_model": "served",
        "credential": "chat",
        "provider": "chat",
        "usage": Usage(input=100, output=20, cached=40),
        "cost": Cost(0.5, "computed", 0.1),
        "time": NOW,
        "attempts": (Attempt("chat", "c:1", "chat", "served", 200, "answered", 1.0),),
    }
    return Record(**{**given, **more})


class Kept(SynchronousTestCase):
    """A ledger in a file."""

    def setUp(self) -> None:
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory())) / "usage.db"
        self.clock = Clock()
        self.ledger = self.open()

    def open(self, path: str = "") -> Ledger:
        return Ledger(path or str(self.path), self.clock, lambda: NOW + self.clock.seconds())

    def ask(self, question: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(self.ledger.ask(question)))

    def test_rows_come_in_batches(self) -> None:
        """Nothing is written at once; after a second all of it."""
        self.ledger.add(record())
        self.assertFalse(self.path.exists())
        self.clock.advance(1)
        with sqlite3.connect(self.path) as other:
            self.assertEqual(
                other.execute("SELECT key, input, cost_usd FROM requests").fetchall(), [("laptop", 100, 0.5)]
            )
            self.assertEqual(other.execute("SELECT credential, why FROM attempts").fetchall(), [("chat", "answered")])

    def test_another_life_goes_on(self) -> None:
        """What is committed is there without the ledger having been closed."""
        self.ledger.add(record())
        self.clock.advance(1)
        self.ledger = self.open()
        self.ledger.add(record())
        self.assertEqual(self.ask(lambda cursor: summary(cursor, "key", 0))["total"]["requests"], 2)

    def test_summaries(self) -> None:
        """Sums by key, model, credential and day agree with each other."""
        for number in range(5):
            self.ledger.add(record(client=f"key{number % 2}", time=NOW + number * 86400))
        self.ledger.add(record(status=502, failure="down", usage=None, cost=Cost()))
        total = self.ask(lambda cursor: summary(cursor, "key", 0))["total"]
        self.assertEqual((total["requests"], total["failed"], total["tokens"], total["cached"]), (6, 1, 600, 200))
        for by in ("key", "model", "credential", "provider", "day", "hour"):
            groups = self.ask(lambda cursor, by=by: summary(cursor, by, 0))["groups"]
            self.assertEqual(sum(group["requests"] for group in groups), 6, by)
            self.assertAlmostEqual(sum(group["cost_usd"] for group in groups), 2.5)
        mine = self.ask(lambda cursor: summary(cursor, "day", NOW + 86400, "key1"))
        self.assertEqual([group["name"] for group in mine["groups"]], ["2026-02-03", "2026-02-05"])

    def test_attempts_that_failed_have_their_cost(self) -> None:
        """What an attempt had used before it was given up is spent, and lost."""
        tries = (
            Attempt("one", "c:1", "chat", "served", 502, "cut", 1.0),
            Attempt("two", "c:2", "chat", "served", 200, "answered", 1.0),
        )
        self.ledger.add(record(attempts=tries, used={0: (Usage(input=100, output=3), 0.2)}))
        total = self.ask(lambda cursor: summary(cursor, "key", 0))["total"]
        self.assertAlmostEqual(total["cost_usd"], 0.7)
        self.assertAlmostEqual(total["lost_usd"], 0.2)
        (newest,) = self.ask(lambda cursor: recent(cursor, 10))
        self.assertEqual(
            [(one["credential"], one["cost_usd"]) for one in newest["tries"]], [("one", 0.2), ("two", 0.0)]
        )

    def test_old_requests_go_and_their_sums_stay(self) -> None:
        """After the retention."""
        self.ledger.retention_days = 1
        self.ledger.add(record(time=NOW - 2 * 86400))
        self.clock.advance(1)
        self.ledger.add(record())
        self.clock.advance(3601)
        self.ledger.add(record())
        self.clock.advance(1)
        self.assertEqual(len(self.ask(lambda cursor: recent(cursor, 10))), 2)
        self.assertEqual(self.ask(lambda cursor: summary(cursor, "day", 0))["total"]["requests"], 3)

    def test_memory_goes_on_in_a_file(self) -> None:
        """What is known moves, beside what an earlier life has left there."""
        self.ledger.add(record())
        self.clock.advance(1)
        memory = Ledger(IN_MEMORY, self.clock, lambda: NOW)
        for number in range(3):
            memory.add(record(id=str(number)))
        ended: list[Any] = []
        Deferred.fromCoroutine(memory.keep_in(str(self.path))).addBoth(ended.append)
        self.assertEqual(ended, [None])
        memory.add(record(id="later"))
        self.clock.advance(1)
        self.assertEqual(self.ask(lambda cursor: summary(cursor, "key", 0))["total"]["requests"], 5)
        self.assertEqual(len(self.ask(lambda cursor: recent(cursor, 10))), 5)

    def test_what_is_urgent_is_written_at_once(self) -> None:
        """Budgets do not wait for a second."""
        self.ledger.add(record(), soon=True)
        with sqlite3.connect(self.path) as other:
            self.assertEqual(other.execute("SELECT count(*) FROM requests").fetchall(), [(1,)])

    def test_a_full_disk(self) -> None:
        """Records wait while they cannot be written, and are written when they can."""
        with patch.object(Ledger, "_write", side_effect=sqlite3.OperationalError("database or disk is full")):
            self.ledger.add(record())
            self.clock.advance(1)
        self.ledger.add(record())
        self.clock.advance(10)
        self.assertEqual(self.ask(lambda cursor: summary(cursor, "key", 0))["total"]["requests"], 2)
        self.assertEqual(self.ledger.dropped, 0)

    def test_what_cannot_be_kept_is_counted(self) -> None:
        """Memory has an end: the oldest go, and it is known how many."""
        with (
            patch.object(Ledger, "_write", side_effect=sqlite3.OperationalError("full")),
            patch.object(module, "MOST_WAITING", 3),
        ):
            for number in range(5):
                self.ledger.add(record(id=str(number)))
            self.clock.advance(1)
        self.assertEqual(self.ledger.dropped, 2)
        self.assertEqual(self.ask(lambda cursor: summary(cursor, "key", 0))["total"]["requests"], 3)

    def test_without_a_file(self) -> None:
        """In memory the last requests and all sums are kept."""
        self.ledger = self.open(IN_MEMORY)
        with patch.object(module, "KEPT_IN_MEMORY", 2):
            for number in range(5):
                self.ledger.add(record(id=str(number)))
            kept = self.ask(lambda cursor: recent(cursor, 10))
        self.assertEqual([one["request_id"] for one in kept], ["4", "3"])
        self.assertEqual(self.ask(lambda cursor: summary(cursor, "key", 0))["total"]["requests"], 5)

    def test_export_and_import(self) -> None:
        """What is exported can be imported elsewhere, once."""
        self.ledger.add(record())
        self.ledger.add(record(status=500, failure="x", time=NOW + 5))
        document = {"version": 1, "usage": self.ask(snapshot)}
        self.assertEqual(document["usage"]["apis"]["laptop"]["models"]["served"]["total_tokens"], 240)
        self.ledger = self.open(IN_MEMORY)
        records = records_of(document, NOW)
        self.assertEqual(self.ask(lambda cursor: merge(cursor, records)), (2, 0))
        self.assertEqual(self.ask(lambda cursor: merge(cursor, records)), (0, 2))
        again = self.ask(snapshot)
        self.assertEqual(again["failure_count"], 1)
        self.assertEqual(again["tokens_by_day"], document["usage"]["tokens_by_day"])
