"""What is changed of an Anthropic body on its way to Anthropic (dialects.md 22)."""

from __future__ import annotations

from cliproxy.dialects import signatures
from cliproxy.dialects.claude.signed import SLOT
from cliproxy.dialects.interface import Passthrough, say_model
from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.shallow import look


def edit_request(body: JSONObject, *, model: str, stream: bool) -> None:
    """See :attr:`Passthrough.edit_request <cliproxy.dialects.interface.Passthrough.edit_request>`."""
    say_model(body, model, stream)
    repair(body)


def repair(body: JSONObject) -> None:
    """Take out of an Anthropic body what Anthropic would reject: reasoning unsigned, or signed by another vendor.

    A client that changes models in mid-conversation sends it. ``body`` is changed in place, but not what it holds.
    """
    messages = look(body, "messages")
    if not isinstance(messages, list) or not any(_foreign_in(message) for message in messages):
        return
    mended = []
    for message in messages:
        if _foreign_in(message):
            kept = [block for block in message["content"] if not _is_foreign(block)]
            if kept:
                mended.append({**message, "content": kept})
        else:
            mended.append(message)
    body["messages"] = mended


def _foreign_in(message: JSON) -> bool:
    content = message.get("content") if isinstance(message, dict) else None
    return isinstance(content, list) and any(map(_is_foreign, content))


def _is_foreign(block: JSON) -> bool:
    if not isinstance(block, dict) or block.get("type") != "thinking":
        return False
    value = block.get("signature")
    return not value or signatures.replayed(str(value), SLOT).origin in ("openai", "gemini", "bypass")


def _is_mid_answer(payload: JSONObject) -> bool:
    return payload.get("type") == "content_block_delta"


def _is_error(payload: JSONObject) -> bool:
    return payload.get("type") == "error"


PASSTHROUGH = Passthrough(
    edit_request=edit_request, is_mid_answer=_is_mid_answer, is_error=_is_error, names_events=True
)
