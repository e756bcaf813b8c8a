"""Reload: everything is checked before anything is applied."""

from __future__ import annotations

import os

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
        self.reloader = Reloader(self.path, self.read, self.apply, self.clock)
        self.reloader.startService()
        self.addCleanup(self.reloader.stopService)

    def read(self) -> Loaded:
        return load(self.path)

    def apply(self, settings: Settings) -> None:
        if self.refuse:
            raise SettingsError(("no",))
        self.applied.append(settings)

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
        """A changed file is applied once, within a poll."""
        self.write("api-keys: [one, two]\n")
        self.clock.pump([POLL_SECONDS] * 3)
        self.assertEqual([len(settings.api_keys) for settings in self.applied], [2])

    def test_bad_file(self) -> None:
        """A bad file changes nothing and says why; the next good one is applied."""
        self.write("api-keys: 7\nport: abc\n")
        self.clock.advance(POLL_SECONDS)
        self.assertEqual(self.applied, [])
        self.write("api-keys: [three]\n")
        self.clock.advance(POLL_SECONDS)
        self.assertEqual(self.applied[0].api_keys[0].key.reveal(), "three")

    def test_gone_or_empty(self) -> None:
        """A file that is gone or empty for a moment is one being replaced."""
        self.path.write_text("")
        self.clock.advance(POLL_SECONDS)
        self.path.unlink()
        self.clock.advance(POLL_SECONDS)
        self.assertEqual(self.applied, [])
        self.write("api-keys: [back]\n")
        self.clock.advance(POLL_SECONDS)
        self.assertEqual(len(self.applied), 1)

    def test_on_demand(self) -> None:
        """A signal's reload reads the file as it is now, and says whether it was applied."""
        self.assertTrue(self.reloader.reload())
        self.refuse = True
        self.assertFalse(self.reloader.reload())
        self.path.unlink()
        self.assertFalse(self.reloader.reload())

    def test_storm(self) -> None:
        """A hundred changes in a minute are as many applications at the most, and the last one wins."""
        for number in range(100):
            self.write(f"api-keys: [key-{number}]\n")
            self.clock.advance(POLL_SECONDS)
        self.assertEqual(self.applied[-1].api_keys[0].key.reveal(), "key-99")
