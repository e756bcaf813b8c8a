"""Chat Completions whole answers, both ways, and errors."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.dialects.interface import AnswerContext
from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.ir.content import MediaPart, Part, ReasoningPart, Signature, TextPart, ToolCallPart
from cliproxy.ir.events import Finish
from cliproxy.ir.loss import Loss
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from tests.dialects.driving import CHAT, NOW, RESPONSES, asking, check_chat, corpus, minting, to_body


def answer(message: dict[str, Any], finish: str | None = "stop", **members: Any) -> CompletionResponse:
    """An upstream's answer of one choice."""
    return CHAT.decode_response(
        {"choices": [{"index": 0, "message": message, "finish_reason": finish}], **members}, minting()
    )


def written(*parts: Part, finish: Finish | None = None, asked: AnswerContext | None = None, **members: Any) -> Any:
    """The client's body of an answer; one the SDK's types know."""
    response = CompletionResponse(list(parts), finish or Finish("stop"), **members)
    body = CHAT.encode_response(response, asked or AnswerContext("asked", minting(), NOW))
    check_chat(body)
    return body


@pytest.mark.parametrize(("name", "body"), corpus("openai", "response"))
def test_the_dialects_own_answers_survive(name: str, body: Any) -> None:
    """Decode then encode is the identity, unknown members included."""
    assert to_body(CHAT, CHAT, body) == body


@pytest.mark.parametrize(("name", "body"), corpus("responses", "response"))
def test_responses_answers_are_written_as_the_sdk_reads_them(name: str, body: Any) -> None:
    """A translated answer is a ChatCompletion to the SDK."""
    check_chat(to_body(RESPONSES, CHAT, body))


@pytest.mark.parametrize(
    ("word", "message", "unified"),
    [
        ("stop", {"content": "x"}, "stop"),
        (
            "stop",
            {"content": None, "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": ""}}]},
            "tool_calls",
        ),
        ("tool_calls", {"content": "x"}, "tool_calls"),
        ("function_call", {"function_call": {"name": "f", "arguments": "{}"}}, "tool_calls"),
        ("length", {"content": "x"}, "length"),
        ("content_filter", {"content": None}, "content_filter"),
        ("stop", {"content": None, "refusal": "No."}, "content_filter"),
        ("eos", {"content": "x"}, "stop"),
        (None, {"content": "x"}, "stop"),
    ],
)
def test_finish_reasons_are_read(word: str | None, message: dict[str, Any], unified: str) -> None:
    """The table of dialects.md 18; the vendor's own word is kept."""
    assert answer(message, word).finish == Finish(unified, raw=word)  # type: ignore[arg-type]


def test_an_answers_parts_are_read_in_order() -> None:
    """Reasoning, text (string or parts), images, calls."""
    read = answer(
        {
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": ""}],
            "reasoning": "r",
            "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}, {"type": "image_url"}],
            "tool_calls": [
                {"function": {"name": "f", "arguments": ""}},
                {"id": "c2", "function": {"name": "g", "arguments": {"a": 1}},
                 "extra_content": {"google": {"thought_signature": "QUJD"}}},
                {"id": "c3", "custom": {"name": "h", "input": "raw"}},
                {"id": "c4"},
            ],
        }
    )  # fmt: skip
    assert read.parts == [
        ReasoningPart("r", from_dialect="openai"),
        TextPart("a"),
        MediaPart("image", mime="image/png", data="AA=="),
        ToolCallPart("call_000000000000000000000001", "f", "", minted=True),
        ToolCallPart("c2", "g", '{"a":1}', signature=Signature("gemini", "QUJD")),
        ToolCallPart("c3", "h", '{"input":"raw"}'),
    ]


