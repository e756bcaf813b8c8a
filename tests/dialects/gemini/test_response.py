"""Whole answers: read from Gemini's dialect, and written in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.dialects import finishes
from cliproxy.dialects.claude import DIALECT as CLAUDE
from cliproxy.dialects.gemini import DIALECT as GEMINI
from cliproxy.dialects.gemini.response import read_created, read_usage, write_finish, write_usage
from cliproxy.dialects.interface import AnswerContext, Dialect
from cliproxy.dialects.openai import DIALECT as CHAT
from cliproxy.dialects.responses import DIALECT as RESPONSES
from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.ir.content import MediaPart, OpaquePart, ReasoningPart, Signature, TextPart, ToolCallPart
from cliproxy.ir.events import Finish
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from tests.dialects.driving import NOW, corpus, minting, to_body
from tests.dialects.vendors import check_gemini

STOP = Finish("stop")


def encoded(*parts: Any, finish: Finish = STOP, **members: Any) -> tuple[Any, list[str]]:
    asked = AnswerContext("asked-model", minting(), NOW, tool_names={"wire": "Client.Name"})
    body = GEMINI.encode_response(CompletionResponse(list(parts), finish, **members), asked)
    check_gemini(body)
    return body, [loss.what for loss in asked.losses]


@pytest.mark.parametrize(("name", "body"), corpus("gemini", "response"))
def test_identity(name: str, body: Any) -> None:
    """An answer of Google's own comes out as it went in, without the wrapper some gateways put around it."""
    assert to_body(GEMINI, GEMINI, body) == body
    assert to_body(GEMINI, GEMINI, {"response": body}) == body
    check_gemini(body)


@pytest.mark.parametrize("source", [CHAT, RESPONSES, CLAUDE], ids=lambda dialect: dialect.name)
def test_every_dialects_corpus_is_taken_by_googles_types(source: Dialect) -> None:
    """Whatever the other dialects' upstreams answer becomes a response the SDK knows."""
    bodies = corpus(source.name, "response")
    assert bodies
    for _, body in bodies:
        check_gemini(to_body(source, GEMINI, body))


class Decoding(SynchronousTestCase):
    """What is read."""

    def test_parts(self) -> None:
        """Pieces of text and of thoughts are put together; calls get ids; usage is counted as the IR counts."""
        answer = GEMINI.decode_response(dict(corpus("gemini", "response"))["response-tools"], minting())
        thought, text, listing, now = answer.parts
        self.assertEqual(thought, ReasoningPart("Two calls.", from_dialect="gemini"))
        self.assertEqual(text, TextPart("Looking."))
        assert isinstance(listing, ToolCallPart) and isinstance(now, ToolCallPart)
        self.assertEqual(
            (listing.id, listing.minted, listing.arguments), ("call_" + "0" * 23 + "1", True, '{"path":"é"}')
        )
        assert listing.signature is not None
        self.assertEqual((listing.signature.origin, now.signature, now.arguments), ("gemini", None, "{}"))
        self.assertEqual(answer.usage, Usage(input=100, output=35, cached=30, reasoning=15))
        self.assertEqual(answer.finish, Finish("tool_calls", raw="STOP"))
        self.assertEqual((answer.id, answer.model, answer.created), ("r-1", "gemini-3-pro-preview", 1769680800))

    def test_images_and_candidates(self) -> None:
        """A generated image is a part; further candidates are alternatives."""
        answer = GEMINI.decode_response(dict(corpus("gemini", "response"))["response-image"], minting())
        image = answer.parts[1]
        assert isinstance(image, MediaPart)
        self.assertEqual((image.kind, image.mime), ("image", "image/png"))
        self.assertEqual(answer.alternatives, [([TextPart("Or this.")], Finish("length", raw="MAX_TOKENS"))])

    def test_a_refused_prompt(self) -> None:
        """No candidates and a block reason is an answer of nothing, filtered."""
        answer = GEMINI.decode_response(dict(corpus("gemini", "response"))["response-blocked"], minting())
        self.assertEqual((answer.parts, answer.finish), ([], Finish("content_filter", raw="PROHIBITED_CONTENT")))

    def test_a_signature_ends_a_run(self) -> None:
        """The signature of a run of thoughts, or of text, is the last piece's, and what follows is another."""
        parts = [
            {"text": "a", "thought": True},
            {"text": "b", "thought": True, "thought_signature": "QUJD"},
            {"text": "c", "thought": True},
            {"text": "d"},
            {"text": "", "thoughtSignature": "QUJD"},
            {"text": ""},
        ]
        answer = GEMINI.decode_response({"candidates": [{"content": {"parts": parts}}]}, minting())
        signature = Signature("gemini", "QUJD")
        self.assertEqual(answer.parts, [
            ReasoningPart("ab", signature, from_dialect="gemini"),
            ReasoningPart("c", from_dialect="gemini"),
            TextPart("d", signature=signature),
        ])  # fmt: skip

    def test_failures(self) -> None:
        """An error, or what is no answer of Gemini's, is a failure with its status."""
        error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
        for body, status in (
            (error, 503),
            ({"response": error}, 503),
            ({}, 502),
            ({"candidates": []}, 502),
            ({"candidates": 7}, 502),
        ):
            with self.subTest(body=body):
                failure = self.assertRaises(UpstreamFailure, GEMINI.decode_response, body, minting())
                self.assertEqual(failure.detail.status, status)

    def test_tolerance(self) -> None:
        """A candidate may lack content or parts; parts of a kind unknown are kept for Google's clients."""
        candidates: list[Any] = [{}, {"content": {}}, {"content": None}, {"content": {"parts": [7]}}]
        for candidate in candidates:
            with self.subTest(candidate=candidate):
                self.assertEqual(GEMINI.decode_response({"candidates": [candidate]}, minting()).parts, [])
        body = {"candidates": [{"content": {"parts": {"hologram": 1}}}]}
        self.assertEqual(GEMINI.decode_response(body, minting()).parts, [OpaquePart("gemini", {"hologram": 1})])


