"""A Gemini call's signature through clients that know none, and reasoning that nobody asked for."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.dialects.interface import AnswerContext, EncodeContext
from cliproxy.dialects.registry import DIALECTS
from cliproxy.dialects.transcoder import translate
from cliproxy.ir.request import CompletionRequest, Thinking
from cliproxy.jsontypes import dumps, loads
from cliproxy.wire.sse import event_block

LONG = "A" * 400
CLAUDE = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}


def mint(prefix: str) -> str:
    return prefix + "minted"


def answer(signature: str) -> dict[str, Any]:
    parts = [
        {"text": "hm", "thought": True},
        {"functionCall": {"name": "f", "args": {"a": 1}, "id": "call_1"}, "thoughtSignature": signature},
    ]
    return {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}]}


def given(client: str, signature: str, thinking: Thinking | None, stream: bool) -> Any:
    """What a client is given: the content or the items of the answer, gathered from the stream's where it is one."""
    asked = AnswerContext("m", mint, 0, request=CompletionRequest(client, "m", [], thinking=thinking))
    coder = translate(DIALECTS["gemini"], DIALECTS[client], asked, from_stream=stream, to_stream=stream)
    data = dumps(answer(signature))
    frames = b"".join(coder.receive(event_block("", data) if stream else data) + coder.close())
    if not stream:
        return loads(frames)["content" if client == "claude" else "output"]
    payloads = [loads(line[6:]) for line in frames.split(b"\n") if line.startswith(b"data: ")]
    if client == "responses":
        return [payload["item"] for payload in payloads if payload["type"] == "response.output_item.done"]
    blocks: list[Any] = []
    for payload in payloads:
        if payload["type"] == "content_block_start":
            blocks.append(payload["content_block"])
        if payload["type"] == "content_block_delta" and "signature" in payload["delta"]:
            blocks[-1]["signature"] = payload["delta"]["signature"]
    for block in blocks:
        if block["type"] == "tool_use":
            block["input"] = {"a": 1}
    return blocks


def replayed(client: str, content: Any) -> list[Any]:
    """The parts that Gemini is sent when a client sends back what it was given, with the call's result."""
    if client == "claude":
        use = next(block for block in content if block["type"] == "tool_use")
        result = {"type": "tool_result", "tool_use_id": use["id"], "content": "1"}
        turns = [{"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
        body = {**CLAUDE, "messages": [*CLAUDE["messages"], *turns]}
    else:
        call = next(item for item in content if item["type"] == "function_call")
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "1"}
        body = {"model": "m", "input": [{"role": "user", "content": "Hi"}, *content, output]}
    request = DIALECTS[client].decode_request(body, mint)
    sent = DIALECTS["gemini"].encode_request(request, EncodeContext("g", mint))
    return [part for turn in sent["contents"] for part in turn["parts"]]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("signature", ["QUJD", LONG])
@pytest.mark.parametrize(("client", "thinking"), [("claude", None), ("claude", Thinking("auto")), ("responses", None)])
def test_a_calls_signature_comes_home(client: str, thinking: Thinking | None, signature: str, stream: bool) -> None:
    parts = replayed(client, given(client, signature, thinking, stream))
    calls = [part for part in parts if "functionCall" in part]
    assert [(call["thoughtSignature"], call["functionCall"]["id"]) for call in calls] == [(signature, "call_1")]
    assert [part["functionResponse"]["id"] for part in parts if "functionResponse" in part] == ["call_1"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_anthropic_client_that_did_not_ask_gets_no_thinking(stream: bool) -> None:
    assert [block["type"] for block in given("claude", "QUJD", None, stream)] == ["tool_use"]
    assert [block["type"] for block in given("claude", "QUJD", Thinking("none"), stream)] == ["tool_use"]
    assert [block["type"] for block in given("claude", "QUJD", Thinking("auto"), stream)] == ["thinking", "tool_use"]


@pytest.mark.parametrize("signature", ["QUJD", LONG])
def test_a_signed_id_is_taken_by_anthropic(signature: str) -> None:
    (use,) = given("claude", signature, None, False)
    assert use["id"].replace("_", "").replace("-", "").isalnum()
