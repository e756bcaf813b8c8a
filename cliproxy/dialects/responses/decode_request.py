"""Responses request -> IR (dialects.md 2-15)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.interface import Mint
from cliproxy.dialects.members import filled, flag, integer, member, number, text
from cliproxy.dialects.responses import thinking
from cliproxy.dialects.responses.decode_content import Conversation
from cliproxy.dialects.responses.decode_tools import Toolbox, read_choice
from cliproxy.errors import RequestFault
from cliproxy.ir.content import Extras
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, OutputFormat, Sampling, SystemSegment
from cliproxy.jsontypes import JSON, JSONObject

#: Members that name a conversation kept on OpenAI's side: without it the request means something else.
_STORED_ELSEWHERE: Final = ("previous_response_id", "conversation", "prompt")


def decode_request(body: JSONObject, mint: Mint) -> CompletionRequest:
    """Read a client's body.

    :raises RequestFault: ``input`` cannot be read; ``param`` names the place.
    """
    instructions = filled(body.get("instructions"))
    toolbox = Toolbox()
    toolbox.add(body.get("tools"))
    conversation = Conversation(toolbox, mint)
    if instructions is not None:
        conversation.system.append(SystemSegment(instructions))
    stored = [key for key in _STORED_ELSEWHERE if body.get(key)]
    if body.get("input") is not None:
        conversation.read(body["input"])
    elif instructions is None and not stored:
        raise RequestFault.bad("input is missing", param="input")
    return CompletionRequest(
        origin="responses",
        model=text(body.get("model")) or "",
        messages=conversation.messages,
        system=conversation.system,
        tools=toolbox.tools,
        tool_choice=read_choice(body.get("tool_choice"), toolbox),
        parallel=flag(body.get("parallel_tool_calls")),
        sampling=_sampling(body),
        format=_format(member(body.get("text"), "format")),
        thinking=thinking.read(body),
        stream=body.get("stream") is True,
        user=filled(body.get("safety_identifier")) or filled(body.get("user")),
        metadata=body["metadata"] if isinstance(body.get("metadata"), dict) else None,
        verbosity=filled(member(body.get("text"), "verbosity")),
        service_tier=filled(body.get("service_tier")),
        prompt_cache_key=filled(body.get("prompt_cache_key")),
        store=flag(body.get("store")),
        dropped=[*(Loss(key, key, meaning=True) for key in stored), *conversation.dropped],
        extras=Extras("responses", body),
    )


def _sampling(body: JSONObject) -> Sampling:
    top_logprobs = integer(body.get("top_logprobs"))
    include = body.get("include")
    wanted = isinstance(include, list) and "message.output_text.logprobs" in include
    return Sampling(
        max_tokens=integer(body.get("max_output_tokens")),
        temperature=number(body.get("temperature")),
        top_p=number(body.get("top_p")),
        logprobs=True if wanted or top_logprobs else None,
        top_logprobs=top_logprobs,
    )


def _format(stated: JSON) -> OutputFormat | None:
    kind = member(stated, "type")
    if kind in ("text", "json_object"):
        return OutputFormat(kind)
    if kind != "json_schema":
        return None
    schema = stated.get("schema")
    return OutputFormat(
        "json_schema",
        name=filled(stated.get("name")),
        schema=schema if isinstance(schema, dict) else None,
        strict=flag(stated.get("strict")),
        description=filled(stated.get("description")),
    )
