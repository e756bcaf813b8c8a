"""Neutral events -> Gemini's objects (streaming.md 6, 7)."""

from __future__ import annotations

from cliproxy.dialects import arguments
from cliproxy.dialects.cut_calls import CUT_CALL
from cliproxy.dialects.gemini.encode_content import write_media
from cliproxy.dialects.gemini.errors import terminal_error
from cliproxy.dialects.gemini.response import (
    note_finish,
    signed,
    write_call,
    write_finish,
    write_usage,
)
from cliproxy.dialects.interface import AnswerContext, Payload
from cliproxy.dialects.unsaid import note_unsaid
from cliproxy.ir.content import ToolCallPart
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
from cliproxy.ir.loss import Loss
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSONObject


class Encoder:
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
        if written is None:
            note_unsaid(self._asked.losses, event.media)
            return []
        return [self._object(written)]

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
