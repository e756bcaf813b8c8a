"""Streams: read from Anthropic's dialect, and written in it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.dialects.claude import DIALECT as CLAUDE
from cliproxy.dialects.gemini import DIALECT as GEMINI
from cliproxy.dialects.interface import DONE, AnswerContext, Dialect
from cliproxy.dialects.openai import DIALECT as CHAT
from cliproxy.dialects.responses import DIALECT as RESPONSES
from cliproxy.errors import ErrorDetail
from cliproxy.ir.content import MediaPart, ReasoningPart, Signature, TextPart, ToolCallPart
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
from cliproxy.ir.grammar import fold, unfold
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from tests.dialects.driving import NOW, corpus, from_events, minting, to_events, to_stream
from tests.dialects.vendors import check_claude_stream

START = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "c", "usage": {"input_tokens": 3, "output_tokens": 1}},
}
STOPPED = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": {"output_tokens": 9},
}
STOP = {"type": "message_stop"}
TEXT = {"type": "text", "text": ""}


def start(block: Any, index: int = 0) -> Any:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int = 0, **members: Any) -> Any:
    return {"type": "content_block_delta", "index": index, "delta": members}


def stop(index: int = 0) -> Any:
    return {"type": "content_block_stop", "index": index}


def read(*payloads: Any) -> list[Event]:
    return to_events(CLAUDE, list(payloads))


@pytest.mark.parametrize(("name", "payloads"), corpus("claude", "stream"))
def test_identity(name: str, payloads: list[Any]) -> None:
    """A stream of Anthropic's own means the same after it was read and written, server tools included."""
    written = to_stream(CLAUDE, CLAUDE, payloads)
    check_claude_stream(written)
    assert to_events(CLAUDE, written) == to_events(CLAUDE, payloads)
    assert [p for p in written if p["type"].startswith("content_block")] == [
        p for p in payloads if p["type"].startswith("content_block") and p.get("delta", {}).get("partial_json") != ""
    ]


@pytest.mark.parametrize("source", [CHAT, RESPONSES, GEMINI], ids=lambda dialect: dialect.name)
def test_every_dialects_corpus_is_taken_by_anthropics_types(source: Dialect) -> None:
    """Whatever the other dialects' upstreams stream becomes a stream the SDK knows, in the order of its grammar."""
    streams = corpus(source.name, "stream")
    assert streams
    for _, payloads in streams:
        check_claude_stream(to_stream(source, CLAUDE, payloads))


