"""Reload: everything is checked before anything is applied."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.daemon.reload import POLL_SECONDS, Reloader
from cliproxy.errors import SettingsError
from cliproxy.settings.load import Loaded, load
from cliproxy.settings.model import Settings
from tests.support.scratch import scratch


class Reloads(SynchronousTestCase):
    """A reloader over a real file and a virtual clock."""

    def setUp(self) -> None:
        self.path = scratch(self) / "config.yaml"
        self.write("api-keys: [one]\n")
        self.clock = Clock()
        self.applied: list[Settings] = []
        self.refuse = False
        self.reloader = Reloader(
            self.path, self.read, self.compile, self.applied.append, self.clock, keyed=lambda: self.keyed
        )
        self.keyed = True
        self.reloader.startService()
        self.addCleanup(self.reloader.stopService)

    def read(self) -> Loaded:
        return load(self.path)

    def compile(self, settings: Settings) -> Settings:
        if self.refuse:
            raise SettingsError(("no",))
        return settings

    def looks(self, number: int = 2) -> None:
        """So many looks at the file."""
        self.clock.pump([POLL_SECONDS] * number)

    def write(self, text: str) -> None:
        """As careful editors do: a new file in place of the old."""
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.write_text(text)
        os.replace(fresh, self.path)

    def test_unchanged(self) -> None:
        """A file that does not change is not read again."""
        self.clock.pump([POLL_SECONDS] * 5)
        self.assertEqual(self.applied, [])

    def test_changed(self) -> None:
        """A changed file is applied once, when two looks agree."""
        self.write("api-keys: [one, two]\n")
        self.clock.pump([POLL_SECONDS] * 3)
        self.assertEqual([len(settings.api_keys) for settings in self.applied], [2])

    def test_bad_file(self) -> None:
        """A bad file changes nothing and says why; the next good one is applied."""
        self.write("api-keys: 7\nport: abc\n")
        self.looks()
        self.assertEqual(self.applied, [])
        self.write("api-keys: [three]\n")
        self.looks()
        self.assertEqual(self.applied[0].api_keys[0].key.reveal(), "three")

    def test_gone_or_empty(self) -> None:
        """A file that is gone or empty for a moment is one being replaced."""
        self.path.write_text("")
        self.looks()
        self.path.unlink()
        self.looks()
        self.assertEqual(self.applied, [])
        self.write("api-keys: [back]\n")
        self.looks()
        self.assertEqual(len(self.applied), 1)

    def test_on_demand(self) -> None:
        """A signal's reload reads the file as it is now, and says whether it was applied."""
        self.assertTrue(self.successResultOf(self.reloader.reload()))
        self.refuse = True
        self.assertFalse(self.successResultOf(self.reloader.reload()))
        self.path.unlink()
        self.assertFalse(self.successResultOf(self.reloader.reload()))

    def test_storm(self) -> None:
        """A hundred changes in a minute are as many applications at the most, and the last one wins."""
        for number in range(100):
            self.write(f"api-keys: [key-{number}]\n")
            self.looks()
        self.assertEqual(self.applied[-1].api_keys[0].key.reveal(), "key-99")

    def test_being_written(self) -> None:
        """A file that changes from look to look is not read until it rests."""
        for number in range(5):
            self.write(f"api-keys: [key-{number}]\n")
            self.looks(1)
        self.assertEqual(self.applied, [])
        self.looks(1)
        self.assertEqual(len(self.applied), 1)

    def test_the_last_key(self) -> None:
        """A file without api-keys is not applied where there were some, unless it says so itself."""
        self.write("debug: true\n")
        self.looks()
        self.assertEqual(self.applied, [])
        self.write("api-keys: []\n")
        self.looks()
        self.assertEqual(len(self.applied), 1)
        self.keyed = False
        self.write("debug: true\n")
        self.looks()
        self.assertEqual(len(self.applied), 2)

    def test_links(self) -> None:
        """A link is followed at every look: that is how ConfigMaps change."""
        for name in ("one", "two"):
            self.path.with_name(name).write_text(f"api-keys: [{name}]\n")
        self.path.unlink()
        self.path.symlink_to("one")
        self.looks()
        fresh = self.path.with_name("fresh")
        fresh.symlink_to("two")
        os.replace(fresh, self.path)
        self.looks()
        self.assertEqual([settings.api_keys[0].key.reveal() for settings in self.applied], ["one", "two"])

    def test_one_at_a_time(self) -> None:
        """While a file is read in a thread another wish to reload waits for its turn."""
        waiting: list[tuple[Deferred[Any], Callable[[], Any]]] = []

        def aside(work: Callable[[], Any]) -> Deferred[Any]:
            waiting.append((Deferred(), work))
            return waiting[-1][0]

        reloader = Reloader(
            self.path, self.read, self.compile, self.applied.append, self.clock, keyed=lambda: True, aside=aside
        )
        first, second = reloader.reload(), reloader.reload()
        self.assertEqual(len(waiting), 1)
        for number in range(2):
            done, work = waiting[number]
            done.callback(work())
        self.assertTrue(self.successResultOf(first) and self.successResultOf(second))
        self.assertEqual(len(self.applied), 2)
