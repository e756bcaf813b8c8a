"""Anthropic answers, both ways, and the tables the streams share with them (dialects.md 16-19)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from cliproxy.dialects import arguments, faults, finishes, signatures, token_counts
from cliproxy.dialects.claude.signed import SLOT
from cliproxy.dialects.cut_calls import whole_parts
from cliproxy.dialects.interface import AnswerContext, Mint
from cliproxy.dialects.members import filled, integer, member, objects, text
from cliproxy.dialects.toolids import call_arguments
from cliproxy.dialects.unsaid import citations, note_unsaid
from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.ir.content import Extras, OpaquePart, Part, ReasoningPart, TextPart, ToolCallPart
from cliproxy.ir.events import Finish
from cliproxy.ir.loss import Loss
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSON, JSONObject

#: Anthropic's own words; what others say is said in one of them.
_OWN: Final = frozenset(
    ("end_turn", "stop_sequence", "pause_turn", "tool_use", "max_tokens", "model_context_window_exceeded", "refusal")
)
_STOP_REASON: Final[dict[finishes.Unified, str]] = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "content_filter": "refusal",
}


def read_finish(word: JSON, sequence: JSON) -> Finish:
    """``stop_reason`` and ``stop_sequence`` as a neutral finish."""
    finish = finishes.read(word)
    finish.stop_sequence = text(sequence)
    return finish


def write_finish(finish: Finish) -> JSONObject:
    """``stop_reason`` and ``stop_sequence``. A word of Anthropic's own is given back as it was."""
    if finish.stop_sequence is not None and finish.unified == "stop":
        return {"stop_reason": "stop_sequence", "stop_sequence": finish.stop_sequence}
    own = finish.raw if finish.raw in _OWN and finishes.read(finish.raw).unified == finish.unified else None
    return {"stop_reason": own or _STOP_REASON[finish.unified], "stop_sequence": None}


def read_usage(stated: JSON) -> Usage | None:
    """``usage``: Anthropic counts what the cache read and wrote beside the input, the IR counts it in."""
    if not isinstance(stated, dict):
        return None
    usage = token_counts.read(stated)
    known = [count for count in (usage.input, usage.cached, usage.cache_write) if count is not None]
    usage.input = sum(known) if known else None
    usage.cache_write_1h = integer(member(stated.get("cache_creation"), "ephemeral_1h_input_tokens"))
    usage.tier = filled(stated.get("service_tier"))
    return usage


def write_usage(usage: Usage | None) -> JSONObject:
    """``usage``: what the cache gave and took is taken out of the input again, and said where there was any."""
    usage = usage or Usage()
    cached, written = usage.cached or 0, usage.cache_write or 0
    out: JSONObject = {
        "input_tokens": max(0, (usage.input or 0) - cached - written),
        "output_tokens": usage.output or 0,
    }
    if cached > 0:
        out["cache_read_input_tokens"] = cached
    if written > 0:
        out["cache_creation_input_tokens"] = written
    return out


def decode_response(body: JSONObject, mint: Mint) -> CompletionResponse:
    """Read an upstream's whole answer.

    :raises UpstreamFailure: it is an error, or not a message (502).
    """
    if isinstance(body.get("error"), dict):
        raise UpstreamFailure(faults.read_event(body))
    if not isinstance(body.get("content"), list):
        raise UpstreamFailure(ErrorDetail(502, "upstream answer is not a message"))
    failed = finishes.failure(body.get("stop_reason"))
    if failed is not None:
        raise UpstreamFailure(failed)
    return CompletionResponse(
        parts=[part for block in objects(body["content"]) for part in _read_block(block, mint)],
        finish=read_finish(body.get("stop_reason"), body.get("stop_sequence")),
        id=filled(body.get("id")),
        model=filled(body.get("model")),
        usage=read_usage(body.get("usage")),
        extras=Extras("claude", body),
    )


