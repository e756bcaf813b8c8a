"""Gemini generateContent request -> IR (dialects.md 2-15)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.gemini import thinking
from cliproxy.dialects.gemini.decode_content import Conversation
from cliproxy.dialects.gemini.decode_tools import read_choice, read_tools
from cliproxy.dialects.gemini.spelling import of, parts_of
from cliproxy.dialects.interface import Mint
from cliproxy.dialects.members import filled, flag, integer, member, number
from cliproxy.dialects.schema import from_openapi
from cliproxy.errors import RequestFault
from cliproxy.ir.content import Extras
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, OutputFormat, Sampling, SystemSegment
from cliproxy.jsontypes import JSON, JSONObject

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
    conversation = Conversation()
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
