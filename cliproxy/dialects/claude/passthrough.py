"""What is changed of an Anthropic body on its way to Anthropic (dialects.md 22)."""

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
    """Take out of an Anthropic body what Anthropic would reject: reasoning unsigned, or signed by another vendor.

    A client that changes models in mid-conversation sends it. ``body`` is changed in place, but not what it holds.
    """
    messages = body.get("messages")
    if not isinstance(messages, list):
        return
    mended = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list) and any(_is_foreign(block) for block in content):
            kept = [block for block in content if not _is_foreign(block)]
            if kept:
                mended.append({**message, "content": kept})
        else:
            mended.append(message)
    body["messages"] = mended


def _is_foreign(block: JSON) -> bool:
    if not isinstance(block, dict) or block.get("type") != "thinking":
        return False
    value = block.get("signature")
    return not value or signatures.replayed(str(value), "claude").origin in ("openai", "gemini", "bypass")
