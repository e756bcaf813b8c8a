"""Chat Completions streams, both ways."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.dialects.interface import DONE, AnswerContext
from cliproxy.errors import ErrorDetail
from cliproxy.ir.content import MediaPart, Signature
from cliproxy.ir.events import (
    Event,
    Finish,
    Opaque,
    PartDelta,
    PartEnded,
    PartStarted,
    Ping,
    ResponseFinished,
    ResponseStarted,
    StreamFailed,
    UsageReported,
)
from cliproxy.ir.usage import Usage
from tests.dialects.driving import (
    CHAT,
    NOW,
    asking,
    check_chat_stream,
    corpus,
    from_events,
    minting,
    to_events,
    to_stream,
)

ASKS_USAGE = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}}


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """A chunk with a delta."""
    return {"id": "x", "created": 7, "model": "g", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(index: int | None, arguments: str | None = None, **members: Any) -> dict[str, Any]:
    """A chunk with a fragment of a call."""
    function = {"name": members.pop("name")} if "name" in members else {}
    if arguments is not None:
        function["arguments"] = arguments
    return chunk(tool_calls=[{**({} if index is None else {"index": index}), **members, "function": function}])


def content(*payloads: Any) -> list[Event]:
    """What a stream tells besides its start and its end."""
    events = to_events(CHAT, [*payloads, "[DONE]"])
    assert isinstance(events[0], ResponseStarted)
    assert isinstance(events[-1], ResponseFinished)
    return events[1:-1]


def texts(events: list[Event]) -> list[tuple[str, str]]:
    """Kind and whole text of each part."""
    parts: dict[int, tuple[str, str]] = {}
    for event in events:
        if isinstance(event, PartStarted):
            parts[event.key] = (event.kind, "")
        elif isinstance(event, PartDelta):
            kind, text = parts[event.key]
            parts[event.key] = (kind, text + event.text)
    return list(parts.values())


@pytest.mark.parametrize(("name", "payloads"), corpus("openai", "stream"))
def test_the_dialects_own_streams_survive(name: str, payloads: list[Any]) -> None:
    """Decode then encode is the identity on a stream in its usual form, and the SDK knows every chunk."""
    assert to_stream(CHAT, CHAT, payloads, asking(CHAT, CHAT, ASKS_USAGE)) == payloads
    check_chat_stream(payloads)


def test_a_stream_starts_with_its_first_chunk() -> None:
    """Id, model and time are the first chunk's, whatever later ones say."""
    later = {**chunk(content="b"), "id": "other", "model": "other"}
    events = to_events(CHAT, [chunk(content="a"), later, "[DONE]"])
    assert events[0] == ResponseStarted(id="x", model="g", created=7)
    assert sum(isinstance(event, ResponseStarted) for event in events) == 1


@pytest.mark.parametrize(
    "payload",
    [
        chunk(),
        chunk(role="assistant"),
        chunk(role="assistant", content=""),
        chunk(content=None),
        chunk(reasoning_content=""),
        chunk(content=7, tool_calls="x", images=3),
        chunk(tool_calls=[None]),
        {"choices": []},
        {"choices": None},
        {},
        {"choices": [{"index": 1, "delta": {"content": "another candidate"}}]},
        {"choices": [None, {"delta": None}]},
    ],
)
def test_what_says_nothing_opens_no_part(payload: Any) -> None:
    """Empty deltas, nulls, wrong types and further candidates give no event."""
    assert content(chunk(role="assistant"), payload) == []


def test_parts_follow_each_other_as_they_change_kind() -> None:
    """Reasoning under either name, text, refusal and text again are parts of their own."""
    events = content(
        chunk(reasoning="r"), chunk(reasoning_content="s"), chunk(role="assistant", content="t"), chunk(content="u"),
        chunk(refusal="no"), chunk(content="v"),
    )  # fmt: skip
    assert texts(events) == [("reasoning", "rs"), ("text", "tu"), ("refusal", "no"), ("text", "v")]


def test_a_call_starts_when_id_and_name_are_known() -> None:
    """Arguments wait until both are there, in whichever fragments they come, and then flow."""
    events = content(
        call(0, '{"a"', id="c1"), call(0, ":", name="f"), call(0, "1}", id="c1"), call(0, name="f", id="other"),
    )  # fmt: skip
    assert events == [
        PartStarted(1, "tool_call", call_id="c1", name="f"), PartDelta(1, '{"a":'), PartDelta(1, "1}"), PartEnded(1),
    ]  # fmt: skip


def test_a_call_without_an_id_gets_one_and_one_without_a_name_too() -> None:
    """At the end an id is made up for a named call, and a name no client has for a nameless one that says
    something."""
    events = content(call(0, "{}", name="f"), call(1, '{"a":1}', id="c2"), call(2, "{}", id="c3"))
    begun = [(event.call_id, event.name) for event in events if isinstance(event, PartStarted)]
    assert begun == [("call_000000000000000000000001", "f"), ("c2", "unnamed_tool")]


