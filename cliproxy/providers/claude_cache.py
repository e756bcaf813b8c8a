"""Automatic prompt caching for Anthropic: where to put ``cache_control`` when the client put none (providers.md 5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.shallow import look

#: Anthropic refuses a request with more breakpoints, the client's and ours together.
MOST_BREAKPOINTS: Final = 4


def mark_for_caching(body: JSONObject) -> None:
    """Mark the last tool, the last system block and the second-to-last user message, in this order, while room remains.

    A section in which the client has marked anything itself is left alone, and so is one before a mark of the client's that
    lasts longer than ours: Anthropic wants the longest first. Changes ``body`` in place.
    """
    tools, system, messages = look(body, "tools"), look(body, "system"), look(body, "messages")
    whole = [body["cache_control"]] if "cache_control" in body else []
    in_tools, in_system, in_messages = (list(_marks(section)) for section in (tools, system, messages))
    in_messages += whole
    room = MOST_BREAKPOINTS - len(in_tools) - len(in_system) - len(in_messages)
    if room > 0 and not in_tools and not any(map(_lasts, in_system + in_messages)) and isinstance(tools, list):
        room -= _mark_last(body["tools"])
    if room > 0 and not in_system and not any(map(_lasts, in_messages)):
        room -= _mark_text_or_blocks(body, "system")
    if room > 0 and not in_messages and (turn := _second_to_last_user(body.get("messages"))):
        _mark_text_or_blocks(turn, "content")


def _marks(section: JSON) -> Iterator[JSON]:
    """The breakpoints in tools, system blocks, or messages with the results nested in them."""
    for item in section if isinstance(section, list) else ():
        if isinstance(item, dict):
            if item.get("cache_control") is not None:
                yield item["cache_control"]
            yield from _marks(item.get("content"))


def _lasts(mark: JSON) -> bool:
    """Whether a breakpoint outlives the five minutes of one without ``ttl``."""
    return isinstance(mark, dict) and mark.get("ttl") not in (None, "5m")


def _second_to_last_user(messages: JSON) -> JSONObject | None:
    """The end of what the next turn will repeat: its own last user message is still to be answered."""
    turns = (
        [m for m in messages if isinstance(m, dict) and m.get("role") == "user"] if isinstance(messages, list) else []
    )
    return turns[-2] if len(turns) >= 2 else None


def _mark_text_or_blocks(holder: JSONObject, name: str) -> bool:
    value = holder.get(name)
    if isinstance(value, str) and value.strip():
        holder[name] = [{"type": "text", "text": value, "cache_control": {"type": "ephemeral"}}]
        return True
    return isinstance(value, list) and _mark_last(value)


def _mark_last(blocks: list[JSON]) -> bool:
    """Mark the last block that may carry a mark; whether there was one."""
    for at in range(len(blocks) - 1, -1, -1):
        if _may_be_marked(blocks[at]):
            blocks[at]["cache_control"] = {"type": "ephemeral"}
            return True
    return False


def _may_be_marked(block: JSON) -> bool:
    """Not thinking, not empty text, and not a tool that is loaded only when searched for."""
    if not isinstance(block, dict) or block.get("type") in ("thinking", "redacted_thinking"):
        return False
    if block.get("type") == "text":
        text = block.get("text")
        return isinstance(text, str) and bool(text.strip())
    return not block.get("defer_loading")
