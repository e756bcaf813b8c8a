"""Gemini answers, both ways, and the tables the streams share with them (dialects.md 16-19)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from cliproxy.dialects import arguments, faults, finishes, signatures
from cliproxy.dialects.cut_calls import whole_parts
from cliproxy.dialects.gemini.encode_content import write_media
from cliproxy.dialects.gemini.parts import joined, read_arguments, read_part, read_signature
from cliproxy.dialects.gemini.signed import SLOT
from cliproxy.dialects.gemini.spelling import of, parts_of
from cliproxy.dialects.interface import AnswerContext, Mint
from cliproxy.dialects.members import filled, integer, objects
from cliproxy.dialects.toolids import call_arguments
from cliproxy.dialects.unsaid import citations, note_unsaid
from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.ir.content import Extras, MediaPart, OpaquePart, Part, ReasoningPart, Signature, TextPart, ToolCallPart
from cliproxy.ir.events import Finish
from cliproxy.ir.loss import Loss
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSON, JSONObject

#: Google's own words, which are given back as they were, and what others may say with them.
_OWN: Final[dict[str, finishes.Unified]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MALFORMED_FUNCTION_CALL": "stop",
    "UNEXPECTED_TOOL_CALL": "stop",
    "LANGUAGE": "stop",
    "OTHER": "stop",
}
_FINISH_REASON: Final[dict[finishes.Unified, str]] = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
}


def read_block(payload: JSONObject) -> Finish | None:
    """``promptFeedback.blockReason``: the prompt itself was refused."""
    reason = filled(of(of(payload, "promptFeedback", "prompt_feedback"), "blockReason", "block_reason"))
    return None if reason is None else Finish("content_filter", raw=reason)


def write_finish(finish: Finish) -> str:
    """``finishReason``. A word of Google's own is given back as it was."""
    usual = _FINISH_REASON[finish.unified]
    own = _OWN.get(finish.raw or "")
    return finish.raw if finish.raw and own is not None and _FINISH_REASON[own] == usual else usual


def note_finish(finish: Finish, asked: AnswerContext) -> None:
    """Record what ``finishReason`` cannot say."""
    finishes.note(asked.losses, finish)
    if finish.stop_sequence is not None:
        asked.losses.append(Loss("matched stop sequence"))


def read_usage(stated: JSON) -> Usage | None:
    """``usageMetadata``: Google counts tool use beside the prompt and thoughts beside the candidates; the IR counts them in."""
    if not isinstance(stated, dict):
        return None
    thoughts = integer(of(stated, "thoughtsTokenCount", "thoughts_token_count"))
    return Usage(
        input=_total(
            integer(of(stated, "promptTokenCount", "prompt_token_count")),
            integer(of(stated, "toolUsePromptTokenCount", "tool_use_prompt_token_count")),
        ),
        output=_total(integer(of(stated, "candidatesTokenCount", "candidates_token_count")), thoughts),
        cached=integer(of(stated, "cachedContentTokenCount", "cached_content_token_count")),
        reasoning=thoughts,
    )


def _total(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def write_usage(usage: Usage | None) -> JSONObject:
    """``usageMetadata``: reasoning is taken out of the output again."""
    usage = usage or Usage()
    prompt, output, thoughts = usage.input or 0, usage.output or 0, usage.reasoning or 0
    out: JSONObject = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": max(0, output - thoughts),
        "totalTokenCount": prompt + output,
    }
    if thoughts > 0:
        out["thoughtsTokenCount"] = thoughts
    if usage.cached:
        out["cachedContentTokenCount"] = usage.cached
    return out


def unwrapped(payload: JSONObject) -> JSONObject:
    """The object inside the ``{"response": {...}}`` some gateways put around it."""
    inner = None if "candidates" in payload else payload.get("response")
    return inner if isinstance(inner, dict) else payload


def read_created(payload: JSONObject) -> int | None:
    """``createTime`` (RFC 3339) in Unix seconds."""
    stated = filled(of(payload, "createTime", "create_time"))
    if stated is None:
        return None
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def decode_response(body: JSONObject, mint: Mint) -> CompletionResponse:
    """Read an upstream's whole answer.

    :raises UpstreamFailure: it is an error, or holds neither candidates nor a refusal of the prompt (502).
    """
    body = unwrapped(body)
    if isinstance(body.get("error"), dict):
        raise UpstreamFailure(faults.read_event(body))
    candidates = [_candidate(candidate, mint) for candidate in objects(body.get("candidates"))]
    if not candidates:
        blocked = read_block(body)
        if blocked is None:
            raise UpstreamFailure(ErrorDetail(502, "upstream answer holds no candidates"))
        candidates = [([], blocked)]
    return CompletionResponse(
        parts=candidates[0][0],
        finish=candidates[0][1],
        id=filled(of(body, "responseId", "response_id")),
        model=filled(of(body, "modelVersion", "model_version")),
        created=read_created(body),
        usage=read_usage(of(body, "usageMetadata", "usage_metadata")),
        alternatives=candidates[1:],
        extras=Extras("gemini", body),
    )


