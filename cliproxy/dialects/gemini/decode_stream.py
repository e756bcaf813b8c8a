"""Gemini's objects -> neutral events (streaming.md 6, 7)."""

from __future__ import annotations

from typing import Literal

from cliproxy.dialects import faults, finishes, signatures
from cliproxy.dialects.gemini.parts import read_code, read_part, read_signature
from cliproxy.dialects.gemini.response import (
    read_block,
    read_call,
    read_created,
    read_usage,
    stated_citations,
    stated_finish,
    unwrapped,
)
from cliproxy.dialects.gemini.spelling import of, parts_of
from cliproxy.dialects.interface import Mint
from cliproxy.dialects.members import filled, objects
from cliproxy.ir.content import MediaPart, OpaquePart, ToolCallPart
from cliproxy.ir.events import (
    Event,
    Finish,
    Opaque,
    PartDelta,
    PartEnded,
    PartStarted,
    ResponseFinished,
    ResponseStarted,
    StreamFailed,
    UsageReported,
)
from cliproxy.ir.grammar import CUT
from cliproxy.jsontypes import JSON, JSONObject


class Decoder:
    """Gemini's objects in, neutral events out: the first candidate's, for events have no place for further ones.

    Usage and finish come with the end of input, for either may be followed.
    """

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._keys = 0
        self._open: Literal["text", "reasoning"] | None = None
        self._started = False
        self._ended = False
        self._called = False
        self._usage: JSON = None
        self._reason: str | None = None
        self._sentence: str | None = None
        self._blocked: Finish | None = None

    def decode(self, payload: JSONObject) -> list[Event]:
        """One object."""
        if self._ended:
            return []
        payload = unwrapped(payload)
        if isinstance(payload.get("error"), dict):
            self._ended = True
            return [StreamFailed(faults.read_event(payload))]
        events = self._opening(payload)
        usage = of(payload, "usageMetadata", "usage_metadata")
        if usage is not None:
            self._usage = usage
        candidates = objects(payload.get("candidates"))
        if not candidates:
            self._blocked = self._blocked or read_block(payload)
            return events
        candidate = next((candidate for candidate in candidates if not candidate.get("index")), {})
        content = candidate.get("content")
        for part in parts_of(content) if isinstance(content, dict) else ():
            if isinstance(part, dict):
                events += self._part(part)
        named = stated_citations(candidate) if len(candidate) > 2 else None
        if named is not None:
            events.append(Opaque("gemini", named))
        word, sentence = stated_finish(candidate)
        self._reason, self._sentence = self._reason or word, self._sentence or sentence
        failed = finishes.failure(word, sentence) if word is not None else None
        if failed is not None:
            self._ended = True
            events.append(StreamFailed(failed))
        return events

    def close(self, done: bool) -> list[Event]:
        """The end of input: whole once a finish reason, or a refusal of the prompt, was seen."""
        if self._ended:
            return []
        self._ended = True
        finish = self._blocked
        if self._reason is not None:
            finish = finishes.read(self._reason, called=self._called, sentence=self._sentence)
        if finish is None:
            return [StreamFailed(CUT)]
        usage = read_usage(self._usage)
        reported: list[Event] = [] if usage is None else [UsageReported(usage)]
        return [*self._end_open(), *reported, ResponseFinished(finish)]

    def _opening(self, payload: JSONObject) -> list[Event]:
        if self._started:
            return []
        self._started = True
        return [
            ResponseStarted(
                id=filled(of(payload, "responseId", "response_id")),
                model=filled(of(payload, "modelVersion", "model_version")),
                created=read_created(payload),
            )
        ]

    def _part(self, part: JSONObject) -> list[Event]:
        text = part.get("text")
        if isinstance(text, str):
            return self._text(part, text)
        call = of(part, "functionCall", "function_call")
        if isinstance(call, dict):
            self._called = True
            return self._end_open() + self._call(read_call(part, call, self._mint))
        code = read_code(part)
        if code is not None:
            return self._text({}, code)
        read = read_part(part, signatures.minted)
        if isinstance(read, MediaPart) and (read.data or read.url):
            key = self._next_key()
            return [*self._end_open(), PartStarted(key, "media", media=read), PartEnded(key)]
        return [Opaque("gemini", part)] if isinstance(read, OpaquePart) and part else []

    def _text(self, part: JSONObject, text: str) -> list[Event]:
        kind: Literal["text", "reasoning"] = "reasoning" if part.get("thought") is True else "text"
        signature = read_signature(part, signatures.minted) if len(part) > 1 else None
        events: list[Event] = []
        if text or (signature is not None and kind == "reasoning"):
            if self._open != kind:
                events = self._end_open()
                self._open = kind
                events.append(PartStarted(self._next_key(), kind))
            if text:
                events.append(PartDelta(self._keys, text))
        if signature is not None and self._open is not None:
            self._open = None
            events.append(PartEnded(self._keys, signature))
        return events

    def _call(self, call: ToolCallPart) -> list[Event]:
        key = self._next_key()
        start = PartStarted(
            key, "tool_call", call_id=call.id, name=call.name, minted=call.minted, signature=call.signature
        )
        said: list[Event] = [] if call.arguments == "{}" else [PartDelta(key, call.arguments)]
        return [start, *said, PartEnded(key)]

    def _next_key(self) -> int:
        self._keys += 1
        return self._keys

    def _end_open(self) -> list[Event]:
        if self._open is None:
            return []
        self._open = None
        return [PartEnded(self._keys)]
