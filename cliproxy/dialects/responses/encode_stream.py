"""Events -> Responses stream (streaming.md 4, 7.2)."""

from __future__ import annotations

from typing import Any

from cliproxy.dialects import arguments
from cliproxy.dialects.interface import AnswerContext, Payload
from cliproxy.dialects.responses import items
from cliproxy.dialects.responses.errors import stream_error, terminal_error
from cliproxy.dialects.unsaid import note_unsaid
from cliproxy.errors import ErrorDetail
from cliproxy.ir.content import Signature
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


class Encoder:
    """One client stream. Input is well ordered: one part open at a time, and each part is one item.

    ``_delta`` is the kind of event that the open item's text goes out as, or None where it waits for the end.
    """

    def __init__(self, asked: AnswerContext) -> None:
        self._asked = asked
        self._names = items.ToolNames(asked)
        self._sequence = 0
        self._base: JSONObject | None = None
        self._stem = ""
        self._output: list[JSONObject] = []
        self._open: PartStarted | None = None
        self._item: JSONObject = {}
        self._place: JSONObject = {}
        self._delta: str | None = None
        self._delta_members: JSONObject = {}
        self._text: list[str] = []
        self._held: tuple[JSONObject, tuple[str, PartStarted] | None] | None = None
        self._redacted = items.Redacted()
        self._usage: Usage | None = None

    def encode(self, event: Event) -> list[Payload]:
        """The payloads an event becomes."""
        if isinstance(event, PartDelta):
            return self._more(event.text)
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
            return self._fail(event.detail)
        return []

    def _event(self, kind: str, **members: Any) -> JSONObject:
        number = self._sequence
        self._sequence = number + 1
        return {"type": kind, "sequence_number": number, **members}

    def _begin(self, event: ResponseStarted) -> list[Payload]:
        id_ = items.response_id(event.id, self._asked)
        self._stem = id_.removeprefix("resp_")
        self._usage = event.usage
        self._base = items.envelope(self._asked, id_, event.model, event.created)
        return [
            self._event("response.created", response=self._base),
            self._event("response.in_progress", response=self._base),
        ]

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._stem}_{len(self._output)}"

    def _add(self, item: JSONObject) -> JSONObject:
        self._item = item
        self._place = {"item_id": item["id"], "output_index": len(self._output)}
        return self._event("response.output_item.added", output_index=len(self._output), item=item)

    def _done(self, item: JSONObject) -> JSONObject:
        index = len(self._output)
        self._output.append(item)
        return self._event("response.output_item.done", output_index=index, item=item)

    def _start(self, event: PartStarted) -> list[Payload]:
        return [*self._closed(None), *self._opened(event)]

    def _opened(self, event: PartStarted) -> list[Payload]:
        self._open = event
        self._text = []
        self._delta = None
        self._delta_members = {}
        if event.kind in ("text", "refusal"):
            return self._start_message(event.kind == "refusal")
        if event.kind == "tool_call":
            return self._start_call(event)
        if event.kind == "reasoning":
            return self._start_reasoning(event)
        return self._whole_image(event)

    def _more(self, text: str) -> list[Payload]:
        self._text.append(text)
        if self._delta is None:
            return self._first_thought(text) if self._open is not None and self._open.kind == "reasoning" else []
        return [self._event(self._delta, **self._place, delta=text, **self._delta_members)]

    def _end(self, event: PartEnded) -> list[Payload]:
        part, self._open = self._open, None
        if part is None:
            return []
        text = "".join(self._text)
        if part.kind in ("text", "refusal"):
            return self._end_message(text, part.kind == "refusal")
        if part.kind == "tool_call":
            return self._end_call(text, part)
        if part.kind == "reasoning":
            return self._end_reasoning(text, event.signature or part.signature)
        return []

    # messages

    def _start_message(self, refusal: bool) -> list[Payload]:
        added = self._add(items.message_item(self._id("msg"), [], status="in_progress"))
        self._place["content_index"] = 0
        self._delta = "response.refusal.delta" if refusal else "response.output_text.delta"
        self._delta_members = {} if refusal else {"logprobs": []}
        part = items.refusal_content("") if refusal else items.text_content("")
        return [added, self._event("response.content_part.added", **self._place, part=part)]

    def _end_message(self, text: str, refusal: bool) -> list[Payload]:
        part = items.refusal_content(text) if refusal else items.text_content(text)
        if refusal:
            told = self._event("response.refusal.done", **self._place, refusal=text)
        else:
            told = self._event("response.output_text.done", **self._place, text=text, logprobs=[])
        self._held = (items.message_item(self._item["id"], [part]), None)
        return [told, self._event("response.content_part.done", **self._place, part=part)]

    # items that the output limit may have cut: that is known when something follows, or when the answer ends

    def _closed(self, finish: Finish | None) -> list[Payload]:
        """The end of the item that waited for it."""
        held, self._held = self._held, None
        if held is None:
            return []
        item, call = held
        if call is not None:
            return self._close_call(*call, finish)
        cut = finish is not None and items.is_incomplete(finish, self._output, item)
        return [self._done({**item, "status": "incomplete"} if cut else item)]

    # reasoning

    def _start_reasoning(self, event: PartStarted) -> list[Payload]:
        if event.redacted is not None:
            self._open = None
            self._redacted.hold(event.redacted, len(self._output))
            return []
        return [self._add(items.reasoning_item(self._id("rs"), "", None))]

    def _first_thought(self, text: str) -> list[Payload]:
        self._place["summary_index"] = 0
        self._delta = "response.reasoning_summary_text.delta"
        part = {"type": "summary_text", "text": ""}
        return [
            self._event("response.reasoning_summary_part.added", **self._place, part=part),
            self._event(self._delta, **self._place, delta=text),
        ]

    def _end_reasoning(self, text: str, signature: Signature | None) -> list[Payload]:
        out: list[Payload] = []
        if text:
            part = {"type": "summary_text", "text": text}
            out.append(self._event("response.reasoning_summary_text.done", **self._place, text=text))
            out.append(self._event("response.reasoning_summary_part.done", **self._place, part=part))
        sealed = items.sealed_form(signature)
        out.append(self._done(items.reasoning_item(self._item["id"], text, sealed)))
        return out

    # calls

    def _start_call(self, event: PartStarted) -> list[Payload]:
        call_id, proof = items.signed_call(event.call_id or "", event.signature)
        sealed: list[Payload] = []
        if proof is not None:
            sealed = [self._add(items.reasoning_item(self._id("rs"), "", None)), *self._end_reasoning("", proof)]
        item = self._names.open_item(call_id, event.name or "", custom=event.custom)
        if item["type"] == "function_call":
            self._delta = "response.function_call_arguments.delta"
        return [*sealed, self._add(item)]

    def _end_call(self, text: str, start: PartStarted) -> list[Payload]:
        if not start.custom and arguments.read(text):
            return self._close_call(text, start, None)
        self._held = (self._item, (text, start))
        return []

    def _close_call(self, text: str, start: PartStarted, finish: Finish | None) -> list[Payload]:
        cut = finish is not None and items.is_cut(text, finish, custom=start.custom, last=True)
        item = items.close_call(self._item, text, self._asked.losses, custom=start.custom, cut=cut)
        if cut:
            return [self._done(item)]
        out: list[Payload] = []
        if item["type"] == "function_call":
            said = item["arguments"]
            if not text:
                out.append(self._event("response.function_call_arguments.delta", **self._place, delta=said))
            out.append(
                self._event("response.function_call_arguments.done", **self._place, arguments=said, name=item["name"])
            )
        elif item["type"] == "custom_tool_call":
            if item["input"]:
                out.append(self._event("response.custom_tool_call_input.delta", **self._place, delta=item["input"]))
            out.append(self._event("response.custom_tool_call_input.done", **self._place, input=item["input"]))
        out.append(self._done(item))
        return out

    def _whole_image(self, event: PartStarted) -> list[Payload]:
        if event.media is None or event.media.kind != "image" or event.media.data is None:
            if event.media is not None:
                note_unsaid(self._asked.losses, event.media)
            return []
        item = items.image_item(self._id("ig"), event.media)
        return [self._add({**item, "status": "in_progress", "result": None}), self._done(item)]

    # the end

    def _finish(self, finish: Finish) -> list[Payload]:
        items.note_finish(self._asked.losses, finish)
        out = self._closed(finish)
        said = [*self._output]
        redacted = self._redacted.items(len(said), self._stem)
        for item in redacted:
            out += [self._add({**item, "encrypted_content": None}), self._done(item)]
        response = items.finished(self._base or {}, said, redacted, finish, self._usage)
        out.append(self._event(f"response.{response['status']}", response=response))
        return out

    def _fail(self, detail: ErrorDetail) -> list[Payload]:
        if self._base is None:
            return terminal_error(detail, self._sequence)
        ended = self._closed(None) if self._held is not None and self._held[1] is None else []
        response = {**self._base, "status": "failed", "error": stream_error(detail), "output": self._output}
        return [*ended, self._event("response.failed", response=response)]
