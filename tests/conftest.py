"""What holds for all tests: laws are checked by their examples, never by the clock of the machine they run on.

``--quick`` (``make quick``) runs a sample in under a minute: nothing marked ``real``, at most so many cases of a table, and
fewer examples of a law.
"""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import HealthCheck, settings

from tests.support.world import World

#: Of one test's or class's table of cases, a quick run takes so many, spread evenly.
CASES = 16

settings.register_profile("cliproxy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("cliproxy"), max_examples=10)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="a sample: no sockets, few cases of each table")
    parser.addoption("--whole-channel", action="store_true", help="no request of a test's daemon goes the plain way")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("quick" if config.getoption("--quick") else "cliproxy")
    World.plain = not config.getoption("--whole-channel")


def table(item: pytest.Item) -> str:
    """The test function that a case belongs to."""
    return item.nodeid.partition("[")[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a quick run does without."""
    if not config.getoption("--quick"):
        return
    kept: list[pytest.Item] = []
    for _, group in groupby((item for item in items if not item.get_closest_marker("real")), key=table):
        cases = list(group)
        kept += cases[:: -(-len(cases) // CASES)]
    chosen = set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = kept
