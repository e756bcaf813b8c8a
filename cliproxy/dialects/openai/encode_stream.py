"""Events -> Chat Completions stream (streaming.md 3, 7.2)."""

from __future__ import annotations

from cliproxy.dialects.interface import DONE, AnswerContext, Payload
from cliproxy.dialects.openai.errors import terminal_error
from cliproxy.dialects.openai.response import (
    custom_tools,
    note_finish,
    note_reasoning,
    write_image,
    write_signature,
    write_usage,
)
from cliproxy.dialects.toolids import custom_input
from cliproxy.dialects.unsaid import note_unsaid
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
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSONObject

_TEXT_MEMBER = {"text": "content", "reasoning": "reasoning_content", "refusal": "refusal"}


class Encoder:
    """One client stream. Input is well ordered: one part open at a time."""

    def __init__(self, asked: AnswerContext) -> None:
        self._asked = asked
        self._head: JSONObject = {}
        self._open: PartStarted | None = None
        self._member: str | None = None
        self._index = -1
        self._images = 0
        self._sent = False
        self._bare = False
        self._free_text = custom_tools(asked)
        self._input: list[str] | None = None
        self._usage: Usage | None = None

    def encode(self, event: Event) -> list[Payload]:
        """The payloads an event becomes."""
        if isinstance(event, PartDelta):
            return self._delta(event.text)
        if isinstance(event, PartStarted):
            return self._start(event)
        if isinstance(event, PartEnded):
            return self._end(event)
        if isinstance(event, ResponseStarted):
            return self._begin(event)
        if isinstance(event, UsageReported):
            self._usage = event.usage
        elif isinstance(event, ResponseFinished):
            return self._finish(event.finish)
        elif isinstance(event, StreamFailed):
            return terminal_error(event.detail)
        return []

    def _begin(self, event: ResponseStarted) -> list[Payload]:
        asked = self._asked
        self._head = {
            "id": event.id or asked.mint("chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": asked.now if event.created is None else event.created,
            "model": event.model or asked.model,
        }
        self._usage = event.usage
        return [self._chunk({"role": "assistant", "content": ""})]

    def _start(self, event: PartStarted) -> list[Payload]:
        return [*self._owed(), *self._opened(event)]

    def _owed(self) -> list[Payload]:
        """The empty arguments of a call that had none: told when it is known that the output limit did not cut it."""
        owed, self._bare = self._bare, False
        return self._delta("{}") if owed else []

    def _opened(self, event: PartStarted) -> list[Payload]:
        self._open = event
        self._member = _TEXT_MEMBER.get(event.kind)
        if event.kind == "tool_call":
            return self._start_call(event)
        if event.kind == "reasoning" and event.redacted is not None:
            note_reasoning(self._asked.losses, event.redacted, None)
        if event.kind == "media" and event.media is not None and event.media.kind == "image":
            image = write_image(event.media, self._images)
            self._images += 1
            return [self._chunk({"images": [image]})]
        if event.media is not None:
            note_unsaid(self._asked.losses, event.media)
        return []

    def _start_call(self, event: PartStarted) -> list[Payload]:
        self._index += 1
        self._sent = False
        name = self._asked.tool_names.get(event.name or "", event.name or "")
        call: JSONObject = {"index": self._index, "id": self._asked.call_id(event.call_id or "")}
        if name in self._free_text or event.custom:
            self._input = []
            call |= {"type": "custom", "custom": {"name": name, "input": ""}}
        else:
            call |= {"type": "function", "function": {"name": name, "arguments": ""}}
        if event.signature is not None:
            call["extra_content"] = write_signature(event.signature)
        return [self._chunk({"tool_calls": [call]})]

    def _delta(self, text: str) -> list[Payload]:
        if self._member is not None:
            return [self._chunk({self._member: text})]
        if self._input is not None:
            self._input.append(text)
            return []
        self._sent = True
        return [self._chunk({"tool_calls": [{"index": self._index, "function": {"arguments": text}}]})]

    def _end(self, event: PartEnded) -> list[Payload]:
        part, self._open = self._open, None
        if part is None:
            return []
        if part.kind == "reasoning":
            note_reasoning(self._asked.losses, None, event.signature or part.signature)
        if part.kind != "tool_call":
            return []
        if self._input is not None:
            whole, self._input = "".join(self._input), None
            text = None if part.custom else custom_input(whole)
            custom = {"index": self._index, "custom": {"input": whole if text is None else text}}
            return [self._chunk({"tool_calls": [custom]})]
        self._bare = not self._sent
        return []

    def _finish(self, finish: Finish) -> list[Payload]:
        note_finish(self._asked.losses, finish)
        out: list[Payload] = [] if finish.unified == "length" else self._owed()
        out.append(self._chunk({}, finish.unified))
        if self._asked.include_usage:
            out.append({**self._head, "choices": [], "usage": write_usage(self._usage)})
        out.append(DONE)
        return out

    def _chunk(self, delta: JSONObject, finish: str | None = None) -> JSONObject:
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