def _read_block(block: JSONObject, mint: Mint) -> Iterator[Part]:
    if block.get("type") != "text":
        yield _read_other(block, mint)
        return
    if words := filled(block.get("text")):
        yield TextPart(words)
    if named := citations(block.get("citations")):
        yield OpaquePart("claude", named)


def _read_other(block: JSONObject, mint: Mint) -> Part:
    kind = block.get("type")
    if kind == "tool_use":
        call_id = filled(block.get("id"))
        given = block.get("input")
        return ToolCallPart(
            call_id or mint("toolu_"),
            filled(block.get("name")) or arguments.UNNAMED,
            arguments.as_text(given),
            minted=call_id is None,
        )
    if kind == "thinking":
        value = filled(block.get("signature"))
        return ReasoningPart(
            text(block.get("thinking")) or "",
            signature=signatures.minted(value, SLOT) if value else None,
            from_dialect="claude",
        )
    if kind == "redacted_thinking":
        return ReasoningPart("", redacted=text(block.get("data")) or "", from_dialect="claude")
    return OpaquePart("claude", block)


def encode_response(response: CompletionResponse, asked: AnswerContext) -> JSONObject:
    """Write a client's whole answer. One that was read from Anthropic's dialect is given back as it was."""
    if response.extras is not None and response.extras.origin == "claude":
        return response.extras.members
    asked.losses.extend(Loss("additional candidate", meaning=True) for _ in response.alternatives)
    finishes.note(asked.losses, response.finish)
    return {
        "id": response.id or asked.mint("msg_"),
        "type": "message",
        "role": "assistant",
        "model": response.model or asked.model,
        "content": [block for part in whole_parts(response, asked) for block in _write_blocks(part, asked)],
        **write_finish(response.finish),
        "usage": write_usage(response.usage),
    }


def shows_reasoning(asked: AnswerContext) -> bool:
    """Whether the client asked for thinking, in its body or by the model's suffix. One that did not takes the first block
    for the answer."""
    if asked.model.endswith(")"):
        return not asked.model.lower().endswith(("(none)", "(0)"))
    thinking = asked.request.thinking if asked.request is not None else None
    return asked.request is None or (thinking is not None and thinking.mode != "none")


def _write_blocks(part: Part, asked: AnswerContext) -> Iterator[JSONObject]:
    if isinstance(part, ReasoningPart) and not shows_reasoning(asked):
        return
    if isinstance(part, ToolCallPart) and part.signature is not None:
        signed = signatures.signed_id(part.id, part.signature)
        if len(signed) > signatures.ID_LIMIT and shows_reasoning(asked):
            yield from _write_blocks(ReasoningPart("", part.signature), asked)
        else:
            part = attrs.evolve(part, id=signed)
    block = _write_block(part, asked)
    if block is not None:
        yield block


def _write_block(part: Part, asked: AnswerContext) -> JSONObject | None:
    if isinstance(part, TextPart):
        if part.refusal:
            asked.losses.append(Loss("refusal marker"))
        return {"type": "text", "text": part.text} if part.text else None
    if isinstance(part, ToolCallPart):
        given = arguments.as_object(call_arguments(part), asked.losses)
        return {**call_block(part.id, part.name, asked), "input": given}
    if isinstance(part, ReasoningPart):
        if part.redacted is not None:
            return {"type": "redacted_thinking", "data": part.redacted}
        value = signatures.carried(part.signature, SLOT) if part.signature is not None else None
        return {"type": "thinking", "thinking": part.text, "signature": value or ""} if part.text or value else None
    note_unsaid(asked.losses, part)
    return None


def call_block(call_id: str, name: str, asked: AnswerContext) -> JSONObject:
    """A ``tool_use`` block before its input, in the client's spelling of the tool."""
    return {"type": "tool_use", "id": asked.call_id(call_id), "name": asked.tool_names.get(name, name), "input": {}}
