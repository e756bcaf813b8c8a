"""Responses streams, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

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
from cliproxy.ir.loss import Loss
from cliproxy.ir.usage import Usage
from tests.dialects.driving import (
    CHAT,
    NOW,
    RESPONSES,
    aggregated,
    asking,
    check_responses,
    check_responses_stream,
    corpus,
    from_events,
    minting,
    to_events,
    to_stream,
)

CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "g", "created_at": 7}}
COMPLETED = {"type": "response.completed", "response": {"status": "completed", "output": [], "usage": None}}


def event(kind: str, index: int = 0, **members: Any) -> dict[str, Any]:
    """An event of an item."""
    return {"type": f"response.{kind}", "output_index": index, **members}


def added(index: int = 0, **item: Any) -> dict[str, Any]:
    return event("output_item.added", index, item=item)


def done(index: int = 0, **item: Any) -> dict[str, Any]:
    return event("output_item.done", index, item=item)


def texts(events: list[Event]) -> list[tuple[str, str]]:
    """Kind and whole text of each part."""
    parts: dict[int, tuple[str, str]] = {}
    for each in events:
        if isinstance(each, PartStarted):
            parts[each.key] = (each.kind, "")
        elif isinstance(each, PartDelta):
            kind, text = parts[each.key]
            parts[each.key] = (kind, text + each.text)
    return list(parts.values())


def told(*payloads: Any) -> list[tuple[str, str]]:
    """What a whole stream says."""
    events = to_events(RESPONSES, [CREATED, *payloads, COMPLETED])
    assert isinstance(events[-1], ResponseFinished)
    return texts(events)


@pytest.mark.parametrize(("name", "payloads"), corpus("responses", "stream"))
def test_the_dialects_own_streams_survive(name: str, payloads: list[Any]) -> None:
    """Decode then encode is the identity on a stream in its usual form, and the SDK knows every event."""
    assert to_stream(RESPONSES, RESPONSES, payloads) == payloads
    check_responses_stream(payloads)


@pytest.mark.parametrize(("name", "payloads"), corpus("openai", "stream"))
def test_the_sdk_accumulates_a_translated_stream(name: str, payloads: list[Any]) -> None:
    """The SDK's own accumulator takes every event and ends with the answer that aggregation gives."""
    streamed = to_stream(CHAT, RESPONSES, payloads)
    check_responses_stream(streamed)
    state: Any = ResponseStreamState(input_tools=[], text_format=omit)
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for payload in streamed:
        if payload["type"] not in ("response.completed", "response.incomplete"):
            state.handle_event(adapter.validate_python(payload))
    whole = aggregated(CHAT, RESPONSES, payloads)
    check_responses(whole)
    assert streamed[-1]["response"] == whole


def test_a_stream_starts_once() -> None:
    """Created, in_progress and queued say the same; a stream that begins with an item begins all the same."""
    progress = {"type": "response.in_progress", "response": {"id": "other"}}
    events = to_events(RESPONSES, [CREATED, progress, {"type": "response.queued"}, COMPLETED])
    assert [each for each in events if isinstance(each, ResponseStarted)] == [ResponseStarted("resp_1", "g", 7)]
    assert to_events(RESPONSES, [added(type="message"), COMPLETED])[0] == ResponseStarted()


