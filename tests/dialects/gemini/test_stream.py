"""Streams: read from Gemini's dialect, and written in it."""

from __future__ import annotations

import json
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
)
from cliproxy.ir.grammar import fold, unfold
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from tests.dialects.driving import NOW, aggregated, corpus, from_events, minting, to_events, to_stream
from tests.dialects.vendors import check_gemini_stream


def said(*parts: Any, **candidate: Any) -> Any:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": 0, **candidate}]}


LAST = said({"text": ""}, finishReason="STOP")


def read(*payloads: Any) -> list[Event]:
    return to_events(GEMINI, list(payloads))


def parts_of(payloads: list[Any]) -> list[Any]:
    return [part for payload in payloads for part in payload["candidates"][0]["content"]["parts"]]


@pytest.mark.parametrize(("name", "payloads"), corpus("gemini", "stream"))
def test_identity(name: str, payloads: list[Any]) -> None:
    """A stream of Google's own means the same after it was read and written."""
    written = to_stream(GEMINI, GEMINI, payloads)
    check_gemini_stream(written)
    one, other = (fold(to_events(GEMINI, stream)) for stream in (payloads, written))
    assert one == other


@pytest.mark.parametrize("source", [CHAT, RESPONSES, CLAUDE], ids=lambda dialect: dialect.name)
def test_every_dialects_corpus_is_taken_by_googles_types(source: Dialect) -> None:
    """Whatever the other dialects' upstreams stream becomes a stream of responses the SDK knows, finished once, at the end."""
    streams = corpus(source.name, "stream")
    assert streams
    for _, payloads in streams:
        check_gemini_stream(to_stream(source, GEMINI, payloads))


