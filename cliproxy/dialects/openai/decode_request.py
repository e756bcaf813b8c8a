"""Chat Completions request -> IR (dialects.md 2-15)."""

from __future__ import annotations

from cliproxy.dialects.interface import Mint
from cliproxy.dialects.members import (
    array,
    filled,
    flag,
    integer,
    member,
    number,
    numbered,
    text,
)
from cliproxy.dialects.openai import thinking
from cliproxy.dialects.openai.decode_content import Conversation
from cliproxy.dialects.openai.decode_tools import read_choice, read_tools
from cliproxy.ir.content import (
    Extras,
)
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import (
    CompletionRequest,
    OutputFormat,
    Sampling,
)
from cliproxy.jsontypes import JSON, JSONObject


def decode_request(body: JSONObject, mint: Mint) -> CompletionRequest:
    """Read a client's body.

    :raises RequestFault: ``messages`` cannot be read; ``param`` names the place.
    """
    conversation = Conversation(mint)
    for path, message in numbered(array(body, "messages", "messages"), "messages"):
        conversation.add(message, path)
    return CompletionRequest(
        origin="openai",
        model=text(body.get("model")) or "",
        messages=conversation.messages,
        system=conversation.system,
        tools=read_tools(body),
        tool_choice=read_choice(body),
        parallel=flag(body.get("parallel_tool_calls")),
        sampling=_sampling(body),
        format=_format(body.get("response_format")),
        thinking=thinking.read(body),
        stream=body.get("stream") is True,
        include_usage=member(body.get("stream_options"), "include_usage") is True,
        user=filled(body.get("safety_identifier")) or filled(body.get("user")),
        metadata=body["metadata"] if isinstance(body.get("metadata"), dict) else None,
        verbosity=filled(body.get("verbosity")),
        service_tier=filled(body.get("service_tier")),
        prompt_cache_key=filled(body.get("prompt_cache_key")),
        store=flag(body.get("store")),
        dropped=[*_spoken_answer(body), *conversation.dropped],
        extras=Extras("openai", body),
    )


def _spoken_answer(body: JSONObject) -> list[Loss]:
    """A client that wants to be spoken to gets text from any vendor but its own."""
    modalities = body.get("modalities")
    if isinstance(modalities, list) and "audio" in modalities:
        return [Loss("audio output", "modalities", meaning=True)]
    return []


def _sampling(body: JSONObject) -> Sampling:
    stop = body.get("stop")
    limit = integer(body.get("max_completion_tokens"))
    return Sampling(
        max_tokens=integer(body.get("max_tokens")) if limit is None else limit,
        temperature=number(body.get("temperature")),
        top_p=number(body.get("top_p")),
        top_k=integer(body.get("top_k")),
        stop=[stop] if isinstance(stop, str) else _strings(stop),
        seed=integer(body.get("seed")),
        presence_penalty=number(body.get("presence_penalty")),
        frequency_penalty=number(body.get("frequency_penalty")),
        n=integer(body.get("n")),
        logprobs=flag(body.get("logprobs")),
        top_logprobs=integer(body.get("top_logprobs")),
        logit_bias=body["logit_bias"] if isinstance(body.get("logit_bias"), dict) else None,
    )


def _strings(value: JSON) -> list[str] | None:
    if not isinstance(value, list):
        return None
    return [item for item in value if isinstance(item, str)] or None


def _format(value: JSON) -> OutputFormat | None:
    kind = member(value, "type")
    if kind in ("text", "json_object"):
        return OutputFormat(kind)
    stated = member(value, "json_schema")
    if kind != "json_schema" or not isinstance(stated, dict):
        return None
    schema = stated.get("schema")
    return OutputFormat(
        "json_schema",
        name=filled(stated.get("name")),
        schema=schema if isinstance(schema, dict) else None,
        strict=flag(stated.get("strict")),
        description=filled(stated.get("description")),
    )
