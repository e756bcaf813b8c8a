"""Finish words: one table, every dialect, and what an answer of nothing is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.dialects import finishes
from cliproxy.dialects.registry import DIALECTS
from cliproxy.dialects.transcoder import Transcoder, translate
from cliproxy.ir.events import Finish
from tests.dialects.driving import asking

UNIFIED = {
    "stop": "stop", "END_TURN": "stop", "tool_calls": "tool_calls", "tool-calls": "tool_calls", "tool_use": "tool_calls",
    "length": "length", "MAX_TOKENS": "length", "max_output_tokens": "length", "model_context_window_exceeded": "length",
    "sensitive": "content_filter", "Refusal": "content_filter", "SAFETY": "content_filter", "content_filter": "content_filter",
}  # fmt: skip


def answered(source: str, word: str, said: str, target: str, *, stream: bool, error: Any = None) -> Transcoder:
    """An answer of ``source`` that says ``said`` and ends with ``word``, written for ``target``."""
    payloads, whole = SPOKEN[source](word, said, error)
    transcoder = translate(
        DIALECTS[source],
        DIALECTS[target],
        asking(DIALECTS[target], DIALECTS[source]),
        from_stream=stream,
        to_stream=stream,
    )
    if stream:
        for payload in payloads:
            transcoder.receive(b"data: " + (json.dumps(payload) if payload != "[DONE]" else payload).encode() + b"\n\n")
    else:
        transcoder.receive(json.dumps(whole).encode())
    transcoder.close()
    return transcoder


def chat(word: str, said: str, error: Any) -> tuple[list[Any], Any]:
    choice = {"index": 0, "finish_reason": word, **({"error": error} if error else {})}
    chunks = [
        {"id": "c", "choices": [{"index": 0, "delta": {"content": said}}]},
        {"id": "c", "choices": [choice]},
        "[DONE]",
    ]
    return chunks, {"id": "c", "choices": [{**choice, "message": {"content": said}}]}


def claude(word: str, said: str, _: Any) -> tuple[list[Any], Any]:
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": said}}
    events = [
        {"type": "message_start", "message": {"id": "m"}},
        *([block] if said else []),
        {"type": "message_delta", "delta": {"stop_reason": word}},
        {"type": "message_stop"},
    ]
    return events, {"id": "m", "content": [{"type": "text", "text": said}] if said else [], "stop_reason": word}


def gemini(word: str, said: str, error: Any) -> tuple[list[Any], Any]:
    candidate = {"finishReason": word, "content": {"parts": [{"text": said}]}}
    if error:
        candidate["finishMessage"] = error["message"]
    return [{"candidates": [candidate]}], {"candidates": [candidate]}


SPOKEN = {"openai": chat, "claude": claude, "gemini": gemini}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("source", list(SPOKEN))
@pytest.mark.parametrize(("word", "unified"), UNIFIED.items())
def test_every_spoke_reads_every_word(source: str, word: str, unified: str, stream: bool) -> None:
    """Compatible servers use each other's words; an end for calls that were not made is a stop."""
    done = answered(source, word, "text", "responses", stream=stream)
    assert done.finish is not None
    assert done.finish.unified == ("stop" if unified == "tool_calls" else unified)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("target", list(DIALECTS))
@pytest.mark.parametrize("source", list(SPOKEN))
@pytest.mark.parametrize("word", ["error", "network_error", "ERROR", "upstream_error_x"])
def test_a_word_of_failure_fails_the_answer(source: str, target: str, word: str, stream: bool) -> None:
    """An answer that ended in an error is never a clean one, in either lane; the vendor's own sentence is what is told."""
    done = answered(source, word, "text", target, stream=stream, error={"message": "it broke", "code": 503})
    assert done.finish is None
    assert done.failed is not None
    assert word in done.failed.message or done.failed.message == "it broke"
    if source == "openai":
        assert done.failed.status == 503


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("target", list(DIALECTS))
@pytest.mark.parametrize("source", list(SPOKEN))
@pytest.mark.parametrize("word", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "tool_calls", "something_new"])
def test_an_empty_answer_is_none(source: str, target: str, word: str, stream: bool) -> None:
    """No content, and an end that promised some: a failure, so that another credential is tried."""
    done = answered(source, word, "", target, stream=stream)
    assert done.failed is not None
    assert word in done.failed.message
    assert done.failed.status == 502


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("source", list(SPOKEN))
@pytest.mark.parametrize("word", ["stop", "length", "content_filter"])
def test_an_answer_may_be_empty(source: str, word: str, stream: bool) -> None:
    """A stop, a limit and a filter may leave nothing to say."""
    assert answered(source, word, "", "claude" if source != "claude" else "openai", stream=stream).failed is None


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("target", list(DIALECTS))
def test_an_unknown_word_is_a_counted_stop(target: str, stream: bool) -> None:
    """What no other dialect can say is a loss."""
    for source in SPOKEN.keys() - {target}:
        done = answered(source, "brand_new", "text", target, stream=stream)
        assert done.finish == Finish("stop", raw="brand_new")
        assert [loss.what for loss in done.losses] == ["finish word brand_new"]


@given(st.text())
def test_any_word_is_a_finish_or_a_failure(word: str) -> None:
    """No word is refused, and none that holds "error" is a clean end."""
    finish = finishes.read(word)
    assert finish.unified in ("stop", "tool_calls", "length", "content_filter")
    assert (finishes.failure(word) is not None) == ("error" in word.lower())
