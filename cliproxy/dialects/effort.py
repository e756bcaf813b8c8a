"""Reasoning effort as a word and as a budget in tokens (thinking.md 2, 3.1)."""

from __future__ import annotations

from typing import Final

from cliproxy.ir.request import Thinking
from cliproxy.jsontypes import JSON

#: Level word -> budget in tokens; -1 is "as the model sees fit".
BUDGETS: Final = {
    "none": 0,
    "auto": -1,
    "minimal": 512,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 32768,
    "max": 128000,
}

_CEILINGS: Final = ((512, "minimal"), (1024, "low"), (8192, "medium"), (24576, "high"))


def budget_of(level: str) -> int | None:
    """The budget of a level word, None for an unknown one."""
    return BUDGETS.get(level)


def level_of(budget: int) -> str | None:
    """The level a budget falls in, None for one below -1."""
    if budget < -1:
        return None
    if budget <= 0:
        return "auto" if budget else "none"
    for ceiling, level in _CEILINGS:
        if budget <= ceiling:
            return level
    return "xhigh"


def thinking_of(word: str, summary: str | None = None) -> Thinking | None:
    """OpenAI's effort word as neutral thinking; an empty word asks for nothing."""
    level = word.strip().lower()
    if not level:
        return None
    if level == "none":
        return Thinking("none", level=level, summary=summary)
    if level == "auto":
        return Thinking("auto", level=level, summary=summary)
    return Thinking("level", level=level, summary=summary)


def effort_word(thinking: Thinking) -> str | None:
    """Neutral thinking as OpenAI's effort word; None where it asks for no effort (Gemini's includeThoughts alone), or
    leaves it to the model, for which OpenAI has no word."""
    if thinking.mode == "none":
        return thinking.level or "none"
    if thinking.mode == "budget":
        return None if thinking.budget is None else level_of(thinking.budget)
    return thinking.level if thinking.mode in ("level", "adaptive") else None


def respelt(stated: JSON, word: str) -> str:
    """``word``, as the body spells it where it says so already."""
    said = stated.strip() if isinstance(stated, str) else ""
    return said if said.lower() == word else word
