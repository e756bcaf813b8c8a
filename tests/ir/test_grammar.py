"""The order of a streamed answer, as laws."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.ir.content import MediaPart, OpaquePart, Part, ReasoningPart, Signature, TextPart, ToolCallPart
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
from cliproxy.ir.grammar import Sequencer, fold, settled_whole, unfold
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage

SIGNATURES = st.none() | st.builds(Signature, st.sampled_from(["claude", "gemini", "openai"]), st.text(min_size=1))
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, st.text(min_size=1), refusal=st.booleans(), signature=SIGNATURES),
    st.builds(ReasoningPart, st.text(), signature=SIGNATURES, redacted=st.none() | st.text(min_size=1)),
    st.builds(
        ToolCallPart,
        id=st.text(min_size=1),
        name=st.text(min_size=1),
        arguments=st.dictionaries(st.text(), st.integers()).map(json.dumps),
        signature=SIGNATURES,
        minted=st.booleans(),
    ),
    st.builds(MediaPart, st.sampled_from(["image", "audio", "file"]), mime=st.none() | st.text(), data=st.text()),
)
RESPONSES = st.builds(
    CompletionResponse,
    parts=st.lists(PARTS, max_size=5),
    finish=st.builds(
        Finish, st.sampled_from(["stop", "tool_calls", "length", "content_filter"]), st.none() | st.text()
    ),
    id=st.none() | st.text(),
    model=st.none() | st.text(),
    created=st.none() | st.integers(0),
    usage=st.none() | st.builds(Usage, st.none() | st.integers(0), st.none() | st.integers(0)),
).map(settled_whole)


def sequence(events: list[Event]) -> list[Event]:
    sequencer = Sequencer()
    return [out for event in events for out in sequencer.feed(event)]


def assert_well_ordered(events: list[Event]) -> None:
    """Started first, parts never overlap, deltas belong to the open part, usage just before a finish, one end, at the
    end."""
    assert isinstance(events[0], ResponseStarted)
    assert sum(isinstance(event, ResponseStarted) for event in events) == 1
    open_key: int | None = None
    for at, event in enumerate(events):
        if isinstance(event, PartStarted):
            assert open_key is None
            open_key = event.key
        elif isinstance(event, PartDelta):
            assert event.key == open_key
            assert event.text
        elif isinstance(event, PartEnded):
            assert event.key == open_key
            open_key = None
        elif isinstance(event, UsageReported):
            assert at == len(events) - 2
        elif isinstance(event, ResponseFinished):
            assert at == len(events) - 1
            assert open_key is None
    assert isinstance(events[-1], ResponseFinished)


@given(RESPONSES)
def test_fold_undoes_unfold(response: CompletionResponse) -> None:
    """An answer unfolded into a stream, put in order, and folded again is the same answer."""
    events = unfold(response)
    assert_well_ordered(events)
    assert sequence(events) == events
    assert fold(events) == response


@st.composite
def overlapping(draw: st.DrawFn) -> tuple[CompletionResponse, list[Event]]:
    """An answer, and its events with the parts' own events interleaved; a call's end may be left for the finish to
    make."""
    response = draw(RESPONSES)
    by_part: dict[int, list[Event]] = {}
    tail: list[Event] = []
    for event in unfold(response):
        if isinstance(event, PartStarted | PartDelta | PartEnded):
            by_part.setdefault(event.key, []).append(event)
        elif not isinstance(event, ResponseStarted):
            tail.append(event)
    for key, own in by_part.items():
        split: list[Event] = []
        for event in own:
            if isinstance(event, PartDelta):
                cut = draw(st.integers(0, len(event.text)))
                split += [PartDelta(key, event.text[:cut]), PartDelta(key, event.text[cut:])]
            elif not (
                isinstance(event, PartEnded) and isinstance(response.parts[key], ToolCallPart) and draw(st.booleans())
            ):
                split.append(event)
        by_part[key] = split
    events: list[Event] = []
    begun = 0
    while any(by_part.values()):
        # Parts begin in order, as they do on every wire; what follows interleaves freely.
        ready = [key for n, key in enumerate(by_part) if by_part[key] and n <= begun]
        key = draw(st.sampled_from(ready))
        if begun < len(by_part) and key == list(by_part)[begun]:
            begun += 1
        events.append(by_part[key].pop(0))
    start = ResponseStarted(response.id, response.model, response.created)
    return response, [start, *events, *tail]


@given(overlapping())
def test_overlapping_parts_are_put_in_a_row(case: tuple[CompletionResponse, list[Event]]) -> None:
    """However the parts of an answer interleave, they come out one after the other, in order, with nothing lost."""
    response, events = case
    out = sequence(events)
    assert_well_ordered(out)
    assert fold(out) == response


def call(key: int) -> PartStarted:
    return PartStarted(key, "tool_call", call_id=f"c{key}", name="f")


def test_a_complete_call_ends_when_another_begins() -> None:
    """Chat never ends a call, so a call with whole arguments ends when the next index appears; it is not held to the
    finish."""
    sequencer = Sequencer()
    sequencer.feed(ResponseStarted())
    sequencer.feed(call(0))
    sequencer.feed(PartDelta(0, '{"a"'))
    sequencer.feed(PartDelta(0, ":1}"))
    assert sequencer.feed(call(1)) == [PartEnded(0), call(1)]
    assert sequencer.feed(PartDelta(0, " ")) == []
    assert sequencer.feed(PartDelta(1, "{")) == [PartDelta(1, "{")]
    assert sequencer.feed(PartEnded(0)) == []


def test_an_incomplete_call_stays_open() -> None:
    """A call whose arguments are not whole keeps the floor: what overlaps it waits and follows."""
    sequencer = Sequencer()
    sequencer.feed(ResponseStarted())
    sequencer.feed(call(0))
    sequencer.feed(PartDelta(0, '{"a":'))
    assert sequencer.feed(call(1)) == []
    assert sequencer.feed(PartDelta(1, '{"b":2}')) == []
    assert sequencer.feed(PartDelta(0, "1}")) == [PartDelta(0, "1}")]
    assert sequencer.feed(PartEnded(0)) == [PartEnded(0), call(1), PartDelta(1, '{"b":2}')]
    finish = ResponseFinished(Finish("tool_calls"))
    assert sequencer.feed(finish) == [PartEnded(1), finish]


def test_free_text_calls_are_not_judged_as_json() -> None:
    """A custom tool's input may look like JSON at any moment; it ends only when the upstream says so."""
    sequencer = Sequencer()
    custom = PartStarted(0, "tool_call", call_id="c", name="f", custom=True)
    assert sequencer.feed(custom) == [ResponseStarted(), custom]
    sequencer.feed(PartDelta(0, "{}"))
    assert sequencer.feed(call(1)) == []


