"""``reasoning_effort`` of a Chat body (thinking.md 3)."""

from __future__ import annotations

from cliproxy.dialects.effort import effort_word, respelt, thinking_of
from cliproxy.dialects.interface import ThinkingFields
from cliproxy.dialects.members import text
from cliproxy.ir.request import Thinking
from cliproxy.jsontypes import JSONObject

_NAME = "reasoning_effort"


def read(body: JSONObject) -> Thinking | None:
    """The effort word."""
    return thinking_of(text(body.get(_NAME)) or "")


def write(body: JSONObject, wish: Thinking) -> None:
    """The effort word; auto has none, and is the model's default."""
    word = effort_word(wish)
    if word is not None:
        body[_NAME] = respelt(body.get(_NAME), word)
    elif wish.mode == "auto":
        remove(body)


def remove(body: JSONObject) -> None:
    """Without a word the model's default holds."""
    body.pop(_NAME, None)


THINKING = ThinkingFields(read=read, write=write, remove=remove)
