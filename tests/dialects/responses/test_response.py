"""Responses whole answers, both ways, and errors."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.dialects.interface import AnswerContext
from cliproxy.dialects.responses.decode_content import redacted_envelope
from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.ir.content import MediaPart, OpaquePart, Part, ReasoningPart, Signature, TextPart, ToolCallPart
from cliproxy.ir.events import Finish
from cliproxy.ir.loss import Loss
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from tests.dialects.driving import CHAT, NOW, RESPONSES, asking, check_responses, corpus, minting, to_body

#: Gemini's ``QUJD`` as a call's id carries it.
SIGNED = "Y2xpcHJveHk6Z2VtaW5pOlFVSkQ"


def answer(*output: Any, **members: Any) -> CompletionResponse:
    """An upstream's answer."""
    return RESPONSES.decode_response({"status": "completed", "output": list(output), **members}, minting())


def written(*parts: Part, finish: Finish | None = None, asked: AnswerContext | None = None, **members: Any) -> Any:
    """The client's body of an answer; one the SDK's types know."""
    response = CompletionResponse(list(parts), finish or Finish("stop"), **members)
    body = RESPONSES.encode_response(response, asked or AnswerContext("asked", minting(), NOW))
    check_responses(body)
    return body


@pytest.mark.parametrize(("name", "body"), corpus("responses", "response"))
def test_the_dialects_own_answers_survive(name: str, body: Any) -> None:
    """Decode then encode is the identity, vendor items and annotations included."""
    assert to_body(RESPONSES, RESPONSES, body) == body
    check_responses(body)


@pytest.mark.parametrize(("name", "body"), corpus("openai", "response"))
@pytest.mark.parametrize(("asked_name", "asked_body"), [(None, None), *corpus("responses", "request")])
def test_chat_answers_are_written_as_the_sdk_reads_them(name: str, body: Any, asked_name: Any, asked_body: Any) -> None:
    """A translated answer is a Response to the SDK, whatever of its request it echoes."""
    if asked_name == "request-plain":
        asked_body = {**asked_body, "tools": asked_body["tools"][:1]}  # the SDK's answer type wants no null parameters
    check_responses(to_body(CHAT, RESPONSES, body, asking(RESPONSES, CHAT, asked_body)))


def test_items_become_parts() -> None:
    """Summaries join, text keeps its parts, calls of every kind are calls, traces of vendor tools are opaque."""
    trace = {"type": "file_search_call", "id": "fs"}
    read = answer(
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "t"}], "encrypted_content": "QUJD"},
        {"type": "message", "content": [{"type": "output_text", "text": "a"}, {"type": "output_text", "text": ""},
                                        {"type": "refusal", "refusal": "no"}]},
        trace,
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "namespace": "ns"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "p", "input": "raw"},
        {"type": "tool_search_call", "call_id": "c3", "execution": "client", "arguments": {"q": 1}},
        {"type": "image_generation_call", "result": "AA==", "output_format": "jpeg"},
    )  # fmt: skip
    assert read.parts == [
        ReasoningPart("t", signature=Signature("openai", "QUJD"), from_dialect="responses"),
        TextPart("a"),
        TextPart("no", refusal=True),
        OpaquePart("responses", trace),
        ToolCallPart("c1", "ns__f", "{}"),
        ToolCallPart("c2", "p", '{"input":"raw"}'),
        ToolCallPart("c3", "tool_search", '{"q":1}'),
        MediaPart("image", mime="image/jpeg", data="AA=="),
    ]


CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
TEXT = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
REFUSAL = {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}