class Decoding(SynchronousTestCase):
    """What is read."""

    def test_a_whole_stream(self) -> None:
        """Blocks become parts; usage of both places is merged and comes with the finish, at the end."""
        answer = fold(to_events(CLAUDE, dict(corpus("claude", "stream"))["stream-tools"]))
        thought, text, call, empty = answer.parts
        assert isinstance(thought, ReasoningPart) and thought.signature is not None
        self.assertEqual((thought.text, thought.signature.origin), ("Two calls.", "claude"))
        self.assertEqual(text, TextPart("Reading both: é€"))
        self.assertEqual(call, ToolCallPart("toolu_01", "Read", '{"file_path": "/a.py"}'))
        self.assertEqual(empty, ToolCallPart("toolu_02", "Now", "{}"))
        self.assertEqual(answer.usage, Usage(input=9312, output=85, cached=9000, cache_write=300))
        self.assertEqual(answer.finish, Finish("tool_calls", raw="tool_use"))
        self.assertEqual((answer.id, answer.model), ("msg_s1", "claude-sonnet-4-5-20250929"))

    def test_empty_deltas_open_nothing(self) -> None:
        """A block of no words is no part."""
        events = read(START, start(TEXT), delta(type="text_delta", text=""), delta(), {**delta(), "delta": None}, stop(),
                      start({"type": "thinking", "thinking": "", "signature": ""}, 1), stop(1), STOPPED, STOP)  # fmt: skip
        self.assertEqual([type(event) for event in events], [ResponseStarted, UsageReported, ResponseFinished])

    def test_a_signature_alone_is_a_thought(self) -> None:
        """Thinking that is not shown still carries its signature."""
        events = read(
            START, start({"type": "thinking"}), delta(type="signature_delta", signature="QUJD"), stop(), STOPPED, STOP
        )
        self.assertEqual(events[1:3], [PartStarted(0, "reasoning"), PartEnded(0, Signature("claude", "QUJD"))])

    def test_input_given_at_the_start(self) -> None:
        """Arguments that come whole in the block's start are one delta."""
        events = read(
            START, start({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}), stop(), STOPPED, STOP
        )
        self.assertEqual(
            events[1:4], [PartStarted(0, "tool_call", call_id="t", name="f"), PartDelta(0, '{"a":1}'), PartEnded(0)]
        )

    def test_text_given_at_the_start(self) -> None:
        """Words in the block's start are its first."""
        events = read(
            START, start({"type": "text", "text": "He"}), delta(type="text_delta", text="y"), stop(), STOPPED, STOP
        )
        self.assertEqual(events[1:4], [PartStarted(0, "text"), PartDelta(0, "He"), PartDelta(0, "y")])

    def test_deltas_after_the_stop_reason(self) -> None:
        """Words that come after ``message_delta`` still count."""
        events = read(START, start(TEXT), STOPPED, delta(type="text_delta", text="late"), stop(), STOP)
        self.assertEqual(fold(events).parts, [TextPart("late")])

    def test_nulls_of_the_final_usage_do_not_erase(self) -> None:
        """The later usage replaces the earlier, number by number, and null is no number."""
        events = read(START, {**STOPPED, "usage": {"output_tokens": 9, "input_tokens": None}}, STOP)
        self.assertEqual(fold(events).usage, Usage(input=3, output=9))

    def test_no_message_start(self) -> None:
        """A stream that forgets to begin is begun."""
        self.assertEqual(
            read(start(TEXT), delta(type="text_delta", text="x"), stop(), STOPPED, STOP)[0], ResponseStarted()
        )

    def test_pings_pass(self) -> None:
        """The upstream's heartbeat is one event."""
        self.assertIn(Ping(), read(START, {"type": "ping"}, STOPPED, STOP))

    def test_what_is_unknown_is_opaque(self) -> None:
        """Blocks, deltas and events of tomorrow disturb nothing."""
        hologram = [start({"type": "hologram"}), delta(type="x_delta"), stop()]
        cited = [delta(1, type="text_delta", text="x"), delta(1, type="citations_delta", citation={}), stop(1)]
        events = read(START, *hologram, start(TEXT, 1), *cited, {"type": "of_tomorrow"}, STOPPED, STOP)
        self.assertEqual(fold(events).parts, [TextPart("x")])
        self.assertEqual([type(event) for event in events].count(Opaque), 5)

    def test_ends(self) -> None:
        """A stop reason makes the end of input clean; without one it is a cut."""
        for payloads, last in (
            ([START, STOPPED], ResponseFinished(Finish("stop", raw="end_turn"))),
            ([START, STOP], ResponseFinished(Finish("stop"))),
            ([START, start(TEXT), delta(type="text_delta", text="x")], StreamFailed),
            ([START], StreamFailed),
            ([], StreamFailed),
        ):
            with self.subTest(payloads=payloads):
                end = read(*payloads)[-1]
                if isinstance(last, ResponseFinished):
                    self.assertEqual(end, last)
                else:
                    assert isinstance(end, StreamFailed)
                    self.assertEqual(end.detail, ErrorDetail(502, "upstream stream ended before completion"))

    def test_errors(self) -> None:
        """An error event ends the stream with the status its word stands for; nothing after it counts."""
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        events = read(START, error, STOPPED, STOP)
        self.assertEqual(events[1:], [StreamFailed(ErrorDetail(529, "Overloaded", type="overloaded_error"))])

    def test_nothing_after_the_end(self) -> None:
        """After its terminal event a decoder gives nothing."""
        decoder = CLAUDE.stream_decoder(minting())
        for payload in (START, STOPPED, STOP):
            decoder.decode(payload)
        self.assertEqual((decoder.decode(START), decoder.close(False)), ([], []))


