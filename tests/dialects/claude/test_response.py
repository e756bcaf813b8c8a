"""Whole answers: read from Anthropic's dialect, and written in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.dialects.claude import DIALECT as CLAUDE
from cliproxy.dialects.claude.response import read_finish, read_usage, write_finish, write_usage
from cliproxy.dialects.gemini import DIALECT as GEMINI
from cliproxy.dialects.interface import AnswerContext, Dialect
from cliproxy.dialects.openai import DIALECT as CHAT
from cliproxy.dialects.responses import DIALECT as RESPONSES
from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.ir.content import MediaPart, OpaquePart, ReasoningPart, Signature, TextPart, ToolCallPart
from cliproxy.ir.events import Finish
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from tests.dialects.driving import NOW, corpus, minting, to_body
from tests.dialects.vendors import check_claude

STOP = Finish("stop")


def encoded(*parts: Any, finish: Finish = STOP, **members: Any) -> tuple[Any, list[tuple[str, bool]]]:
    asked = AnswerContext("asked-model", minting(), NOW, tool_names={"wire": "Client.Name"})
    body = CLAUDE.encode_response(CompletionResponse(list(parts), finish, **members), asked)
    check_claude(body)
    return body, [(loss.what, loss.meaning) for loss in asked.losses]


@pytest.mark.parametrize(("name", "body"), corpus("claude", "response"))
def test_identity(name: str, body: Any) -> None:
    """An answer of Anthropic's own comes out as it went in."""
    assert to_body(CLAUDE, CLAUDE, body) == body
    check_claude(body)


@pytest.mark.parametrize("source", [CHAT, RESPONSES, GEMINI], ids=lambda dialect: dialect.name)
def test_every_dialects_corpus_is_taken_by_anthropics_types(source: Dialect) -> None:
    """Whatever the other dialects' upstreams answer becomes a Message the SDK knows."""
    bodies = corpus(source.name, "response")
    assert bodies
    for _, body in bodies:
        check_claude(to_body(source, CLAUDE, body))


class Decoding(SynchronousTestCase):
    """What is read."""

    def test_parts(self) -> None:
        """Thinking, text and calls are read in order, with the usage the IR counts by."""
        answer = CLAUDE.decode_response(dict(corpus("claude", "response"))["response-tools"], minting())
        thought, text, call, empty = answer.parts
        assert isinstance(thought, ReasoningPart) and thought.signature is not None
        self.assertEqual((thought.text, thought.signature.origin), ("Two calls.", "claude"))
        self.assertEqual(text, TextPart("Reading both."))
        self.assertEqual(call, ToolCallPart("toolu_01", "Read", '{"file_path":"/é.py"}'))
        self.assertEqual(empty, ToolCallPart("toolu_02", "Now", "{}"))
        self.assertEqual(answer.usage, Usage(input=9312, output=85, cached=9000, cache_write=300))
        self.assertEqual(answer.finish, Finish("tool_calls", raw="tool_use"))

    def test_server_tools(self) -> None:
        """What the vendor's own tools did is kept whole, for Anthropic's clients alone."""
        answer = CLAUDE.decode_response(dict(corpus("claude", "response"))["response-search"], minting())
        redacted, call, found, text, sources = answer.parts
        assert isinstance(redacted, ReasoningPart)
        self.assertEqual(redacted.redacted, "EmwKAhgBEgy3")
        self.assertIsInstance(call, OpaquePart)
        self.assertIsInstance(found, OpaquePart)
        self.assertEqual(text, TextPart("Ships float."))
        assert isinstance(sources, OpaquePart)
        self.assertEqual(sources.value["type"], "citations")

    def test_an_error_is_a_failure_of_its_class(self) -> None:
        """An error where an answer should be has the status its word stands for."""
        for body, status in (
            ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 529),
            ({"type": "error", "error": {"type": "unheard_of", "message": "?"}}, 502),
            ({"type": "message", "content": "x"}, 502),
            ({}, 502),
        ):
            with self.subTest(body=body):
                failure = self.assertRaises(UpstreamFailure, CLAUDE.decode_response, body, minting())
                self.assertEqual(failure.detail.status, status)


