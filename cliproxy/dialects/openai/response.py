"""Chat Completions answers, both ways, and the tables the streams share with them (dialects.md 16-19)."""

from __future__ import annotations

from cliproxy.dialects import arguments, faults, finishes, media, token_counts
from cliproxy.dialects.interface import AnswerContext, Mint
from cliproxy.dialects.members import filled, integer, member, number, objects
from cliproxy.dialects.openai.parts import images, spoken, unknown
from cliproxy.dialects.toolids import call_arguments, custom_input
from cliproxy.dialects.unsaid import citations, note_unsaid
from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.ir.content import Extras, MediaPart, OpaquePart, Part, ReasoningPart, Signature, TextPart, ToolCallPart
from cliproxy.ir.events import Finish
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import FunctionTool
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSON, JSONObject, dumps_text


def read_usage(stated: JSON, tier: JSON = None) -> Usage | None:
    """``usage``: input includes what came from the cache, output includes reasoning. ``tier`` is ``service_tier``."""
    if not isinstance(stated, dict):
        return None
    usage = token_counts.read(stated)
    usage.tier, usage.cost = filled(tier), number(stated.get("cost"))
    return usage


def write_usage(usage: Usage | None) -> JSONObject:
    """``usage`` with both detail objects; what nobody counted is 0."""
    usage = usage or Usage()
    prompt, completion = usage.input or 0, usage.output or 0
    details = {"cached_tokens": usage.cached or 0}
    if usage.cache_write:
        details["cache_write_tokens"] = usage.cache_write
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
    }


def decode_response(body: JSONObject, mint: Mint) -> CompletionResponse:
    """Read an upstream's whole answer.

    :raises UpstreamFailure: it is an error, or has no choices (502).
    """
    if body.get("error"):
        raise UpstreamFailure(faults.read_event(body))
    choices = objects(body.get("choices"))
    if not choices:
        raise UpstreamFailure(ErrorDetail(502, "upstream answer is not a chat completion"))
    read = _united([(choice.get("index"), *_choice(choice, mint)) for choice in choices])
    return CompletionResponse(
        parts=read[0][0],
        finish=read[0][1],
        id=filled(body.get("id")),
        model=filled(body.get("model")),
        created=integer(body.get("created")),
        usage=read_usage(body.get("usage"), body.get("service_tier")),
        alternatives=read[1:],
        extras=Extras("openai", body),
    )


def _united(choices: list[tuple[JSON, list[Part], Finish]]) -> list[tuple[list[Part], Finish]]:
    """The answers of several choices. Those of one index are one answer, and so is one that ends for the sake of calls it has
    not, with the next that has nothing else (docs/spec/reports.md 4)."""
    found: dict[JSON, tuple[list[Part], Finish]] = {}
    for index, parts, finish in choices:
        place = index if isinstance(index, int) else 0
        if place not in found and found:
            first, ended = found[0] if 0 in found else next(iter(found.values()))
            if ended.unified == "tool_calls" and not any(map(_is_call, first)) and parts and all(map(_is_call, parts)):
                first.extend(parts)
                continue
        known, ended = found.setdefault(place, ([], finish))
        known.extend(parts)
        found[place] = known, finish if finish.unified != "stop" or ended.raw is None else ended
    return list(found.values())


def _is_call(part: Part) -> bool:
    return isinstance(part, ToolCallPart)


def _choice(choice: JSONObject, mint: Mint) -> tuple[list[Part], Finish]:
    message = choice.get("message")
    parts = _message_parts(message, mint) if isinstance(message, dict) else []
    called = any(map(_is_call, parts))
    refused = any(isinstance(part, TextPart) and part.refusal for part in parts)
    failed = finishes.failure(choice.get("finish_reason"), choice.get("error"))
    if failed is not None:
        raise UpstreamFailure(failed)
    return parts, finishes.read(choice.get("finish_reason"), called=called, refused=refused)


def _message_parts(message: JSONObject, mint: Mint) -> list[Part]:
    parts: list[Part] = []
    reasoning = filled(message.get("reasoning_content")) or filled(message.get("reasoning"))
    if reasoning:
        parts.append(ReasoningPart(reasoning, from_dialect="openai"))
    content = message.get("content")
    for kind, text in spoken(content):
        _say(parts, kind, text)
    parts.extend(OpaquePart("openai", part) for part in unknown(content))
    if named := citations(message.get("annotations")):
        parts.append(OpaquePart("openai", named))
    refusal = filled(message.get("refusal"))
    if refusal:
        parts.append(TextPart(refusal, refusal=True))
    shown = [*objects(message.get("images")), *images(content)]
    parts.extend(read_image(item) for item in shown if _image_url(item))
    legacy = message.get("function_call")
    calls = [*objects(message.get("tool_calls")), *([{"function": legacy}] if isinstance(legacy, dict) else [])]
    parts.extend(call for item in calls if (call := _read_call(item, mint)) is not None)
    return parts


def _say(parts: list[Part], kind: str, text: str) -> None:
    """Add text to the part it continues, or begin one."""
    last = parts[-1] if parts else None
    if kind == "reasoning":
        if isinstance(last, ReasoningPart):
            last.text += text
        else:
            parts.append(ReasoningPart(text, from_dialect="openai"))
    else:
        parts.append(TextPart(text, refusal=kind == "refusal"))


