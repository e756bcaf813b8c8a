"""Automatic prompt caching for Anthropic: where to put ``cache_control`` when the client put none (providers.md 5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.shallow import look

#: Anthropic refuses a request with more breakpoints, the client's and ours together.
MOST_BREAKPOINTS: Final = 4


def mark_for_caching(body: JSONObject) -> None:
    """Mark the last tool, the last system block and the second-to-last user message, in this order, while room remains.

    A section in which the client has marked anything itself is left alone, and so is one before a mark of the client's that
    lasts longer than ours: Anthropic wants the longest first. Changes ``body`` in place, but nothing in it.
    """
    tools, system, messages = look(body, "tools"), look(body, "system"), look(body, "messages")
    whole = [body["cache_control"]] if "cache_control" in body else []
    in_tools, in_system, in_messages = (list(_marks(section)) for section in (tools, system, messages))
    in_messages += whole
    room = MOST_BREAKPOINTS - len(in_tools) - len(in_system) - len(in_messages)
    if room > 0 and not in_tools and not any(map(_lasts, in_system + in_messages)):
        room -= _put(body, "tools", _marked(tools))
    if room > 0 and not in_system and not any(map(_lasts, in_messages)):
        room -= _put(body, "system", _marked_text(system))
    if room > 0 and not in_messages and isinstance(messages, list):
        _put(body, "messages", _marked_turn(messages))


def _put(body: JSONObject, name: str, marked: JSON) -> bool:
    """Put a section in that has a mark; whether there is one."""
    if marked is None:
        return False
    body[name] = marked
    return True


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


def _marked_turn(messages: list[JSON]) -> JSON:
    """Messages with a mark at the end of what the next turn will repeat: its own last user message is still to be answered."""
    turns = [at for at, message in enumerate(messages) if isinstance(message, dict) and message.get("role") == "user"]
    if len(turns) < 2:
        return None
    at = turns[-2]
    turn: Any = messages[at]
    content = _marked_text(turn.get("content"))
    return None if content is None else [*messages[:at], {**turn, "content": content}, *messages[at + 1 :]]


def _marked_text(value: JSON) -> JSON:
    """A text as a block with a mark, or blocks with one; None where none can be."""
    if isinstance(value, str) and value.strip():
        return [{"type": "text", "text": value, "cache_control": {"type": "ephemeral"}}]
    return _marked(value)


def _marked(blocks: JSON) -> JSON:
    """Blocks of which the last that may carry a mark has one; None where none may. They are copies: a large body is read
    once for all who look at it, and not to be changed."""
    for at in reversed(range(len(blocks) if isinstance(blocks, list) else 0)):
        if _may_be_marked(blocks[at]):
            return [*blocks[:at], {**blocks[at], "cache_control": {"type": "ephemeral"}}, *blocks[at + 1 :]]
    return None


def _may_be_marked(block: JSON) -> bool:
    """Not thinking, not empty text, and not a tool that is loaded only when searched for."""
    if not isinstance(block, dict) or block.get("type") in ("thinking", "redacted_thinking"):
        return False
    if block.get("type") == "text":
        text = block.get("text")
        return isinstance(text, str) and bool(text.strip())
    return not block.get("defer_loading")
