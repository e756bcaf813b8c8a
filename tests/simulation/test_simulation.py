"""Seeded lives of the failover loop. A seed that once broke an invariant stays here under the name of what it found."""

from __future__ import annotations

import pytest

from tests.simulation.simulation import Simulation

#: Seeds that found a bug, by what it was.
FOUND = {
    614: "a failed probe of the last usable credential was followed by another at once, without a backoff",
}


@pytest.mark.parametrize("seed", range(200))
def test_invariants_hold(seed: int) -> None:
    """Whatever vendors, clients and operator do, no invariant breaks."""
    Simulation(seed).run()


@pytest.mark.parametrize("seed", FOUND, ids=FOUND.values())
def test_what_was_found_stays_mended(seed: int) -> None:
    """A life that once broke an invariant is lived without breaking one."""
    Simulation(seed).run()


def test_a_seed_is_one_life() -> None:
    """The same seed tells the same story, so that a failing seed can be looked at again."""
    first, second = Simulation(7), Simulation(7)
    first.run()
    second.run()
    assert first.story == second.story
