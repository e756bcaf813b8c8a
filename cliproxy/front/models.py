"""The model list in each client's shape (routes.md section 4, models.md section 4). It is what the router routes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from cliproxy.errors import RequestFault
from cliproxy.jsontypes import JSONObject
from cliproxy.routing.capability import ModelInfo

#: As many models a page as Anthropic gives.
LARGEST_PAGE: Final = 1000


def _present(**members: Any) -> JSONObject:
    return {name: value for name, value in members.items() if value}


def openai_entry(model: ModelInfo) -> JSONObject:
    """One entry of OpenAI's list, with what is known beside its four members, in OpenRouter's words."""
    entry: JSONObject = {"id": model.id, "object": "model", "created": model.created, "owned_by": model.owned_by}
    return entry | _present(
        display_name=model.display_name,
        context_length=model.context_length,
        max_completion_tokens=model.max_completion_tokens,
        supported_parameters=list(model.takes),
        input_modalities=list(model.input_modalities),
    )


def claude_entry(model: ModelInfo) -> JSONObject:
    """One entry of Anthropic's list. ``created_at`` is RFC 3339 in the vendor's list and its SDK insists."""
    return {
        "id": model.id,
        "type": "model",
        "display_name": model.display_name or model.id,
        "created_at": _rfc3339(model.created),
        "object": "model",
        "owned_by": model.owned_by,
    }


def gemini_entry(model: ModelInfo) -> JSONObject:
    """One entry of Google's list."""
    entry: JSONObject = {
        "name": f"models/{model.id}",
        "displayName": model.display_name or model.id,
        "description": model.description or model.id,
        "supportedGenerationMethods": list(model.methods) or ["generateContent"],
    }
    return entry | _present(
        version=model.version, inputTokenLimit=model.context_length, outputTokenLimit=model.max_completion_tokens
    )


def prefixed(shape: str, models: Sequence[ModelInfo], prefix: str) -> Sequence[ModelInfo]:
    """The models as callers of ``shape`` see them: Anthropic's clients under ``claude-models-prefix``."""
    return [attrs.evolve(model, id=prefix + model.id) for model in models] if prefix and shape == "claude" else models


def listing(shape: str, models: Sequence[ModelInfo], query: Mapping[str, str], prefix: str = "") -> JSONObject:
    """The list in ``shape``, or the page of it that ``query`` asks for in that vendor's words.

    :param prefix: ``claude-models-prefix``.
    :raises RequestFault: 400, a size of page that is no number from 1 to 1000.
    """
    if shape == "gemini":
        return _gemini_page(models, query)
    models = prefixed(shape, models, prefix)
    if shape == "claude":
        models = _beside(models, query)
    limit = _size(query, "limit")
    page = models if limit is None else models[:limit]
    if shape == "claude":
        if limit is not None and query.get("before_id") and not query.get("after_id"):
            page = models[-limit:]
        return {
            "data": [claude_entry(model) for model in page],
            "has_more": len(page) < len(models),
            "first_id": page[0].id if page else "",
            "last_id": page[-1].id if page else "",
        }
    return {"object": "list", "data": [openai_entry(model) for model in page]}


def _gemini_page(models: Sequence[ModelInfo], query: Mapping[str, str]) -> JSONObject:
    """Google's page; its token is the number of models before it."""
    size, token = _size(query, "pageSize"), query.get("pageToken", "")
    start = int(token) if token.isascii() and token.isdecimal() and len(token) < 10 else 0
    end = len(models) if size is None else start + size
    out: JSONObject = {"models": [gemini_entry(model) for model in models[start:end]]}
    if end < len(models):
        out["nextPageToken"] = str(end)
    return out


def _beside(models: Sequence[ModelInfo], query: Mapping[str, str]) -> Sequence[ModelInfo]:
    """The models behind ``after_id``, or before ``before_id``. An id that is not listed leaves nothing out."""
    ids = [model.id for model in models]
    if query.get("after_id") in ids:
        return models[ids.index(query["after_id"]) + 1 :]
    if query.get("before_id") in ids:
        return models[: ids.index(query["before_id"])]
    return models


def _size(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= LARGEST_PAGE):
        raise RequestFault.bad(f"{name} must be a number from 1 to {LARGEST_PAGE}", param=name)
    return int(text)


def detail(shape: str, model: ModelInfo, prefix: str = "") -> JSONObject:
    """One model in ``shape``."""
    (model,) = prefixed(shape, [model], prefix)
    entries = {"claude": claude_entry, "gemini": gemini_entry}
    return entries.get(shape, openai_entry)(model)


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
