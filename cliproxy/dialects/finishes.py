"""Finish words of every vendor, in one table (docs/spec/reports.md 2).

Compatible servers end their answers with each other's words, so every spoke reads all of them, in any case of letters.
"""

from __future__ import annotations

from typing import Final, Literal

from cliproxy.dialects import faults
from cliproxy.dialects.members import filled
from cliproxy.errors import ErrorDetail
from cliproxy.ir.events import Finish
from cliproxy.ir.loss import Loss
from cliproxy.jsontypes import JSON

Unified = Literal["stop", "tool_calls", "length", "content_filter"]

_STOP: Final = ("stop", "end_turn", "stop_sequence", "pause_turn", "completed", "eos", "eos_token", "stop_token", "end")
_CALLS: Final = ("tool_calls", "tool_call", "tool_use", "function_call", "function_calls")
_CUT: Final = (
    ("length", "max_tokens", "max_output_tokens", "model_context_window_exceeded", "max_length", "model_length")
    + ("max_completion_tokens", "context_length_exceeded", "context_window_exceeded", "token_limit", "incomplete")
)  # fmt: skip
_FILTERED: Final = (
    ("content_filter", "content_filtered", "sensitive", "refusal", "refused", "safety", "recitation", "blocklist", "blocked")
    + ("prohibited_content", "spii", "image_safety", "image_prohibited_content", "image_recitation", "model_armor", "jailbreak")
    + ("moderation", "guardrail_intervened")
)  # fmt: skip
#: Google's words for an answer of which something was expected and could not be had. What was said before is an answer.
_HOLLOW: Final = (
    ("malformed_function_call", "unexpected_tool_call", "too_many_tool_calls", "malformed_response", "no_image")
    + ("missing_thought_signature", "image_other", "language", "other", "finish_reason_unspecified")
)  # fmt: skip

_UNIFIED: Final[dict[str, Unified]] = {
    **dict.fromkeys((*_STOP, *_HOLLOW), "stop"),
    **dict.fromkeys(_CALLS, "tool_calls"),
    **dict.fromkeys(_CUT, "length"),
    **dict.fromkeys(_FILTERED, "content_filter"),
}
_MAY_BE_EMPTY: Final = frozenset((*_STOP, *_CUT, *_FILTERED))


def read(word: JSON, *, called: bool = False, refused: bool = False, sentence: JSON = None) -> Finish:
    """A vendor's word as a neutral finish: a stop after calls is for their sake, one after a refusal a filter's. Unknown words
    are a stop.

    :param sentence: what the vendor says of it besides.
    """
    raw = filled(word)
    key = _key(raw)
    unified = _UNIFIED.get(key, "stop")
    if unified == "stop" and (called or refused):
        unified = "tool_calls" if called else "content_filter"
    return Finish(unified, raw=raw, hollow=raw is not None and key not in _MAY_BE_EMPTY, sentence=filled(sentence))


def failure(word: JSON, error: JSON = None) -> ErrorDetail | None:
    """What a word says that means the answer failed: ``error``, ``network_error``, any that is not known and holds "error".

    :param error: the error object that stands beside it.
    """
    raw = filled(word)
    if raw is None or "error" not in raw.lower():
        return None
    if error:
        return faults.read_event({"error": error})
    return ErrorDetail(502, f"upstream ended its answer with {raw[:100]!r}")


def note(losses: list[Loss], finish: Finish) -> None:
    """Record a word that is nobody's: no dialect but its own can say it."""
    if finish.raw is not None and _key(finish.raw) not in _UNIFIED:
        losses.append(Loss(f"finish word {finish.raw[:100]}"))


def _key(word: str | None) -> str:
    return (word or "").lower().replace("-", "_")
