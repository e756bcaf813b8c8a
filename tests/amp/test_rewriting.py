"""What an answer served by another model looks like to Amp's client."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cliproxy.amp.rewriting import declared_tools, renamed

TOOLS = {"bash": "Bash", "edit_file": "edit_file"}

CASES: list[tuple[str, Any, Any]] = [
    ("chat", {"model": "x", "id": 1}, {"model": "asked", "id": 1}),
    ("gemini", {"modelVersion": "x"}, {"modelVersion": "asked"}),
    ("claude", {"type": "m", "message": {"model": "x", "id": 1}}, {"type": "m", "message": {"model": "asked", "id": 1}}),
    ("responses", {"response": {"model": "x", "output": []}}, {"response": {"model": "asked", "output": []}}),
    ("wrapped", {"response": {"modelVersion": "x"}}, {"response": {"modelVersion": "asked"}}),
    (
        "thinking beside a call",
        {"content": [{"type": "thinking"}, {"type": "text"}, {"type": "tool_use", "name": "Bash"}]},
        {"content": [{"type": "text"}, {"type": "tool_use", "name": "Bash"}]},
    ),
    ("claude body", {"content": [{"type": "tool_use", "name": "bash"}]}, {"content": [{"type": "tool_use", "name": "Bash"}]}),
    (
        "claude stream",
        {"type": "content_block_start", "content_block": {"type": "tool_use", "name": "BASH"}},
        {"type": "content_block_start", "content_block": {"type": "tool_use", "name": "Bash"}},
    ),
    (
        "chat body",
        {"choices": [{"message": {"tool_calls": [{"function": {"name": "bash"}}]}}]},
        {"choices": [{"message": {"tool_calls": [{"function": {"name": "Bash"}}]}}]},
    ),
    (
        "chat stream",
        {"choices": [{"delta": {"tool_calls": [{"function": {"name": "Edit_File"}}, {"function": {"arguments": "{"}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"name": "edit_file"}}, {"function": {"arguments": "{"}}]}}]},
    ),
    (
        "responses stream",
        {"item": {"type": "function_call", "name": "bash"}},
        {"item": {"type": "function_call", "name": "Bash"}},
    ),
    (
        "responses end",
        {"response": {"model": "x", "output": [{"type": "function_call", "name": "bash"}]}},
        {"response": {"model": "asked", "output": [{"type": "function_call", "name": "Bash"}]}},
    ),
    (
        "gemini call",
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "bash"}}]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "Bash"}}]}}]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_rewritten(payload: Any, expected: Any) -> None:
    """The asked name stands wherever the model is named, and tools have the client's own spelling."""
    assert renamed("asked", TOOLS)(copy.deepcopy(payload)) == expected


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "ping"},
        {"content": [{"type": "thinking"}, {"type": "text", "text": "model"}]},
        {"content": [{"type": "tool_use", "name": "unheard"}]},
        {"content_block": {"type": "text", "name": "bash"}},
        {"message": "x", "response": None, "choices": [None, {"delta": None}], "candidates": [{"content": None}]},
    ],
)
def test_untouched(payload: Any) -> None:
    """What names no model and miscalls no tool is the very same object, and so passes byte for byte."""
    before = copy.deepcopy(payload)
    assert renamed("asked", TOOLS)(payload) is payload
    assert payload == before


def test_declared_tools() -> None:
    """Tools of all four dialects count; two that differ in their case only count as none."""
    assert declared_tools({"tools": [{"name": "Bash"}, {"type": "function", "function": {"name": "Edit"}}]}) == {
        "bash": "Bash",
        "edit": "Edit",
    }
    assert declared_tools({"tools": [{"functionDeclarations": [{"name": "A"}, {"name": "b"}, {"name": "B"}]}]}) == {
        "a": "A"
    }
    for body in ({}, {"tools": None}, {"tools": [1, {"name": 2}]}):
        assert declared_tools(body) == {}