@pytest.mark.parametrize(
    ("output", "members", "finish"),
    [
        ([TEXT], {}, Finish("stop", raw="completed")),
        ([TEXT, CALL], {}, Finish("tool_calls", raw="completed")),
        ([REFUSAL], {}, Finish("content_filter", raw="completed")),
        ([TEXT, REFUSAL], {}, Finish("stop", raw="completed")),
        ([], {"status": "incomplete"}, Finish("length", raw="incomplete")),
        (
            [CALL],
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            Finish("length", raw="max_output_tokens"),
        ),
        (
            [],
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            Finish("content_filter", raw="content_filter"),
        ),
        ([TEXT], {"status": None}, Finish("stop")),
    ],
)
def test_the_status_is_a_finish(output: list[Any], members: dict[str, Any], finish: Finish) -> None:
    """The table of dialects.md 18."""
    assert answer(*output, **members).finish == finish


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "m"}}, 429, "m"),
        ({"status": "cancelled"}, 502, "upstream response cancelled"),
        ({"error": {"message": "m", "type": "invalid_request_error"}}, 400, "m"),
        ({"object": "chat.completion"}, 502, "upstream answer is not a response object"),
    ],
)
def test_what_is_no_answer_is_the_upstreams_fault(body: Any, status: int, message: str) -> None:
    """A failed response, or a body of another kind, is a failure with a status for the fault table."""
    with pytest.raises(UpstreamFailure) as caught:
        RESPONSES.decode_response(body, minting())
    assert (caught.value.detail.status, caught.value.detail.message) == (status, message)


def test_an_answer_repeats_its_request() -> None:
    """Members the client sent are echoed; those it did not have the API's defaults, and nothing is missing."""
    request = {
        "model": "m",
        "input": "x",
        "instructions": "Be calm",
        "temperature": 0.2,
        "metadata": {"k": "v"},
        "tools": [CALL],
    }
    body = RESPONSES.encode_response(
        CompletionResponse([], Finish("stop")), AnswerContext("m", minting(), NOW, body=request)
    )
    echoed = {key: body[key] for key in ("instructions", "temperature", "metadata", "tools")}
    assert echoed == {key: request[key] for key in echoed}
    assert (body["parallel_tool_calls"], body["tool_choice"], body["top_p"], body["background"]) == (
        True,
        "auto",
        None,
        False,
    )
    assert "input" not in body
    assert written()["tools"] == []
    assert written()["metadata"] == {}


@pytest.mark.parametrize(
    ("upstream", "id_"), [("chatcmpl-1", "resp_chatcmpl-1"), ("resp_1", "resp_1"), (None, "resp_" + "0" * 23 + "1")]
)
def test_the_id_is_a_response_id(upstream: str | None, id_: str) -> None:
    """The upstream's id with the prefix the dialect wants."""
    assert written(id=upstream)["id"] == id_