TEXT_DELTA = event("output_text.delta", content_index=0, delta="Hi")
TEXT_DONE = event("output_text.done", content_index=0, text="Hi")
PART_DONE = event("content_part.done", content_index=0, part={"type": "output_text", "text": "Hi"})
ITEM_DONE = done(type="message", content=[{"type": "output_text", "text": "Hi"}])
WHOLE = {
    "type": "response.completed",
    "response": {"output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]},
}


@pytest.mark.parametrize(
    "payloads",
    [
        [TEXT_DELTA, TEXT_DONE, PART_DONE, ITEM_DONE, WHOLE],
        [TEXT_DELTA, WHOLE],
        [TEXT_DONE, PART_DONE, ITEM_DONE],
        [PART_DONE, ITEM_DONE],
        [ITEM_DONE, WHOLE],
        [WHOLE],
        [TEXT_DELTA, ITEM_DONE, ITEM_DONE],
        [{"type": "response.output_text.delta", "item_id": "m", "content_index": 0, "delta": "Hi"},
         {"type": "response.output_text.done", "item_id": "m", "content_index": 0, "text": "Hi"}],
    ],
)  # fmt: skip
def test_text_is_delivered_once_wherever_it_stands(payloads: list[Any]) -> None:
    """As deltas, in done events, in the item, in the final response: any of them, and never twice."""
    assert told(*payloads) == [("text", "Hi")]


def test_parts_of_a_message_keep_their_boundaries() -> None:
    """Two texts and a refusal in one message are three parts."""
    assert told(
        event("output_text.delta", content_index=0, delta="a"),
        event("content_part.done", content_index=0, part={"text": "a"}),
        event("output_text.delta", content_index=1, delta="b"),
        event("refusal.delta", content_index=2, delta="no"),
        event("refusal.done", content_index=2, refusal="no"),
        done(type="message", content=[{"text": "a"}, {"text": "b"}, {"refusal": "no"}]),
    ) == [("text", "a"), ("text", "b"), ("refusal", "no")]


def test_summary_parts_are_parted_by_a_blank_line() -> None:
    """A new summary index goes on after a blank line; the item's end brings the seal."""
    events = to_events(RESPONSES, [
        CREATED,
        added(type="reasoning", summary=[]),
        event("reasoning_summary_text.delta", summary_index=0, delta="A"),
        event("reasoning_summary_text.done", summary_index=0, text="A"),
        event("reasoning_summary_text.delta", summary_index=1, delta="B"),
        done(type="reasoning", summary=[{"text": "A"}, {"text": "B"}], encrypted_content="gAAAAABx"),
        COMPLETED,
    ])  # fmt: skip
    assert texts(events) == [("reasoning", "A\n\nB")]
    assert [each.signature for each in events if isinstance(each, PartEnded)] == [Signature("openai", "gAAAAABx")]


@pytest.mark.parametrize(
    "payloads",
    [
        [event("reasoning_summary_text.done", summary_index=0, text="A")],
        [done(type="reasoning", summary=[{"text": "A"}])],
        [
            event("reasoning_text.delta", content_index=0, delta="A"),
            event("reasoning_summary_text.delta", summary_index=0, delta="a"),
        ],
        [event("reasoning_text.delta", content_index=0, delta="A"), done(type="reasoning", content=[{"text": "A"}])],
    ],
)
def test_reasoning_is_delivered_once_wherever_it_stands(payloads: list[Any]) -> None:
    """Summary or reasoning itself, as deltas or at the end: the first that comes is told, and nothing twice."""
    assert told(*payloads) == [("reasoning", "A")]


def test_sealed_reasoning_without_a_summary_is_a_part() -> None:
    """An item that holds only the sealed form opens a part without text; an empty item opens none."""
    assert told(
        done(type="reasoning", summary=[], encrypted_content="gAAAAABx"), done(1, type="reasoning", summary=[])
    ) == [("reasoning", "")]


CALL: dict[str, Any] = {"type": "function_call", "call_id": "c", "name": "f"}
ARGUMENTS = '{"a":1}'


@pytest.mark.parametrize(
    "payloads",
    [
        [added(**CALL, arguments=""), event("function_call_arguments.delta", delta='{"a":'),
         event("function_call_arguments.delta", delta="1}"), event("function_call_arguments.done", arguments=ARGUMENTS),
         done(**CALL, arguments=ARGUMENTS)],
        [added(**CALL), event("function_call_arguments.done", arguments=ARGUMENTS), done(**CALL, arguments=ARGUMENTS)],
        [added(**CALL, arguments=""), done(**CALL, arguments=ARGUMENTS)],
        [done(**CALL, arguments=ARGUMENTS)],
        [{"type": "response.completed", "response": {"output": [{**CALL, "arguments": ARGUMENTS}]}}],
        [added(type="function_call", name="f"), done(**CALL, arguments=ARGUMENTS)],
    ],
)  # fmt: skip
def test_arguments_are_delivered_once_wherever_they_stand(payloads: list[Any]) -> None:
    """As deltas, in the done event, in the item, in the final response: any of them, and never twice."""
    events = to_events(RESPONSES, [CREATED, *payloads, COMPLETED])
    assert texts(events) == [("tool_call", ARGUMENTS)]
    start = next(each for each in events if isinstance(each, PartStarted))
    assert (start.call_id, start.name) == ("c", "f")
    assert isinstance(events[-1], ResponseFinished)
    assert events[-1].finish.unified == "tool_calls"


def test_free_text_is_told_as_arguments_at_its_end() -> None:
    """A custom call's input deltas wait; the whole becomes ``{"input": text}``."""
    assert told(
        added(type="custom_tool_call", call_id="c", name="p", input=""),
        event("custom_tool_call_input.delta", delta="di"),
        event("custom_tool_call_input.done", input="diff"),
        done(type="custom_tool_call", call_id="c", name="p", input="diff"),
    ) == [("tool_call", '{"input":"diff"}')]


def test_a_client_run_search_and_an_image_are_told() -> None:
    """Codex's tool search is a call, a generated image is a media part, other vendor items are nothing."""
    events = to_events(RESPONSES, [
        CREATED,
        done(0, type="tool_search_call", call_id="s", execution="client", arguments={"q": 1}),
        done(1, type="image_generation_call", result="AA==", output_format="png"),
        added(2, type="web_search_call", id="ws"), done(2, type="web_search_call", id="ws"),
        event("web_search_call.searching", 2),
        COMPLETED,
    ])  # fmt: skip
    starts = [each for each in events if isinstance(each, PartStarted)]
    assert [(each.kind, each.name) for each in starts] == [("tool_call", "tool_search"), ("media", None)]
    assert starts[1].media == MediaPart("image", mime="image/png", data="AA==")


@pytest.mark.parametrize(
    ("payloads", "finish"),
    [
        ([{"type": "response.completed", "response": {"status": "completed"}}], Finish("stop", raw="completed")),
        ([{"type": "response.completed"}], Finish("stop")),
        ([{"type": "response.done", "response": {}}], Finish("stop")),
        ([event("refusal.delta", content_index=0, delta="no"), COMPLETED], Finish("content_filter", raw="completed")),
        ([{"type": "response.incomplete", "response": {}}], Finish("length", raw="incomplete")),
        (
            [{"type": "response.incomplete", "response": {"incomplete_details": {"reason": "content_filter"}}}],
            Finish("content_filter", raw="content_filter"),
        ),
    ],
)
def test_a_terminal_event_is_the_finish(payloads: list[Any], finish: Finish) -> None:
    """The event's kind, status and reason are the finish; parts still open are closed before it."""
    assert to_events(RESPONSES, [CREATED, *payloads])[-1] == ResponseFinished(finish)


def test_usage_comes_just_before_the_end() -> None:
    """The terminal event's counts; without them, none are made up."""
    usage = {"input_tokens": 5, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 4}}
    events = to_events(RESPONSES, [CREATED, {"type": "response.completed", "response": {"usage": usage}}])
    assert events[-2] == UsageReported(Usage(input=5, output=2, cached=4))
    assert not any(isinstance(each, UsageReported) for each in to_events(RESPONSES, [CREATED, COMPLETED]))


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (
            {
                "type": "response.failed",
                "response": {"status": "failed", "error": {"code": "server_error", "message": "kaput"}},
            },
            ErrorDetail(502, "kaput", code="server_error"),
        ),
        ({"type": "response.failed"}, ErrorDetail(502, "upstream response failed")),
        (
            {"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": None},
            ErrorDetail(429, "slow", type="error", code="rate_limit_exceeded"),
        ),
        (
            {"type": "error", "error": {"type": "usage_limit_reached", "message": "m", "resets_in_seconds": 9}},
            ErrorDetail(429, "m", type="usage_limit_reached", retry_after=9.0),
        ),
        (
            {"type": "response.completed", "response": {"status": "cancelled"}},
            ErrorDetail(502, "upstream response cancelled"),
        ),
    ],
)
def test_a_failure_ends_the_stream_at_once(payload: Any, detail: ErrorDetail) -> None:
    """A failure has a status for the fault table, and nothing is told after it."""
    events = to_events(RESPONSES, [CREATED, TEXT_DELTA, payload, TEXT_DELTA, COMPLETED])
    assert events[-1] == StreamFailed(detail)
    assert sum(isinstance(each, PartDelta) for each in events) == 1


