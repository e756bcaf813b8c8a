"""What is changed of a Responses body on its way to a Responses upstream (dialects.md 22)."""

from __future__ import annotations

from cliproxy.dialects import signatures
from cliproxy.jsontypes import JSON, JSONObject


def edit_request(body: JSONObject, *, model: str, stream: bool) -> None:
    """See :attr:`Dialect.edit_request <cliproxy.dialects.interface.Dialect.edit_request>`."""
    body["model"] = model
    if stream or "stream" in body:
        body["stream"] = stream
    repair(body)


def repair(body: JSONObject) -> None:
    """Take out of a Responses body the reasoning that its vendor cannot read: sealed by another, or, since nothing is stored
    upstream, not sealed at all.

    A client that changes models in mid-conversation sends it. ``body`` is changed in place, but not what it holds.
    """
    items = body.get("input")
    if isinstance(items, list) and any(map(_is_foreign, items)):
        body["input"] = [item for item in items if not _is_foreign(item)]


def _is_foreign(item: JSON) -> bool:
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return False
    value = item.get("encrypted_content")
    return not value or signatures.replayed(str(value), "responses").origin in ("claude", "gemini", "bypass")
