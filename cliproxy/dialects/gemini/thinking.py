"""``generationConfig.thinkingConfig`` of a Gemini body, in either spelling (thinking.md 3, 7)."""

from __future__ import annotations

from typing import Final, Literal

import attrs

from cliproxy.dialects.effort import respelt
from cliproxy.dialects.gemini.spelling import of
from cliproxy.dialects.interface import ThinkingFields
from cliproxy.dialects.members import filled, flag, integer
from cliproxy.ir.request import Thinking
from cliproxy.jsontypes import JSON, JSONObject

#: Levels that are switches.
_SWITCHES: Final[dict[str, Literal["none", "auto"]]] = {"none": "none", "auto": "auto"}

#: The level of Google's enumeration that is none.
_UNSPECIFIED: Final = "thinking_level_unspecified"

#: Budgets for an adaptive thinker's modest efforts; beyond them the model decides, as it does for Anthropic.
_ADAPTIVE: Final = {"minimal": 512, "low": 1024, "medium": 8192}


def read(body: JSONObject) -> Thinking | None:
    """The level, unless it is unspecified, or the budget."""
    config = of(of(body, "generationConfig", "generation_config"), "thinkingConfig", "thinking_config")
    include = flag(of(config, "includeThoughts", "include_thoughts"))
    level = (filled(of(config, "thinkingLevel", "thinking_level")) or "").strip().lower()
    if level and level != _UNSPECIFIED:
        return Thinking(_SWITCHES.get(level, "level"), level=level, include=include)
    budget = integer(of(config, "thinkingBudget", "thinking_budget"))
    if budget is not None:
        return Thinking("budget", budget=budget, include=include)
    return None if include is None else Thinking("include", include=include)


def write(body: JSONObject, wish: Thinking) -> None:
    """A level or a
    budget or neither, and never both; in camel case, and the snake spelling of it goes."""
    name = "generation_config" if isinstance(body.get("generation_config"), dict) else "generationConfig"
    generation = body.get(name)
    if not isinstance(generation, dict):
        generation = body[name] = {}
    snake = generation.pop("thinking_config", None)
    config = generation.get("thinkingConfig", snake)
    if not isinstance(config, dict):
        config = {}
    generation["thinkingConfig"] = config
    stated = of(config, "thinkingLevel", "thinking_level")
    for stale in ("include_thoughts", "thinking_level", "thinking_budget", "thinkingLevel", "thinkingBudget"):
        config.pop(stale, None)
    config.update(_said(wish, stated))


def _said(wish: Thinking, stated: JSON) -> JSONObject:
    if wish.mode == "include":
        return {"includeThoughts": wish.include is True}
    if wish.mode == "level" or (wish.mode == "none" and wish.level):
        return {"thinkingLevel": respelt(stated, wish.level or ""), "includeThoughts": wish.mode == "level"}
    if wish.mode == "none":
        return {**({} if wish.budget is None else {"thinkingBudget": wish.budget}), "includeThoughts": False}
    budget = -1 if wish.mode == "auto" or wish.budget is None else wish.budget
    return {"thinkingBudget": budget, "includeThoughts": budget > 0 or budget == -1}


def remove(body: JSONObject) -> None:
    """In both spellings."""
    for name in ("generationConfig", "generation_config"):
        if isinstance(body.get(name), dict):
            body[name].pop("thinkingConfig", None)
            body[name].pop("thinking_config", None)


def in_tokens(wish: Thinking) -> Thinking:
    """Another dialect's wish, with a budget for what Gemini has no word for (thinking.md 3.1)."""
    if wish.mode == "adaptive":
        return Thinking("budget", budget=_ADAPTIVE.get(wish.level or "", -1))
    return attrs.evolve(wish, budget=0) if wish.mode == "none" else wish


THINKING = ThinkingFields(read=read, write=write, remove=remove, counts_tokens=True)
