"""Halves of characters in a stream's deltas, and odd JSON in both lanes."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.dialects.halves import HalfJoiner
from cliproxy.dialects.registry import DIALECTS
from cliproxy.dialects.transcoder import translate
from cliproxy.ir.events import Event, Finish, PartDelta, PartEnded, PartStarted, Ping, ResponseFinished, ResponseStarted
from cliproxy.jsontypes import mended_text
from tests.dialects.driving import asking

ANY_TEXT = st.text(st.characters(exclude_categories=()), min_size=1)


@given(st.lists(ANY_TEXT, min_size=1))
def test_joining_deltas_is_joining_text(texts: list[str]) -> None:
    """However text is cut, what is told is the whole text, mended."""
    joiner = HalfJoiner()
    deltas = [event for text in texts for event in joiner.join([PartDelta(1, text), Ping()])]
    told = [*deltas, *joiner.join([PartEnded(1)])]
    assert "".join(event.text for event in told if isinstance(event, PartDelta)) == mended_text("".join(texts))
    assert isinstance(told[-1], PartEnded)


def test_no_event_keeps_a_half() -> None:
    """Names, ids and words of other events are mended too, and nothing else of them changes."""
    half = "a\ud83d"
    events: list[Event] = [
        ResponseStarted(id=half, model="m"),
        PartStarted(1, "tool_call", call_id=half, name=half),
        ResponseFinished(Finish("stop", raw=half)),
    ]
    assert HalfJoiner().join(events) == [
        ResponseStarted(id="a\ufffd", model="m"),
        PartStarted(1, "tool_call", call_id="a\ufffd", name="a\ufffd"),
        ResponseFinished(Finish("stop", raw="a\ufffd")),
    ]


def test_the_identity_lane_passes_odd_json_untouched() -> None:
    """Same dialect at both ends: the upstream's very bytes, streamed and whole."""
    chat = DIALECTS["openai"]
    chunk = rb'{"id":"c","choices":[{"index":0,"delta":{"content":"\ud83d"},"logprobs":NaN,"finish_reason":"stop"}]}'
    stream = b"data: " + chunk + b"\n\ndata: [DONE]\n\n"
    whole = chunk.replace(b"delta", b"message")
    for body, streamed in ((stream, True), (whole, False)):
        transcoder = translate(chat, chat, asking(chat, chat), from_stream=streamed, to_stream=streamed)
        assert b"".join(transcoder.receive(body) + transcoder.close()) == body
        assert transcoder.failed is None


def test_an_edited_payload_keeps_its_half_escaped() -> None:
    """A model's name is put in without touching what cannot be read: both halves leave as they came."""
    chat = DIALECTS["openai"]
    asked = asking(chat, chat)
    halves = (r'"content":"\ud83d"', r'"content":"\ude00"')
    transcoder = translate(
        chat, chat, asked, from_stream=True, to_stream=True, edit=lambda payload: {**payload, "model": "alias"}
    )
    out = b""
    for half in halves:
        chunk = '{"id":"c","model":"m","choices":[{"index":0,"delta":{' + half + "}}]}"
        out += b"".join(transcoder.receive(f"data: {chunk}\n\n".encode()))
    assert all(half.encode() in out for half in halves)
    assert [json.loads(line[6:])["model"] for line in out.splitlines() if line] == ["alias", "alias"]