class Encoding(SynchronousTestCase):
    """What is written for Anthropic's clients."""

    def test_only_a_finish(self) -> None:
        """An answer of nothing is three events."""
        written = from_events(CLAUDE, [ResponseStarted(), ResponseFinished(Finish("stop"))])
        self.assertEqual([payload["type"] for payload in written], ["message_start", "message_delta", "message_stop"])
        self.assertEqual(written[0]["message"]["usage"], {"input_tokens": 0, "output_tokens": 0})
        check_claude_stream(written)

    def test_every_kind_of_part(self) -> None:
        """Parts become blocks numbered without gaps; what cannot be said takes no number."""
        asked = AnswerContext("asked", minting(), NOW, tool_names={"wire": "Client.Name"})
        answer = CompletionResponse(
            [
                ReasoningPart("why", signature=Signature("gemini", "QUJD")),
                ReasoningPart("", redacted="sealed"),
                MediaPart("image", mime="image/png", data="QUJD"),
                TextPart("No.", refusal=True),
                ToolCallPart("c1", "wire", '{"k":1}'),
                ToolCallPart("c2", "patch", 'say "x"', custom=True),
            ],
            Finish("tool_calls"),
            usage=Usage(input=10, output=5, cached=4),
        )
        written = from_events(CLAUDE, unfold(answer), asked)
        check_claude_stream(written)
        blocks = [payload["content_block"] for payload in written if payload["type"] == "content_block_start"]
        self.assertEqual(
            [block["type"] for block in blocks], ["thinking", "redacted_thinking", "text", "tool_use", "tool_use"]
        )
        self.assertEqual(blocks[3], {"type": "tool_use", "id": "c1", "name": "Client.Name", "input": {}})
        deltas = [payload["delta"] for payload in written if payload["type"] == "content_block_delta"]
        self.assertEqual(deltas[-1], {"type": "input_json_delta", "partial_json": '{"input":"say \\"x\\""}'})
        self.assertEqual(written[-2]["usage"], {"input_tokens": 6, "output_tokens": 5, "cache_read_input_tokens": 4})
        self.assertEqual([loss.what for loss in asked.losses], ["generated image", "refusal marker"])

    def test_known_input_usage_comes_first(self) -> None:
        """What is known of the input when the answer begins is told there."""
        written = from_events(CLAUDE, [ResponseStarted(usage=Usage(input=10, cached=4))])
        self.assertEqual(
            written[0]["message"]["usage"], {"input_tokens": 6, "output_tokens": 0, "cache_read_input_tokens": 4}
        )

    def test_failure_with_a_block_open(self) -> None:
        """A cut answer is never closed as if it were whole."""
        written = from_events(
            CLAUDE,
            [ResponseStarted(), PartStarted(0, "text"), PartDelta(0, "x"), StreamFailed(ErrorDetail(429, "slow down"))],
        )
        self.assertEqual(written[-1], {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}})
        self.assertNotIn("content_block_stop", [payload["type"] for payload in written])

    def test_foreign_opaque_is_not_relayed(self) -> None:
        """Payloads of other dialects are not Anthropic's clients' business."""
        self.assertEqual(from_events(CLAUDE, [Opaque("gemini", {"x": 1})]), [])

    def test_frames_name_their_event(self) -> None:
        """The SDK passes over a block without an event line; there is no ``[DONE]``."""
        self.assertEqual(CLAUDE.frame(STOP), b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
        self.assertEqual(CLAUDE.frame(DONE), b"")
        self.assertEqual(CLAUDE.heartbeat, b'event: ping\ndata: {"type":"ping"}\n\n')
