"""Responses output items and envelopes, written alike in whole answers and in streams (dialects.md 16-19)."""

from __future__ import annotations

from typing import Final

import attrs

from cliproxy.dialects import arguments, finishes, signatures, token_counts
from cliproxy.dialects.interface import AnswerContext
from cliproxy.dialects.members import filled, member, number
from cliproxy.dialects.responses.decode_content import redacted_envelope
from cliproxy.dialects.responses.signed import SLOT
from cliproxy.dialects.toolids import custom_input
from cliproxy.ir.content import MediaPart, Signature
from cliproxy.ir.events import Finish
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import FunctionTool
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSON, JSONObject, dumps_text

#: What an answer repeats of its request, and what it says where the client said nothing.
_ECHOED: Final[dict[str, JSON]] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": None,
    "safety_identifier": None,
    "service_tier": None,
    "store": None,
    "temperature": None,
    "text": None,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": None,
    "top_p": None,
    "truncation": None,
    "user": None,
}


def response_id(upstream: str | None, asked: AnswerContext) -> str:
    """``resp_`` and the upstream's id, or a fresh one."""
    if not upstream:
        return asked.mint("resp_")
    return upstream if upstream.startswith("resp_") else f"resp_{upstream}"


def envelope(asked: AnswerContext, id_: str, model: str | None, created: int | None) -> JSONObject:
    """A response object with everything but its course: ``status``, ``output`` and ``usage`` are still those of a start."""
    said = asked.body
    echo = {key: default if said.get(key) is None else said[key] for key, default in _ECHOED.items()}
    return {
        "id": id_,
        "object": "response",
        "created_at": asked.now if created is None else created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": model or asked.model,
        "output": [],
        **echo,
        "usage": None,
    }


def finished(
    base: JSONObject, output: list[JSONObject], redacted: list[JSONObject], finish: Finish, usage: Usage | None
) -> JSONObject:
    """The envelope of an answer that ended cleanly: ``completed``, or ``incomplete`` with the reason, which is a last
    message's too; a call's status is its own. ``redacted`` follows ``output`` (see :class:`Redacted`)."""
    reason = _incomplete_reason(output, finish)
    if reason is not None and output and output[-1]["type"] == "message":
        output = [*output[:-1], {**output[-1], "status": "incomplete"}]
    return {
        **base,
        "status": "completed" if reason is None else "incomplete",
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": [*output, *redacted],
        "usage": write_usage(usage),
    }


def is_incomplete(finish: Finish, output: list[JSONObject], item: JSONObject) -> bool:
    """Whether an answer that ends with ``item`` is incomplete, and the item with it."""
    return _incomplete_reason([*output, item], finish) is not None


def _incomplete_reason(output: list[JSONObject], finish: Finish) -> str | None:
    if finish.unified == "length":
        return "max_output_tokens"
    if finish.unified != "content_filter":
        return None
    refused = any(part["type"] == "refusal" for item in output for part in item.get("content") or ())
    return None if refused else "content_filter"


def write_usage(usage: Usage | None) -> JSONObject:
    """``usage`` with both detail objects; what nobody counted is 0, but cache writes are said only where there were any."""
    usage = usage or Usage()
    input_, output = usage.input or 0, usage.output or 0
    details: JSONObject = {"cached_tokens": usage.cached or 0}
    if usage.cache_write:
        details["cache_write_tokens"] = usage.cache_write
    return {
        "input_tokens": input_,
        "input_tokens_details": details,
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": input_ + output,
    }


def read_created(response: JSONObject) -> int | None:
    """``created_at`` in whole seconds; OpenAI's own types have fractions."""
    stated = number(response.get("created_at"))
    return None if stated is None else int(stated)


def read_usage(stated: JSON, tier: JSON = None) -> Usage | None:
    """``usage``: input includes what came from the cache, output includes reasoning. ``tier`` is ``service_tier``."""
    if not isinstance(stated, dict):
        return None
    usage = token_counts.read(stated)
    usage.tier, usage.cost = filled(tier), number(stated.get("cost"))
    return usage


def read_finish(response: JSONObject, *, called: bool, refused: bool) -> Finish:
    """The status of an answer that ended, as a neutral finish."""
    status = filled(response.get("status"))
    if status == "incomplete":
        finish = finishes.read(filled(member(response.get("incomplete_details"), "reason")) or status)
        finish.unified = "content_filter" if finish.unified == "content_filter" else "length"
        return finish
    if called:
        return Finish("tool_calls", raw=status)
    return Finish("content_filter" if refused else "stop", raw=status)


def text_content(text: str) -> JSONObject:
    """A text part of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def refusal_content(text: str) -> JSONObject:
    """A refusal part of a message."""
    return {"type": "refusal", "refusal": text}


def message_item(id_: str, content: list[JSONObject], status: str = "completed") -> JSONObject:
    """What the model said."""
    return {"id": id_, "type": "message", "role": "assistant", "status": status, "content": content}


def reasoning_item(id_: str, text: str, sealed: str | None) -> JSONObject:
    """What the model thought: a summary, the sealed form, or both."""
    item: JSONObject = {"id": id_, "type": "reasoning", "summary": []}
    if text:
        item["summary"].append({"type": "summary_text", "text": text})
    if sealed is not None:
        item["encrypted_content"] = sealed
    return item


def sealed_form(signature: Signature | None) -> str | None:
    """``encrypted_content``: the vendor's proof, in the form in which it comes home."""
    return signatures.carried(signature, SLOT) if signature is not None else None