class Encoding(SynchronousTestCase):
    """What is written for Google's clients."""

    def test_parts(self) -> None:
        """Parts in order; tools get the client's names, and ids of our own making are not said."""
        body, losses = encoded(
            ReasoningPart("why", signature=Signature("claude", "+/8gY2xhdWRlLXg=")),
            ReasoningPart("no", signature=Signature("claude", "zzz")),
            TextPart("a"),
            ToolCallPart("c1", "wire", "{'k': 1}", signature=Signature("gemini", "QUJD")),
            ToolCallPart("c2", "f", "", minted=True),
            MediaPart("image", mime="image/png", data="QUJD"),
            MediaPart("image", url="https://ex.test/a.png"),
        )
        self.assertEqual(body["candidates"][0]["content"], {"role": "model", "parts": [
            {"text": "why", "thought": True, "thoughtSignature": "+/8gY2xhdWRlLXg="},
            {"text": "no", "thought": True},
            {"text": "a"},
            {"functionCall": {"name": "Client.Name", "args": {"k": 1}, "id": "c1"}, "thoughtSignature": "QUJD"},
            {"functionCall": {"name": "f", "args": {}}},
            {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
            {"fileData": {"fileUri": "https://ex.test/a.png", "mimeType": "image/png"}},
        ]})  # fmt: skip
        self.assertEqual(losses, [])

    def test_candidates(self) -> None:
        """Further choices are further candidates."""
        body, _ = encoded(TextPart("a"), alternatives=[([TextPart("b")], Finish("length"))])
        self.assertEqual([one["finishReason"] for one in body["candidates"]], ["STOP", "MAX_TOKENS"])
        self.assertEqual([one["index"] for one in body["candidates"]], [0, 1])

    def test_envelope(self) -> None:
        """What the upstream did not say is minted, the client's own, or zero."""
        body, _ = encoded()
        self.assertEqual((body["modelVersion"], bool(body["responseId"])), ("asked-model", True))
        self.assertEqual(
            body["usageMetadata"], {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}
        )
        self.assertEqual(body["candidates"][0]["content"], {"role": "model", "parts": []})

    def test_losses(self) -> None:
        """What an answer of Google's cannot hold is reported, exactly."""
        _, losses = encoded(
            TextPart("No.", refusal=True),
            ReasoningPart("", redacted="sealed"),
            OpaquePart("claude", {"type": "server_tool_use"}),
            finish=Finish("stop", stop_sequence="END"),
        )
        self.assertEqual(
            sorted(losses),
            ["claude server_tool_use part", "matched stop sequence", "redacted_thinking", "refusal marker"],
        )


@pytest.mark.parametrize(
    ("word", "unified"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        *[(word, "content_filter") for word in (
            "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION")],
        *[(word, "stop") for word in ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "LANGUAGE", "OTHER")],
    ],
)  # fmt: skip
def test_finish(word: str, unified: str) -> None:
    """Google's words are read by their meaning and given back as they were; a stop after calls is for their sake."""
    assert finishes.read(word).unified == unified
    assert write_finish(finishes.read(word)) == word
    assert finishes.read(word, called=True).unified == ("tool_calls" if unified == "stop" else unified)