class Decoding(SynchronousTestCase):
    """What is read."""

    def test_a_whole_stream(self) -> None:
        """Deltas of a kind are one part, calls are whole, the last usage counts, a stop after calls is for them."""
        answer = fold(to_events(GEMINI, dict(corpus("gemini", "stream"))["stream-tools"]))
        thought, text, get, now = answer.parts
        self.assertEqual((thought, text), (ReasoningPart("Two calls."), TextPart("Looking: é€")))
        assert isinstance(get, ToolCallPart) and isinstance(now, ToolCallPart) and get.signature is not None
        self.assertEqual(
            (get.name, get.arguments, get.minted, get.signature.origin), ("get", '{"q":"x"}', True, "gemini")
        )
        self.assertEqual((now.arguments, now.signature), ("{}", None))
        self.assertEqual(answer.usage, Usage(input=15, output=12, cached=4, reasoning=5))
        self.assertEqual(answer.finish, Finish("tool_calls", raw="STOP"))
        self.assertEqual((answer.id, answer.model), ("r-7", "gemini-3-pro-preview"))

    def test_signatures(self) -> None:
        """A signature closes the thought, or the text, it stands on; text goes on as another part."""
        payloads = dict(corpus("gemini", "stream"))["stream-thinking"]
        thought, text, image = fold(to_events(GEMINI, payloads)).parts
        assert isinstance(thought, ReasoningPart) and thought.signature is not None
        self.assertEqual((thought.text, text), ("Hmm", TextPart("Yes")))
        self.assertIsInstance(image, MediaPart)
        events = read(said({"text": "a"}), said({"text": "b", "thoughtSignature": "QUJD"}), said({"text": "c"}), LAST)
        signature = Signature("gemini", "QUJD")
        self.assertEqual(fold(events).parts, [TextPart("ab", signature=signature), TextPart("c")])

    def test_a_signature_alone_is_a_thought(self) -> None:
        """A thought of no words still carries its signature."""
        events = read(said({"text": "", "thought": True, "thoughtSignature": "QUJD"}), LAST)
        self.assertEqual(fold(events).parts, [ReasoningPart("", Signature("gemini", "QUJD"))])

    def test_empty_parts_open_nothing(self) -> None:
        """Empty text, missing content and unknown parts are no parts; what is unknown is told of."""
        odd = [
            said({"text": ""}),
            said(),
            said({"hologram": 1}),
            said(7),
            {"candidates": [{"index": 0}]},
            said({"inlineData": {}}),
        ]
        events = read(*odd, LAST)
        self.assertEqual([type(event) for event in events], [ResponseStarted, Opaque, ResponseFinished])

    def test_wrapper_and_snake_case(self) -> None:
        """Gateways wrap the objects, SDKs spell them otherwise."""
        call = {"function_call": {"id": "c", "name": "f", "args": {"a": 1}}, "thought_signature": "QUJD"}
        payload = {"candidates": [{"content": {"parts": [call]}, "finish_reason": "STOP"}],
                   "usage_metadata": {"prompt_token_count": 3}, "response_id": "r", "model_version": "g"}  # fmt: skip
        answer = fold(read({"response": payload}))
        self.assertEqual(answer.parts, [ToolCallPart("c", "f", '{"a":1}', Signature("gemini", "QUJD"))])
        self.assertEqual((answer.id, answer.model, answer.usage), ("r", "g", Usage(input=3)))

    def test_code_is_text(self) -> None:
        """Code the vendor ran, and what it printed, are fenced text."""
        events = read(
            said({"executableCode": {"language": "PYTHON", "code": "x"}}, {"codeExecutionResult": {"output": "1"}}),
            LAST,
        )
        self.assertEqual(fold(events).parts, [TextPart("```python\nx\n```\n```\n1\n```\n")])

    def test_usage_after_the_finish(self) -> None:
        """Objects with nothing but usage may follow the finish."""
        answer = fold(read(said({"text": "x"}, finishReason="STOP"), {"usageMetadata": {"candidatesTokenCount": 5}}))
        self.assertEqual(answer.usage, Usage(output=5))

    def test_ends(self) -> None:
        """A finish or a refusal of the prompt makes the end clean; without one it is a cut, and so is nothing at all."""
        blocked = {"promptFeedback": {"blockReason": "SAFETY"}}
        self.assertEqual(read(blocked)[-1], ResponseFinished(Finish("content_filter", raw="SAFETY")))
        streams: list[list[Any]] = [[], [said({"text": "x"})], [{}], [{"usageMetadata": {}}]]
        for payloads in streams:
            with self.subTest(payloads=payloads):
                self.assertEqual(
                    read(*payloads)[-1], StreamFailed(ErrorDetail(502, "upstream stream ended before completion"))
                )

    def test_errors(self) -> None:
        """An error object ends the stream with its status; nothing after it counts."""
        error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
        events = read(said({"text": "x"}), error, LAST)
        self.assertEqual(events[-1], StreamFailed(ErrorDetail(503, "overloaded", type="UNAVAILABLE")))

    def test_nothing_after_the_end(self) -> None:
        """After its terminal event a decoder gives nothing."""
        decoder = GEMINI.stream_decoder(minting())
        decoder.decode(LAST)
        decoder.close(False)
        self.assertEqual((decoder.decode(LAST), decoder.close(False)), ([], []))

    def test_aggregates_as_it_answers_whole(self) -> None:
        """A stream put together says what the whole answer would have said."""
        for target in (CHAT, CLAUDE, RESPONSES):
            for _, payloads in corpus("gemini", "stream"):
                self.assertTrue(aggregated(GEMINI, target, payloads))


