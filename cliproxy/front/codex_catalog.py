"""Codex's own catalogue, which it asks for with ``GET /v1/models?client_version=``: every model, in its words (today.md 1).

Source: the model entries of openai/codex (``ModelInfo`` of its protocol), November 2026.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cliproxy.jsontypes import JSONObject
from cliproxy.routing.capability import ModelInfo

_CONTEXT: Final = 128_000
_MODALITIES: Final = ("text", "image")
_EFFORTS: Final = {
    "none": "No reasoning",
    "minimal": "Very little reasoning",
    "low": "Fast responses with lighter reasoning",
    "medium": "Balances speed and reasoning depth",
    "high": "Greater reasoning depth for complex problems",
    "xhigh": "Extra high reasoning depth",
    "max": "The most reasoning the model can do",
}


def codex_catalog(models: Sequence[ModelInfo]) -> JSONObject:
    """The whole catalogue, the newest first in its picker."""
    newest = sorted(models, key=lambda model: -model.created)
    return {"models": [_entry(model, place) for place, model in enumerate(newest)]}


def _entry(model: ModelInfo, place: int) -> JSONObject:
    levels = [level for level in (model.thinking.levels if model.thinking else ()) if level in _EFFORTS]
    if not levels and model.thinking is not None:
        levels = ["low", "medium", "high"]
    context = model.context_length or _CONTEXT
    return {
        "slug": model.id,
        "display_name": model.display_name or model.id,
        "description": model.description or f"{model.display_name or model.id} by {model.owned_by or 'cliproxy'}",
        "context_window": context,
        "max_context_window": context,
        "default_reasoning_level": "medium" if "medium" in levels else (levels[0] if levels else None),
        "supported_reasoning_levels": [{"effort": level, "description": _EFFORTS[level]} for level in levels],
        "shell_type": "shell_command",
        "visibility": "list",
        "supported_in_api": True,
        "priority": place,
        "upgrade": None,
        "base_instructions": "",
        "supports_reasoning_summaries": bool(levels),
        "support_verbosity": False,
        "default_verbosity": None,
        "apply_patch_tool_type": "freeform" if model.owned_by == "openai" else None,
        "truncation_policy": {"mode": "tokens", "limit": 10_000},
        "supports_parallel_tool_calls": True,
        "experimental_supported_tools": [],
        "input_modalities": [kind for kind in model.input_modalities if kind in _MODALITIES] or list(_MODALITIES),
    }
