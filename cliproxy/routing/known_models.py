"""The static catalogue: the models each vendor is known to serve, and how they can be asked to think.

Data, not logic. A credential without a ``models`` list of its own serves its vendor's row of :data:`CATALOGUE`; an alias of
a name found here is validated with its record. Names are looked up without regard to case.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from functools import lru_cache

import attrs

from cliproxy.routing.capability import Capability, ModelInfo
from cliproxy.routing.families import series_of, successor_of, undated, variant_of

_LOW_TO_HIGH = ("low", "medium", "high")
_LOW_TO_XHIGH = (*_LOW_TO_HIGH, "xhigh")
_LOW_TO_MAX = (*_LOW_TO_XHIGH, "max")
_MINIMAL_TO_HIGH = ("minimal", *_LOW_TO_HIGH)

_GENERATE = ("generateContent", "countTokens", "createCachedContent", "batchGenerateContent")


def _day(date: str) -> int:
    """Midnight UTC of an ISO date, in Unix seconds."""
    year, month, day = map(int, date.split("-"))
    return calendar.timegm((year, month, day, 0, 0, 0))


def _levels(*words: str) -> Capability:
    return Capability(levels=words)


def _claude(
    id: str, name: str, date: str, output: int, thinking: Capability | None, context: int = 200_000
) -> ModelInfo:
    return ModelInfo(
        id,
        known=True,
        thinking=thinking,
        created=_day(date),
        owned_by="anthropic",
        display_name=name,
        context_length=context,
        max_completion_tokens=output,
        samples=thinking is not _CLAUDE_EFFORT,
        hides_thoughts=thinking is _CLAUDE_EFFORT,
        input_modalities=("text", "image"),
    )


def _gemini(
    id: str,
    name: str,
    date: str,
    thinking: Capability | None,
    methods: tuple[str, ...] = _GENERATE,
    context: int = 1_048_576,
    output: int = 65_536,
) -> ModelInfo:
    return ModelInfo(
        id,
        known=True,
        thinking=thinking,
        created=_day(date),
        owned_by="google",
        display_name=name,
        description=name,
        version=id.split("-")[1],
        context_length=context,
        max_completion_tokens=output,
        methods=methods,
        input_modalities=("text", "image", "audio", "video") if methods is _GENERATE else ("text",),
    )


def _gpt(
    id: str, name: str, date: str, thinking: Capability | None, context: int = 400_000, samples: bool = True
) -> ModelInfo:
    return ModelInfo(
        id,
        known=True,
        thinking=thinking,
        created=_day(date),
        owned_by="openai",
        display_name=name,
        version=id,
        context_length=context,
        max_completion_tokens=128_000,
        samples=samples,
        input_modalities=("text", "image"),
    )


def _other(id: str, owner: str, thinking: Capability | None, context: int = 0, output: int = 0) -> ModelInfo:
    return ModelInfo(
        id,
        known=True,
        thinking=thinking,
        owned_by=owner,
        display_name=id,
        context_length=context,
        max_completion_tokens=output,
    )


_CLAUDE_BUDGET = Capability(1024, 128_000)
_CLAUDE_BUDGET_OR_NONE = Capability(1024, 128_000, zero_allowed=True)
_CLAUDE_TO_MAX = Capability(1024, 128_000, levels=(*_LOW_TO_HIGH, "max"), zero_allowed=True)
# From Claude Opus 4.7 on: no budgets, no sampling, thoughts shown only as a summary that is asked for (reports.md 7).
_CLAUDE_EFFORT = Capability(levels=_LOW_TO_MAX, zero_allowed=True, dynamic_allowed=True)

_GEMINI_FLASH = Capability(0, 24_576, zero_allowed=True, dynamic_allowed=True)
_GEMINI_PRO = Capability(128, 32_768, dynamic_allowed=True)
_GEMINI_LOW_HIGH = Capability(128, 32_768, levels=("low", "high"), dynamic_allowed=True)
_GEMINI_LEVELS = Capability(128, 32_768, levels=_LOW_TO_HIGH, dynamic_allowed=True)
_GEMINI_MINIMAL = Capability(128, 32_768, levels=_MINIMAL_TO_HIGH, dynamic_allowed=True)
_GEMINI_WIDE = Capability(128, 65_535, levels=_LOW_TO_HIGH, dynamic_allowed=True)

_CLAUDE = (
    _claude("claude-haiku-4-5-20251001", "Claude Haiku 4.5", "2025-10-01", 64_000, None),
    _claude("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", "2025-09-29", 64_000, _CLAUDE_BUDGET_OR_NONE),
    _claude("claude-opus-4-5-20251101", "Claude Opus 4.5", "2025-11-01", 64_000, _CLAUDE_BUDGET_OR_NONE),
    _claude("claude-opus-4-1-20250805", "Claude Opus 4.1", "2025-08-05", 32_000, _CLAUDE_BUDGET),
    _claude("claude-opus-4-20250514", "Claude Opus 4", "2025-05-14", 32_000, _CLAUDE_BUDGET),
    _claude("claude-sonnet-4-20250514", "Claude Sonnet 4", "2025-05-14", 64_000, _CLAUDE_BUDGET),
    _claude("claude-3-7-sonnet-20250219", "Claude Sonnet 3.7", "2025-02-19", 8_192, _CLAUDE_BUDGET, 128_000),
    _claude("claude-3-5-haiku-20241022", "Claude Haiku 3.5", "2024-10-22", 8_192, None, 128_000),
)

# After January 2026: efforts beside budgets, then efforts alone.
_CLAUDE_LATER = (
    _claude("claude-opus-4-6", "Claude Opus 4.6", "2026-02-05", 128_000, _CLAUDE_TO_MAX, 1_000_000),
    _claude("claude-sonnet-4-6", "Claude Sonnet 4.6", "2026-02-18", 64_000, _CLAUDE_TO_MAX),
    _claude("claude-opus-4-7", "Claude Opus 4.7", "2026-04-16", 128_000, _CLAUDE_EFFORT, 1_000_000),
    _claude("claude-opus-4-8", "Claude Opus 4.8", "2026-05-28", 128_000, _CLAUDE_EFFORT, 1_000_000),
    _claude("claude-sonnet-5", "Claude Sonnet 5", "2026-06-30", 128_000, _CLAUDE_EFFORT, 1_000_000),
    _claude("claude-opus-5", "Claude Opus 5", "2026-07-14", 128_000, _CLAUDE_EFFORT, 1_000_000),
)

_GEMINI = (
    _gemini("gemini-2.5-pro", "Gemini 2.5 Pro", "2025-06-17", _GEMINI_PRO),
    _gemini("gemini-2.5-flash", "Gemini 2.5 Flash", "2025-06-17", _GEMINI_FLASH),
    _gemini("gemini-2.5-flash-lite", "Gemini 2.5 Flash Lite", "2025-07-22", _GEMINI_FLASH),
    _gemini("gemini-3-pro-preview", "Gemini 3 Pro Preview", "2025-11-18", _GEMINI_LOW_HIGH),
    _gemini("gemini-3-flash-preview", "Gemini 3 Flash Preview", "2025-12-17", _GEMINI_MINIMAL),
    _gemini("gemini-3-pro-image-preview", "Gemini 3 Pro Image Preview", "2025-11-20", _GEMINI_LOW_HIGH),
)

# After January 2026. The embedding model is older; it is listed so that /v1/embeddings has a Gemini model to go to.
_GEMINI_LATER = (
    _gemini("gemini-3.1-pro-preview", "Gemini 3.1 Pro Preview", "2026-02-19", _GEMINI_LEVELS),
    _gemini("gemini-3.5-flash", "Gemini 3.5 Flash", "2026-05-20", _GEMINI_MINIMAL),
    _gemini("gemini-3.5-flash-lite", "Gemini 3.5 Flash Lite", "2026-07-01", _GEMINI_MINIMAL),
    _gemini("gemini-3.6-flash", "Gemini 3.6 Flash", "2026-07-01", _GEMINI_MINIMAL),
    _gemini("gemini-3.7-flash", "Gemini 3.7 Flash", "2026-08-01", _GEMINI_WIDE),
)
_GEMINI_EMBEDDING = _gemini(
    "gemini-embedding-001", "Gemini Embedding", "2025-07-14", None, ("embedContent", "batchEmbedContents"), 2_048, 0
)

_PREDICT = ("predict",)
_IMAGEN = (
    _gemini("imagen-4.0-generate-001", "Imagen 4", "2025-06-15", None, _PREDICT, 0, 0),
    _gemini("imagen-4.0-ultra-generate-001", "Imagen 4 Ultra", "2025-06-15", None, _PREDICT, 0, 0),
    _gemini("imagen-4.0-fast-generate-001", "Imagen 4 Fast", "2025-06-15", None, _PREDICT, 0, 0),
    _gemini("imagen-3.0-generate-002", "Imagen 3", "2025-02-19", None, _PREDICT, 0, 0),
    _gemini("imagen-3.0-fast-generate-001", "Imagen 3 Fast", "2025-02-19", None, _PREDICT, 0, 0),
)

_CODEX = (
    _gpt("gpt-5", "GPT-5", "2025-08-07", _levels(*_MINIMAL_TO_HIGH), samples=False),
    _gpt("gpt-5-codex", "GPT-5 Codex", "2025-09-15", _levels(*_LOW_TO_HIGH)),
    _gpt("gpt-5-codex-mini", "GPT-5 Codex Mini", "2025-11-07", _levels(*_LOW_TO_HIGH)),
    _gpt("gpt-5.1", "GPT-5.1", "2025-11-12", _levels("none", *_LOW_TO_HIGH)),
    _gpt("gpt-5.1-codex", "GPT-5.1 Codex", "2025-11-12", _levels(*_LOW_TO_HIGH)),
    _gpt("gpt-5.1-codex-mini", "GPT-5.1 Codex Mini", "2025-11-12", _levels(*_LOW_TO_HIGH)),
    _gpt("gpt-5.1-codex-max", "GPT-5.1 Codex Max", "2025-11-18", _levels(*_LOW_TO_XHIGH)),
    _gpt("gpt-5.2", "GPT-5.2", "2025-12-11", _levels("none", *_LOW_TO_XHIGH)),
    _gpt("gpt-5.2-codex", "GPT-5.2 Codex", "2025-12-18", _levels(*_LOW_TO_XHIGH)),
)

# After January 2026.
_CODEX_LATER = (
    _gpt("gpt-5.4", "GPT-5.4", "2026-03-05", _levels("none", *_LOW_TO_XHIGH)),
    _gpt("gpt-5.5", "GPT-5.5", "2026-04-23", _levels("none", *_LOW_TO_XHIGH)),
    _gpt("gpt-5.6-sol", "GPT-5.6 Sol", "2026-07-09", _levels(*_LOW_TO_MAX)),
    _gpt("gpt-5.6-terra", "GPT-5.6 Terra", "2026-07-09", _levels(*_LOW_TO_MAX)),
    _gpt("gpt-5.6-luna", "GPT-5.6 Luna", "2026-07-09", _levels(*_LOW_TO_MAX)),
)

_DEMO = tuple(
    _other(name, "cliproxy", _levels("none", "minimal", *_LOW_TO_XHIGH), 128_000, 8_192)
    for name in ("demo", "demo-fast", "demo-error-429", "demo-error-500")
)

#: What a credential of each provider serves when its entry names no models (models.md 6.5 and what came after).
CATALOGUE: Mapping[str, tuple[ModelInfo, ...]] = {
    "gemini": (*_GEMINI, *_GEMINI_LATER, _GEMINI_EMBEDDING),
    "vertex": (*_GEMINI, *_GEMINI_LATER, *_IMAGEN),
    "claude": (*_CLAUDE, *_CLAUDE_LATER),
    "codex": (*_CODEX, *_CODEX_LATER),
    "demo": _DEMO,
}

_ANY_EFFORT = _levels("none", "auto", "minimal", *_LOW_TO_XHIGH)

# In nobody's list, but known by name when an alias points at them.
_ELSEWHERE = (
    _gemini("gemini-pro-latest", "Gemini Pro Latest", "2025-06-17", _GEMINI_PRO),
    _gemini("gemini-flash-latest", "Gemini Flash Latest", "2025-06-17", _GEMINI_FLASH),
    _gemini(
        "gemini-flash-lite-latest",
        "Gemini Flash Lite Latest",
        "2025-07-22",
        Capability(512, 24_576, zero_allowed=True, dynamic_allowed=True),
    ),
    _gemini("gemini-2.5-flash-image", "Gemini 2.5 Flash Image", "2025-10-02", None),
    _other("qwen3-coder-plus", "qwen", None, 32_768, 8_192),
    _other("qwen3-coder-flash", "qwen", None, 8_192, 2_048),
    _other("vision-model", "qwen", None, 32_768, 2_048),
    _other("qwen3-max-preview", "iflow", _ANY_EFFORT),
    _other("glm-4.6", "iflow", _ANY_EFFORT),
    _other("glm-4.7", "iflow", _ANY_EFFORT),
    _other("deepseek-v3.1", "iflow", _ANY_EFFORT),
    _other("deepseek-v3.2", "iflow", _ANY_EFFORT),
    _other("minimax-m2", "iflow", _ANY_EFFORT),
    _other("minimax-m2.1", "iflow", _ANY_EFFORT),
)

# OpenAI's older reasoning models, which think always and are not sampled.
_O_SERIES = tuple(
    attrs.evolve(_other(id, "openai", _levels(*_LOW_TO_HIGH), 200_000, 100_000), samples=False)
    for id in ("o1", "o3", "o3-mini", "o3-pro", "o4-mini")
)

_EVERY = (*(info for infos in CATALOGUE.values() for info in infos), *_ELSEWHERE, *_O_SERIES)
_BY_NAME = {info.id.lower(): info for info in _EVERY}
_BY_UNDATED = {undated(info.id): info for info in reversed(_EVERY)}
_SERIES = series_of(info for info in _EVERY if info.owned_by in ("anthropic", "google", "openai"))


@lru_cache(maxsize=4096)
def known(name: str) -> ModelInfo | None:
    """The record of an upstream's model name (without suffix), in any case of letters; None when nobody knows it.

    A name that is not listed has the record of the model it is a variant or a successor of
    (:mod:`cliproxy.routing.families`).
    """
    bare = name.rpartition("/")[2]
    listed = _BY_NAME.get(name.lower()) or _BY_NAME.get(bare.lower())
    return listed or variant_of(bare, _BY_UNDATED) or successor_of(bare, _SERIES)