class Encoding(SynchronousTestCase):
    """What is written for Google's clients."""

    def test_every_kind_of_part(self) -> None:
        """Deltas pass one by one, calls when they are whole, the finish and the usage last."""
        asked = AnswerContext("asked", minting(), NOW, tool_names={"wire": "Client.Name"})
        answer = CompletionResponse(
            [
                ReasoningPart("why", signature=Signature("claude", "QUJD")),
                ReasoningPart("no", signature=Signature("claude", "zzz")),
                ReasoningPart("", redacted="sealed"),
                TextPart("a"),
                TextPart("No.", refusal=True),
                MediaPart("image", mime="image/png", data="QUJD"),
                ToolCallPart("c1", "wire", '{"k": "é"}', signature=Signature("gemini", "QUJD")),
                ToolCallPart("c2", "f", "nonsense", minted=True),
                ToolCallPart("c3", "patch", "text", custom=True),
            ],
            Finish("tool_calls"),
            usage=Usage(input=10, output=5, cached=4, reasoning=2),
        )
        written = from_events(GEMINI, unfold(answer), asked)
        check_gemini_stream(written)
        self.assertEqual(parts_of(written), [
            {"text": "why", "thought": True},
            {"text": "", "thought": True, "thoughtSignature": "QUJD"},
            {"text": "no", "thought": True},
            {"text": "a"},
            {"text": "No."},
            {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
            {"functionCall": {"name": "Client.Name", "args": {"k": "é"}, "id": "c1"}, "thoughtSignature": "QUJD"},
            {"functionCall": {"name": "f", "args": {"unparsed_arguments": "nonsense"}}},
            {"functionCall": {"name": "patch", "args": {"input": "text"}, "id": "c3"}},
            {"text": ""},
        ])  # fmt: skip
        self.assertEqual(written[-1]["usageMetadata"], {
            "promptTokenCount": 10, "candidatesTokenCount": 3, "totalTokenCount": 15, "thoughtsTokenCount": 2,
            "cachedContentTokenCount": 4})  # fmt: skip
        self.assertEqual(
            [loss.what for loss in asked.losses],
            ["redacted_thinking", "refusal marker", "arguments that are no object"],
        )

    def test_one_id_and_model_throughout(self) -> None:
        """Every object repeats the same id and model; what was not said is minted, and the client's own."""
        written = from_events(GEMINI, unfold(CompletionResponse([TextPart("a"), TextPart("b")], Finish("stop"))))
        self.assertEqual(len({(payload["responseId"], payload["modelVersion"]) for payload in written}), 1)
        self.assertEqual(written[0]["modelVersion"], "asked-model")

    def test_only_a_finish(self) -> None:
        """An answer of nothing is one object."""
        written = from_events(GEMINI, [ResponseStarted(), ResponseFinished(Finish("stop", stop_sequence="END"))])
        self.assertEqual(len(written), 1)
        check_gemini_stream(written)

    def test_failure(self) -> None:
        """A failure is an error object, and an open call is not passed off as whole."""
        started = PartStarted(0, "tool_call", call_id="c", name="f")
        failed = StreamFailed(ErrorDetail(529, "Overloaded"))
        written = from_events(GEMINI, [ResponseStarted(), started, PartDelta(0, '{"a":'), failed])
        self.assertEqual(written, [{"error": {"code": 529, "message": "Overloaded", "status": "UNAVAILABLE"}}])

    def test_frames(self) -> None:
        """A frame is one data line; pings, terminators and others' payloads are none of Google's."""
        self.assertEqual(GEMINI.frame({"a": "é"}), 'data: {"a":"é"}\n\n'.encode())
        self.assertEqual(GEMINI.frame(DONE), b"")
        self.assertIsNone(GEMINI.heartbeat)
        self.assertEqual(from_events(GEMINI, [Ping(), Opaque("claude", {"x": 1}), PartEnded(9), PartDelta(9, "x")]), [])

    def test_a_thought_of_claudes_comes_home_through_google(self) -> None:
        """What a Gemini client streamed from Anthropic it replays in pieces, and Anthropic gets its own thought back."""
        upstream = dict(corpus("claude", "stream"))["stream-tools"]
        pieces = to_stream(CLAUDE, GEMINI, upstream)
        contents = [
            {"role": "user", "parts": [{"text": "x"}]},
            *[piece["candidates"][0]["content"] for piece in pieces],
        ]
        replayed = json.loads(json.dumps({"contents": contents}).replace("+", "-").replace("/", "_"))
        request = GEMINI.decode_request(replayed, minting())
        thought = request.messages[1].parts[0]
        (signed,) = [p["delta"]["signature"] for p in upstream if p.get("delta", {}).get("type") == "signature_delta"]
        self.assertEqual(thought, ReasoningPart("Two calls.", Signature("claude", signed), from_dialect="gemini"))
