"""What is taken out of a Responses body before its own vendor sees it."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.dialects import signatures
from cliproxy.dialects.interface import EncodeContext
from cliproxy.dialects.responses.passthrough import repair
from cliproxy.ir.content import Signature
from tests.dialects.driving import RESPONSES, minting

MESSAGE = {"type": "message", "role": "user", "content": "x"}
GEMINI = signatures.wrap(Signature("gemini", "c2lnbmF0dXJl"))


@pytest.mark.parametrize(
    ("reasoning", "stays"),
    [
        ({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAABsealed"}, True),
        ({"type": "reasoning", "summary": [], "encrypted_content": "unknown-but-maybe-theirs"}, True),
        ({"type": "reasoning", "id": "rs_1", "summary": []}, False),
        ({"type": "reasoning", "summary": [], "encrypted_content": None}, False),
        ({"type": "reasoning", "summary": [], "encrypted_content": GEMINI}, False),
    ],
)
def test_reasoning(reasoning: dict[str, Any], stays: bool) -> None:
    """Reasoning its vendor cannot read goes; its own, and what may be its own, stays as it is."""
    body = {"input": [MESSAGE, reasoning, MESSAGE]}
    kept = [MESSAGE, reasoning, MESSAGE] if stays else [MESSAGE, MESSAGE]
    by_mistake = RESPONSES.decode_request(body, minting())  # sent to Chat's route, which reads and encodes it
    assert RESPONSES.encode_request(by_mistake, EncodeContext("m", minting()))["input"] == kept
    repair(body)
    assert body["input"] == kept


@pytest.mark.parametrize("body", [{}, {"input": "text"}, {"input": [7, None, "x"]}, {"input": {}}])
def test_odd_bodies(body: dict[str, Any]) -> None:
    """What is no list of items is left alone."""
    before = dict(body)
    repair(body)
    assert body == before