@pytest.mark.parametrize("payloads", [[], [CREATED], [CREATED, TEXT_DELTA, TEXT_DONE], ["[DONE]"]])
def test_a_stream_without_its_terminal_event_fails(payloads: list[Any]) -> None:
    """Only a terminal event ends a stream well, ``[DONE]`` or not."""
    assert to_events(RESPONSES, payloads)[-1] == StreamFailed(
        ErrorDetail(502, "upstream stream ended before completion")
    )


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "response.whatever"},
        {},
        {"type": ["x"]},
        event("output_text.delta", content_index=0, delta=""),
        event("output_text.delta", content_index=0, delta=None),
        event("reasoning_summary_text.delta", summary_index=0, delta=""),
        event("function_call_arguments.delta", delta="x"),
        added(type="message"),
        event("output_item.added", item=None),
    ],
)
def test_what_says_nothing_opens_no_part(payload: Any) -> None:
    """Unknown kinds, empty deltas and fragments of nothing give no part."""
    assert told(payload) == []


def streamed(*events: Event, asked: AnswerContext | None = None) -> list[Any]:
    """A client's payloads; events the SDK's types know, numbered from 0."""
    payloads = from_events(RESPONSES, [ResponseStarted(id="i", model="m", created=5), *events], asked)
    check_responses_stream(payloads)
    return payloads


