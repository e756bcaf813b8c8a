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
from cliproxy.dialects.interface import Dialect, ThinkingFields
from cliproxy.errors import RequestFault
from cliproxy.ir.request import Thinking
from cliproxy.jsontypes import JSONObject
from cliproxy.routing.capability import Capability, ModelInfo

#: Level words from least to most; distances between them are counted here.
LEVELS = ("minimal", "low", "medium", "high", "xhigh", "max")

NONE = Thinking("none", budget=0)
AUTO = Thinking("auto", budget=-1)
ADAPTIVE = Thinking("adaptive")

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


def parse_value(value: str) -> Thinking | None:
    """What stands between the parentheses, read (thinking.md 1); None for what makes no sense."""
    lowered = value.lower()
    if lowered == "none":
        return NONE
    if lowered in ("auto", "-1"):
        return AUTO
    if lowered in LEVELS:
        return Thinking("level", level=lowered)
    if not _NUMBER.fullmatch(value) or len(value) > 40 or (tokens := int(value)) > _INT64_MAX:
        return None
    return Thinking("budget", budget=tokens) if tokens else NONE


def apply(
    body: JSONObject,
    *,
    client: Dialect,
    provider: Dialect,
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
    fields = provider.thinking
    stated = _stated(body, fields)
    if codex and client is not provider and stated is None:
        stated = Thinking("level", level="medium")
        fields.write(body, attrs.evolve(stated, summary="auto"))
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
            fields.remove(body)
        return
    if wish is None:
        return
    wish = _validated(wish, record, client, provider, from_suffix=suffix is not None)
    if client is not provider and info.hides_thoughts and fields.adapts:
        wish = attrs.evolve(wish, summary="auto")
    _write(body, wish, fields, info, record)


def _stated(body: JSONObject, fields: ThinkingFields) -> Thinking | None:
    """The body's wish, as there is one to fulfil."""
    said = fields.read(body)
    if said is None or said.mode == "include" or (said.mode == "level" and fields.adapts):
        return None
    if said.mode == "none" or said.budget == 0 or said.level == "none":
        return NONE
    if said.mode == "auto" or said.budget == -1 or said.level == "auto":
        return AUTO
    if said.mode == "budget":
        return Thinking("budget", budget=said.budget)
    return Thinking("level", level=said.level) if said.level else ADAPTIVE


def _own_words(said: Thinking) -> Thinking | None:
    """A client's effort word, as it said it: on the way through a dialect of budgets ``max`` would become less."""
    if said.mode == "auto":
        return AUTO
    word = said.level if said.mode in ("level", "adaptive") else None
    return Thinking("level", level=word) if word in LEVELS else None


def nearest(level: str, levels: Sequence[str]) -> str | None:
    """The one of ``levels`` nearest to ``level``, the lower of two as near; None when it or all of them are unknown
    words."""
    if level not in LEVELS:
        return None
    at = LEVELS.index(level)
    ranked = [LEVELS.index(other.lower()) for other in levels if other.lower() in LEVELS]
    return LEVELS[min(ranked, key=lambda rank: (abs(rank - at), rank))] if ranked else None


def _validated(
    wish: Thinking, record: Capability, client: Dialect, provider: Dialect, *, from_suffix: bool
) -> Thinking:
    """``wish`` as this model can fulfil it (thinking.md 6, in its order)."""
    has_range = record.min > 0 or record.max > 0
    stated, adapts, own = wish, provider.thinking.adapts, client is provider
    if not record.levels:
        wish = _level_as_budget(wish)
    elif not has_range:
        wish = _budget_as_level(wish, record)
    elif adapts:
        wish = _adaptive_instead(wish, own=own, from_suffix=from_suffix)
    derived = wish.mode != stated.mode
    if record.levels and wish.mode == "level":
        across = not own and (
            not from_suffix or (client.thinking.counts_tokens and not provider.thinking.counts_tokens)
        )
        wish = _listed(wish, record, across or derived)
    strict = own and has_range and not from_suffix and not derived
    if wish.mode == "budget" and strict and not record.min <= (wish.budget or 0) <= record.max:
        message = f"budget {wish.budget} out of range [{record.min},{record.max}]"
        raise RequestFault.bad(message, code="BUDGET_OUT_OF_RANGE")
    if wish.mode == "auto" and not record.dynamic_allowed:
        wish = _instead_of_auto(record, has_range)
    if not has_range or wish.mode in ("level", "adaptive") or (wish.mode == "none" and adapts):
        return wish
    budget = _clamped(wish.budget or 0, record)
    if wish.mode == "none" and budget > 0 and record.levels:
        return attrs.evolve(wish, budget=budget, level=record.levels[0])
    return attrs.evolve(wish, budget=budget)


def _level_as_budget(wish: Thinking) -> Thinking:
    """For a model that knows budgets only."""
    if wish.mode == "adaptive":
        return AUTO
    if wish.mode != "level":
        return wish
    if wish.level not in LEVELS:
        raise RequestFault.bad(f"unknown level: {wish.level}", code="UNKNOWN_LEVEL")
    return Thinking("budget", budget=BUDGETS[wish.level])


def _budget_as_level(wish: Thinking, record: Capability) -> Thinking:
    """For a model that knows levels only."""
    if wish.mode == "adaptive":
        return AUTO
    if wish.mode != "budget":
        return wish
    level = _level_of(wish.budget or 0)
    if level is None:
        raise RequestFault.bad(f"budget {wish.budget} cannot be converted to a valid level", code="UNKNOWN_LEVEL")
    return Thinking("level", level=nearest(level, record.levels) or level)


def _level_of(budget: int) -> str | None:
    """The level of a budget; the largest there is is ``max``, which not every vendor knows."""
    return "max" if budget >= BUDGETS["max"] else level_of(budget)


def _adaptive_instead(wish: Thinking, *, own: bool, from_suffix: bool) -> Thinking:
    """For a model that adapts and knows efforts: those have replaced budgets there, so only who names a budget gets one."""
    if wish.mode == "auto":
        return ADAPTIVE
    if wish.mode == "budget" and not own and not from_suffix:
        return Thinking("level", level=_level_of(wish.budget or 0) or "medium")
    return wish


def _listed(wish: Thinking, record: Capability, across: bool) -> Thinking:
    """The level, if the model lists it, or the nearest it lists where the client did not think in this model's
    levels."""
    word = wish.level or ""
    levels = [level.lower() for level in record.levels]
    if word in levels:
        return wish
    other = nearest(word, levels) if across else None
    if other is None:
        message = f'level "{word}" not supported, valid levels: {", ".join(levels)}'
        raise RequestFault.bad(message, code="LEVEL_NOT_SUPPORTED")
    return Thinking("level", level=other)


def _instead_of_auto(record: Capability, has_range: bool) -> Thinking:
    """For a model that cannot choose for itself: the middle."""
    if not has_range:
        return Thinking("level", level=nearest("medium", record.levels) or "medium")
    budget = (record.min + record.max) // 2
    if budget > 0:
        return Thinking("budget", budget=budget)
    return NONE if record.zero_allowed else Thinking("budget", budget=record.min)


def _clamped(budget: int, record: Capability) -> int:
    if budget == -1 or (budget == 0 and record.zero_allowed):
        return budget
    return min(max(budget, record.min), record.max)


def _write(body: JSONObject, wish: Thinking, fields: ThinkingFields, info: ModelInfo, record: Capability) -> None:
    """Put a validated wish into the body, in words that the model has."""
    written: Thinking | None = wish
    if fields.adapts and wish.mode == "auto":
        written = attrs.evolve(wish, mode="adaptive")
    elif fields.budget_below and wish.mode == "budget" and wish.budget:
        written = attrs.evolve(wish, budget=_below_limit(body, fields.budget_below, wish.budget, info, record))
    elif not fields.counts_tokens:
        written = _as_word(wish, record)
    elif wish.mode == "none" and record.levels:
        written = attrs.evolve(wish, budget=None)
    if written is not None:
        fields.write(body, written)


def _below_limit(body: JSONObject, limit: str, budget: int, info: ModelInfo, record: Capability) -> int:
    """The budget, less than the answer's limit, unless that would be less than the model's minimum: then the upstream is to
    say so itself. A missing limit is filled in when the model's maximum is known."""
    most = body.get(limit)
    if isinstance(most, bool) or not isinstance(most, int) or most <= 0:
        most = info.max_completion_tokens
        if most <= 0:
            return budget
        body[limit] = most
    return most - 1 if budget >= most and most - 1 >= record.min else budget


def _as_word(wish: Thinking, record: Capability) -> Thinking | None:
    """For a dialect without budgets. A model of budgets behind an effort field gets the field's own spelling of them."""
    if wish.mode == "budget":
        return None if record.levels else wish
    if wish.mode != "none":
        return wish
    if record.zero_allowed or "none" in [level.lower() for level in record.levels]:
        return NONE
    word = wish.level or (record.levels[0] if record.levels else None)
    return None if word is None else attrs.evolve(wish, level=word)


def _write_unchecked(body: JSONObject, wish: Thinking, client: Dialect, provider: Dialect) -> None:
    """A model nobody has a record of gets what was asked, converted where its dialect has no such word (thinking.md
    8)."""
    fields = provider.thinking
    by_words = not client.thinking.counts_tokens or (fields.adapts and client is not provider)
    if wish.mode == "level" and fields.counts_tokens and by_words:
        tokens = BUDGETS.get(wish.level or "")
        wish = wish if tokens is None else Thinking("budget", budget=tokens)
    if wish.mode != "adaptive" and not (fields.adapts and wish.mode == "level"):
        fields.write(body, wish)
