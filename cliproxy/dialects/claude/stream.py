"""The Anthropic event stream, both ways (streaming.md 5, 7)."""

from __future__ import annotations

from typing import Literal

import attrs

from cliproxy.dialects import arguments, faults, finishes, signatures
from cliproxy.dialects.claude.errors import terminal_error
from cliproxy.dialects.claude.response import (
    call_block,
    read_finish,
    read_usage,
    shows_reasoning,
    write_finish,
    write_usage,
)
from cliproxy.dialects.claude.signed import SLOT
from cliproxy.dialects.interface import AnswerContext, Mint, Payload
from cliproxy.dialects.members import filled, integer, member
from cliproxy.ir.content import Signature
from cliproxy.ir.events import (
    Event,
    Finish,
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
from cliproxy.ir.grammar import CUT
from cliproxy.ir.loss import Loss
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSON, JSONObject, dumps_text


@attrs.define
class _Block:
    """An upstream block that is open. ``started`` once the IR knows of it; text and reasoning wait for their first words."""

    key: int
    kind: Literal["text", "reasoning", "tool_call", "opaque"]
    started: bool = False
    signature: Signature | None = None


class ClaudeStreamDecoder:
    """Anthropic events in, neutral events out. Usage and finish come with ``message_stop``, or with the end."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._keys = 0
        self._blocks: dict[int | None, _Block] = {}
        self._usage: JSONObject = {}
        self._started = False
        self._finish: Finish | None = None
        self._ended = False

    def decode(self, payload: JSONObject) -> list[Event]:
        """One event."""
        if self._ended:
            return []
        kind = payload.get("type")
        if kind == "content_block_delta":
            return self._delta(payload)
        if kind == "content_block_start":
            return self._opening() + self._block_start(payload)
        if kind == "content_block_stop":
            return self._block_stop(payload)
        if kind == "ping":
            return [Ping()]
        if kind == "message_start":
            return self._message_start(payload)
        if kind == "message_delta":
            return self._message_delta(payload)
        if kind == "message_stop":
            return self._opening() + self._end()
        if kind == "error" or isinstance(payload.get("error"), dict):
            self._ended = True
            return [StreamFailed(faults.read_event(payload))]
        return [Opaque("claude", payload)]

    def close(self, done: bool) -> list[Event]:
        """The end of input: whole once a stop reason was seen."""
        if self._ended:
            return []
        if self._finish is None:
            self._ended = True
            return [StreamFailed(CUT)]
        return self._opening() + self._end()

    def _opening(self) -> list[Event]:
        if self._started:
            return []
        self._started = True
        return [ResponseStarted()]

    def _message_start(self, payload: JSONObject) -> list[Event]:
        if self._started:
            return []
        self._started = True
        message = payload.get("message")
        usage = member(message, "usage")
        self._merge_usage(usage)
        return [
            ResponseStarted(
                id=filled(member(message, "id")), model=filled(member(message, "model")), usage=read_usage(usage)
            )
        ]

    def _merge_usage(self, stated: JSON) -> None:
        """Later counts are cumulative: they replace earlier ones, but silence and null do not."""
        if isinstance(stated, dict):
            self._usage.update((key, value) for key, value in stated.items() if isinstance(value, int | str | dict))

    def _block_start(self, payload: JSONObject) -> list[Event]:
        stated = payload.get("content_block")
        block: JSONObject = stated if isinstance(stated, dict) else {}
        kind = block.get("type")
        index = integer(payload.get("index"))
        key, self._keys = self._keys, self._keys + 1
        if kind == "text" or kind == "thinking":
            opened = _Block(key, "text" if kind == "text" else "reasoning")
            self._blocks[index] = opened
            events = self._words(opened, block.get(kind))
            self._sign(opened, block.get("signature"))
            return events
        if kind == "tool_use":
            self._blocks[index] = _Block(key, "tool_call", started=True)
            return self._call_start(key, block)
        if kind == "redacted_thinking":
            self._blocks[index] = _Block(key, "reasoning", started=True)
            return [PartStarted(key, "reasoning", redacted=filled(block.get("data")) or "")]
        self._blocks[index] = _Block(key, "opaque")
        return [Opaque("claude", payload)]

    def _call_start(self, key: int, block: JSONObject) -> list[Event]:
        call_id = filled(block.get("id"))
        events: list[Event] = [
            PartStarted(
                key,
                "tool_call",
                call_id=call_id or self._mint("toolu_"),
                name=filled(block.get("name")) or arguments.UNNAMED,
                minted=call_id is None,
            )
        ]
        given = block.get("input")
        if given:
            events.append(PartDelta(key, arguments.as_text(given)))
        return events

    def _delta(self, payload: JSONObject) -> list[Event]:
        block = self._blocks.get(integer(payload.get("index")))
        delta = payload.get("delta")
        if block is None or not isinstance(delta, dict):
            return []
        kind = delta.get("type")
        if block.kind == "opaque":
            return [Opaque("claude", payload)]
        if kind == "text_delta":
            return self._words(block, delta.get("text"))
        if kind == "input_json_delta":
            return self._words(block, delta.get("partial_json"))
        if kind == "thinking_delta":
            return self._words(block, delta.get("thinking"))
        if kind == "signature_delta":
            self._sign(block, delta.get("signature"))
            return []
        return [Opaque("claude", payload)] if isinstance(kind, str) else []

    def _words(self, block: _Block, words: JSON) -> list[Event]:
        if not isinstance(words, str) or not words:
            return []
        if block.started:
            return [PartDelta(block.key, words)]
        return [*self._begin(block), PartDelta(block.key, words)]

    def _begin(self, block: _Block) -> list[Event]:
        if block.started:
            return []
        block.started = True
        kind: PartKind = "text" if block.kind == "text" else "reasoning"
        return [PartStarted(block.key, kind)]

    def _sign(self, block: _Block, value: JSON) -> None:
        if isinstance(value, str) and value and block.kind == "reasoning":
            block.signature = signatures.minted(value, SLOT)

    def _block_stop(self, payload: JSONObject) -> list[Event]:
        block = self._blocks.pop(integer(payload.get("index")), None)
        if block is None:
            return []
        if block.kind == "opaque":
            return [Opaque("claude", payload)]
        events = self._begin(block) if block.signature is not None else []
        if block.started:
            events.append(PartEnded(block.key, block.signature))
        return events

    def _message_delta(self, payload: JSONObject) -> list[Event]:
        self._merge_usage(payload.get("usage"))
        delta = payload.get("delta")
        reason = member(delta, "stop_reason")
        failed = finishes.failure(reason)
        if failed is not None:
            self._ended = True
            return [StreamFailed(failed)]
        if isinstance(reason, str) and self._finish is None:
            self._finish = read_finish(reason, member(delta, "stop_sequence"))
        return []

    def _end(self) -> list[Event]:
        self._ended = True
        events: list[Event] = []
        for block in self._blocks.values():
            if block.signature is not None:
                events += self._begin(block)
            if block.started:
                events.append(PartEnded(block.key, block.signature))
        usage = read_usage(self._usage) if self._usage else None
        if usage is not None:
            events.append(UsageReported(usage))
        events.append(ResponseFinished(self._finish or Finish("stop")))
        return events


class ClaudeStreamEncoder:
    """Well-ordered neutral events in, Anthropic events out: one block open at a time, numbered without gaps."""

    def __init__(self, asked: AnswerContext) -> None:
        self._asked = asked
        self._index = -1
        self._delta_type = "text_delta"
        self._delta_member = "text"
        self._kind: PartKind | None = None
        self._custom: list[str] | None = None
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
            self._asked.losses.append(Loss("generated image", meaning=True))
            return []
        if event.kind == "reasoning" and not self._shows:
            return []
        call_id, proof = self._prove(event) if event.kind == "tool_call" else ("", [])
        self._kind = event.kind
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
