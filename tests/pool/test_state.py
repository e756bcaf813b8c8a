"""What survives a restart."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.daemon.state_file import StateFile
from cliproxy.pool.cooldown import CAPS, Health
from cliproxy.pool.pool import Pool, State
from cliproxy.pool.state import parse, serialise
from cliproxy.pool.verdict import Fault
from tests.pool.offers import offer, verdict, walk

WALL = 1_767_225_600.0


def test_a_cool_down_keeps_its_end() -> None:
    """A deadline stays at its wall-clock time, though the monotonic clock begins anew."""
    held = {("A", "m"): Health(1000.0, Fault.QUOTA, 429, quota_level=3)}
    data = serialise(held, now=900.0, wall=WALL)
    after = parse(data, now=5.0, wall=WALL + 40.0)
    assert after == {("A", "m"): Health(65.0, Fault.QUOTA, 429, quota_level=3)}


def test_what_ended_meanwhile_is_half_open() -> None:
    """A cool-down that ended while the daemon was down comes back to be probed, with its level."""
    data = serialise({("A", ""): Health(10.0, Fault.CREDENTIAL, 401)}, now=0.0, wall=WALL)
    health = parse(data, now=0.0, wall=WALL + 3600)["A", ""]
    assert health.until is not None
    assert not health.cooling(0.0)


@given(st.sampled_from(list(CAPS)), st.floats(0, 1800), st.floats(-1e9, 1e9), st.integers(0, 16), st.integers(0, 50))
def test_never_longer_than_the_cap(reason: Fault, left: float, shift: float, level: int, run: int) -> None:
    """However the wall clock is set meanwhile, what comes back ends within its cap."""
    held = {("A", "m"): Health(left, reason, 429, quota_level=level, run=run)}
    back = parse(serialise(held, now=0.0, wall=WALL), now=7.0, wall=WALL + shift)["A", "m"]
    assert back.until is not None
    assert back.until - 7.0 <= CAPS[reason] + 1e-6
    assert (back.reason, back.quota_level, back.run) == (reason, level, run)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'{"version":2}', b'{"version":1}', b"\xff\x00"])
def test_what_is_no_state_file(data: bytes) -> None:
    """Anything else is refused with a reason."""
    with pytest.raises(ValueError, match="."):
        parse(data, now=0.0, wall=WALL)


def test_single_bad_entries_are_left_out() -> None:
    """An entry of wrong types costs itself only; a reason nobody knows costs the cool-down."""
    data = b"""{"version":1,"cooldowns":[3,{},{"credential":1,"model":"m"},
        {"credential":"A","model":"m","until":"soon","reason":"quota","run":-1,"quota_level":true,"status":"x"},
        {"credential":"B","model":"m","until":1e12,"reason":"request"},
        {"credential":"C","model":"m","until":1767225610,"reason":"model","status":404}]}"""
    found = parse(data, now=0.0, wall=WALL)
    assert found[("C", "m")] == Health(10.0, Fault.MODEL, 404)
    assert found[("B", "m")] == Health()
    assert set(found) == {("A", "m"), ("B", "m"), ("C", "m")}


class File(SynchronousTestCase):
    """The file on disk."""

    def setUp(self) -> None:
        place = TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.path = Path(place.name) / "auth" / "state.json"
        self.clock = Clock()

    def file(self, pool: Pool) -> StateFile:
        """The state file of ``pool``."""
        return StateFile(self.path, pool, self.clock, lambda: WALL + self.clock.seconds())

    def test_restart(self) -> None:
        """Saved by one life, restored by the next: still cooling, for what is left."""
        before = Pool()
        file = self.file(before)
        lease = before.pick(walk(offer("A")), 0.0)
        assert lease is not None
        before.fail(lease, verdict(429, 300.0), 0.0)
        file.save()
        self.clock.advance(100)
        after = Pool()
        self.file(after).restore()
        standing = after.standing(offer("A"), self.clock.seconds())
        self.assertIs(standing.state, State.COOLING)
        self.assertAlmostEqual(standing.until or 0.0, 300.0)

    def test_private_and_whole(self) -> None:
        """Mode 0600 whatever the umask, in a directory of 0700, with nothing left beside it."""
        pool = Pool()
        file = self.file(pool)
        pool.changes += 1
        self.addCleanup(os.umask, os.umask(0))
        file.save()
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.path.parent.stat().st_mode), 0o700)
        self.assertEqual(os.listdir(self.path.parent), ["state.json"])

    def test_written_only_when_changed(self) -> None:
        """Nothing new, nothing written."""
        file = self.file(Pool())
        file.save()
        self.assertFalse(self.path.exists())

    def test_a_damaged_file_is_not_used(self) -> None:
        """A file that cannot be read as one is warned about and forgotten at the next save."""
        self.path.parent.mkdir(parents=True)
        self.path.write_bytes(b"{half")
        pool = Pool()
        self.file(pool).restore()
        self.assertEqual(dict(pool.cooldowns()), {})

    def test_a_place_that_cannot_be_written(self) -> None:
        """A failing write costs the memory, not the daemon; the next change tries again."""
        self.path.parent.write_bytes(b"a file where a directory should be")
        pool = Pool()
        file = self.file(pool)
        pool.changes += 1
        file.save()
        self.path.parent.unlink()
        pool.changes += 1
        file.save()
        self.assertTrue(self.path.exists())
