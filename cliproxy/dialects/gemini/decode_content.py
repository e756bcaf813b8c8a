"""Gemini contents -> IR (dialects.md 2-6, 10)."""

from __future__ import annotations

import hashlib

from cliproxy.dialects import signatures
from cliproxy.dialects.gemini.open_calls import OpenCalls
from cliproxy.dialects.gemini.parts import joined, read_arguments, read_part, read_signature, said_again
from cliproxy.dialects.gemini.spelling import next_role, of, parts_of
from cliproxy.dialects.members import filled, objects
from cliproxy.errors import RequestFault
from cliproxy.ir.content import Part, TextPart, ToolCallPart, ToolResultPart
from cliproxy.ir.request import Message
from cliproxy.jsontypes import JSON, JSONObject, dumps_text


class Conversation:
    """Contents read so far, and the calls in them that no result has answered yet."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._role = ""
        self._open_calls = OpenCalls()

    def add(self, content: JSON, turn: int, path: str) -> None:
        """Read one content. Streams replayed piece by piece are one turn of the model again."""
        if isinstance(content, str):
            content = {"parts": [{"text": content}]}
        if not isinstance(content, dict):
            raise RequestFault.bad(f"{path} must be an object", param=path)
        goes_on = self._role == "model"
        self._role = next_role(content.get("role"), self._role)
        given = parts_of(content)
        again = said_again(given)
        parts = [
            self._part(part, f"{path}.parts[{index}]", f"{turn}:{index}")
            for index, part in enumerate(given)
            if index not in again
        ]
        if self._role == "user":
            self.messages.append(Message("user", parts))
        elif goes_on:
            last = self.messages[-1]
            last.parts = joined(last.parts + parts)
        else:
            self.messages.append(Message("assistant", joined(parts)))

    def _part(self, part: JSON, path: str, place: str) -> Part:
        if isinstance(part, str):
            return TextPart(part)
        if not isinstance(part, dict):
            raise RequestFault.bad(f"{path} must be an object", param=path)
        call = of(part, "functionCall", "function_call")
        if isinstance(call, dict):
            return self._call(part, call, path, place)
        result = of(part, "functionResponse", "function_response")
        if isinstance(result, dict):
            return self._result(result, path, place)
        return read_part(part, signatures.replayed)

    def _call(self, part: JSONObject, call: JSONObject, path: str, place: str) -> ToolCallPart:
        name = filled(call.get("name"))
        if name is None:
            raise RequestFault.bad(f"{path}.functionCall names no function", param=f"{path}.functionCall.name")
        call_id = filled(call.get("id"))
        made = ToolCallPart(
            call_id or _placed_id(place),
            name,
            read_arguments(call),
            signature=read_signature(part, signatures.replayed),
            minted=call_id is None,
        )
        self._open_calls.add(made)
        return made

    def _result(self, result: JSONObject, path: str, place: str) -> ToolResultPart:
        name, call_id = filled(result.get("name")), filled(result.get("id"))
        call = self._open_calls.take(call_id, name)
        told, is_error = _told(result.get("response"))
        parts: list[Part] = [TextPart(told if isinstance(told, str) else dumps_text(told))]
        parts += [read_part(part, signatures.replayed) for part in objects(result.get("parts"))]
        return ToolResultPart(
            call.id if call is not None else call_id or _placed_id(place),
            parts,
            name=name or (call.name if call is not None else None),
            is_error=is_error,
            minted=call.minted if call is not None else call_id is None,
        )


def _placed_id(place: str) -> str:
    """An id for a call that has none, made of its place, so that a replay of the conversation makes the same."""
    return "call_" + hashlib.blake2b(place.encode(), digest_size=12).hexdigest()


def _told(response: JSON) -> tuple[JSON, bool]:
    """What a function's ``response`` says, and whether it is an error."""
    if not isinstance(response, dict):
        return ("" if response is None else response), False
    for key in ("result", "output"):
        if key in response:
            return ("" if response[key] is None else response[key]), False
    if len(response) == 1 and "error" in response:
        return response["error"], True
    return response, False
