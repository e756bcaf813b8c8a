"""Neutral events -> Anthropic events (streaming.md 5, 7)."""

from __future__ import annotations

from cliproxy.dialects import arguments, finishes, signatures
from cliproxy.dialects.claude.errors import terminal_error
from cliproxy.dialects.claude.response import (
    call_block,
    shows_reasoning,
    write_finish,
    write_usage,
)
from cliproxy.dialects.claude.signed import SLOT
from cliproxy.dialects.cut_calls import CUT_CALL
from cliproxy.dialects.interface import AnswerContext, Payload
from cliproxy.dialects.unsaid import note_unsaid
from cliproxy.ir.events import (
    Event,
    Opaque,
    PartDelta,
    PartEnded,
    PartKind,
    PartStarted,
    Ping,
    ResponseFinished,
    ResponseStarted,
    StreamFailed,
    UsageReported,
)
from cliproxy.ir.loss import Loss
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSONObject, dumps_text


class Encoder:
    """Well-ordered neutral events in, Anthropic events out: one block open at a time, numbered without gaps."""

    def __init__(self, asked: AnswerContext) -> None:
        self._asked = asked
        self._index = -1
        self._delta_type = "text_delta"
        self._delta_member = "text"
        self._kind: PartKind | None = None
        self._custom: list[str] | None = None
        self._argued: list[str] | None = None
        self._usage: Usage | None = None
        self._shows = shows_reasoning(asked)

    def encode(self, event: Event) -> list[Payload]:
        """The events an event becomes."""
        if isinstance(event, PartDelta):
            return self._delta(event.text)
        if isinstance(event, PartStarted):
            return self._start(event)
        if isinstance(event, PartEnded):
            return self._end(event)
        if isinstance(event, ResponseStarted):
            return [self._message_start(event)]
        if isinstance(event, UsageReported):
            self._usage = event.usage
            return []
        if isinstance(event, ResponseFinished):
            finishes.note(self._asked.losses, event.finish)
            if self._argued is not None and arguments.is_cut("".join(self._argued), event.finish, last=True):
                self._asked.losses.append(CUT_CALL)  # its block is open at the client, and says so by its half JSON
            return [
                {"type": "message_delta", "delta": write_finish(event.finish), "usage": write_usage(self._usage)},
                {"type": "message_stop"},
            ]
        if isinstance(event, StreamFailed):
            return terminal_error(event.detail)
        if isinstance(event, Ping):
            return [{"type": "ping"}]
        return self._opaque(event)

    def _message_start(self, event: ResponseStarted) -> JSONObject:
        return {
            "type": "message_start",
            "message": {
                "id": event.id or self._asked.mint("msg_"),
                "type": "message",
                "role": "assistant",
                "model": event.model or self._asked.model,
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": write_usage(event.usage),
            },
        }

    def _delta(self, words: str) -> list[Payload]:
        if self._custom is not None:
            self._custom.append(words)
            return []
        if self._kind is None:
            return []
        if self._argued is not None:
            self._argued.append(words)
        delta = {"type": self._delta_type, self._delta_member: words}
        return [{"type": "content_block_delta", "index": self._index, "delta": delta}]

    def _prove(self, call: PartStarted) -> tuple[str, list[Payload]]:
        """A call's id, and the block in front of it where the id would grow too long with the call's signature."""
        call_id = call.call_id or self._asked.mint("toolu_")
        if call.signature is None:
            return call_id, []
        signed = signatures.signed_id(call_id, call.signature)
        if len(signed) <= signatures.ID_LIMIT or not self._shows:
            return signed, []
        return call_id, self._start(PartStarted(call.key, "reasoning")) + self._end(PartEnded(call.key, call.signature))

    def _start(self, event: PartStarted) -> list[Payload]:
        if event.kind == "media":
            if event.media is not None:
                note_unsaid(self._asked.losses, event.media)
            return []
        if event.kind == "reasoning" and not self._shows:
            return []
        call_id, proof = self._prove(event) if event.kind == "tool_call" else ("", [])
        self._kind = event.kind
        self._argued = [] if event.kind == "tool_call" else None
        block: JSONObject
        if event.kind == "tool_call":
            self._delta_type, self._delta_member = "input_json_delta", "partial_json"
            self._custom = [] if event.custom else None
            block = call_block(call_id, event.name or "", self._asked)
        elif event.kind == "reasoning":
            self._delta_type, self._delta_member = "thinking_delta", "thinking"
            block = {"type": "thinking", "thinking": "", "signature": ""}
            if event.redacted is not None:
                block = {"type": "redacted_thinking", "data": event.redacted}
        else:
            if event.kind == "refusal":
                self._asked.losses.append(Loss("refusal marker"))
            self._delta_type, self._delta_member = "text_delta", "text"
            block = {"type": "text", "text": ""}
        self._index += 1
        return [*proof, {"type": "content_block_start", "index": self._index, "content_block": block}]

    def _end(self, event: PartEnded) -> list[Payload]:
        if self._kind is None:
            return []
        out: list[Payload] = []
        if self._custom is not None:
            # A free-text call has no JSON to stream; its text becomes the one argument when it is all there.
            written = dumps_text({"input": "".join(self._custom)})
            self._custom = None
            out += self._delta(written)
        if event.signature is not None and self._kind == "reasoning":
            value = signatures.carried(event.signature, SLOT)
            if value:
                delta = {"type": "signature_delta", "signature": value}
                out.append({"type": "content_block_delta", "index": self._index, "delta": delta})
        self._kind = None
        out.append({"type": "content_block_stop", "index": self._index})
        return out

    def _opaque(self, event: Opaque) -> list[Payload]:
        """Blocks and deltas of Anthropic's own kinds, under this stream's numbers."""
        if event.origin != "claude":
            return []
        payload: JSONObject = event.payload
        if payload.get("type") == "content_block_start":
            self._index += 1
        return [{**payload, "index": self._index}] if "index" in payload else [payload]