def signed_call(call_id: str, signature: Signature | None) -> tuple[str, Signature | None]:
    """Where a call's signature travels: in the call's id while that stays short, else in a reasoning item, which a client
    sends back in front of the call. Gives the id, and what the item is to hold."""
    if signature is None:
        return call_id, None
    signed = signatures.signed_id(call_id, signature)
    if len(signed) <= signatures.ID_LIMIT:
        return signed, None
    return call_id, attrs.evolve(signature, value=signatures.wrap(signature))  # it is to go to no other vendor


@attrs.define
class Redacted:
    """Anthropic's redacted thinking, held back to follow everything else: the items a client counts are those it can
    read (see ``redacted_envelope``)."""

    _sealed: list[str] = attrs.field(factory=list, init=False)

    def hold(self, data: str, written: int) -> None:
        """Keep one that came after ``written`` items."""
        self._sealed.append(redacted_envelope(data, written + len(self._sealed)))

    def items(self, written: int, stem: str) -> list[JSONObject]:
        """The items of all that were kept, to stand after ``written`` others."""
        return [
            reasoning_item(f"rs_{stem}_{written + number}", "", sealed) for number, sealed in enumerate(self._sealed)
        ]


def image_item(id_: str, part: MediaPart) -> JSONObject:
    """A generated image."""
    format_ = (part.mime or "image/png").rpartition("/")[2]
    return {
        "id": id_,
        "type": "image_generation_call",
        "status": "completed",
        "result": part.data,
        "output_format": format_,
    }


class ToolNames:
    """How the client spelt its tools: namespace and free text restored (see ``decode_tools``)."""

    def __init__(self, asked: AnswerContext) -> None:
        self._names = asked.tool_names
        self._call_id = asked.call_id
        tools = asked.request.tools if asked.request is not None else []
        functions = [tool for tool in tools if isinstance(tool, FunctionTool)]
        self._tools = {tool.name: tool for tool in functions}
        self._bare: dict[str, list[FunctionTool]] = {}
        for tool in functions:
            if tool.extras is not None and "namespace" in tool.extras.members:
                self._bare.setdefault(tool.extras.members["name"], []).append(tool)

    def open_item(self, call_id: str, wire_name: str, *, custom: bool) -> JSONObject:
        """The item of a call that begins: its kind, id and name are known, its arguments are not."""
        call_id = self._call_id(call_id)
        name = self._names.get(wire_name, wire_name)
        tool = self._tools.get(name) or self._unqualified(name)
        special = tool.extras.members if tool is not None and tool.extras is not None else {}
        if special.get("type") == "tool_search":
            return {
                "id": f"tsc_{call_id}",
                "type": "tool_search_call",
                "status": "in_progress",
                "call_id": call_id,
                "execution": "client",
                "arguments": {},
            }
        spelt = {"name": special.get("name", name)}
        if "namespace" in special:
            spelt["namespace"] = special["namespace"]
        if tool.custom if tool is not None else custom:
            return {
                "id": f"ctc_{call_id}",
                "type": "custom_tool_call",
                "status": "in_progress",
                "call_id": call_id,
                **spelt,
                "input": "",
            }
        return {
            "id": f"fc_{call_id}",
            "type": "function_call",
            "status": "in_progress",
            "call_id": call_id,
            **spelt,
            "arguments": "",
        }

    def _unqualified(self, name: str) -> FunctionTool | None:
        """The namespaced tool that a bare name means, when it can mean no other."""
        found = self._bare.get(name, ())
        return found[0] if len(found) == 1 else None


def close_call(item: JSONObject, said: str, losses: list[Loss], *, custom: bool, cut: bool = False) -> JSONObject:
    """The item of a call that ended.

    :param custom: ``said`` is free text already, not JSON.
    :param cut: the output limit ended it: it is incomplete, with what there is of its arguments.
    """
    item = {**item, "status": "incomplete" if cut else "completed"}
    if item["type"] == "tool_search_call":
        return {**item, "arguments": arguments.as_object(said, losses)}
    if item["type"] == "custom_tool_call":
        text = None if custom else custom_input(said)
        return {**item, "input": said if text is None else text}
    if custom:
        return {**item, "arguments": dumps_text({"input": said})}
    return {**item, "arguments": said if cut else arguments.spelt(said) or "{}"}


def is_cut(said: str, finish: Finish, *, custom: bool, last: bool) -> bool:
    """Whether the output limit cut the call: free text has no end that could be missed, and is cut when it is the last."""
    return finish.unified == "length" and last if custom else arguments.is_cut(said, finish, last=last)


def note_finish(losses: list[Loss], finish: Finish) -> None:
    """Responses says that an answer ended, not which stop sequence ended it."""
    finishes.note(losses, finish)
    if finish.stop_sequence is not None:
        losses.append(Loss("matched stop sequence"))