def _read_call(item: JSONObject, mint: Mint) -> ToolCallPart | None:
    """A call; a free-text one is read as the function it was declared to be (see :func:`write_call`)."""
    custom = item.get("custom")
    spoken = custom if isinstance(custom, dict) else item.get("function")
    name = filled(member(spoken, "name"))
    stated = member(spoken, "arguments")
    call_id = filled(item.get("id"))
    if isinstance(custom, dict):
        text = dumps_text({"input": custom.get("input") or ""})
    else:
        text = stated if isinstance(stated, str) else arguments.as_text(stated)
    if name is None and arguments.read(text) == {}:
        return None  # neither what nor with what: no call
    return ToolCallPart(
        call_id or mint("call_"),
        name or arguments.UNNAMED,
        text,
        signature=read_signature(item),
        minted=call_id is None,
    )


def read_signature(call: JSONObject) -> Signature | None:
    """Gemini's signature, as its Chat endpoint hides it in a call."""
    value = filled(member(member(call.get("extra_content"), "google"), "thought_signature"))
    return Signature("gemini", value) if value else None


def _image_url(item: JSONObject) -> str | None:
    return filled(member(item.get("image_url"), "url"))


def read_image(item: JSONObject) -> MediaPart:
    """A generated image of ``images``, the extension that OpenRouter and others answer with."""
    return media.image(_image_url(item) or "")


def encode_response(response: CompletionResponse, asked: AnswerContext) -> JSONObject:
    """Write a client's whole answer. One that was read from Chat is given back as it was."""
    if response.extras is not None and response.extras.origin == "openai":
        return response.extras.members
    choices = [(response.parts, response.finish), *response.alternatives]
    note_finish(asked.losses, response.finish)
    return {
        "id": response.id or asked.mint("chatcmpl-"),
        "object": "chat.completion",
        "created": asked.now if response.created is None else response.created,
        "model": response.model or asked.model,
        "choices": [
            {
                "index": index,
                "message": _write_message(parts, finish, asked),
                "finish_reason": finish.unified,
                "logprobs": None,
            }
            for index, (parts, finish) in enumerate(choices)
        ],
        "usage": write_usage(response.usage),
    }


def _write_message(parts: list[Part], finish: Finish, asked: AnswerContext) -> JSONObject:
    texts: list[str] = []
    refusals: list[str] = []
    thoughts: list[str] = []
    images: list[JSONObject] = []
    calls: list[JSONObject] = []
    free_text = custom_tools(asked)
    for part in parts:
        if isinstance(part, TextPart):
            (refusals if part.refusal else texts).append(part.text)
        elif isinstance(part, ReasoningPart):
            note_reasoning(asked.losses, part.redacted, part.signature)
            if part.text.strip():
                thoughts.append(part.text)
        elif isinstance(part, ToolCallPart):
            cut = arguments.is_cut(part.arguments, finish, last=part is parts[-1])
            calls.append(write_call(part, asked, free_text, cut=cut))
        elif isinstance(part, MediaPart) and part.kind == "image":
            images.append(write_image(part, len(images)))
        else:
            note_unsaid(asked.losses, part)
    message: JSONObject = {"role": "assistant", "content": "".join(texts) or None}
    if refusals:
        message["refusal"] = "".join(refusals)
    if thoughts:
        message["reasoning_content"] = "\n\n".join(thoughts)
    if images:
        message["images"] = images
    if calls:
        message["tool_calls"] = calls
    return message


def note_reasoning(losses: list[Loss], redacted: str | None, signature: Signature | None) -> None:
    """Chat shows the text of reasoning and nothing else of it."""
    if redacted is not None:
        losses.append(Loss("redacted_thinking"))
    elif signature is not None:
        losses.append(Loss("reasoning signature"))


def note_finish(losses: list[Loss], finish: Finish) -> None:
    """Chat says that a stop sequence matched, not which."""
    finishes.note(losses, finish)
    if finish.stop_sequence is not None:
        losses.append(Loss("matched stop sequence"))


def custom_tools(asked: AnswerContext) -> frozenset[str]:
    """The client's names of its free-text tools."""
    if asked.request is None:
        return frozenset()
    return frozenset(tool.name for tool in asked.request.tools if isinstance(tool, FunctionTool) and tool.custom)


def write_call(call: ToolCallPart, asked: AnswerContext, free_text: frozenset[str], *, cut: bool = False) -> JSONObject:
    """A call in the client's spelling; one of a free-text tool is unwrapped from ``{"input": text}`` again."""
    name = asked.tool_names.get(call.name, call.name)
    if name in free_text:
        text = call.arguments if call.custom else custom_input(call.arguments)
        custom = {"name": name, "input": call.arguments if text is None else text}
        return {"id": asked.call_id(call.id), "type": "custom", "custom": custom}
    out: JSONObject = {
        "id": asked.call_id(call.id),
        "type": "function",
        "function": {"name": name, "arguments": call.arguments if cut else call_arguments(call)},
    }
    if call.signature is not None:
        out["extra_content"] = write_signature(call.signature)
    return out


def write_signature(signature: Signature) -> JSONObject:
    """``extra_content`` of a call that Gemini signed."""
    return {"google": {"thought_signature": signature.value}}


def write_image(part: MediaPart, index: int) -> JSONObject:
    """A generated image of ``images``."""
    url = part.url if part.data is None else media.data_url(part)
    return {"type": "image_url", "index": index, "image_url": {"url": url}}
