"""Responses stream -> events (streaming.md 4, 7, 8).

Everything may be told twice (as deltas, in ``.done`` events, in the finished item, in the final response) or only once in any
of these places. What has been delivered is remembered by item, and each thing is delivered once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from cliproxy.dialects import signatures
from cliproxy.dialects.interface import Mint
from cliproxy.dialects.members import filled, member, objects
from cliproxy.dialects.responses.decode_content import read_image, reasoning_text
from cliproxy.dialects.responses.items import read_created, read_finish, read_usage
from cliproxy.dialects.responses.response import call_text, cut_by_error, failure, read_call
from cliproxy.dialects.responses.signed import SLOT
from cliproxy.dialects.unsaid import citations
from cliproxy.errors import ErrorDetail
from cliproxy.ir.events import (
    Event,
    Opaque,
    PartDelta,
    PartEnded,
    PartKind,
    PartStarted,
    ResponseFinished,
    ResponseStarted,
    StreamFailed,
    UsageReported,
)
from cliproxy.jsontypes import JSON, JSONObject, dumps_text

#: How an upstream that names neither index is followed: one item at a time.
_UNNAMED: Final = "?"


@attrs.define
class _Item:
    """One output item under way: the open part's key, and what of the item has been delivered. ``early`` are arguments that
    came before their call."""

    key: int | None = None
    kind: PartKind | None = None
    spoken: set[object] = attrs.field(factory=set)
    summary: object = None
    delivered: bool = False
    call: bool = False
    custom: bool = False
    input: str = ""
    early: str = ""
    done: bool = False


class Decoder:
    """One upstream stream."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._started = False
        self._ended = False
        self._next_key = 0
        self._items: dict[object, _Item] = {}
        self._last_call: _Item | None = None
        self._called = False
        self._said = False
        self._refused = False
        self._dispatch: dict[str, Callable[[JSONObject], list[Event]]] = {
            "response.created": self._begin,
            "response.in_progress": self._begin,
            "response.queued": self._begin,
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            "response.output_text.delta": self._text_delta,
            "response.output_text.done": self._text_done,
            "response.refusal.delta": self._refusal_delta,
            "response.refusal.done": self._refusal_done,
            "response.content_part.done": self._part_done,
            "response.reasoning_summary_text.delta": self._thought_delta,
            "response.reasoning_summary_text.done": self._thought_done,
            "response.reasoning_text.delta": self._thought_delta,
            "response.reasoning_text.done": self._thought_done,
            "response.function_call_arguments.delta": self._arguments_delta,
            "response.function_call_arguments.done": self._arguments_done,
            "response.custom_tool_call_input.delta": self._input_delta,
            "response.custom_tool_call_input.done": self._input_done,
            "response.completed": self._end,
            "response.incomplete": self._end,
            "response.done": self._end,
            "response.failed": self._fail,
            "response.cancelled": self._fail,
            "error": self._error,
        }

    def decode(self, payload: JSONObject) -> list[Event]:
        """One event. Kinds not known give nothing."""
        if self._ended:
            return []
        kind = payload.get("type")
        if kind is None and "error" in payload:
            kind = "error"  # some servers behind a Responses front end fail in Chat's shape
        read = self._dispatch.get(kind) if isinstance(kind, str) else None
        return [] if read is None else read(payload)

    def close(self, done: bool) -> list[Event]:
        """The input ended; without a terminal event the answer is not whole."""
        if self._ended:
            return []
        self._ended = True
        return [StreamFailed(ErrorDetail(502, "upstream stream ended before completion"))]

    def _begin(self, payload: JSONObject) -> list[Event]:
        if self._started:
            return []
        self._started = True
        response = _object(payload.get("response"))
        return [
            ResponseStarted(
                id=filled(response.get("id")),
                model=filled(response.get("model")),
                created=read_created(response),
            )
        ]

    def _item(self, payload: JSONObject) -> _Item:
        """The item an event is about: by its index, or else by its id."""
        index = payload.get("output_index")
        item = self._items.get(index) if isinstance(index, int) else None
        if item is None:
            stated = payload.get("item_id") or member(payload.get("item"), "id")
            item = self._items.get(stated) if isinstance(stated, str) and stated else None
            if item is None or item.done:
                item = _Item()
            for name in (index if isinstance(index, int) else None, stated):
                if name is not None:
                    self._items[name] = item
            if not isinstance(index, int) and not stated:
                item = self._items.setdefault(_UNNAMED, item)
        return item

    def _call_item(self, payload: JSONObject) -> _Item:
        """The call that argument events are about. Those that name no call belong to the open one (docs/spec/reports.md 5)."""
        for name in (payload.get("output_index"), payload.get("item_id"), ("call", payload.get("call_id"))):
            item = self._items.get(name) if isinstance(name, int | str | tuple) else None
            if item is not None and item.call:
                return item
        if self._last_call is not None and not self._last_call.done:
            return self._last_call
        return self._item(payload)

    def _open(self, item: _Item, kind: PartKind, out: list[Event]) -> int:
        if item.key is None or item.kind != kind:
            self._close_part(item, out)
            self._next_key += 1
            item.key, item.kind = self._next_key, kind
            out.append(PartStarted(item.key, kind))
        return item.key

    def _close_part(self, item: _Item, out: list[Event]) -> None:
        if item.key is None:
            return
        if item.input and not item.delivered:
            out.append(PartDelta(item.key, dumps_text({"input": item.input})))
        out.append(PartEnded(item.key))
        item.key = None

    # text and refusals

    def _text_delta(self, payload: JSONObject) -> list[Event]:
        return self._say(self._item(payload), "text", payload.get("content_index", 0), payload.get("delta"))

    def _refusal_delta(self, payload: JSONObject) -> list[Event]:
        return self._say(self._item(payload), "refusal", payload.get("content_index", 0), payload.get("delta"))

    def _text_done(self, payload: JSONObject) -> list[Event]:
        return self._say_once(self._item(payload), "text", payload.get("content_index", 0), payload.get("text"))

    def _refusal_done(self, payload: JSONObject) -> list[Event]:
        return self._say_once(self._item(payload), "refusal", payload.get("content_index", 0), payload.get("refusal"))

    def _say(self, item: _Item, kind: PartKind, place: object, text: JSON) -> list[Event]:
        if not text or not isinstance(text, str):
            return []
        out: list[Event] = []
        item.spoken.add(place)
        if kind == "refusal":
            self._refused = True
        else:
            self._said = True
        out.append(PartDelta(self._open(item, kind, out), text))
        return out

    def _say_once(self, item: _Item, kind: PartKind, place: object, text: JSON) -> list[Event]:
        return [] if place in item.spoken else self._say(item, kind, place, text)

    def _part_done(self, payload: JSONObject) -> list[Event]:
        item = self._item(payload)
        part = _object(payload.get("part"))
        out = self._content(item, payload.get("content_index", 0), part)
        self._close_part(item, out)
        return out

    def _content(self, item: _Item, place: object, part: JSONObject) -> list[Event]:
        if part.get("refusal"):
            return self._say_once(item, "refusal", place, part["refusal"])
        out = self._say_once(item, "text", place, part.get("text"))
        named = citations(part.get("annotations"))
        return out if named is None else [*out, Opaque("responses", named)]

    # reasoning

    def _thought_delta(self, payload: JSONObject) -> list[Event]:
        place = _summary_place(payload)
        item = self._item(payload)
        if item.summary is not None and _source(item.summary) != _source(place):
            return []  # the reasoning itself and its summary say the same: the first told is told on
        text = payload.get("delta")
        if not text or not isinstance(text, str):
            return []
        out: list[Event] = []
        key = self._open(item, "reasoning", out)
        if item.summary is not None and item.summary != place:
            out.append(PartDelta(key, "\n\n"))
        item.summary = place
        item.spoken.add(place)
        out.append(PartDelta(key, text))
        return out

    def _thought_done(self, payload: JSONObject) -> list[Event]:
        if _summary_place(payload) in self._item(payload).spoken:
            return []
        return self._thought_delta({**payload, "delta": payload.get("text")})

    # calls

    def _item_added(self, payload: JSONObject) -> list[Event]:
        out: list[Event] = self._begin({})
        self._start_call(self._item(payload), _object(payload.get("item")), out)
        return out

    def _start_call(self, item: _Item, stated: JSONObject, out: list[Event]) -> None:
        """Open a call once its id and name are known. Free text waits for its end (see ``read_call``)."""
        if item.call or not filled(stated.get("call_id")):
            return
        call = read_call(stated, self._mint)
        if call is None:
            return
        item.call = self._called = True
        item.custom = stated.get("type") != "function_call"
        self._next_key += 1
        item.key, item.kind = self._next_key, "tool_call"
        self._last_call = self._items["call", call.id] = item
        out.append(PartStarted(item.key, "tool_call", call_id=call.id, name=call.name))
        if item.early and not item.custom:
            item.delivered = True
            out.append(PartDelta(item.key, item.early))

    def _arguments_delta(self, payload: JSONObject) -> list[Event]:
        return self._argue(self._call_item(payload), payload.get("delta"))

    def _arguments_done(self, payload: JSONObject) -> list[Event]:
        item = self._call_item(payload)
        return [] if item.delivered or item.early else self._argue(item, payload.get("arguments"))

    def _argue(self, item: _Item, text: JSON) -> list[Event]:
        if item.custom or not text or not isinstance(text, str):
            return []
        if item.key is None or not item.call:
            item.early += text
            return []
        item.delivered = True
        return [PartDelta(item.key, text)]

    def _input_delta(self, payload: JSONObject) -> list[Event]:
        self._call_item(payload).input += filled(payload.get("delta")) or ""
        return []

    def _input_done(self, payload: JSONObject) -> list[Event]:
        item = self._call_item(payload)
        item.input = filled(payload.get("input")) or item.input
        return []

    # ends of items

    def _item_done(self, payload: JSONObject) -> list[Event]:
        out: list[Event] = self._begin({})
        self._finish_item(self._item(payload), _object(payload.get("item")), out)
        return out

    def _finish_item(self, item: _Item, stated: JSONObject, out: list[Event]) -> None:
        if item.done:
            return
        item.done = True
        kind = stated.get("type")
        if kind == "message":
            for index, part in enumerate(objects(stated.get("content"))):
                out += self._content(item, index, part)
        elif kind == "reasoning":
            self._finish_reasoning(item, stated, out)
        elif kind == "image_generation_call" and filled(stated.get("result")):
            self._next_key += 1
            out += [PartStarted(self._next_key, "media", media=read_image(stated)), PartEnded(self._next_key)]
        elif kind in ("function_call", "custom_tool_call", "tool_search_call"):
            if not filled(stated.get("call_id")):
                stated = {**stated, "call_id": filled(stated.get("id")) or self._mint("call_")}
            self._start_call(item, stated, out)
            text = call_text(stated)
            if item.key is not None and text and not item.delivered:
                item.delivered = True
                out.append(PartDelta(item.key, text))
        elif kind is not None:
            out.append(Opaque("responses", stated))
        self._close_part(item, out)

    def _finish_reasoning(self, item: _Item, stated: JSONObject, out: list[Event]) -> None:
        sealed = filled(stated.get("encrypted_content"))
        text = "" if item.summary is not None else reasoning_text(stated)
        if not (sealed or text or item.key is not None):
            return
        key = self._open(item, "reasoning", out)
        if text:
            out.append(PartDelta(key, text))
        out.append(PartEnded(key, signatures.minted(sealed, SLOT) if sealed else None))
        item.key = None

    # ends of the response

    def _end(self, payload: JSONObject) -> list[Event]:
        response = _object(payload.get("response"))
        out = self._begin(payload)
        for index, stated in enumerate(objects(response.get("output"))):
            item = self._items.get(index) or self._items.get(stated.get("id"))
            self._finish_item(item or self._items.setdefault(index, _Item()), stated, out)
        for item in self._items.values():
            self._close_part(item, out)
        self._ended = True
        usage = read_usage(response.get("usage"), response.get("service_tier"))
        if usage is not None:
            out.append(UsageReported(usage))
        if payload["type"] == "response.incomplete":
            response = {**response, "status": "incomplete"}
        elif response.get("status") in ("failed", "cancelled"):
            return [*out, StreamFailed(failure(response))]
        failed = cut_by_error(response)
        if failed is not None:
            return [*out, StreamFailed(failed)]
        refused = self._refused and not self._said
        out.append(ResponseFinished(read_finish(response, called=self._called, refused=refused)))
        return out

    def _fail(self, payload: JSONObject) -> list[Event]:
        self._ended = True
        return [StreamFailed(failure(_object(payload.get("response"))))]

    def _error(self, payload: JSONObject) -> list[Event]:
        self._ended = True
        stated = payload.get("error")
        return [StreamFailed(failure({"error": stated if isinstance(stated, dict) else payload}))]


def _object(value: JSON) -> JSONObject:
    return value if isinstance(value, dict) else {}


def _summary_place(payload: JSONObject) -> tuple[object, object]:
    if "summary_index" in payload:
        return "summary", payload["summary_index"]
    return "content", payload.get("content_index")


def _source(place: object) -> object:
    return place[0] if isinstance(place, tuple) else None
