"""Gemini generateContent request -> IR (dialects.md 2-15)."""

from __future__ import annotations

import hashlib
from typing import Final

from cliproxy.dialects import signatures
from cliproxy.dialects.gemini import thinking
from cliproxy.dialects.gemini.decode_tools import read_choice, read_tools
from cliproxy.dialects.gemini.open_calls import OpenCalls
from cliproxy.dialects.gemini.parts import joined, read_arguments, read_part, read_signature, said_again
from cliproxy.dialects.gemini.spelling import next_role, of, parts_of
from cliproxy.dialects.interface import Mint
from cliproxy.dialects.members import filled, flag, integer, member, number, objects
from cliproxy.dialects.schema import from_openapi
from cliproxy.errors import RequestFault
from cliproxy.ir.content import Extras, Part, TextPart, ToolCallPart, ToolResultPart
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, Message, OutputFormat, Sampling, SystemSegment
from cliproxy.jsontypes import JSON, JSONObject, dumps_text

#: What only Google can say; ``model`` and ``stream`` are in the URL.
_DROPPED: Final = {
    "cachedContent": True,
    "cached_content": True,
    "safetySettings": False,
    "safety_settings": False,
    "labels": False,
}


def decode_request(body: JSONObject, mint: Mint) -> CompletionRequest:
    """Read a client's body. A ``countTokens`` body may wrap it in ``generateContentRequest``.

    :raises RequestFault: ``contents`` cannot be read; ``param`` names the place.
    """
    path = "contents"
    inner = of(body, "generateContentRequest", "generate_content_request")
    if isinstance(inner, dict) and body.get("contents") is None:
        body, path = inner, "generateContentRequest.contents"
    conversation = _Conversation()
    contents = body.get("contents")
    if isinstance(contents, str | dict):
        contents = [contents]
    if not isinstance(contents, list):
        raise RequestFault.bad(f"{path} {'is missing' if contents is None else 'must be an array'}", param=path)
    for index, content in enumerate(contents):
        conversation.add(content, index, f"{path}[{index}]")
    config = of(body, "generationConfig", "generation_config")
    return CompletionRequest(
        origin="gemini",
        model=filled(body.get("model")) or "",
        messages=conversation.messages,
        system=_system(of(body, "systemInstruction", "system_instruction")),
        tools=read_tools(body.get("tools")),
        tool_choice=read_choice(of(body, "toolConfig", "tool_config")),
        sampling=_sampling(config),
        format=_format(config),
        thinking=thinking.read(body),
        stream=body.get("stream") is True,
        dropped=[Loss(key, key, meaning) for key, meaning in _DROPPED.items() if body.get(key) is not None],
        extras=Extras("gemini", body),
    )


def _system(stated: JSON) -> list[SystemSegment]:
    if isinstance(stated, str):
        return [SystemSegment(stated)] if stated else []
    parts = parts_of(stated) if isinstance(stated, dict) else stated if isinstance(stated, list) else []
    texts = [part if isinstance(part, str) else member(part, "text") for part in parts]
    return [SystemSegment(text) for text in texts if isinstance(text, str) and text]


class _Conversation:
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


def _sampling(config: JSON) -> Sampling:
    stop = of(config, "stopSequences", "stop_sequences")
    return Sampling(
        max_tokens=integer(of(config, "maxOutputTokens", "max_output_tokens")),
        temperature=number(member(config, "temperature")),
        top_p=number(of(config, "topP", "top_p")),
        top_k=integer(of(config, "topK", "top_k")),
        stop=[word for word in stop if isinstance(word, str)] or None if isinstance(stop, list) else None,
        seed=integer(member(config, "seed")),
        presence_penalty=number(of(config, "presencePenalty", "presence_penalty")),
        frequency_penalty=number(of(config, "frequencyPenalty", "frequency_penalty")),
        n=integer(of(config, "candidateCount", "candidate_count")),
        logprobs=flag(of(config, "responseLogprobs", "response_logprobs")),
        top_logprobs=integer(member(config, "logprobs")),
    )


def _format(config: JSON) -> OutputFormat | None:
    schema = of(config, "responseJsonSchema", "response_json_schema")
    if not isinstance(schema, dict):
        stated = of(config, "responseSchema", "response_schema")
        schema = from_openapi(stated) if isinstance(stated, dict) else None
    if schema is not None:
        return OutputFormat("json_schema", schema=schema)
    mime = of(config, "responseMimeType", "response_mime_type")
    return OutputFormat("json_object") if mime == "application/json" else None
