"""What is changed of a Responses body on its way to a Responses upstream (dialects.md 22)."""

from __future__ import annotations

import attrs

from cliproxy.dialects import signatures
from cliproxy.dialects.interface import Passthrough, say_model
from cliproxy.dialects.responses.signed import SLOT
from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.shallow import look


def edit_request(body: JSONObject, *, model: str, stream: bool) -> None:
    """See :attr:`Passthrough.edit_request <cliproxy.dialects.interface.Passthrough.edit_request>`."""
    say_model(body, model, stream)
    repair(body)


def repair(body: JSONObject) -> None:
    """Take out of a Responses body the reasoning that its vendor cannot read: sealed by another, or, since nothing is stored
    upstream, not sealed at all.

    A client that changes models in mid-conversation sends it. ``body`` is changed in place, but not what it holds.
    """
    items = look(body, "input")
    if isinstance(items, list) and any(map(_is_foreign, items)):
        body["input"] = [item for item in items if not _is_foreign(item)]


def _is_foreign(item: JSON) -> bool:
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return False
    value = item.get("encrypted_content")
    return not value or signatures.replayed(str(value), SLOT).origin in ("claude", "gemini", "bypass")


def _is_mid_answer(payload: JSONObject) -> bool:
    kind = payload.get("type")
    return isinstance(kind, str) and kind.endswith(".delta")


def _is_error(payload: JSONObject) -> bool:
    return payload.get("type") in ("error", "response.failed")


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


PASSTHROUGH = Passthrough(
    edit_request=edit_request, is_mid_answer=_is_mid_answer, is_error=_is_error, streamed_whole=ResponseObject
)
