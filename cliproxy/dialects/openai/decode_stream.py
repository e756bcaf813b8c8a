"""Chat Completions stream -> events (streaming.md 3, 7, 8)."""

from __future__ import annotations

from operator import itemgetter
from typing import Final

import attrs

from cliproxy.dialects import arguments, faults, finishes
from cliproxy.dialects.interface import Mint
from cliproxy.dialects.members import filled, integer, objects
from cliproxy.dialects.openai.parts import images, spoken, unknown
from cliproxy.dialects.openai.response import read_image, read_signature, read_usage
from cliproxy.dialects.unsaid import citations
from cliproxy.errors import ErrorDetail
from cliproxy.ir.content import Signature
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
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSON, JSONObject, dumps_text

#: How many pieces of further choices are kept.
_MOST_KEPT: Final = 1000


@attrs.define
class _Call:
    """A call under way. ``key`` is None until id and name are known; until then its arguments wait in ``held``.

    A free-text call's input waits till the end: it is told as the arguments of a function.
    """

    id: str | None = None
    name: str | None = None
    key: int | None = None
    held: str = ""
    custom: bool = False
    signature: Signature | None = None


class Decoder:
    """One upstream stream. Only choice 0 is told, with the calls of another that belong to it: events have no place for more.

    The end is told by ``close``, since usage may follow the finish reason; calls end there too, as Chat never says when.
    """

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._started = False
        self._ended = False
        self._next_key = 0
        self._open: tuple[int, PartKind] | None = None
        self._calls: dict[int, _Call] = {}
        self._begun: list[tuple[int, _Call]] = []
        self._refused = False
        self._finish: JSON = None
        self._usage: Usage | None = None
        self._others: list[JSONObject] = []

    def decode(self, payload: JSONObject) -> list[Event]:
        """One chunk."""
        if self._ended:
            return []
        if payload.get("error"):
            self._ended = True
            return [StreamFailed(faults.read_event(payload))]
        out: list[Event] = []
        if not self._started and (payload.get("choices") or payload.get("id")):
            # Azure's first chunk is about the prompt, and names neither the answer nor its model.
            self._started = True
            out.append(
                ResponseStarted(
                    id=filled(payload.get("id")),
                    model=filled(payload.get("model")),
                    created=integer(payload.get("created")),
                )
            )
        usage = payload.get("usage")
        if usage is not None:
            self._usage = read_usage(usage, payload.get("service_tier")) or self._usage
        choices = payload.get("choices")
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    if choice.get("index"):
                        self._further(choice)
                    else:
                        self._choice(choice, out)
        return out

    def close(self, done: bool) -> list[Event]:
        """The input ended."""
        if self._ended:
            return []
        self._ended = True
        if not self._started or not (done or self._finish):
            return [StreamFailed(ErrorDetail(502, "upstream stream ended before completion"))]
        out: list[Event] = []
        self._take_calls(out)
        self._close_open(out)
        for _, call in sorted(self._begun, key=itemgetter(0)):
            self._end_call(call, out)
        called = any(call.key is not None for _, call in self._begun)
        if self._usage is not None:
            out.append(UsageReported(self._usage))
        out.append(ResponseFinished(finishes.read(self._finish, called=called, refused=self._refused)))
        return out

    def _choice(self, choice: JSONObject, out: list[Event]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            reasoning = delta.get("reasoning_content") or delta.get("reasoning")
            if reasoning and isinstance(reasoning, str):
                self._text("reasoning", reasoning, out)
            content = delta.get("content")
            if content and isinstance(content, str):
                self._text("text", content, out)
            elif content:
                self._parts(content, out)
            if len(delta) > 1 or content is None:
                self._rarer(delta, out)
        word = choice.get("finish_reason")
        if word:
            self._finish = self._finish or word
            failed = finishes.failure(word, choice.get("error"))
            if failed is not None:
                self._ended = True
                out.append(StreamFailed(failed))

    def _parts(self, content: JSON, out: list[Event]) -> None:
        for kind, text in spoken(content):
            self._refused = self._refused or kind == "refusal"
            self._text(kind, text, out)
        for image in images(content):
            self._image(image, out)
        out.extend(Opaque("openai", part) for part in unknown(content))

    def _further(self, choice: JSONObject) -> None:
        """Keep what a further choice says, in case the first ends for the sake of its calls."""
        if len(self._others) < _MOST_KEPT:
            self._others.append(choice)

    def _take_calls(self, out: list[Event]) -> None:
        """Some servers put an answer's text in one choice and its calls in another (docs/spec/reports.md 4)."""
        if self._begun or not self._others or finishes.read(self._finish).unified != "tool_calls":
            return
        taken = self._others[0].get("index")
        for choice in self._others:
            delta = choice.get("delta")
            if choice.get("index") == taken and isinstance(delta, dict):
                self._rarer({"tool_calls": delta.get("tool_calls")}, out)

    def _rarer(self, delta: JSONObject, out: list[Event]) -> None:
        if named := citations(delta.get("annotations")):
            out.append(Opaque("openai", named))
        refusal = filled(delta.get("refusal"))
        if refusal:
            self._refused = True
            self._text("refusal", refusal, out)
        for image in objects(delta.get("images")):
            self._image(image, out)
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            for position, fragment in enumerate(calls):
                if isinstance(fragment, dict):
                    index = integer(fragment.get("index"))
                    self._fragment(position if index is None else index, fragment, out)
        legacy = delta.get("function_call")
        if isinstance(legacy, dict):
            self._fragment(0, {"function": legacy}, out)

    def _text(self, kind: PartKind, text: str, out: list[Event]) -> None:
        if self._open is None or self._open[1] != kind:
            self._close_open(out)
            self._open = (self._key(), kind)
            out.append(PartStarted(self._open[0], kind))
        out.append(PartDelta(self._open[0], text))

    def _image(self, item: JSONObject, out: list[Event]) -> None:
        media = read_image(item)
        if media.url == "":
            return
        self._close_open(out)
        key = self._key()
        out += [PartStarted(key, "media", media=media), PartEnded(key)]

    def _fragment(self, index: int, fragment: JSONObject, out: list[Event]) -> None:
        custom = fragment.get("custom")
        spoken = custom if isinstance(custom, dict) else fragment.get("function")
        if not isinstance(spoken, dict):
            spoken = {}
        call = self._calls.get(index)
        if call is None or _is_another(call, fragment, spoken):
            call = self._calls[index] = _Call()
            self._begun.append((index, call))
            self._close_open(out)
        call.custom = call.custom or isinstance(custom, dict)
        if call.key is None:
            call.id = call.id or filled(fragment.get("id"))
            call.name = call.name or filled(spoken.get("name"))
            call.signature = call.signature or read_signature(fragment)
        stated = spoken.get("input" if call.custom else "arguments")
        if stated is not None:
            call.held += stated if isinstance(stated, str) else arguments.as_text(stated)
        if call.key is None and call.id and call.name:
            self._start_call(call, out)
        if call.key is not None and call.held and not call.custom:
            out.append(PartDelta(call.key, call.held))
            call.held = ""

    def _start_call(self, call: _Call, out: list[Event], *, minted: bool = False) -> None:
        call.key = self._key()
        out.append(
            PartStarted(call.key, "tool_call", call_id=call.id, name=call.name, minted=minted, signature=call.signature)
        )

    def _end_call(self, call: _Call, out: list[Event]) -> None:
        """Nothing more can come: a call without an id gets one, one without a name is none."""
        if call.key is None:
            if not (call.name or arguments.read(call.held) != {}):
                return
            call.name = call.name or arguments.UNNAMED
            minted = call.id is None
            call.id = call.id or self._mint("call_")
            self._start_call(call, out, minted=minted)
        if call.key is None:
            return
        if call.custom:
            call.held = dumps_text({"input": call.held})
        if call.held:
            out.append(PartDelta(call.key, call.held))
        out.append(PartEnded(call.key))

    def _close_open(self, out: list[Event]) -> None:
        if self._open is not None:
            out.append(PartEnded(self._open[0]))
            self._open = None

    def _key(self) -> int:
        self._next_key += 1
        return self._next_key


def _is_another(call: _Call, fragment: JSONObject, spoken: JSONObject) -> bool:
    """Whether a fragment begins a further call at a call's index: some servers send several calls, each whole, as number
    0."""
    stated = filled(fragment.get("id"))
    whole = filled(spoken.get("name")) and spoken.get("arguments")
    return call.key is not None and stated is not None and stated != call.id and bool(whole)