def kinds(payloads: list[Any]) -> list[str]:
    """The types of events, less the common prefix."""
    return [payload["type"].removeprefix("response.") for payload in payloads]


def test_an_answer_without_content_is_created_and_completed() -> None:
    """Created, in_progress, completed with no output and zeros for usage."""
    payloads = streamed(ResponseFinished(Finish("stop")))
    assert kinds(payloads) == ["created", "in_progress", "completed"]
    first, last = payloads[0]["response"], payloads[-1]["response"]
    assert (first["id"], first["status"], first["output"], first["usage"]) == ("resp_i", "in_progress", [], None)
    assert (last["status"], last["output"], last["usage"]["total_tokens"]) == ("completed", [], 0)


def test_each_part_is_an_item_with_its_events_in_order() -> None:
    """Text, call, text: three items, each closed before the next, and the answer lists them all."""
    payloads = streamed(
        PartStarted(1, "text"), PartDelta(1, "a"), PartDelta(1, "b"), PartEnded(1),
        PartStarted(2, "tool_call", call_id="c", name="f"), PartEnded(2),
        PartStarted(3, "refusal"), PartDelta(3, "no"), PartEnded(3),
        UsageReported(Usage(input=1, output=2)), ResponseFinished(Finish("tool_calls")),
    )  # fmt: skip
    assert kinds(payloads)[2:] == [
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "output_item.added", "content_part.added", "refusal.delta", "refusal.done", "content_part.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    assert [payload["delta"] for payload in payloads if "delta" in payload] == ["a", "b", "{}", "no"]
    output = payloads[-1]["response"]["output"]
    assert output == [payload["item"] for payload in payloads if payload["type"] == "response.output_item.done"]
    assert [item["type"] for item in output] == ["message", "function_call", "message"]
    assert output[0]["content"][0]["text"] == "ab"
    for payload in payloads:
        if "item_id" in payload:
            assert payload["item_id"] == output[payload["output_index"]]["id"]


def test_reasoning_is_a_summary_and_its_seal() -> None:
    """Text opens a summary part; a seal closes the item, with or without text."""
    payloads = streamed(
        PartStarted(1, "reasoning"), PartDelta(1, "H"), PartDelta(1, "m"), PartEnded(1, Signature("claude", "sig")),
        PartStarted(2, "reasoning", signature=Signature("gemini", "QUJD")), PartEnded(2),
        ResponseFinished(Finish("stop")),
    )  # fmt: skip
    assert kinds(payloads)[2:-1] == [
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_item.added", "output_item.done",
    ]  # fmt: skip
    output = payloads[-1]["response"]["output"]
    assert output[0]["summary"] == [{"type": "summary_text", "text": "Hm"}]
    assert [item["encrypted_content"] for item in output] == ["sig", "QUJD"]
    assert output[1]["summary"] == []


def test_an_image_is_a_generation_call() -> None:
    """A generated image is an item with its result; other media is nothing here."""
    payloads = streamed(
        PartStarted(1, "media", media=MediaPart("image", mime="image/png", data="AA==")), PartEnded(1),
        PartStarted(2, "media", media=MediaPart("audio", data="AA==")), PartEnded(2),
        ResponseFinished(Finish("stop")),
    )  # fmt: skip
    assert kinds(payloads)[2:-1] == ["output_item.added", "output_item.done"]
    assert payloads[-1]["response"]["output"][0]["result"] == "AA=="


def test_codex_is_called_in_its_own_terms() -> None:
    """Namespace, free text and tool search: the events Codex reads are those of its own items."""
    request = {"model": "m", "input": "x", "tools": [
        {"type": "namespace", "name": "gh", "description": "d", "tools": [{"type": "function", "name": "list"}]},
        {"type": "custom", "name": "p"}, {"type": "tool_search", "execution": "client"}]}  # fmt: skip
    payloads = from_events(RESPONSES, [
        ResponseStarted(id="i"),
        PartStarted(1, "tool_call", call_id="c1", name="gh__list"), PartDelta(1, "{}"), PartEnded(1),
        PartStarted(2, "tool_call", call_id="c2", name="p"), PartDelta(2, '{"input":'), PartDelta(2, '"x"}'), PartEnded(2),
        PartStarted(3, "tool_call", call_id="c3", name="tool_search"), PartDelta(3, '{"q":1}'), PartEnded(3),
        ResponseFinished(Finish("tool_calls")),
    ], asking(RESPONSES, CHAT, request))  # fmt: skip
    check_responses_stream(payloads)
    items = [payload["item"] for payload in payloads if payload["type"] == "response.output_item.done"]
    assert [(item["type"], item.get("name"), item.get("namespace")) for item in items] == [
        ("function_call", "list", "gh"), ("custom_tool_call", "p", None), ("tool_search_call", None, None),
    ]  # fmt: skip
    assert (items[1]["input"], items[2]["arguments"]) == ("x", {"q": 1})
    assert kinds(payloads).count("custom_tool_call_input.delta") == 1


@pytest.mark.parametrize(
    ("finish", "kind", "reason"),
    [
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
        ("stop", "completed", None),
    ],
)
def test_the_finish_names_the_terminal_event(finish: Any, kind: str, reason: str | None) -> None:
    """An answer that was cut ends in ``incomplete`` and marks its last item, in its own event too."""
    events: list[Event] = [
        ResponseStarted(),
        PartStarted(1, "text"),
        PartDelta(1, "x"),
        PartEnded(1),
        ResponseFinished(Finish(finish)),
    ]
    encoder = RESPONSES.stream_encoder(AnswerContext("m", minting(), NOW))
    payloads: list[Any] = [payload for each in events for payload in encoder.encode(each)]
    assert payloads[-1]["type"] == f"response.{kind}"
    assert (payloads[-1]["response"]["incomplete_details"] or {}).get("reason") == reason
    assert payloads[-1]["response"]["output"][0]["status"] == kind
    assert payloads[-2]["item"]["status"] == kind


def test_a_failure_keeps_what_was_said() -> None:
    """The failed response lists the items that were whole; the open one is not closed."""
    payloads = streamed(
        PartStarted(1, "text"), PartDelta(1, "a"), PartEnded(1), PartStarted(2, "text"), PartDelta(2, "b"),
        StreamFailed(ErrorDetail(429, "slow")),
    )  # fmt: skip
    assert payloads[-1]["type"] == "response.failed"
    response = payloads[-1]["response"]
    assert (response["status"], response["error"]) == ("failed", {"code": "rate_limit_exceeded", "message": "slow"})
    assert len(response["output"]) == 1
    assert kinds(payloads).count("output_item.done") == 1


def test_a_failure_before_the_start_is_an_error_event() -> None:
    """Without a response to fail, the error stands alone."""
    payloads = from_events(RESPONSES, [StreamFailed(ErrorDetail(503, "gone"))])
    assert payloads == [
        {"type": "error", "sequence_number": 0, "code": "server_error", "message": "gone", "param": None}
    ]
    check_responses_stream(payloads)


def test_what_responses_cannot_show_is_lost_and_said() -> None:
    """The stop sequence that matched; pings and foreign payloads are nothing."""
    asked = AnswerContext("m", minting(), NOW)
    payloads = streamed(
        Ping(), Opaque("claude", {}),
        PartStarted(1, "tool_call", call_id="c", name="f", signature=Signature("gemini", "QUJD")), PartEnded(1),
        ResponseFinished(Finish("stop", stop_sequence="E")),
        asked=asked,
    )  # fmt: skip
    assert kinds(payloads)[2] == "output_item.added"
    assert asked.losses == [Loss("matched stop sequence")]


def test_payloads_are_framed_with_their_event_names() -> None:
    """An event line and a data line; there is no terminator."""
    assert (
        RESPONSES.frame({"type": "error", "message": "é"})
        == 'event: error\ndata: {"type":"error","message":"é"}\n\n'.encode()
    )
    assert RESPONSES.frame(DONE) == b""
