"""What Amp's clients must see in an answer served by another model. Pure, and on payloads, never on socket chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cliproxy.jsontypes import JSON, JSONObject

_NAMES: Final = ("model", "modelVersion")
_HOLDERS: Final = ("response", "message")


def renamed(asked: str) -> Callable[[JSONObject], JSONObject]:
    """An edit that puts the asked name wherever a payload names its model, and drops thinking beside tool calls.

    ``model`` and ``modelVersion``, at the top and in ``response`` and ``message``. In a body whose ``content`` has a
    ``tool_use`` block the ``thinking`` blocks go: the CLI mishandles the two together (amp.md 5).
    """

    def edit(payload: JSONObject) -> JSONObject:
        changes: JSONObject = {name: asked for name in _NAMES if name in payload}
        for holder in _HOLDERS:
            held = payload.get(holder)
            if isinstance(held, dict) and any(name in held for name in _NAMES):
                changes[holder] = {**held, **{name: asked for name in _NAMES if name in held}}
        content = payload.get("content")
        if isinstance(content, list) and _has(content, "tool_use") and _has(content, "thinking"):
            changes["content"] = [block for block in content if not _is(block, "thinking")]
        return {**payload, **changes} if changes else payload

    return edit


def _is(block: JSON, kind: str) -> bool:
    return isinstance(block, dict) and block.get("type") == kind


def _has(content: list[JSON], kind: str) -> bool:
    return any(_is(block, kind) for block in content)
