"""Anthropic events -> neutral events (streaming.md 5, 7)."""

from __future__ import annotations

from typing import Literal

import attrs

from cliproxy.dialects import arguments, faults, finishes, signatures
from cliproxy.dialects.claude.response import (
    read_finish,
    read_usage,
)
from cliproxy.dialects.claude.signed import SLOT
from cliproxy.dialects.interface import Mint
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
from cliproxy.jsontypes import JSON, JSONObject


@attrs.define
class _Block:
    """An upstream block that is open. ``started`` once the IR knows of it; text and reasoning wait for their first words."""

    key: int
    kind: Literal["text", "reasoning", "tool_call", "opaque"]
    started: bool = False
    signature: Signature | None = None


class Decoder:
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
