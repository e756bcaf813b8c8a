"""Codex, a Responses client, over two turns on every other vendor: its own tools come and go in its own terms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cliproxy.dialects.registry import DIALECTS
from tests.dialects.driving import RESPONSES, asking, check_responses_stream, corpus, to_request, to_stream

REQUEST: dict[str, Any] = dict(corpus("responses", "request"))["request-codex"]
SEALED = "RXhhbXBsZSBjbGF1ZGUtb3B1cy00"  # base64 that names a Claude model, as Anthropic's newer signatures do

CALLS = [
    ("mcp__github__create_issue", {"title": "é"}),
    ("apply_patch", {"input": "*** Begin Patch\n*** End Patch"}),
    ("tool_search", {"query": "mail"}),
    ("mcp__calendar__list_events", {"day": "today"}),
]


def claude_stream() -> list[Any]:
    """Thought, redacted thought, and the four calls, as Anthropic streams them."""
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        (
            {"type": "thinking", "thinking": "", "signature": ""},
            [{"type": "thinking_delta", "thinking": "Plan."}, {"type": "signature_delta", "signature": SEALED}],
        ),
        ({"type": "redacted_thinking", "data": "zzz"}, []),
    ]
    for number, (name, arguments) in enumerate(CALLS):
        start = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {}}
        text = json.dumps(arguments)
        deltas = [
            {"type": "input_json_delta", "partial_json": text[:4]},
            {"type": "input_json_delta", "partial_json": text[4:]},
        ]
        blocks.append((start, deltas))
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "usage": {"input_tokens": 3},
    }
    payloads: list[Any] = [{"type": "message_start", "message": message}]
    for index, (block, deltas) in enumerate(blocks):
        payloads.append({"type": "content_block_start", "index": index, "content_block": block})
        payloads += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        payloads.append({"type": "content_block_stop", "index": index})
    payloads.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}})
    return [*payloads, {"type": "message_stop"}]


def chat_stream() -> list[Any]:
    """The four calls as a Chat server streams them, fragments interleaved."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[Any] = [{"role": "assistant", "content": None, "reasoning_content": "Plan."}]
    for number, (name, _) in enumerate(CALLS):
        deltas.append(
            {"tool_calls": [{"index": number, "id": f"toolu_{number}", "function": {"name": name, "arguments": ""}}]}
        )
    for cut in (slice(None, 4), slice(4, None)):
        for number, (_, arguments) in enumerate(CALLS):
            deltas.append({"tool_calls": [{"index": number, "function": {"arguments": json.dumps(arguments)[cut]}}]})
    chunks: list[Any] = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    return [*chunks, {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}, "[DONE]"]


def gemini_stream() -> list[Any]:
    """The four calls as Gemini streams them: whole, with ids."""
    parts = [
        {"functionCall": {"id": f"toolu_{number}", "name": name, "args": arguments}}
        for number, (name, arguments) in enumerate(CALLS)
    ]
    return [
        {
            "candidates": [{"content": {"role": "model", "parts": [{"text": "Plan.", "thought": True}]}, "index": 0}],
            "responseId": "r",
        },
        {"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, "finishReason": "STOP"}]},
    ]


STREAMS = {"claude": claude_stream(), "openai": chat_stream(), "gemini": gemini_stream()}


def answered(vendor: str) -> list[Any]:
    """The items Codex gets from a vendor."""
    payloads = to_stream(DIALECTS[vendor], RESPONSES, STREAMS[vendor], asking(RESPONSES, DIALECTS[vendor], REQUEST))
    check_responses_stream(payloads)
    items = [payload["item"] for payload in payloads if payload["type"] == "response.output_item.done"]
    assert payloads[-1]["response"]["output"] == items
    return items


def second_turn(items: list[Any]) -> dict[str, Any]:
    """What Codex sends next: the items back, and an output for every call."""
    outputs = []
    for item in items:
        if item["type"] == "tool_search_call":
            outputs.append(
                {"type": "tool_search_output", "call_id": item["call_id"], "execution": "client", "tools": []}
            )
        elif "call_id" in item:
            outputs.append(
                {"type": f"{item['type']}_output", "call_id": item["call_id"], "output": f"answer to {item['call_id']}"}
            )
    return {**REQUEST, "input": [*REQUEST["input"], *items, *outputs]}


@pytest.mark.parametrize("vendor", STREAMS)
def test_calls_reach_codex_as_its_own(vendor: str) -> None:
    """Namespaced function, free-text tool, client-run search, found tool: each in the item Codex acts upon."""
    calls = [item for item in answered(vendor) if "call_id" in item]
    assert [(item["type"], item.get("namespace"), item.get("name")) for item in calls] == [
        ("function_call", "mcp__github__", "create_issue"),
        ("custom_tool_call", None, "apply_patch"),
        ("tool_search_call", None, None),
        ("function_call", "mcp__calendar__", "list_events"),
    ]
    assert json.loads(calls[0]["arguments"]) == {"title": "é"}
    assert calls[1]["input"] == "*** Begin Patch\n*** End Patch"
    assert calls[2]["arguments"] == {"query": "mail"}
    assert [item["call_id"] for item in calls] == [f"toolu_{number}" for number in range(4)]


def test_claude_gets_back_what_it_gave() -> None:
    """In the second turn the thought with its signature, the redacted thought and the calls are Anthropic's own blocks."""
    body, _ = to_request(RESPONSES, DIALECTS["claude"], second_turn(answered("claude")))
    turn, results = body["messages"][-2:]
    assert turn["content"] == [
        {"type": "thinking", "thinking": "Plan.", "signature": SEALED},
        {"type": "redacted_thinking", "data": "zzz"},
        *(
            {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": arguments}
            for number, (name, arguments) in enumerate(CALLS)
        ),
    ]
    assert [block["tool_use_id"] for block in results["content"]] == [f"toolu_{number}" for number in range(4)]
    declared = {tool["name"] for tool in body["tools"] if "name" in tool}
    assert declared >= {name for name, _ in CALLS}


def test_a_chat_server_gets_back_what_it_gave() -> None:
    """In the second turn one assistant message holds the reasoning and the calls, and four tool messages answer it."""
    body, _ = to_request(RESPONSES, DIALECTS["openai"], second_turn(answered("openai")))
    turn = body["messages"][-5]
    assert turn["reasoning_content"] == "Plan."
    assert [
        (call["function"]["name"], json.loads(call["function"]["arguments"])) for call in turn["tool_calls"]
    ] == CALLS
    assert [message["tool_call_id"] for message in body["messages"][-4:]] == [f"toolu_{number}" for number in range(4)]


def test_gemini_gets_back_what_it_gave() -> None:
    """In the second turn one model content holds the calls, and one user content all their results."""
    body, _ = to_request(RESPONSES, DIALECTS["gemini"], second_turn(answered("gemini")))
    calls = [part["functionCall"] for part in body["contents"][-2]["parts"] if "functionCall" in part]
    results = [part["functionResponse"] for part in body["contents"][-1]["parts"]]
    assert [(call["name"], call["args"]) for call in calls] == CALLS
    assert [result["name"] for result in results] == [name for name, _ in CALLS]
