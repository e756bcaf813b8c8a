"""The Gemini stream, both ways (streaming.md 6, 7)."""

from __future__ import annotations

from typing import Literal

from cliproxy.dialects import arguments, faults, finishes, signatures
from cliproxy.dialects.cut_calls import CUT_CALL
from cliproxy.dialects.gemini.encode_contents import write_media
from cliproxy.dialects.gemini.errors import terminal_error
from cliproxy.dialects.gemini.parts import read_code, read_part, read_signature
from cliproxy.dialects.gemini.response import (
    note_finish,
    read_block,
    read_call,
    read_created,
    read_usage,
    signed,
    stated_finish,
    unwrapped,
    write_call,
    write_finish,
    write_usage,
)
from cliproxy.dialects.gemini.spelling import of, parts_of
from cliproxy.dialects.interface import AnswerContext, Mint, Payload
from cliproxy.dialects.members import filled, objects
from cliproxy.ir.content import MediaPart, ToolCallPart
from cliproxy.ir.events import (
    Event,
    Finish,
    PartDelta,
    PartEnded,
    PartStarted,
    ResponseFinished,
    ResponseStarted,
    StreamFailed,
    UsageReported,
)
from cliproxy.ir.grammar import CUT
from cliproxy.ir.loss import Loss
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSON, JSONObject


class GeminiStreamDecoder:
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
        return []

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


class GeminiStreamEncoder:
    """Well-ordered neutral events in, Gemini's objects out. A call is written when it is whole, the finish last."""

    def __init__(self, asked: AnswerContext) -> None:
        self._asked = asked
        self._id = ""
        self._model = asked.model
        self._part: PartStarted | None = None
        self._arguments: list[str] = []
        self._unread: list[ToolCallPart] = []
        self._usage: Usage | None = None

    def encode(self, event: Event) -> list[Payload]:
        """The objects an event becomes."""
        if isinstance(event, PartDelta):
            return self._delta(event.text)
        if isinstance(event, PartStarted):
            return self._start(event)
        if isinstance(event, PartEnded):
            return self._end(event)
        if isinstance(event, ResponseStarted):
            self._id = event.id or self._asked.mint("")
            self._model = event.model or self._asked.model
        elif isinstance(event, UsageReported):
            self._usage = event.usage
        elif isinstance(event, ResponseFinished):
            return [*self._settled(event.finish), self._last(event.finish)]
        elif isinstance(event, StreamFailed):
            return terminal_error(event.detail)
        return []

    def _object(self, part: JSONObject) -> JSONObject:
        return {
            "candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}],
            "modelVersion": self._model,
            "responseId": self._id,
        }

    def _settled(self, finish: Finish | None = None) -> list[Payload]:
        """The calls with nothing that can be read for arguments, once it is known whether they were cut: they are, when the
        output limit ended the answer right behind them."""
        calls, self._unread = self._unread, []
        out: list[Payload] = []
        for call in calls:
            if finish is not None and arguments.is_cut(call.arguments, finish, last=True):
                self._asked.losses.append(CUT_CALL)
            else:
                out.append(self._object(write_call(call, self._asked)))
        return out

    def _last(self, finish: Finish) -> JSONObject:
        note_finish(finish, self._asked)
        out = self._object({"text": ""})
        out["candidates"][0]["finishReason"] = write_finish(finish)
        out["usageMetadata"] = write_usage(self._usage)
        return out

    def _delta(self, text: str) -> list[Payload]:
        part = self._part
        if part is None:
            return []
        if part.kind == "tool_call":
            self._arguments.append(text)
            return []
        return [self._object({"text": text, "thought": True} if part.kind == "reasoning" else {"text": text})]

    def _start(self, event: PartStarted) -> list[Payload]:
        return [*self._settled(), *self._opened(event)]

    def _opened(self, event: PartStarted) -> list[Payload]:
        self._part = event
        self._arguments = []
        if event.kind == "refusal":
            self._asked.losses.append(Loss("refusal marker"))
        if event.redacted is not None:
            self._asked.losses.append(Loss("redacted_thinking"))
        if event.kind != "media" or event.media is None:
            return []
        written = write_media(event.media)
        return [] if written is None else [self._object(written)]

    def _end(self, event: PartEnded) -> list[Payload]:
        part, self._part = self._part, None
        if part is None:
            return []
        signature = event.signature or part.signature
        if part.kind == "tool_call":
            call = ToolCallPart(
                part.call_id or "",
                part.name or "",
                "".join(self._arguments),
                signature=signature,
                custom=part.custom,
                minted=part.minted,
            )
            if call.custom or arguments.read(call.arguments):
                return [self._object(write_call(call, self._asked))]
            self._unread.append(call)
            return []
        if signature is None or part.kind == "media":
            return []
        closing = signed({"text": "", "thought": True} if part.kind == "reasoning" else {"text": ""}, signature)
        return [self._object(closing)] if "thoughtSignature" in closing else []
