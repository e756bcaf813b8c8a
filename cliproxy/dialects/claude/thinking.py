"""``thinking`` of an Anthropic body, and the effort beside it (thinking.md 3, 7)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.effort import budget_of, respelt
from cliproxy.dialects.interface import ThinkingFields
from cliproxy.dialects.members import filled, integer, member
from cliproxy.ir.request import Thinking
from cliproxy.jsontypes import JSONObject

#: Types of thinking that the model decides about, guided by ``output_config.effort``.
_ADAPTIVE: Final = ("adaptive", "between_tools")


def read(body: JSONObject) -> Thinking | None:
    """``thinking``, or the effort alone, which stands without thinking too."""
    stated = body.get("thinking")
    kind, budget = member(stated, "type"), integer(member(stated, "budget_tokens"))
    effort = filled(member(body.get("output_config"), "effort"))
    level = (effort or "").strip().lower() or None
    if kind == "disabled":
        return Thinking("none")
    if kind in _ADAPTIVE:
        return Thinking("adaptive", level=level)
    if budget is not None:
        return Thinking("budget", budget=budget)
    if kind == "enabled":
        return Thinking("auto")
    return Thinking("level", level=level) if level else None


def write(body: JSONObject, wish: Thinking) -> None:
    """What else ``thinking`` says, ``display`` for one, is kept where it thinks."""
    stated = body.get("thinking")
    old = stated if isinstance(stated, dict) else {}
    kept = {name: value for name, value in old.items() if name not in ("type", "budget_tokens")}
    if wish.mode == "none":
        remove(body)
        body["thinking"] = {"type": "disabled"}
    elif wish.mode in ("budget", "auto"):
        remove(body)
        body["thinking"] = {"type": "enabled", **_tokens(wish), **kept}
    elif wish.mode in ("level", "adaptive"):
        body["thinking"] = {"type": old["type"] if old.get("type") in _ADAPTIVE else "adaptive", **kept}
        if wish.summary is not None:
            body["thinking"].setdefault("display", "summarized")
        if wish.level is not None:
            output = body.get("output_config")
            output = output if isinstance(output, dict) else {}
            body["output_config"] = {**output, "effort": respelt(output.get("effort"), wish.level)}


def _tokens(wish: Thinking) -> JSONObject:
    return {} if wish.mode == "auto" or wish.budget is None else {"budget_tokens": wish.budget}


def remove(body: JSONObject) -> None:
    """Thinking that adapts was asked for with an effort, which goes with it."""
    thinking = body.pop("thinking", None)
    if member(thinking, "type") not in _ADAPTIVE:
        return
    output = body.get("output_config")
    if isinstance(output, dict) and output.pop("effort", None) is not None and not output:
        del body["output_config"]


def in_tokens(wish: Thinking) -> Thinking | None:
    """Another dialect's wish in the words that every model of Anthropic's knows: off, on, or a budget (thinking.md 3.1). None
    where nothing, or an unknown word, was asked."""
    budget = wish.budget
    if wish.mode == "level":
        budget = budget_of(wish.level or "")
        if budget is None:
            return None
    if wish.mode == "include" and not wish.include:
        return None
    if wish.mode == "none" or budget == 0:
        return Thinking("none")
    return Thinking("auto") if budget is None or budget < 0 else Thinking("budget", budget=budget)


THINKING = ThinkingFields(
    read=read, write=write, remove=remove, counts_tokens=True, adapts=True, budget_below="max_tokens"
)
