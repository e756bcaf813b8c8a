"""One house a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real.house import House, open_house


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """Fakes, daemon and clients, with the usual settings."""
    with open_house() as opened:
        yield opened