def test_a_failure_closes_nothing() -> None:
    """A half-sent call must not be passed off as whole: the failure comes at once, alone, and is the last event."""
    failed = StreamFailed(ErrorDetail(502, "cut"))
    sequencer = Sequencer()
    sequencer.feed(call(0))
    sequencer.feed(PartDelta(0, "{"))
    sequencer.feed(call(1))
    sequencer.feed(UsageReported(Usage(1, 2)))
    assert sequencer.feed(failed) == [failed]
    assert sequencer.feed(PartEnded(0)) == sequencer.feed(ResponseFinished(Finish("stop"))) == []


def test_the_first_start_counts() -> None:
    """A repeated start is dropped, and one is made up when the decoder gave none."""
    assert sequence([ResponseStarted(id="a"), ResponseStarted(id="b")]) == [ResponseStarted(id="a")]
    finish = ResponseFinished(Finish("stop"))
    assert sequence([finish]) == [ResponseStarted(), finish]


def test_usage_waits_for_the_finish() -> None:
    """Usage may come early and again; the last one is given just before the finish."""
    finish = ResponseFinished(Finish("stop"))
    events: list[Event] = [ResponseStarted(), UsageReported(Usage(1, 1)), UsageReported(Usage(2, 2)), finish]
    assert sequence(events) == [ResponseStarted(), UsageReported(Usage(2, 2)), finish]


def test_pings_and_opaque_payloads_pass() -> None:
    """What is no part of the answer's order passes at any time before the end."""
    opaque = Opaque("claude", {"type": "x"})
    assert sequence([Ping(), ResponseStarted(), call(0), opaque]) == [Ping(), ResponseStarted(), call(0), opaque]


def test_deltas_of_nothing_are_dropped() -> None:
    """An empty delta, or one for a part that never began, gives nothing."""
    assert sequence([ResponseStarted(), call(0), PartDelta(0, ""), PartDelta(9, "x"), PartEnded(9)]) == [
        ResponseStarted(),
        call(0),
    ]


def test_folding_a_broken_stream_fails() -> None:
    """A stream that failed, or that only stops, is no answer: the failure keeps its status."""
    with pytest.raises(UpstreamFailure) as failed:
        fold([ResponseStarted(), StreamFailed(ErrorDetail(529, "busy"))])
    assert failed.value.detail.status == 529
    with pytest.raises(UpstreamFailure) as cut:
        fold([ResponseStarted(), PartStarted(0, "text"), PartDelta(0, "x")])
    assert cut.value.detail.status == 502


def test_a_call_without_arguments_folds_to_an_empty_object() -> None:
    """No argument text at all means no arguments, except for free text, where it means the empty text."""
    finish = ResponseFinished(Finish("tool_calls"))
    [whole] = fold([ResponseStarted(), call(0), PartEnded(0), finish]).parts
    assert isinstance(whole, ToolCallPart)
    assert whole.arguments == "{}"
    custom = PartStarted(0, "tool_call", call_id="c", name="f", custom=True)
    [free] = fold([ResponseStarted(), custom, PartEnded(0), finish]).parts
    assert isinstance(free, ToolCallPart)
    assert free.arguments == ""


def test_unfold_leaves_out_what_a_stream_cannot_say() -> None:
    """Empty text and opaque parts have no events."""
    response = CompletionResponse([TextPart(""), OpaquePart("claude", {})], Finish("stop"))
    assert unfold(response) == [ResponseStarted(), ResponseFinished(Finish("stop"))]
