"""The garbage collector's settings."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from cliproxy.daemon.collector import THRESHOLDS, Collector, settle


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Node:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.own = self


def test_what_is_there_when_serving_begins_is_not_looked_through_again() -> None:
    Collector().startService()
    assert gc.get_threshold() == THRESHOLDS
    assert gc.get_freeze_count() > 1000


def test_what_the_last_configuration_left_goes_with_the_next() -> None:
    node = Node()
    settle()
    gone = weakref.ref(node)
    del node
    gc.collect()
    assert gone() is not None, "it is frozen"
    settle()
    assert gone() is None
