"""How hard the model is to think: the ``model(value)`` notation, and what it and the body mean to this model
(thinking.md).

The stage runs on the body in the provider's dialect, after translation and before the payload rules. A suffix beats the
body, even one that makes no sense: that one leaves the body as it is, unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from cliproxy.dialects.effort import BUDGETS, level_of
from cliproxy.errors import RequestFault
from cliproxy.ir.request import Thinking
from cliproxy.jsontypes import JSONObject
from cliproxy.routing import thinking_fields as fields
from cliproxy.routing.capability import Capability, ModelInfo
from cliproxy.routing.thinking_fields import AUTO, NONE, Config

#: Level words from least to most; distances between them are counted here.
LEVELS = ("minimal", "low", "medium", "high", "xhigh", "max")

_BUDGET_DIALECTS = frozenset({"claude", "gemini"})
_NUMBER = re.compile(r"\+?[0-9]+")
_INT64_MAX = 2**63 - 1


def parse_suffix(name: str) -> tuple[str, str | None]:
    """(base, raw suffix); None without one. Only a name that ends with ``)`` has one, from its last ``(`` on."""
    base, mark, value = name.rpartition("(")
    if not mark or not value.endswith(")"):
        return name, None
    return base, value[:-1]


def parse_effort(name: str) -> tuple[str, str] | None:
    """``model-high`` read as model and level; None where it does not end in a level word."""
    base, _, level = name.rpartition("-")
    return (base, level) if base and (level.lower() == "none" or level.lower() in LEVELS) else None


def parse_value(value: str) -> Config | None:
    """What stands between the parentheses, read (thinking.md 1); None for what makes no sense."""
    lowered = value.lower()
    if lowered == "none":
        return NONE
    if lowered in ("auto", "-1"):
        return AUTO
    if lowered in LEVELS:
        return Config("level", level=lowered)
    if not _NUMBER.fullmatch(value) or len(value) > 40 or (tokens := int(value)) > _INT64_MAX:
        return None
    return Config("budget", budget=tokens) if tokens else NONE


def apply(
    body: JSONObject,
    *,
    client: str,
    provider: str,
    suffix: str | None,
    info: ModelInfo,
    codex: bool = False,
    said: Thinking | None = None,
) -> None:
    """Run the stage on ``body``, in place.

    :param client: the client's dialect, which decides how strictly its wish is taken.
    :param provider: the dialect of ``body``.
    :param suffix: the raw text between the parentheses; None without any.
    :param info: the upstream model, by its name without suffix.
    :param said: a foreign client's own words, which its body in another dialect may not have room for.
    :param codex: the provider is codex, which wants an effort of clients of other dialects: medium unless they said.
    :raises RequestFault: 400 with code UNKNOWN_LEVEL, LEVEL_NOT_SUPPORTED or BUDGET_OUT_OF_RANGE.
    """
    stated = fields.read(body, provider)
    if codex and client != provider and stated is None:
        stated = Config("level", level="medium")
        fields.write_effort(body, provider, stated.level)
        body["reasoning"].setdefault("summary", "auto")
    if said is not None and info.known and info.thinking is not None and info.thinking.levels:
        stated = _own_words(said) or stated
    wish = stated if suffix is None else parse_value(suffix)
    if not info.known:
        if wish is not None:
            _write_unchecked(body, wish, client, provider)
        return
    record = info.thinking
    if record is None or not (record.min > 0 or record.max > 0 or record.levels):
        if stated is not None:
            fields.remove(body, provider)
        return
    if wish is None:
        return
    wish = _validated(wish, record, client, provider, from_suffix=suffix is not None)
    if provider == "gemini":
        _write_gemini(body, wish, record)
    elif provider == "claude":
        _write_claude(body, wish, info, record)
        if client != provider and info.hides_thoughts:
            fields.show_claude_summary(body)
    else:
        _write_effort(body, wish, record, provider)


def _own_words(said: Thinking) -> Config | None:
    """A client's effort word, as it said it: on the way through a dialect of budgets ``max`` would become less."""
    if said.mode == "auto":
        return AUTO
    word = said.level if said.mode in ("level", "adaptive") else None
    return Config("level", level=word) if word and word.lower() in LEVELS else None


def nearest(level: str, levels: Sequence[str]) -> str | None:
    """The one of ``levels`` nearest to ``level``, the lower of two as near; None when it or all of them are unknown
    words."""
    if level not in LEVELS:
        return None
    at = LEVELS.index(level)
    ranked = [LEVELS.index(other.lower()) for other in levels if other.lower() in LEVELS]
    return LEVELS[min(ranked, key=lambda rank: (abs(rank - at), rank))] if ranked else None


def _validated(wish: Config, record: Capability, client: str, provider: str, *, from_suffix: bool) -> Config:
    """``wish`` as this model can fulfil it (thinking.md 6, in its order)."""
    has_range = record.min > 0 or record.max > 0
    if not record.levels:
        wish = _level_as_budget(wish)
    elif not has_range:
        wish = _budget_as_level(wish, record)
    elif provider == "claude":
        wish = _adaptive_instead(wish, client, from_suffix)
    if record.levels and wish.mode == "level":
        across = client != provider and (
            not from_suffix or (client in _BUDGET_DIALECTS and provider not in _BUDGET_DIALECTS)
        )
        wish = _listed(wish, record, across)
    strict = not from_suffix and client == provider and has_range and not wish.derived
    if wish.mode == "budget" and strict and not record.min <= wish.budget <= record.max:
        message = f"budget {wish.budget} out of range [{record.min},{record.max}]"
        raise RequestFault.bad(message, code="BUDGET_OUT_OF_RANGE")
    if wish.mode == "auto" and not record.dynamic_allowed:
        wish = _instead_of_auto(record, has_range)
    if not has_range or wish.mode in ("level", "adaptive") or (wish.mode == "none" and provider == "claude"):
        return wish
    budget = _clamped(wish.budget, record)
    if wish.mode == "none" and budget > 0 and record.levels:
        return attrs.evolve(wish, budget=budget, level=record.levels[0])
    return attrs.evolve(wish, budget=budget)


def _level_as_budget(wish: Config) -> Config:
    """For a model that knows budgets only."""
    if wish.mode == "adaptive":
        return AUTO
    if wish.mode != "level":
        return wish
    word = wish.level.lower()
    if word not in LEVELS:
        raise RequestFault.bad(f"unknown level: {wish.level}", code="UNKNOWN_LEVEL")
    return Config("budget", budget=BUDGETS[word], derived=True)


def _budget_as_level(wish: Config, record: Capability) -> Config:
    """For a model that knows levels only."""
    if wish.mode == "adaptive":
        return AUTO
    if wish.mode != "budget":
        return wish
    level = _level_of(wish.budget)
    if level is None:
        raise RequestFault.bad(f"budget {wish.budget} cannot be converted to a valid level", code="UNKNOWN_LEVEL")
    return Config("level", level=nearest(level, record.levels) or level)


def _level_of(budget: int) -> str | None:
    """The level of a budget; the largest there is is ``max``, which not every vendor knows."""
    return "max" if budget >= BUDGETS["max"] else level_of(budget)


def _adaptive_instead(wish: Config, client: str, from_suffix: bool) -> Config:
    """For a Claude model that knows efforts: those have replaced budgets there, so only who names a budget gets one."""
    if wish.mode == "auto":
        return fields.ADAPTIVE
    if wish.mode == "budget" and client != "claude" and not from_suffix:
        return Config("level", level=_level_of(wish.budget) or "medium", derived=True)
    return wish


def _listed(wish: Config, record: Capability, across: bool) -> Config:
    """The level, if the model lists it, or the nearest it lists where the client did not think in this model's
    levels."""
    word = wish.level.lower()
    levels = [level.lower() for level in record.levels]
    if word in levels:
        return wish
    other = nearest(word, levels) if across or wish.derived else None
    if other is None:
        message = f'level "{word}" not supported, valid levels: {", ".join(levels)}'
        raise RequestFault.bad(message, code="LEVEL_NOT_SUPPORTED")
    return Config("level", level=other)


def _instead_of_auto(record: Capability, has_range: bool) -> Config:
    """For a model that cannot choose for itself: the middle."""
    if not has_range:
        return Config("level", level=nearest("medium", record.levels) or "medium")
    budget = (record.min + record.max) // 2
    if budget > 0:
        return Config("budget", budget=budget)
    return NONE if record.zero_allowed else Config("budget", budget=record.min)


def _clamped(budget: int, record: Capability) -> int:
    if budget == -1 or (budget == 0 and record.zero_allowed):
        return budget
    return min(max(budget, record.min), record.max)


def _write_gemini(body: JSONObject, wish: Config, record: Capability) -> None:
    if wish.mode == "level":
        fields.write_gemini(body, level=wish.level, include=True)
    elif wish.mode == "none" and record.levels:
        fields.write_gemini(body, level=wish.level or None, include=False)
    else:
        fields.write_gemini(body, budget=wish.budget, include=_is_shown(wish))


def _is_shown(wish: Config) -> bool:
    """Whether a budget's thoughts are shown. A model that cannot be silenced thinks on its least budget, unseen."""
    return wish.mode == "auto" or (wish.mode == "budget" and wish.budget > 0)


def _write_claude(body: JSONObject, wish: Config, info: ModelInfo, record: Capability) -> None:
    if wish.mode == "none" or (wish.mode == "budget" and wish.budget == 0):
        fields.write_claude_off(body)
    elif wish.mode == "budget":
        fields.write_claude_budget(body, _below_max_tokens(body, wish.budget, info, record))
    else:
        fields.write_claude_adaptive(body, wish.level or None)


def _below_max_tokens(body: JSONObject, budget: int, info: ModelInfo, record: Capability) -> int:
    """The budget, less than ``max_tokens`` as Anthropic demands, unless that would be less than the model's minimum:
    then the upstream is to say so itself. A missing ``max_tokens`` is filled in when the model's maximum is known."""
    most = body.get("max_tokens")
    if isinstance(most, bool) or not isinstance(most, int) or most <= 0:
        most = info.max_completion_tokens
        if most <= 0:
            return budget
        body["max_tokens"] = most
    return most - 1 if budget >= most and most - 1 >= record.min else budget


def _write_effort(body: JSONObject, wish: Config, record: Capability, provider: str) -> None:
    if wish.mode == "level":
        fields.write_effort(body, provider, wish.level)
    elif wish.mode == "none":
        listed = [level.lower() for level in record.levels]
        if record.zero_allowed or "none" in listed:
            fields.write_effort(body, provider, "none")
        elif word := wish.level or (record.levels[0] if record.levels else ""):
            fields.write_effort(body, provider, word)
    elif wish.mode == "auto":
        fields.remove(body, provider)  # no word of OpenAI's: the model's default
    elif not record.levels and (word := level_of(wish.budget) or ""):
        # A model of budgets behind an effort field: the field's own spelling of them.
        fields.write_effort(body, provider, word)


def _write_unchecked(body: JSONObject, wish: Config, client: str, provider: str) -> None:
    """A model nobody has a record of gets what was asked, converted where its dialect has no such word (thinking.md
    8)."""
    if wish.mode == "adaptive":
        return
    if wish.mode == "level" and provider in _BUDGET_DIALECTS and _counts_in_levels(client, provider):
        tokens = BUDGETS.get(wish.level.lower())
        if tokens is not None:
            wish = Config("budget", budget=tokens)
    if provider == "gemini":
        if wish.mode == "level":
            fields.write_gemini(body, level=wish.level, include=True)
        else:
            fields.write_gemini(body, budget=wish.budget, include=_is_shown(wish))
    elif provider == "claude":
        if wish.mode == "none":
            fields.write_claude_off(body)
        elif wish.mode != "level":
            fields.write_claude_budget(body, wish.budget if wish.mode == "budget" else None)
    else:
        word = wish.level if wish.mode == "level" else level_of(wish.budget)
        if word is not None and wish.mode != "auto":
            fields.write_effort(body, provider, word)
        elif wish.mode == "auto":
            fields.remove(body, provider)


def _counts_in_levels(client: str, provider: str) -> bool:
    """Whether a level is to become a budget: from clients that know levels only, and towards Claude from any other
    dialect."""
    return client not in _BUDGET_DIALECTS or (provider == "claude" and client != "claude")
