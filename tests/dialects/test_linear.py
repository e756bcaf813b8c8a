"""Twice the message costs twice the work: every shape, from every dialect into every other."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from cliproxy.dialects.interface import EncodeContext
from cliproxy.dialects.registry import DIALECTS
from cliproxy.jsontypes import loads
from tests.stall.shapes import requests
from tests.support.work import calls

PAIRS = list(itertools.product(DIALECTS, DIALECTS))
SHAPES = ("turns", "parts", "results", "keys", "unions", "references")
SIZE = 20_000


def translated(source: str, target: str, body: Any) -> None:
    """The request, read and written again."""
    ids = itertools.count()
    mint = lambda prefix: f"{prefix}{next(ids)}"  # noqa: E731
    request = DIALECTS[source].decode_request(body, mint)
    context = EncodeContext(model="m", mint=mint, stream=False, max_output_tokens=None)
    DIALECTS[target].encode_request(request, context)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_requests_cost_what_they_hold(source: str, target: str, shape: str) -> None:
    """Doubling a request at most doubles the calls of functions, but for what every request costs."""
    work = []
    for size in (SIZE, 2 * SIZE):
        body = {"model": "m", **loads(requests(source, size)[shape])}
        work.append(calls(lambda body=body: translated(source, target, body)))  # type: ignore[misc]
    assert work[1] < 2.3 * work[0]