def test_parts_become_items() -> None:
    """Text in a row is one part of one message; reasoning, calls and images are items; ids are unique."""
    asked = AnswerContext("asked", minting(), NOW, tool_names={"a_b": "a.b"})
    body = written(
        ReasoningPart("r", signature=Signature("claude", "sig")),
        TextPart("a"), TextPart("b"), TextPart("no", refusal=True), TextPart("c"),
        ToolCallPart("c1", "a_b", "", signature=Signature("gemini", "QUJD")),
        TextPart("d"),
        MediaPart("image", mime="image/webp", data="AA=="),
        ReasoningPart("", redacted="zzz"),
        ReasoningPart(""),
        TextPart(""),
        OpaquePart("claude", {}),
        id="x", finish=Finish("tool_calls", stop_sequence="E"), asked=asked,
        alternatives=[([], Finish("stop"))],
    )  # fmt: skip
    assert body["output"] == [
        {"id": "rs_x_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "r"}], "encrypted_content": "sig"},
        {"id": "msg_x_1", "type": "message", "role": "assistant", "status": "completed", "content": [
            {"type": "output_text", "text": "ab", "annotations": [], "logprobs": []},
            {"type": "refusal", "refusal": "no"},
            {"type": "output_text", "text": "c", "annotations": [], "logprobs": []}]},
        {"id": f"fc_c1_{SIGNED}", "type": "function_call", "status": "completed",
         "call_id": f"c1_{SIGNED}", "name": "a.b", "arguments": "{}"},
        {"id": "msg_x_3", "type": "message", "role": "assistant", "status": "completed", "content": [
            {"type": "output_text", "text": "d", "annotations": [], "logprobs": []}]},
        {"id": "ig_x_4", "type": "image_generation_call", "status": "completed", "result": "AA==", "output_format": "webp"},
        {"id": "rs_x_5", "type": "reasoning", "summary": [],
         "encrypted_content": redacted_envelope("zzz", 5)},
    ]  # fmt: skip
    assert asked.losses == [
        Loss("claude part"), Loss("matched stop sequence"), Loss("additional candidates", meaning=True),
    ]  # fmt: skip


@pytest.mark.parametrize("part", [
    ReasoningPart("plan", signature=Signature("claude", "+/8gY2xhdWRlLXg="), from_dialect="responses"),
    ReasoningPart("plan", signature=Signature("openai", "gAAAAABx"), from_dialect="responses"),
    ReasoningPart("", redacted="zzz", from_dialect="claude"),
])  # fmt: skip
def test_reasoning_shown_to_a_client_comes_home(part: ReasoningPart) -> None:
    """What an answer gave the client is the same reasoning when the client sends the item back."""
    item = written(part, id="x")["output"][0]
    assert RESPONSES.decode_request({"input": [item]}, minting()).messages[0].parts == [part]


@pytest.mark.parametrize(
    ("finish", "parts", "status", "reason"),
    [
        ("stop", [TextPart("a")], "completed", None),
        ("tool_calls", [ToolCallPart("c", "f", "{}")], "completed", None),
        ("length", [TextPart("a")], "incomplete", "max_output_tokens"),
        ("content_filter", [TextPart("a")], "incomplete", "content_filter"),
        ("content_filter", [], "incomplete", "content_filter"),
        ("content_filter", [TextPart("no", refusal=True)], "completed", None),
    ],
)
def test_the_finish_is_a_status(finish: Any, parts: list[Any], status: str, reason: str | None) -> None:
    """The table of dialects.md 18; the item that was cut says so too."""
    body = written(*parts, finish=Finish(finish))
    assert body["status"] == status
    assert body["incomplete_details"] == (None if reason is None else {"reason": reason})
    assert [item["status"] for item in body["output"]] == [status] * len(parts)


def test_usage_is_written_with_its_details() -> None:
    """Details are always there; cache writes only when the vendor counts them."""
    plain = written(usage=Usage(input=5, output=2))["usage"]
    assert plain == {
        "input_tokens": 5, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7,
    }  # fmt: skip
    counted = written(usage=Usage(input=5, output=2, cached=3, cache_write=1, reasoning=2))["usage"]
    assert counted["input_tokens_details"] == {"cached_tokens": 3, "cache_write_tokens": 1}
    assert answer(usage=counted).usage == Usage(input=5, output=2, cached=3, cache_write=1, reasoning=2)


CODEX = {
    "model": "m", "input": "x", "tools": [
        {"type": "namespace", "name": "mcp__gh__", "description": "d", "tools": [{"type": "function", "name": "list"}]},
        {"type": "custom", "name": "apply_patch"},
        {"type": "tool_search", "execution": "client"},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("call", "item"),
    [
        (
            ToolCallPart("c", "mcp__gh__list", "{}"),
            {"id": "fc_c", "type": "function_call", "status": "completed", "call_id": "c", "name": "list",
             "namespace": "mcp__gh__", "arguments": "{}"},
        ),
        (
            ToolCallPart("c", "apply_patch", '{"input":"diff"}'),
            {"id": "ctc_c", "type": "custom_tool_call", "status": "completed",
             "call_id": "c", "name": "apply_patch", "input": "diff"},
        ),
        (
            ToolCallPart("c", "tool_search", '{"q":1}'),
            {"id": "tsc_c", "type": "tool_search_call", "status": "completed", "call_id": "c", "execution": "client",
             "arguments": {"q": 1}},
        ),
        (
            ToolCallPart("c", "other", "raw", custom=True),
            {"id": "ctc_c", "type": "custom_tool_call", "status": "completed",
             "call_id": "c", "name": "other", "input": "raw"},
        ),
    ],
)  # fmt: skip
def test_calls_are_said_in_codexs_terms(call: ToolCallPart, item: dict[str, Any]) -> None:
    """Namespaces, free text and the tool search are restored from the client's own declarations."""
    assert written(call, asked=asking(RESPONSES, CHAT, CODEX))["output"] == [item]


def test_errors_are_said_in_openais_shape() -> None:
    """A body is OpenAI's error; a stream that never began ends in an error event."""
    detail = ErrorDetail(429, "slow down")
    assert RESPONSES.encode_error(detail)["error"]["code"] == "rate_limit_exceeded"
    assert RESPONSES.terminal_error(detail) == [
        {"type": "error", "sequence_number": 0, "code": "rate_limit_exceeded", "message": "slow down", "param": None}
    ]
    assert RESPONSES.decode_error(500, "boom") == ErrorDetail(500, "boom")
