"""Vendors' model lists, read from any of the shapes they come in. What cannot be read is left out. Pure.

Sources: OpenAI ``GET /v1/models``, Anthropic ``GET /v1/models`` (``has_more``, ``last_id``), Google ``models.list``
(``nextPageToken``), Ollama ``GET /api/tags``, LM Studio ``GET /api/v0/models``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.unlisted import NAME

#: Nobody serves more; what comes behind is left out.
MOST_MODELS: Final = 5_000
_CONTEXTS: Final = (
    "context_length",
    "context_window",
    "max_context_length",
    "max_model_len",
    "inputTokenLimit",
    "max_input_tokens",
)
_OUTPUTS: Final = ("max_completion_tokens", "outputTokenLimit", "max_output_tokens", "max_tokens")


def models(document: JSON) -> tuple[ModelInfo, ...]:
    """The models of one page, whichever shape it has."""
    listed: JSON = document
    if isinstance(document, dict):
        listed = next((document[name] for name in ("data", "models") if isinstance(document.get(name), list)), [])
    found: dict[str, ModelInfo] = {}
    for entry in listed[:MOST_MODELS] if isinstance(listed, list) else ():
        if isinstance(entry, dict) and (name := _name(entry)):
            found.setdefault(name, _model(name, entry))
    return tuple(found.values())


def is_list(document: JSON) -> bool:
    """Whether a body is a list of models at all."""
    held = document if isinstance(document, dict) else {"data": document}
    return any(isinstance(held.get(name), list) for name in ("data", "models"))


def first_page(shape: str, url: str) -> str:
    """The URL of the whole list, or of its first page."""
    return f"{url}?{urlencode(_SIZES[shape])}" if shape in _SIZES else url


def next_page(shape: str, url: str, document: JSON) -> str | None:
    """The URL of the page after ``document``; None when it is the last."""
    if not isinstance(document, dict):
        return None
    if shape == "claude" and document.get("has_more") is True and isinstance(document.get("last_id"), str):
        return f"{url}?{urlencode({**_SIZES[shape], 'after_id': document['last_id']})}"
    token = document.get("nextPageToken")
    if shape == "gemini" and isinstance(token, str) and token:
        return f"{url}?{urlencode({**_SIZES[shape], 'pageToken': token})}"
    return None


_SIZES: Final = {"claude": {"limit": 1000}, "gemini": {"pageSize": 1000}}


def _name(entry: JSONObject) -> str:
    """Ollama says ``model``, Google ``name`` with its collection before it, everybody else ``id``."""
    for member in ("id", "model", "name"):
        name = entry.get(member)
        if isinstance(name, str):
            name = name.removeprefix("models/")
            return name if NAME.fullmatch(name) else ""
    return ""


def _model(name: str, entry: JSONObject) -> ModelInfo:
    architecture = entry.get("architecture")  # OpenRouter's
    kinds = architecture if isinstance(architecture, dict) else entry
    return ModelInfo(
        name,
        created=_created(entry),
        owned_by=_text(entry, "owned_by", "publisher"),
        display_name=_text(entry, "display_name", "displayName"),
        description=_text(entry, "description"),
        context_length=next(_counts(entry, _CONTEXTS), 0),
        max_completion_tokens=next(_counts(entry, _OUTPUTS), 0),
        methods=_words(entry.get("supportedGenerationMethods")),
        parameters=_words(entry.get("supported_parameters")),
        input_modalities=_words(kinds.get("input_modalities")),
    )


def _words(value: JSON) -> tuple[str, ...]:
    return (
        tuple(each for each in value[:64] if isinstance(each, str) and len(each) < 64)
        if isinstance(value, list)
        else ()
    )


def _text(entry: JSONObject, *members: str) -> str:
    return next((entry[name][:500] for name in members if isinstance(entry.get(name), str)), "")


def _counts(entry: JSONObject, members: tuple[str, ...]) -> Iterator[int]:
    top = entry.get("top_provider")  # OpenRouter's
    for held in (entry, top if isinstance(top, dict) else {}):
        for name in members:
            value = held.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 40:
                yield value


def _created(entry: JSONObject) -> int:
    value = entry.get("created", entry.get("created_at"))
    if isinstance(value, int | float) and 0 < value < 1 << 40:
        return int(value)
    try:
        return int(datetime.fromisoformat(str(value).replace("Z", "+00:00")).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0