@pytest.mark.parametrize(
    ("finish", "written"),
    [
        (Finish("stop", raw="end_turn"), "STOP"),
        (Finish("stop", raw="FINISH_REASON_OF_TOMORROW"), "STOP"),
        (Finish("tool_calls", raw="tool_use"), "STOP"),
        (Finish("length"), "MAX_TOKENS"),
        (Finish("content_filter", raw="refusal"), "SAFETY"),
        (Finish("content_filter", raw="OTHER"), "SAFETY"),
    ],
)
def test_foreign_finish(finish: Finish, written: str) -> None:
    """Other vendors' finishes have Google's word, and so has a prompt's block reason."""
    assert write_finish(finish) == written


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ("2026-01-29T10:00:00.123456Z", 1769680800),
        ("2026-01-29T10:00:00.123456789Z", 1769680800),
        ("2026-01-29T12:00:00+02:00", 1769680800),
        ("2026-01-29T10:00:00", 1769680800),
        ("yesterday", None),
        (7, None),
    ],
)
def test_created(stated: Any, seconds: int | None) -> None:
    """``createTime`` is read in Unix seconds, and nonsense is not said."""
    assert read_created({"createTime": stated}) == seconds


_COUNTS = st.integers(0, 10**9)


@given(prompt=_COUNTS, output=_COUNTS, thoughts=_COUNTS, cached=_COUNTS)
def test_usage_is_converted_both_ways(prompt: int, output: int, thoughts: int, cached: int) -> None:
    """Output counts thoughts in and out again; zeros of thoughts and cache are not said."""
    stated = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": output,
        "totalTokenCount": prompt + output + thoughts,
        "thoughtsTokenCount": thoughts,
        "cachedContentTokenCount": cached,
    }
    usage = read_usage(stated)
    assert usage == Usage(input=prompt, output=output + thoughts, cached=cached, reasoning=thoughts)
    said = {
        key: value
        for key, value in stated.items()
        if value or key not in ("thoughtsTokenCount", "cachedContentTokenCount")
    }
    assert write_usage(usage) == said


def test_usage_nobody_counted() -> None:
    """What is not said is not zero."""
    assert read_usage(None) is None
    assert read_usage({"prompt_token_count": 3}) == Usage(input=3)


def test_errors() -> None:
    """Every status has Google's word, in Google's shape, which begins with ``error``."""
    words = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 402: "FAILED_PRECONDITION", 403: "PERMISSION_DENIED",
             404: "NOT_FOUND", 408: "DEADLINE_EXCEEDED", 413: "INVALID_ARGUMENT", 422: "INVALID_ARGUMENT",
             429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 502: "UNAVAILABLE", 503: "UNAVAILABLE",
             504: "DEADLINE_EXCEEDED", 529: "UNAVAILABLE", 599: "INTERNAL"}  # fmt: skip
    for status, word in words.items():
        body = {"error": {"code": status, "message": "m", "status": word}}
        assert GEMINI.encode_error(ErrorDetail(status, "m")) == body
        assert GEMINI.terminal_error(ErrorDetail(status, "m")) == [body]
        assert GEMINI.decode_error(status, body) == ErrorDetail(status, "m", type=word)
        assert GEMINI.frame(body).startswith(b'data: {"error":')
