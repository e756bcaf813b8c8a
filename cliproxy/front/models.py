"""The model list in each client's shape (routes.md section 4, models.md section 4). It is what the router routes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cliproxy.jsontypes import JSONObject
from cliproxy.routing.capability import ModelInfo


def shape_for(headers: Mapping[str, str]) -> str:
    """Which dialect's list a caller of ``/v1/models`` expects: Anthropic's and Google's SDKs say who they are."""
    if headers.get("user-agent", "").startswith("claude-cli") or "anthropic-version" in headers:
        return "claude"
    if "x-goog-api-client" in headers or "x-goog-api-key" in headers:
        return "gemini"
    return "openai"


def _present(**members: Any) -> JSONObject:
    return {name: value for name, value in members.items() if value}


def openai_entry(model: ModelInfo) -> JSONObject:
    """One entry of OpenAI's list."""
    return {"id": model.id, "object": "model", "created": model.created, "owned_by": model.owned_by}


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


def listing(shape: str, models: Sequence[ModelInfo]) -> JSONObject:
    """The whole list in ``shape``."""
    if shape == "claude":
        return {
            "data": [claude_entry(model) for model in models],
            "has_more": False,
            "first_id": models[0].id if models else "",
            "last_id": models[-1].id if models else "",
        }
    if shape == "gemini":
        return {"models": [gemini_entry(model) for model in models]}
    return {"object": "list", "data": [openai_entry(model) for model in models]}


def detail(shape: str, model: ModelInfo) -> JSONObject:
    """One model in ``shape``."""
    entries = {"claude": claude_entry, "gemini": gemini_entry}
    return entries.get(shape, openai_entry)(model)


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