def _candidate(candidate: JSONObject, mint: Mint) -> tuple[list[Part], Finish]:
    content = candidate.get("content")
    raw = parts_of(content) if isinstance(content, dict) else []
    parts = joined(_read_part(part, mint) for part in objects(raw))
    named = stated_citations(candidate)
    if named is not None and parts:
        parts.insert(0, OpaquePart("gemini", named))
    called = any(isinstance(part, ToolCallPart) for part in parts)
    word, sentence = stated_finish(candidate)
    failed = finishes.failure(word, sentence)
    if failed is not None:
        raise UpstreamFailure(failed)
    return parts, finishes.read(word, called=called, sentence=sentence)


def stated_citations(candidate: JSONObject) -> JSONObject | None:
    """The sources of a candidate, as an opaque part's value."""
    return citations(
        of(candidate, "groundingMetadata", "grounding_metadata"), of(candidate, "citationMetadata", "citation_metadata")
    )


def stated_finish(candidate: JSONObject) -> tuple[str | None, str | None]:
    """``finishReason`` and ``finishMessage``."""
    return (
        filled(of(candidate, "finishReason", "finish_reason")),
        filled(of(candidate, "finishMessage", "finish_message")),
    )


def _read_part(part: JSONObject, mint: Mint) -> Part:
    call = of(part, "functionCall", "function_call")
    return read_call(part, call, mint) if isinstance(call, dict) else read_part(part, signatures.minted)


def read_call(part: JSONObject, call: JSONObject, mint: Mint) -> ToolCallPart:
    """A call of an answer; Gemini as a rule gives it no id."""
    call_id = filled(call.get("id"))
    return ToolCallPart(
        call_id or mint("call_"),
        filled(call.get("name")) or arguments.UNNAMED,
        read_arguments(call),
        signature=read_signature(part, signatures.minted),
        minted=call_id is None,
    )


def encode_response(response: CompletionResponse, asked: AnswerContext) -> JSONObject:
    """Write a client's whole answer. One that was read from Gemini's dialect is given back as it was."""
    if response.extras is not None and response.extras.origin == "gemini":
        return response.extras.members
    note_finish(response.finish, asked)
    candidates = [(whole_parts(response, asked), response.finish), *response.alternatives]
    return {
        "candidates": [
            {
                "content": {"role": "model", "parts": _write_parts(parts, asked)},
                "finishReason": write_finish(finish),
                "index": index,
            }
            for index, (parts, finish) in enumerate(candidates)
        ],
        "usageMetadata": write_usage(response.usage),
        "modelVersion": response.model or asked.model,
        "responseId": response.id or asked.mint(""),
    }


def _write_parts(parts: list[Part], asked: AnswerContext) -> list[JSONObject]:
    return [written for part in parts if (written := _write_part(part, asked)) is not None]


def _write_part(part: Part, asked: AnswerContext) -> JSONObject | None:
    if isinstance(part, TextPart):
        if part.refusal:
            asked.losses.append(Loss("refusal marker"))
        return {"text": part.text} if part.text else None
    if isinstance(part, ToolCallPart):
        return write_call(part, asked)
    if isinstance(part, ReasoningPart):
        if part.redacted is not None:
            asked.losses.append(Loss("redacted_thinking"))
            return None
        thought = signed({"text": part.text, "thought": True}, part.signature)
        return thought if part.text or "thoughtSignature" in thought else None
    written = write_media(part) if isinstance(part, MediaPart) else None
    if written is None:
        note_unsaid(asked.losses, part)
    return written


def write_call(call: ToolCallPart, asked: AnswerContext) -> JSONObject:
    """A ``functionCall`` part in the client's spelling of the tool; an id of our own making is not said."""
    name = asked.tool_names.get(call.name, call.name)
    written: JSONObject = {"name": name, "args": arguments.as_object(call_arguments(call), asked.losses)}
    if not call.minted:
        written["id"] = asked.call_id(call.id)
    return signed({"functionCall": written}, call.signature)


def signed(part: JSONObject, signature: Signature | None) -> JSONObject:
    """``part`` with ``thoughtSignature``, where there is one that Google's SDK can read."""
    value = signatures.carried(signature, SLOT) if signature is not None else None
    if value is not None:
        part["thoughtSignature"] = value
    return part
