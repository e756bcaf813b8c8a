"""The count of requests that used Amp's credits."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.amp.credits import Credits
from cliproxy.daemon.state_file import CreditsFile
from tests.support.scratch import scratch

DAY = 86_400.0


class Counts(SynchronousTestCase):
    """By the day, over a restart."""

    def setUp(self) -> None:
        self.time = 20_000 * DAY
        self.path = scratch(self) / "file.json"

    def credits(self) -> Credits:
        return Credits(lambda: self.time)

    def test_by_day(self) -> None:
        """A new UTC day begins at nothing."""
        credits = self.credits()
        self.assertEqual([credits.add(), credits.add()], [1, 2])
        self.time += DAY
        self.assertEqual((credits.requests, credits.add()), (0, 1))

    def test_restart(self) -> None:
        """What was counted today goes on, and was not today does not."""
        first = self.credits()
        file = CreditsFile(self.path, first)
        file.save()
        self.assertFalse(self.path.exists())
        first.add()
        first.add()
        file.save()
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        again = self.credits()
        CreditsFile(self.path, again).restore()
        self.assertEqual(again.add(), 3)
        self.time += DAY
        later = self.credits()
        CreditsFile(self.path, later).restore()
        self.assertEqual(later.requests, 0)

    def test_damaged(self) -> None:
        """A file that cannot be read, or means nothing, costs the memory and nothing else."""
        for text in (
            "{",
            "[]",
            '{"day": 1, "requests": 2}',
            '{"day": "2024-10-04", "requests": -1}',
            '{"requests": 3}',
        ):
            self.path.write_text(text)
            credits = self.credits()
            CreditsFile(self.path, credits).restore()
            self.assertEqual(credits.requests, 0, text)