class Encoding(SynchronousTestCase):
    """What is written for Anthropic's clients."""

    def test_blocks(self) -> None:
        """Parts become blocks in order, tools get the client's names, free text becomes an argument."""
        body, losses = encoded(
            ReasoningPart("why", signature=Signature("openai", "gAAAAABx")),
            ReasoningPart("", redacted="sealed"),
            TextPart("a"),
            TextPart("b"),
            ToolCallPart("c1", "wire", '{"k":1}'),
            ToolCallPart("c2", "patch", "*** Begin", custom=True),
            ToolCallPart("c3", "f", ""),
        )
        self.assertEqual(body["content"], [
            {"type": "thinking", "thinking": "why", "signature": "gAAAAABx"},
            {"type": "redacted_thinking", "data": "sealed"},
            {"type": "text", "text": "a"},
            {"type": "text", "text": "b"},
            {"type": "tool_use", "id": "c1", "name": "Client.Name", "input": {"k": 1}},
            {"type": "tool_use", "id": "c2", "name": "patch", "input": {"input": "*** Begin"}},
            {"type": "tool_use", "id": "c3", "name": "f", "input": {}},
        ])  # fmt: skip
        self.assertEqual(losses, [])

    def test_empty_parts_are_no_blocks(self) -> None:
        """Nothing said is nothing written; a signature alone is a thought."""
        body, _ = encoded(TextPart(""), ReasoningPart(""), ReasoningPart("", signature=Signature("openai", "gAAAAABx")))
        self.assertEqual(body["content"], [{"type": "thinking", "thinking": "", "signature": "gAAAAABx"}])

    def test_envelope(self) -> None:
        """What the upstream did not say is minted, or the client's own."""
        body, _ = encoded()
        self.assertEqual((body["id"], body["model"]), ("msg_" + "0" * 23 + "1", "asked-model"))
        body, _ = encoded(id="chatcmpl-1", model="up")
        self.assertEqual((body["id"], body["model"]), ("chatcmpl-1", "up"))
        self.assertEqual(body["usage"], {"input_tokens": 0, "output_tokens": 0})

    def test_losses(self) -> None:
        """What a Message cannot hold is reported, exactly."""
        _, losses = encoded(
            TextPart("No.", refusal=True),
            MediaPart("image", mime="image/png", data="QUJD"),
            OpaquePart("responses", {"type": "web_search_call"}),
            alternatives=[([TextPart("b")], STOP)],
        )
        self.assertEqual(
            sorted(losses),
            [
                ("additional candidate", True),
                ("generated image", True),
                ("refusal marker", False),
                ("responses web_search_call part", False),
            ],
        )


@pytest.mark.parametrize(
    ("word", "unified", "written"),
    [
        ("end_turn", "stop", "end_turn"),
        ("pause_turn", "stop", "pause_turn"),
        ("stop_sequence", "stop", "stop_sequence"),
        ("tool_use", "tool_calls", "tool_use"),
        ("max_tokens", "length", "max_tokens"),
        ("model_context_window_exceeded", "length", "model_context_window_exceeded"),
        ("refusal", "content_filter", "refusal"),
        (None, "stop", "end_turn"),
        ("of_tomorrow", "stop", "end_turn"),
    ],
)
def test_finish(word: Any, unified: str, written: str) -> None:
    """Anthropic's words are read by their meaning and given back as they were."""
    finish = read_finish(word, None)
    assert finish.unified == unified
    assert write_finish(finish) == {"stop_reason": written, "stop_sequence": None}


@pytest.mark.parametrize(
    ("finish", "written"),
    [
        (Finish("stop", raw="STOP"), "end_turn"),
        (Finish("tool_calls", raw="stop"), "tool_use"),
        (Finish("length", raw="max_output_tokens"), "max_tokens"),
        (Finish("content_filter", raw="SAFETY"), "refusal"),
    ],
)
def test_foreign_finish(finish: Finish, written: str) -> None:
    """Other vendors' finishes have Anthropic's word."""
    assert write_finish(finish)["stop_reason"] == written


def test_matched_stop_sequence() -> None:
    """The sequence that stopped the answer is told."""
    stated = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    assert write_finish(read_finish("stop_sequence", "END")) == stated


_COUNTS = st.integers(0, 10**9)


@given(fresh=_COUNTS, read=_COUNTS, written=_COUNTS, output=_COUNTS)
def test_usage_is_converted_both_ways(fresh: int, read: int, written: int, output: int) -> None:
    """Input counts the cache in and out again; zeros of the cache are not said."""
    stated = {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "output_tokens": output,
    }
    usage = read_usage(stated)
    assert usage is not None and usage.input == fresh + read + written
    assert write_usage(usage) == {key: value for key, value in stated.items() if value or not key.startswith("cache")}


def test_errors() -> None:
    """Every status has Anthropic's word, in Anthropic's shape."""
    words = {400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
             404: "not_found_error", 408: "timeout_error", 413: "request_too_large", 422: "invalid_request_error",
             429: "rate_limit_error", 500: "api_error", 502: "api_error", 503: "api_error", 504: "timeout_error",
             529: "overloaded_error", 599: "api_error"}  # fmt: skip
    for status, word in words.items():
        body = {"type": "error", "error": {"type": word, "message": "m"}}
        assert CLAUDE.encode_error(ErrorDetail(status, "m")) == body
        assert CLAUDE.terminal_error(ErrorDetail(status, "m")) == [body]
        assert CLAUDE.decode_error(status, body) == ErrorDetail(status, "m", type=word)
