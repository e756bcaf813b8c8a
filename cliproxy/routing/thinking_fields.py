"""Where each provider dialect keeps its wish to think, read and written (thinking.md 3, 7, 8).

Bodies are changed in place. Members of a wrong type count as absent. Gemini bodies may be spelt in snake case; what is
written is camel case, and the snake spelling of it goes.
"""

from __future__ import annotations

from typing import Literal

import attrs

from cliproxy.jsontypes import JSON, JSONObject


@attrs.frozen
class Config:
    """One wish.

    :ivar mode: ``adaptive`` is Anthropic's "as the model sees fit" without an effort.
    :ivar level: the word of mode ``level``, as given; of mode ``none`` the lowest level of a model that cannot be
        silenced.
    :ivar budget: the tokens of mode ``budget``; of mode ``none`` those of a model that cannot be silenced.
    :ivar derived: the budget was made from a level.
    """

    mode: Literal["none", "auto", "level", "budget", "adaptive"]
    level: str = ""
    budget: int = 0
    derived: bool = False


NONE = Config("none")
AUTO = Config("auto", budget=-1)
ADAPTIVE = Config("adaptive")


def of_level(word: JSON) -> Config | None:
    """A level word as a wish; None for an empty one and for what is no word."""
    if not isinstance(word, str) or not word:
        return None
    lowered = word.lower()
    if lowered == "none":
        return NONE
    return AUTO if lowered == "auto" else Config("level", level=word)


def of_budget(tokens: JSON) -> Config | None:
    """A number of tokens as a wish; None for what is no whole number."""
    if isinstance(tokens, bool) or not isinstance(tokens, int | float) or tokens != int(tokens):
        return None
    if tokens == 0:
        return NONE
    return AUTO if tokens == -1 else Config("budget", budget=int(tokens))


def read(body: JSONObject, provider: str) -> Config | None:
    """The wish a provider-dialect body holds; None when it holds none."""
    if provider == "openai":
        return of_level(body.get("reasoning_effort"))
    if provider == "responses":
        return of_level(_object(body, "reasoning").get("effort"))
    return _read_claude(body) if provider == "claude" else _read_gemini(body)


def _object(holder: JSONObject, *names: str) -> JSONObject:
    """The first of these members that is an object; an empty one when none is."""
    for name in names:
        value = holder.get(name)
        if isinstance(value, dict):
            return value
    return {}


def _read_claude(body: JSONObject) -> Config | None:
    thinking = _object(body, "thinking")
    kind = thinking.get("type")
    if kind == "disabled":
        return NONE
    if kind == "adaptive":
        return of_level(_object(body, "output_config").get("effort")) or ADAPTIVE
    budget = of_budget(thinking.get("budget_tokens"))
    if budget is None and kind == "enabled":
        return AUTO
    return budget


def _read_gemini(body: JSONObject) -> Config | None:
    config = _object(_object(body, "generationConfig", "generation_config"), "thinkingConfig", "thinking_config")
    level = of_level(config.get("thinkingLevel", config.get("thinking_level")))
    return level if level is not None else of_budget(config.get("thinkingBudget", config.get("thinking_budget")))


def remove(body: JSONObject, provider: str) -> None:
    """Take the fields out: the model cannot think."""
    if provider == "openai":
        body.pop("reasoning_effort", None)
    elif provider == "responses":
        _object(body, "reasoning").pop("effort", None)
    elif provider == "claude":
        _drop_claude(body)
    else:
        for holder in (_object(body, "generationConfig"), _object(body, "generation_config")):
            holder.pop("thinkingConfig", None)
            holder.pop("thinking_config", None)


def _drop_claude(body: JSONObject) -> None:
    thinking = body.pop("thinking", None)
    if isinstance(thinking, dict) and thinking.get("type") == "adaptive":
        _drop_effort(body)


def _drop_effort(body: JSONObject) -> None:
    """The effort that adaptive thinking was asked with, and its holder when that leaves it empty."""
    output = _object(body, "output_config")
    if output.pop("effort", None) is not None and not output:
        del body["output_config"]


def write_effort(body: JSONObject, provider: str, word: str) -> None:
    """OpenAI's effort word, in either of its dialects."""
    if provider == "openai":
        body["reasoning_effort"] = word
        return
    reasoning = body.get("reasoning")
    if not isinstance(reasoning, dict):
        reasoning = body["reasoning"] = {}
    reasoning["effort"] = word


def write_gemini(body: JSONObject, *, level: str | None = None, budget: int | None = None, include: bool) -> None:
    """Gemini's ``thinkingConfig``: ``level`` or ``budget`` or neither, and never the other."""
    name = "generation_config" if isinstance(body.get("generation_config"), dict) else "generationConfig"
    generation = body.get(name)
    if not isinstance(generation, dict):
        generation = body[name] = {}
    snake = generation.pop("thinking_config", None)
    config = generation.get("thinkingConfig", snake)
    if not isinstance(config, dict):
        config = {}
    generation["thinkingConfig"] = config
    for stale in ("include_thoughts", "thinking_level", "thinking_budget", "thinkingLevel", "thinkingBudget"):
        config.pop(stale, None)
    if level is not None:
        config["thinkingLevel"] = level
    if budget is not None:
        config["thinkingBudget"] = budget
    config["includeThoughts"] = include


def write_claude_off(body: JSONObject) -> None:
    """``thinking: disabled``."""
    _drop_claude(body)
    body["thinking"] = {"type": "disabled"}


def write_claude_budget(body: JSONObject, budget: int | None) -> None:
    """``thinking: enabled`` with a budget, or without one where the provider is to choose it."""
    kept = _other_members(body)
    _drop_claude(body)
    body["thinking"] = {"type": "enabled", **({} if budget is None else {"budget_tokens": budget}), **kept}


def write_claude_adaptive(body: JSONObject, effort: str | None) -> None:
    """``thinking: adaptive``; ``effort`` None leaves the effort as it is."""
    body["thinking"] = {"type": "adaptive", **_other_members(body)}
    if effort is None:
        return
    output = body.get("output_config")
    body["output_config"] = {**(output if isinstance(output, dict) else {}), "effort": effort}


def show_claude_summary(body: JSONObject) -> None:
    """Ask for the text of the thoughts, unless the body says how they are to be shown."""
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") == "adaptive":
        thinking.setdefault("display", "summarized")


def _other_members(body: JSONObject) -> JSONObject:
    """What ``thinking`` says besides how much, ``display`` for one."""
    return {name: value for name, value in _object(body, "thinking").items() if name not in ("type", "budget_tokens")}
