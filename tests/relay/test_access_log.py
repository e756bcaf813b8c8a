"""The access log's batches."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.relay.access_log import BATCH, WAIT, AccessLog


class Batches(SynchronousTestCase):
    """When lines are logged, and together with which."""

    def setUp(self) -> None:
        self.logged: list[str] = []
        self.clock = Clock()
        self.journal = AccessLog(self.clock)
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: dict[str, Any]) -> None:
        if event.get("log_namespace") == "cliproxy.relay.access_log.AccessLog":
            self.logged.append(event["lines"])

    def test_together(self) -> None:
        """Lines that come close together are one event, in their order."""
        self.journal.write("one")
        self.clock.advance(WAIT / 2)
        self.journal.write("two")
        self.assertEqual(self.logged, [])
        self.clock.advance(WAIT / 2)
        self.assertEqual(self.logged, ["one\ntwo"])

    def test_later(self) -> None:
        """A line after a batch waits for a batch of its own."""
        self.journal.write("one")
        self.clock.advance(WAIT)
        self.journal.write("two")
        self.clock.advance(WAIT)
        self.assertEqual(self.logged, ["one", "two"])

    def test_much(self) -> None:
        """A full batch does not wait."""
        for _ in range(2):
            self.journal.write("x" * (BATCH // 2))
        self.assertEqual(len(self.logged), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_last(self) -> None:
        """A line after which no more are expected is logged at once, and what waited with it."""
        self.journal.write("one")
        self.journal.write("two", more=False)
        self.assertEqual(self.logged, ["one\ntwo"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_flush(self) -> None:
        """A flush logs at once and leaves nothing on the clock; without lines it says nothing."""
        self.journal.write("one")
        self.journal.flush()
        self.journal.flush()
        self.assertEqual(self.logged, ["one"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