@pytest.mark.parametrize(
    ("stated", "usage"),
    [
        (None, None),
        ({"prompt_tokens": 5, "completion_tokens": 2}, Usage(input=5, output=2)),
        (
            {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4},
             "completion_tokens_details": {"reasoning_tokens": 1}},
            Usage(input=5, output=2, cached=4, reasoning=1),
        ),
        ({"input_tokens": 5, "output_tokens": 2}, Usage(input=5, output=2)),
        ({"prompt_tokens": None, "prompt_tokens_details": None}, Usage()),
    ],
)  # fmt: skip
def test_usage_is_read(stated: Any, usage: Usage | None) -> None:
    """What was not said is not 0; the Responses names are understood."""
    assert answer({"content": "x"}, usage=stated).usage == usage


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"message": "m", "type": "rate_limit_error"}}, 429),
        ({"error": "overloaded"}, 502),
        ({"choices": []}, 502),
        ({"object": "list"}, 502),
        ({"choices": "x"}, 502),
    ],
)
def test_what_is_no_answer_is_the_upstreams_fault(body: Any, status: int) -> None:
    """An error in a 200, or a body of another kind, is a failure with a status for the fault table."""
    with pytest.raises(UpstreamFailure) as caught:
        CHAT.decode_response(body, minting())
    assert caught.value.detail.status == status


def test_an_empty_answer_has_null_content() -> None:
    """No text is null, ids and times are made up where the upstream gave none, usage is zeros."""
    body = written()
    assert body["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": None}, "finish_reason": "stop", "logprobs": None}
    ]
    assert (body["id"], body["created"], body["model"]) == ("chatcmpl-000000000000000000000001", NOW, "asked")
    assert body["usage"] == {
        "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0,
        "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip


def test_parts_are_gathered_into_the_message() -> None:
    """Texts run together, thoughts are parted by a blank line, images and calls are listed, losses are said."""
    asked = AnswerContext("asked", minting(), NOW, tool_names={"a_b": "a.b"})
    body = written(
        ReasoningPart("one", signature=Signature("claude", "s")),
        ReasoningPart("", redacted="zzz"),
        ReasoningPart("two"),
        TextPart("x"),
        TextPart("y"),
        TextPart("no", refusal=True),
        MediaPart("image", mime="image/png", data="AA=="),
        ToolCallPart("c", "a_b", "", signature=Signature("gemini", "QUJD")),
        finish=Finish("tool_calls", stop_sequence="E"),
        asked=asked,
    )
    assert body["choices"][0]["message"] == {
        "role": "assistant", "content": "xy", "refusal": "no", "reasoning_content": "one\n\ntwo",
        "images": [{"type": "image_url", "index": 0, "image_url": {"url": "data:image/png;base64,AA=="}}],
        "tool_calls": [{
            "id": "c", "type": "function", "function": {"name": "a.b", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "QUJD"}}}],
    }  # fmt: skip
    assert asked.losses == [Loss("matched stop sequence"), Loss("reasoning signature"), Loss("redacted_thinking")]


def test_every_candidate_is_a_choice() -> None:
    """Chat is the dialect that can say several candidates."""
    body = written(TextPart("a"), alternatives=[([TextPart("b")], Finish("length"))])
    assert [(choice["index"], choice["message"]["content"], choice["finish_reason"]) for choice in body["choices"]] == [
        (0, "a", "stop"),
        (1, "b", "length"),
    ]


def test_a_free_text_tool_is_called_with_free_text() -> None:
    """A call of a tool the client declared as custom is unwrapped; arguments that are not wrapped are given raw."""
    request = {"model": "m", "messages": [], "tools": [{"type": "custom", "custom": {"name": "p"}}]}
    calls = [
        ToolCallPart("c1", "p", '{"input":"diff"}'),
        ToolCallPart("c2", "p", "raw", custom=True),
        ToolCallPart("c3", "p", "odd"),
    ]
    body = written(*calls, asked=asking(CHAT, RESPONSES, request))
    assert [call["custom"]["input"] for call in body["choices"][0]["message"]["tool_calls"]] == ["diff", "raw", "odd"]


def test_errors_are_said_in_openais_shape() -> None:
    """Bodies and stream ends carry the same error; a stream that failed has no [DONE]."""
    detail = ErrorDetail(429, "slow down", param="messages")
    body = {
        "error": {
            "message": "slow down",
            "type": "rate_limit_error",
            "param": "messages",
            "code": "rate_limit_exceeded",
        }
    }
    assert CHAT.encode_error(detail) == body
    assert CHAT.terminal_error(detail) == [body]
    assert CHAT.decode_error(429, body) == ErrorDetail(
        429, "slow down", "rate_limit_error", "rate_limit_exceeded", "messages"
    )
