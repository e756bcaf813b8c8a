"""Encoders leave what they are given alone: a request that fails over is encoded again, for another vendor."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from cliproxy.dialects.interface import EncodeContext
from cliproxy.dialects.registry import DIALECTS
from cliproxy.errors import RequestFault

CASES = [
    json.loads(line)
    for name in ("cases", "more_requests")
    for line in (Path(__file__).parents[1] / "corpus" / f"{name}.jsonl").read_text().splitlines()
]
REQUESTS = [case for case in CASES if case["kind"] == "request"]
SHORT = {"openai-response": "responses"}


@pytest.mark.parametrize("name", sorted({case["from"] for case in REQUESTS}))
def test_a_request_is_not_changed_by_being_encoded(name: str) -> None:
    """Read once and encoded for every dialect in turn, it is what it was, and so is the client's body."""
    reader = DIALECTS[SHORT.get(name, name)]
    tried = 0
    for case in REQUESTS:
        if case["from"] != name:
            continue
        body = copy.deepcopy(case["input"])
        try:
            request = reader.decode_request(body, lambda prefix: prefix + "x")
        except RequestFault:
            continue
        before: Any = copy.deepcopy(request)
        for dialect in DIALECTS.values():
            dialect.encode_request(request, EncodeContext("m", mint=lambda prefix: prefix + "x"))
            assert request == before, f"{case['id']} encoded as {dialect.name}"
            assert body == case["input"], f"{case['id']} encoded as {dialect.name}"
        tried += 1
    assert tried > 20
