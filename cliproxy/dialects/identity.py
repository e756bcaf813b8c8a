"""What is changed when client and upstream speak the same dialect (dialects.md 22): next to nothing.

Requests are edited in place. (To find the model's name among the bytes of a large request and put another there takes longer
than to write the request anew.) Of answers, the two things that must not pass are named here: Chat usage nobody asked for,
and the wrapper some gateways put around Gemini's objects.
"""

from __future__ import annotations

import attrs

from cliproxy.jsontypes import JSON, JSONObject


def unwrapped(dialect: str, payload: JSONObject) -> JSONObject:
    """``payload`` without the ``{"response": {...}}`` that some gateways put around Gemini's objects."""
    if dialect == "gemini" and "candidates" not in payload:
        inner = payload.get("response")
        if isinstance(inner, dict):
            return inner
    return payload


def without_usage(payload: JSONObject) -> JSONObject | None:
    """A Chat chunk for a client who did not ask for usage: itself, itself without the counts, or None when it is
    nothing else."""
    if not payload.get("usage"):
        return payload
    if not payload.get("choices"):
        return None
    return {name: value for name, value in payload.items() if name != "usage"}


def is_mid_answer(dialect: str, payload: JSONObject) -> bool:
    """Whether a payload is one more piece of content and nothing else, so that a listener who has seen the answer begin
    may skip it. Whatever can carry an error, usage, a finish or the start of a part is not."""
    if dialect == "claude":
        return payload.get("type") == "content_block_delta"
    if dialect == "responses":
        kind = payload.get("type")
        return isinstance(kind, str) and kind.endswith(".delta")
    if dialect == "openai":
        return _is_text_chunk(payload)
    return False


def is_error(dialect: str, payload: JSONObject) -> bool:
    """Whether a payload is an error as the dialect's clients know it, so that it can be left to tell them itself."""
    if dialect == "claude":
        return payload.get("type") == "error"
    if dialect == "responses":
        return payload.get("type") in ("error", "response.failed")
    return "error" in payload


def _is_text_chunk(payload: JSONObject) -> bool:
    choices = payload.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or payload.get("usage") or "error" in payload:
        return False
    choice = choices[0]
    if not isinstance(choice, dict) or choice.get("finish_reason"):
        return False
    delta = choice.get("delta")
    return isinstance(delta, dict) and bool(delta.get("content")) and not delta.get("tool_calls")


@attrs.define
class ResponseObject:
    """The ``response`` object that a Responses stream ends with, for a client that did not ask for a stream."""

    _items: dict[int, JSON] = attrs.field(factory=dict, init=False)
    _final: JSONObject | None = attrs.field(default=None, init=False)

    def see(self, payload: JSONObject) -> None:
        """Note one payload of the stream."""
        kind = payload.get("type")
        if kind == "response.output_item.done":
            index = payload.get("output_index")
            self._items[index if isinstance(index, int) else len(self._items)] = payload.get("item")
        elif kind in ("response.completed", "response.incomplete", "response.done"):
            response = payload.get("response")
            self._final = response if isinstance(response, dict) else None

    def body(self) -> JSONObject | None:
        """The object; an empty ``output`` is filled with the items that were streamed, in their order."""
        if self._final is not None and not self._final.get("output"):
            return {**self._final, "output": [self._items[index] for index in sorted(self._items)]}
        return self._final