def test_missing_indexes_mean_the_place_in_the_array() -> None:
    """Two calls in one chunk without indexes are two calls."""
    both = [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}, {"id": "c2", "function": {"name": "g"}}]
    assert texts(content(chunk(tool_calls=both))) == [("tool_call", "{}"), ("tool_call", "")]


def test_interleaved_fragments_come_out_one_call_after_the_other() -> None:
    """Two calls whose fragments alternate are told one after the other, each whole."""
    events = content(
        call(0, '{"a', id="c1", name="f"), call(1, '{"b', id="c2", name="g"), call(0, '":1}'), call(1, '":2}'),
        chunk(content="after"),
    )  # fmt: skip
    assert texts(events) == [("tool_call", '{"a":1}'), ("tool_call", '{"b":2}'), ("text", "after")]
    opened: list[int] = []
    for event in events:
        if isinstance(event, PartStarted):
            assert not opened
            opened.append(event.key)
        elif isinstance(event, PartEnded):
            assert opened.pop() == event.key


def test_legacy_function_calls_and_free_text_are_calls() -> None:
    """``function_call`` is the call of index 0; a custom call's input becomes the arguments of a function."""
    legacy = content(chunk(function_call={"name": "f", "arguments": "{"}), chunk(function_call={"arguments": "}"}))
    assert texts(legacy) == [("tool_call", "{}")]
    custom = content(
        chunk(tool_calls=[{"index": 0, "id": "c", "type": "custom", "custom": {"name": "p", "input": ""}}]),
        chunk(tool_calls=[{"index": 0, "custom": {"input": "a"}}]),
        chunk(tool_calls=[{"index": 0, "custom": {"input": "b"}}]),
    )
    assert texts(custom) == [("tool_call", '{"input":"ab"}')]


@pytest.mark.parametrize(
    "payloads",
    [
        [{**chunk("stop"), "usage": {"prompt_tokens": 3, "completion_tokens": 1}}],
        [chunk("stop"), {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}],
        [{"usage": {"prompt_tokens": 3, "completion_tokens": 1}}, chunk("stop")],
        [{**chunk("stop"), "usage": None}, {"usage": {"prompt_tokens": 3, "completion_tokens": 1}}],
    ],
)
def test_usage_is_found_wherever_it_stands(payloads: list[Any]) -> None:
    """On the finish chunk, on its own before or after it, or without choices; it is told just before the end."""
    events = to_events(CHAT, [chunk(content="x"), *payloads, "[DONE]"])
    assert events[-2:] == [UsageReported(Usage(input=3, output=1)), ResponseFinished(Finish("stop", raw="stop"))]


@pytest.mark.parametrize(
    ("payloads", "finish"),
    [
        ([chunk("stop", content="x"), chunk("length")], Finish("stop", raw="stop")),
        ([chunk("stop", content="x"), "[DONE]"], Finish("stop", raw="stop")),
        ([chunk(content="x"), "[DONE]"], Finish("stop")),
        ([call(0, "{}", id="c", name="f"), "[DONE]"], Finish("tool_calls")),
        ([call(0, "{}", id="c", name="f"), chunk("stop")], Finish("tool_calls", raw="stop")),
        ([chunk(refusal="no"), chunk("stop")], Finish("content_filter", raw="stop")),
        ([chunk("content_filter")], Finish("content_filter", raw="content_filter")),
    ],
)
def test_a_whole_stream_finishes(payloads: list[Any], finish: Finish) -> None:
    """``[DONE]`` or an end after a finish reason is a clean end; the first reason counts."""
    assert to_events(CHAT, payloads)[-1] == ResponseFinished(finish)


@pytest.mark.parametrize("payloads", [[], ["[DONE]"], [chunk(content="x")], [call(0, "{", id="c", name="f")]])
def test_a_cut_or_empty_stream_fails(payloads: list[Any]) -> None:
    """Neither ``[DONE]`` nor a finish reason, or nothing at all, is never a clean end."""
    assert to_events(CHAT, payloads)[-1] == StreamFailed(ErrorDetail(502, "upstream stream ended before completion"))


def test_an_error_ends_the_stream_at_once() -> None:
    """An error payload is terminal; nothing after it is told."""
    error = {"error": {"message": "boom", "type": "overloaded_error"}}
    events = to_events(CHAT, [chunk(content="x"), error, chunk(content="y"), "[DONE]"])
    assert events[-1] == StreamFailed(ErrorDetail(529, "boom", type="overloaded_error"))
    assert texts(events) == [("text", "x")]


def streamed(*events: Event, asked: AnswerContext | None = None) -> list[Any]:
    """A client's payloads; chunks the SDK's types know."""
    payloads = from_events(CHAT, [ResponseStarted(id="i", model="m", created=5), *events], asked)
    check_chat_stream([payload for payload in payloads if "error" not in payload])
    return payloads


def deltas(payloads: list[Any]) -> list[Any]:
    """The delta of every chunk that has one."""
    return [payload["choices"][0]["delta"] for payload in payloads if payload != "[DONE]" and payload.get("choices")]


