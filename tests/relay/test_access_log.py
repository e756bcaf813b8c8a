"""The access log: batches, levels, and strangers who cannot fill it."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import LogLevel, eventAsText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.ir.usage import Usage
from cliproxy.relay.access_log import BATCH, WAIT, AccessLog
from cliproxy.relay.record import Record, plain
from cliproxy.relay.refusals import MOST, PEERS, WINDOW


def record(id: str = "one", status: int = 200, **more: Any) -> Record:
    """An exchange that went well."""
    return Record(id=id, status=status, seconds=1.0, **{"dialect": "openai", "model": "m", **more})


def stranger(peer: str = "10.0.0.1", **more: Any) -> Record:
    """A request without a right key."""
    return Record(id="x", status=401, seconds=0.0, peer=peer, known=False, method="GET", path="/v1/models", **more)


class Logged(SynchronousTestCase):
    """An access log on a virtual clock, and what it logs."""

    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.clock = Clock()
        self.journal = AccessLog(self.clock)
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: dict[str, Any]) -> None:
        if event.get("log_namespace") == "cliproxy.relay.access_log.AccessLog":
            self.events.append(event)

    @property
    def ids(self) -> list[list[str]]:
        return [[record.id for record in event["records"]] for event in self.events]


class Batches(Logged):
    """When lines are logged, and together with which."""

    def test_together(self) -> None:
        """Lines that come close together are one event, in their order."""
        self.journal.write(record("one"))
        self.clock.advance(WAIT / 2)
        self.journal.write(record("two"))
        self.assertEqual(self.ids, [])
        self.clock.advance(WAIT / 2)
        self.assertEqual(self.ids, [["one", "two"]])
        self.assertEqual(eventAsText(self.events[0], False, False, False).count("\n"), 1)

    def test_later(self) -> None:
        """A line after a batch waits for a batch of its own."""
        self.journal.write(record("one"))
        self.clock.advance(WAIT)
        self.journal.write(record("two"))
        self.clock.advance(WAIT)
        self.assertEqual(self.ids, [["one"], ["two"]])

    def test_much(self) -> None:
        """A full batch does not wait."""
        for _ in range(BATCH):
            self.journal.write(record())
        self.assertEqual(len(self.events), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_last(self) -> None:
        """A line after which no more are expected is logged at once, and what waited with it."""
        self.journal.write(record("one"))
        self.journal.write(record("two"), more=False)
        self.assertEqual(self.ids, [["one", "two"]])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_flush(self) -> None:
        """A flush logs at once and leaves nothing on the clock; without lines it says nothing."""
        self.journal.write(record())
        self.journal.flush()
        self.journal.flush()
        self.assertEqual(len(self.events), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Levels(Logged):
    """Outcomes and their levels."""

    def test_by_outcome(self) -> None:
        """Refused keys and failures are warnings; successes, a client's mistakes and its leaving are not."""
        for status, level in (
            (200, LogLevel.info), (400, LogLevel.info), (404, LogLevel.info), (0, LogLevel.info),
            (401, LogLevel.warn), (403, LogLevel.warn), (421, LogLevel.warn), (429, LogLevel.warn), (502, LogLevel.warn),
        ):  # fmt: skip
            self.events.clear()
            self.journal.write(record(status=status), more=False)
            self.assertEqual([event["log_level"] for event in self.events], [level], status)

    def test_a_stream_that_broke(self) -> None:
        """A 200 whose stream failed is a warning."""
        self.journal.write(record(failure="cut"), more=False)
        self.assertEqual(self.events[0]["log_level"], LogLevel.warn)

    def test_a_warning_does_not_wait_and_keeps_its_place(self) -> None:
        """What waits is logged before it."""
        self.journal.write(record("one"))
        self.journal.write(record("two", 502))
        self.assertEqual(self.ids, [["one"], ["two"]])


class Strangers(Logged):
    """Requests that were not let in."""

    def test_few_lines_a_peer(self) -> None:
        """So many lines a minute; the rest is counted and said once. Another peer has its own."""
        for _ in range(MOST + 5):
            self.journal.write(stranger())
        self.journal.write(stranger("10.0.0.2"))
        self.assertEqual(len(self.events), MOST + 1)
        self.clock.advance(WINDOW)
        self.assertEqual(
            eventAsText(self.events[-1]).split("] ")[-1], "5 more requests of 10.0.0.1 were refused within a minute"
        )
        self.journal.write(stranger())
        self.assertEqual(len(self.events), MOST + 3)

    def test_many_peers(self) -> None:
        """Peers beyond the most that are told apart share one allowance."""
        for number in range(PEERS + MOST + 1):
            self.journal.write(stranger(f"peer-{number}"))
        self.assertEqual(len(self.events), PEERS + MOST)

    def test_path_is_masked(self) -> None:
        """A secret in a path that a stranger wrote is not logged."""
        self.journal.mask = lambda text: text.replace("sk-1", "***")
        self.journal.write(Record(id="x", status=404, seconds=0.0, method="GET", path="/sk-1/v1"), more=False)
        self.assertIn("GET /***/v1", plain(self.events[0]["records"][0]))


class Lines(SynchronousTestCase):
    """A record as a line."""

    def test_exchange(self) -> None:
        """Who asked, for what, who answered, how it ended, and what it took."""
        usage = Usage(input=10, output=3, cached=4)
        line = plain(record(client="ab12", credential="chat-1", first=0.25, usage=usage, failure="no\nway"))
        self.assertEqual(
            line,
            "[one] ab12 openai m -> chat-1 200 attempts=0 affinity=none seconds=1.000 first=0.250 tokens=10/4/3"
            " failed: 'no\\nway'",
        )

    def test_other(self) -> None:
        """A request that was no exchange has its method and path."""
        self.assertEqual(plain(stranger(failure="Missing API key")),
                         "[x] - 10.0.0.1 GET /v1/models 401 seconds=0.000 failed: 'Missing API key'")  # fmt: skip

    def test_hostile(self) -> None:
        """Whatever is in it, it stays one line and steers no terminal."""
        line = plain(record(model="a\nb\x1b[31m", client="\u202e"))
        self.assertTrue(line.isprintable())
