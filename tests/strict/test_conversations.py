"""Conversations of any shape: calls answered late, twice, never, and results of no call. No vendor refuses what leaves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliproxy.dialects.registry import DIALECTS
from tests.dialects.driving import to_request
from tests.strict.asking import VENDORS, check
from tests.support.vendors import documents

IDS = st.sampled_from(("call_a", "call_b", "call_c"))
TURNS = st.lists(
    st.one_of(
        st.tuples(st.just("user"), st.just("")),
        st.tuples(st.just("assistant"), st.lists(IDS, max_size=2, unique=True)),
        st.tuples(st.just("tool"), IDS),
    ),
    max_size=9,
)
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def said(turn: Any) -> dict[str, Any]:
    """A turn as a Chat client writes it."""
    role, what = turn
    if role == "tool":
        return {"role": "tool", "tool_call_id": what, "content": "ok"}
    if role == "user":
        return {"role": "user", "content": "hi"}
    calls = [{"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}} for each in what]
    return {"role": "assistant", "content": "well", **({"tool_calls": calls} if calls else {})}


@pytest.mark.parametrize("vendor", [vendor for vendor in VENDORS if vendor != "openai"])
@given(turns=TURNS)
@settings(max_examples=60)
def test_no_vendor_refuses_a_conversation(vendor: str, turns: list[Any]) -> None:
    messages = [{"role": "user", "content": "hi"}, *map(said, turns), {"role": "user", "content": "so?"}]
    body, _ = to_request(DIALECTS["openai"], DIALECTS[vendor], {"model": "m", "messages": messages, "tools": [TOOL]})
    if vendor == "claude":
        body["max_tokens"] = 9
    check(vendor, body, [])
    assert documents.refusals(vendor, body) == []


@given(turns=TURNS)
@settings(max_examples=60)
def test_chat_refuses_no_conversation_of_a_responses_client(turns: list[Any]) -> None:
    items: list[Any] = [{"role": "user", "content": "hi"}]
    for role, what in turns:
        if role == "tool":
            items.append({"type": "function_call_output", "call_id": what, "output": "ok"})
        elif role == "user":
            items.append({"role": "user", "content": "hi"})
        else:
            items += [{"type": "function_call", "call_id": each, "name": "f", "arguments": "{}"} for each in what]
    items.append({"role": "user", "content": "so?"})
    body, _ = to_request(DIALECTS["responses"], DIALECTS["openai"], {"model": "m", "input": items})
    check("openai", body, [])
    assert documents.refusals("openai", body) == []