def test_an_answer_without_content_is_role_and_finish() -> None:
    """Role chunk, finish chunk, terminator; every chunk carries the same head."""
    head = {"id": "i", "object": "chat.completion.chunk", "created": 5, "model": "m"}
    assert streamed(ResponseFinished(Finish("stop"))) == [
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        "[DONE]",
    ]


def test_a_start_that_says_nothing_is_made_up() -> None:
    """Without id, model and time the asked model, a fresh id and the given clock stand in."""
    first = from_events(CHAT, [ResponseStarted()])[0]
    assert (first["id"], first["created"], first["model"]) == ("chatcmpl-000000000000000000000001", NOW, "asked-model")


def test_a_call_without_arguments_delivers_an_empty_object() -> None:
    """Calls are numbered from 0 in order, and each delivers a JSON object."""
    payloads = streamed(
        PartStarted(8, "tool_call", call_id="c1", name="f", signature=Signature("gemini", "QUJD")),
        PartEnded(8),
        PartStarted(9, "tool_call", call_id="c2", name="a_b"),
        PartDelta(9, '{"x":1}'),
        PartEnded(9),
        asked=AnswerContext("m", minting(), NOW, tool_names={"a_b": "a.b"}),
    )
    assert [delta["tool_calls"][0] for delta in deltas(payloads)[1:]] == [
        {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""},
         "extra_content": {"google": {"thought_signature": "QUJD"}}},
        {"index": 0, "function": {"arguments": "{}"}},
        {"index": 1, "id": "c2", "type": "function", "function": {"name": "a.b", "arguments": ""}},
        {"index": 1, "function": {"arguments": '{"x":1}'}},
    ]  # fmt: skip


def test_a_free_text_call_is_unwrapped_at_its_end() -> None:
    """The client of a custom tool gets its text, whole, under ``custom``."""
    request = {"model": "m", "messages": [], "tools": [{"type": "custom", "custom": {"name": "p"}}]}
    events: list[Event] = [
        ResponseStarted(),
        PartStarted(1, "tool_call", call_id="c", name="p"), PartDelta(1, '{"input":'), PartDelta(1, '"ab"}'), PartEnded(1),
    ]  # fmt: skip
    payloads = from_events(CHAT, events, asking(CHAT, CHAT, request))
    assert [delta["tool_calls"][0] for delta in deltas(payloads)[1:]] == [
        {"index": 0, "id": "c", "type": "custom", "custom": {"name": "p", "input": ""}},
        {"index": 0, "custom": {"input": "ab"}},
    ]


def test_what_chat_cannot_show_is_lost_and_said() -> None:
    """Signatures, redacted reasoning, sounds and the matched stop sequence are recorded; pings are not, and foreign payloads
    by the transcoder."""
    asked = AnswerContext("m", minting(), NOW)
    payloads = streamed(
        PartStarted(1, "reasoning"), PartDelta(1, "r"), PartEnded(1, Signature("claude", "s")),
        PartStarted(2, "reasoning", redacted="zzz"), PartEnded(2), Ping(), Opaque("claude", {}),
        PartStarted(3, "media", media=MediaPart("audio", data="AA==")), PartEnded(3),
        ResponseFinished(Finish("stop", stop_sequence="E")),
        asked=asked,
    )  # fmt: skip
    assert deltas(payloads)[1:] == [{"reasoning_content": "r"}, {}]
    lost = [loss.what for loss in asked.losses]
    assert lost == ["reasoning signature", "redacted_thinking", "generated audio", "matched stop sequence"]


@pytest.mark.parametrize(("body", "told"), [(ASKS_USAGE, True), ({"model": "m", "messages": []}, False)])
def test_usage_is_told_only_when_asked_for(body: Any, told: bool) -> None:
    """The usage chunk stands between finish and terminator, for those who asked."""
    payloads = streamed(
        UsageReported(Usage(input=3, output=2)), ResponseFinished(Finish("stop")), asked=asking(CHAT, CHAT, body)
    )
    assert any("usage" in payload for payload in payloads if payload != "[DONE]") == told
    if told:
        assert payloads[-2]["choices"] == []
        assert payloads[-2]["usage"]["total_tokens"] == 5


def test_a_failure_is_an_error_and_no_end() -> None:
    """After a failure comes neither a finish chunk nor ``[DONE]``."""
    payloads = streamed(PartStarted(1, "text"), PartDelta(1, "x"), StreamFailed(ErrorDetail(503, "gone")))
    assert payloads[-1]["error"]["message"] == "gone"
    assert "[DONE]" not in payloads


def test_payloads_are_framed_as_data_lines() -> None:
    """One data line, one blank line, UTF-8; the terminator is literal."""
    assert CHAT.frame({"a": "é"}) == 'data: {"a":"é"}\n\n'.encode()
    assert CHAT.frame(DONE) == b"data: [DONE]\n\n"
    assert CHAT.heartbeat == b": keep-alive\n\n"
