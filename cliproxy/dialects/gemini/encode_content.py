"""IR messages -> Gemini contents and parts (dialects.md 3-6, 10, 11)."""

from __future__ import annotations

from itertools import pairwise

import attrs

from cliproxy.dialects import arguments, media
from cliproxy.dialects.signatures import SENTINEL, fits_gemini
from cliproxy.dialects.toolids import call_arguments
from cliproxy.ir.content import (
    CacheHint,
    MediaPart,
    OpaquePart,
    Part,
    ReasoningPart,
    Signature,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, loads

#: A turn: its role and its parts, each with the place it was read from.
_Turn = tuple[str, list[tuple[Part, str]]]


def write_media(part: MediaPart) -> JSONObject | None:
    """``inlineData`` or ``fileData``; None for a file known by another vendor's id alone, and for an image Gemini takes not."""
    if media.refused_image(part, media.GOOGLE_IMAGES) is not None:
        return None
    if part.data is not None:
        return {"inlineData": {"mimeType": part.mime or "application/octet-stream", "data": part.data}}
    if part.url is None:
        return None
    file: JSONObject = {"fileUri": part.url}
    mime = part.mime or media.mime_of(part.url)
    if mime is not None:
        file["mimeType"] = mime
    return {"fileData": file}


class ContentWriter:
    """Writes the conversation of a request from another dialect.

    ``names`` is the map of tool names; ``losses`` takes what Gemini cannot say.
    """

    def __init__(self, request: CompletionRequest, names: dict[str, str], losses: list[Loss]) -> None:
        self._request = request
        self._names = names
        self._losses = losses

    def written(self) -> list[JSONObject]:
        """The contents: neighbours of one role merged, every call's result in the content after it, empty ones gone."""
        turns = self._turns()
        results = _homecoming(turns)
        contents: list[JSONObject] = []
        for index, (role, parts) in enumerate(turns):
            if role == "model":
                written = self._model(parts)
            else:
                written = self._user(parts, results[index], _calls(turns[index - 1]) if index else [])
            if written:
                contents.append({"role": role, "parts": written})
        return contents

    def _turns(self) -> list[_Turn]:
        turns: list[_Turn] = []
        for index, message in enumerate(self._request.messages):
            role = "model" if message.role == "assistant" else "user"
            where = f"messages[{index}]"
            parts = [(part, where) for part in message.parts if self._can_say(part, where, role)]
            if turns and parts and turns[-1][0] == role:
                turns[-1][1].extend(parts)
            elif parts:
                turns.append((role, parts))
        return turns

    def _can_say(self, part: Part, where: str, role: str) -> bool:
        """Whether anything will be written for the part; what is not is recorded here, once."""
        if isinstance(part, TextPart):
            self._drop_cache(part.cache, where)
            if part.refusal:
                self._lose("refusal marker", where)
            return bool(part.text)
        if isinstance(part, ReasoningPart):
            return self._can_replay(part, where)
        if isinstance(part, OpaquePart):
            self._lose(f"{part.origin} part", where, meaning=role == "user")
            return False
        if isinstance(part, MediaPart):
            return self._can_show(part, where)
        self._drop_cache(part.cache, where)
        if isinstance(part, ToolResultPart):
            for inner in part.parts:
                self._can_say(inner, where, "tool")
        return True

    def _can_show(self, part: MediaPart, where: str) -> bool:
        self._drop_cache(part.cache, where)
        if part.detail not in (None, "auto"):
            self._lose("image detail", where)
        if part.data is None and part.url is None:
            self._lose(f"{part.kind} by id", where, meaning=True)
            return False
        refused = media.refused_image(part, media.GOOGLE_IMAGES)
        if refused is not None:
            self._lose(refused, where, meaning=True)
        return refused is None

    def _can_replay(self, part: ReasoningPart, where: str) -> bool:
        if part.redacted is not None:
            self._lose("redacted_thinking", where)
        elif part.signature is None:
            self._lose("reasoning without signature", where)
        elif part.signature.origin == "bypass" or not self._is_ours(part.signature):
            self._lose("reasoning signature", where)
        else:
            return True
        return False

    def _is_ours(self, signature: Signature) -> bool:
        """Whether Gemini minted it. What a Responses client relays raw, and shows no vendor, is taken for Gemini's."""
        ours = signature.origin in ("gemini", "bypass")
        guessed = signature.origin == "unknown" and self._request.origin == "responses"
        return (ours or guessed) and fits_gemini(signature.value)

    def _lose(self, what: str, where: str, *, meaning: bool = False) -> None:
        self._losses.append(Loss(what, where, meaning))

    def _drop_cache(self, hint: CacheHint | None, where: str) -> None:
        if hint is not None:
            self._lose("cache_control", where)

    def _model(self, parts: list[tuple[Part, str]]) -> list[JSONObject]:
        out: list[JSONObject] = []
        called = False
        proof: Signature | None = None
        for (part, where), (following, _) in pairwise([*parts, (TextPart(""), "")]):
            if isinstance(part, ToolCallPart):
                if part.signature is None and proof is not None:
                    part = attrs.evolve(part, signature=proof)
                proof = None
                out.append(self._call(part, not called, where))
                called = True
            elif isinstance(part, ReasoningPart) and not part.text and isinstance(following, ToolCallPart):
                proof = part.signature  # the call's, which a foreign client keeps as reasoning
            elif isinstance(part, ReasoningPart) and part.signature is not None:
                out.append({"text": part.text, "thought": True, "thoughtSignature": part.signature.value})
            elif isinstance(part, TextPart):
                out.append({"text": part.text})
            elif isinstance(part, MediaPart) and (shown := write_media(part)) is not None:
                out.append({**shown, "thoughtSignature": SENTINEL} if "inlineData" in shown else shown)
        return out

    def _call(self, call: ToolCallPart, first: bool, where: str) -> JSONObject:
        """A call. Gemini insists on a signature of the first in a content, and takes the sentinel for it."""
        written: JSONObject = {
            "name": self._names.get(call.name, call.name),
            "args": arguments.as_object(call_arguments(call), self._losses, where),
        }
        if not call.minted:
            written["id"] = call.id
        out: JSONObject = {"functionCall": written}
        if call.signature is not None and self._is_ours(call.signature):
            out["thoughtSignature"] = call.signature.value
        else:
            if call.signature is not None:
                self._lose("reasoning signature", where)
            if first:
                out["thoughtSignature"] = SENTINEL
        return out

    def _user(
        self, parts: list[tuple[Part, str]], results: list[ToolResultPart], calls: list[ToolCallPart]
    ) -> list[JSONObject]:
        """Results first, in the order of their calls, then what they show, then the rest."""
        order = {call.id: place for place, call in enumerate(calls)}
        names = {call.id: call.name for call in calls}
        answered = {result.call_id for result in results}
        silent = [call for call in calls if call.id not in answered]
        # Gemini counts: a call that was never answered is answered with nothing.
        results = results + [ToolResultPart(call.id, [TextPart("{}")], minted=call.minted) for call in silent]
        results.sort(key=lambda result: order.get(result.call_id, len(order)))
        out = [self._result(result, names.get(result.call_id)) for result in results]
        for result in results:
            out += [shown for part in result.parts if isinstance(part, MediaPart) and (shown := write_media(part))]
        for part, _ in parts:
            if isinstance(part, TextPart):
                out.append({"text": part.text})
            elif isinstance(part, MediaPart) and (shown := write_media(part)) is not None:
                out.append(shown)
        return out

    def _result(self, result: ToolResultPart, called: str | None) -> JSONObject:
        name = called or result.name or ("unknown" if result.minted else result.call_id)
        written: JSONObject = {"name": self._names.get(name, name)}
        if not result.minted:
            written["id"] = result.call_id
        told = _structured("\n\n".join(part.text for part in result.parts if isinstance(part, TextPart) and part.text))
        written["response"] = {"error" if result.is_error else "result": told}
        return {"functionResponse": written}


def _calls(turn: _Turn) -> list[ToolCallPart]:
    return [part for part, _ in turn[1] if isinstance(part, ToolCallPart)]


def _homecoming(turns: list[_Turn]) -> list[list[ToolResultPart]]:
    """For each turn the results it is to hold: those of the calls right before it, wherever the client put them.

    A result of no known call, and a second one of the same call, stays where it was.
    """
    held: list[list[ToolResultPart]] = [[] for _ in turns]
    answered: list[set[str]] = [set() for _ in turns]
    homes: dict[str, int] = {}
    for index, turn in enumerate(turns):
        if turn[0] == "model":
            homes.update((call.id, index + 1) for call in _calls(turn))
            continue
        for part, _ in turn[1]:
            if not isinstance(part, ToolResultPart):
                continue
            home = homes.get(part.call_id, index)
            if part.call_id in answered[home]:
                home = index
            held[home].append(part)
            answered[home].add(part.call_id)
    return held


def _structured(text: str) -> JSON:
    """A result that is a JSON object or array, as that; anything else as the text it is."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        value = loads(text)
    except InvalidJSON:
        return text
    return value if isinstance(value, dict | list) else text
