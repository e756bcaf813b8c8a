"""Anthropic Messages request -> IR (dialects.md 2-15)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.claude import thinking
from cliproxy.dialects.claude.decode_content import answered_names, read_cache, read_content
from cliproxy.dialects.claude.decode_tools import read_choice, read_tools
from cliproxy.dialects.interface import Mint
from cliproxy.dialects.members import array, filled, integer, member, number, numbered, objects, text
from cliproxy.ir.content import Extras
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, Message, OutputFormat, Sampling, SystemSegment
from cliproxy.jsontypes import JSON, JSONObject

#: What the IR holds, or what is nobody else's business (``metadata`` names the end user to Anthropic).
_READ: Final = frozenset(
    ("model", "messages", "system", "tools", "tool_choice", "max_tokens", "temperature", "top_p", "top_k", "thinking")
    + ("stop_sequences", "stream", "metadata", "output_config", "output_format", "betas")
)

#: A line of Claude Code's for Anthropic. It changes with every request, so that no other vendor's prefix cache would hit.
_BILLING: Final = "x-anthropic-billing-header:"

#: Members whose loss changes what the model can do.
_NEEDED: Final = frozenset(("mcp_servers", "container", "prefill"))


def decode_request(body: JSONObject, mint: Mint) -> CompletionRequest:
    """Read a client's body. Members that no other dialect can say stay in ``extras`` with all the rest.

    :raises RequestFault: ``messages`` cannot be read; ``param`` names the place.
    """
    system = _system(body.get("system"))
    messages: list[Message] = []
    dropped = [Loss(key, key, key in _NEEDED) for key in body if key not in _READ and body[key] is not None]
    for path, message in numbered(array(body, "messages", "messages"), "messages"):
        role, content = message.get("role"), message.get("content")
        if role in ("system", "developer"):
            system += _system(content)
            if messages:
                dropped.append(Loss("position of a mid-conversation system message", path))
            continue
        parts = read_content(content, f"{path}.content", mint)
        messages.append(
            Message("assistant" if role == "assistant" else "user", parts, content_was_list=isinstance(content, list))
        )
    answered_names(message.parts for message in messages)
    tools = read_tools(body.get("tools"))
    choice, parallel = read_choice(body.get("tool_choice"), tools)
    return CompletionRequest(
        origin="claude",
        model=text(body.get("model")) or "",
        messages=messages,
        system=system,
        tools=tools,
        tool_choice=choice,
        parallel=parallel,
        sampling=_sampling(body),
        format=_format(body),
        thinking=thinking.read(body),
        stream=body.get("stream") is True,
        claude_user_id=filled(member(body.get("metadata"), "user_id")),
        dropped=dropped,
        extras=Extras("claude", body),
    )


def _system(content: JSON) -> list[SystemSegment]:
    """System text, wherever it stands; what holds no text is passed over."""
    if isinstance(content, str):
        return [SystemSegment(content)] if content else []
    segments = []
    for block in objects([content] if isinstance(content, dict) else content):
        words = filled(block.get("text"))
        if words is not None and not words.startswith(_BILLING):
            segments.append(SystemSegment(words, cache=read_cache(block)))
    return segments


def _sampling(body: JSONObject) -> Sampling:
    stop = body.get("stop_sequences")
    return Sampling(
        max_tokens=integer(body.get("max_tokens")),
        temperature=number(body.get("temperature")),
        top_p=number(body.get("top_p")),
        top_k=integer(body.get("top_k")),
        stop=[word for word in stop if isinstance(word, str)] or None if isinstance(stop, list) else None,
    )


def _format(body: JSONObject) -> OutputFormat | None:
    """``output_config.format``, or the ``output_format`` of its beta; Anthropic holds the model to a schema strictly."""
    stated = member(body.get("output_config"), "format") or body.get("output_format")
    schema = member(stated, "schema")
    if member(stated, "type") != "json_schema" or not isinstance(schema, dict):
        return None
    return OutputFormat("json_schema", schema=schema, strict=True)
