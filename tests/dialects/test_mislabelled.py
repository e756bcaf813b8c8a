"""Responses bodies on the Chat route."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.dialects.mislabelled import chat_body, is_responses_body
from cliproxy.errors import RequestFault
from cliproxy.ir.loss import Loss
from tests.dialects.driving import CHAT, check_chat_request, corpus, minting


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"input": "x"}, True),
        ({"instructions": "x"}, True),
        ({"messages": None, "input": []}, True),
        ({"messages": [], "input": "x"}, False),
        ({"model": "m"}, False),
        ({"input": None}, False),
    ],
)
def test_a_responses_body_is_known_by_its_members(body: Any, told: bool) -> None:
    """No messages, but input or instructions."""
    assert is_responses_body(body) is told


@pytest.mark.parametrize(("name", "body"), corpus("responses", "request"))
def test_it_becomes_a_chat_body(name: str, body: Any) -> None:
    """The Chat body is one the SDK knows, streams when the client's did, and asks for no usage of its own accord."""
    written = chat_body(body, minting(), [])
    check_chat_request(written)
    assert written["model"] == body["model"]
    assert written["stream"] is body.get("stream", False)
    assert not CHAT.decode_request(written, minting()).include_usage


def test_what_it_cannot_say_is_recorded_and_what_cannot_be_read_refused() -> None:
    """Losses go where the caller's go; a fault names the client's own path."""
    losses: list[Loss] = []
    chat_body({"input": "x", "previous_response_id": "resp_1"}, minting(), losses)
    assert losses == [Loss("previous_response_id", "previous_response_id", meaning=True)]
    with pytest.raises(RequestFault) as caught:
        chat_body({"input": [7]}, minting(), [])
    assert caught.value.detail.param == "input[0]"
