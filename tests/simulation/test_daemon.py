"""Seeded lives of the whole daemon, over connections in memory."""

from __future__ import annotations

import pytest

from tests.simulation.daemon import DaemonLife


@pytest.mark.parametrize("seed", range(100))
def test_what_can_be_seen_from_outside(seed: int) -> None:
    """Whatever vendors do on the wire, each client gets at most one answer, whole or marked as broken, and nothing leaks."""
    DaemonLife(seed).run()
