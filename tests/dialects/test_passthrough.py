"""The same-dialect edits of requests, and the few rules for answers."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cliproxy.dialects import signatures
from cliproxy.dialects.interface import EncodeContext
from cliproxy.dialects.registry import DIALECTS
from cliproxy.dialects.responses.passthrough import ResponseObject
from cliproxy.ir.content import Signature
from tests.dialects.driving import corpus, minting


@pytest.mark.parametrize(
    ("dialect", "stream", "before", "after"),
    [
        ("openai", True, {"model": "a"}, {"model": "b", "stream": True, "stream_options": {"include_usage": True}}),
        ("openai", False, {"model": "a", "stream": True}, {"model": "b", "stream": False}),
        ("openai", False, {"model": "a", "x": 1}, {"model": "b", "x": 1}),
        (
            "openai",
            True,
            {"stream_options": {"include_usage": False, "y": 1}},
            {"stream_options": {"include_usage": True, "y": 1}, "model": "b", "stream": True},
        ),
        ("openai", False, {"stream_options": {"include_usage": True}}, {"model": "b"}),
        (
            "openai",
            True,
            {"stream_options": 7},
            {"stream_options": {"include_usage": True}, "model": "b", "stream": True},
        ),
        ("responses", True, {"model": "a", "input": "x"}, {"model": "b", "input": "x", "stream": True}),
        ("claude", False, {"model": "a", "stream": None}, {"model": "b", "stream": False}),
        ("gemini", True, {"model": "a", "stream": True, "contents": []}, {"contents": []}),
        ("gemini", True, {"contents": [{"parts": []}]}, {"contents": [{"role": "user", "parts": []}]}),
        (
            "claude",
            False,
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": "gAAAA"}]}
                ]
            },
            {"messages": [], "model": "b"},
        ),
    ],
)
def test_request_edits(dialect: str, stream: bool, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Model and stream are set, Chat streams are asked for usage, Gemini says both in its URL; the rest stays."""
    DIALECTS[dialect].passthrough.edit_request(before, model="b", stream=stream)
    assert before == after


def _signed_elsewhere(dialect: str) -> dict[str, Any]:
    """A body with reasoning that its vendor cannot read, as a client has it who changed models in mid-conversation."""
    sealed = signatures.wrap(Signature("gemini" if dialect != "gemini" else "claude", "c2lnbmF0dXJl"))
    user = {"role": "user", "content": "x"}
    if dialect == "responses":
        return {"input": [user, {"type": "reasoning", "summary": [], "encrypted_content": sealed}, user]}
    if dialect == "gemini":
        thought = {"text": "t", "thought": True, "thoughtSignature": sealed}
        return {"contents": [{"role": "user", "parts": [{"text": "x"}]}, {"role": "model", "parts": [thought]}]}
    content = [{"type": "thinking", "thinking": "t", "signature": sealed}, {"type": "text", "text": "a"}]
    return {"messages": [user, {"role": "assistant", "content": content if dialect == "claude" else "a"}, user]}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_a_body_is_edited_alike_whichever_route_it_came_by(dialect: str, stream: bool) -> None:
    """A Responses body may come to Chat's route, where it is read and encoded: it becomes what its own route makes of it."""
    bodies = [_signed_elsewhere(dialect), *(body for _, body in corpus(dialect, "request"))]
    spoke = DIALECTS[dialect]
    for body in bodies:
        edited = copy.deepcopy(body)
        spoke.passthrough.edit_request(edited, model="b", stream=stream)
        request = spoke.decode_request(copy.deepcopy(body), minting())
        assert spoke.encode_request(request, EncodeContext("b", minting(), stream)) == edited


@pytest.mark.parametrize(
    ("dialect", "payload", "skipped"),
    [
        ("claude", {"type": "content_block_delta"}, True),
        ("claude", {"type": "content_block_start"}, False),
        ("claude", {"type": "message_delta"}, False),
        ("claude", {"type": "error"}, False),
        ("responses", {"type": "response.output_text.delta"}, True),
        ("responses", {"type": "response.completed"}, False),
        ("responses", {"type": 7}, False),
        ("openai", {"choices": [{"delta": {"content": "x"}, "finish_reason": None}]}, True),
        ("openai", {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}, False),
        ("openai", {"choices": [{"delta": {"content": "x"}}], "usage": {"prompt_tokens": 1}}, False),
        ("openai", {"choices": [{"delta": {"content": "x"}}], "error": {}}, False),
        ("openai", {"choices": [{"delta": {"content": "x", "tool_calls": [{}]}}]}, False),
        ("openai", {"choices": [{"delta": {}}]}, False),
        ("openai", {"choices": [7]}, False),
        ("gemini", {"candidates": [{"content": {"parts": [{"text": "x"}]}}]}, False),
    ],
)
def test_what_a_listener_may_skip(dialect: str, payload: dict[str, Any], skipped: bool) -> None:
    """Only a payload that is one more piece of content and can be nothing else."""
    assert DIALECTS[dialect].passthrough.is_mid_answer(payload) is skipped


def test_the_response_object_of_a_stream() -> None:
    """The terminal event's response is the answer; an empty output is filled with the streamed items in their order."""
    whole = ResponseObject()
    assert whole.body() is None
    for index in (1, 0):
        whole.see({"type": "response.output_item.done", "output_index": index, "item": {"n": index}})
    whole.see({"type": "response.completed", "response": {"id": "r", "output": []}})
    assert whole.body() == {"id": "r", "output": [{"n": 0}, {"n": 1}]}
    whole.see({"type": "response.incomplete", "response": {"id": "r", "output": [{"n": 9}]}})
    assert whole.body() == {"id": "r", "output": [{"n": 9}]}
