"""Every SDK before every kind of upstream: the checks of :mod:`tests.real.checks`, a test each."""

from __future__ import annotations

import pytest

from tests.real.checks import CHECKS, Cell
from tests.real.clients import CLIENTS
from tests.real.house import UPSTREAMS, House

pytestmark = pytest.mark.real


@pytest.mark.parametrize("name", list(CHECKS))
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", list(CLIENTS))
def test_cell(house: House, client: str, upstream: str, name: str) -> None:
    """The client gets of the upstream what the check named says."""
    CHECKS[name](Cell(house, house.clients[client], upstream))
