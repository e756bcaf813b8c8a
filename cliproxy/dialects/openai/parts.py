"""What a Chat answer says: text as a rule, a list of parts where the vendor thinks aloud in them (docs/spec/reports.md 8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from cliproxy.dialects.members import filled, member
from cliproxy.jsontypes import JSON, JSONObject

Spoken = tuple[Literal["text", "reasoning", "refusal"], str]


def spoken(content: JSON) -> Iterator[Spoken]:
    """``content`` as its texts in order: a string, a part, or a list of both. Mistral's ``thinking`` parts are reasoning
    (https://docs.mistral.ai/capabilities/reasoning)."""
    if isinstance(content, str):
        if content:
            yield "text", content
    elif isinstance(content, list):
        for part in content:
            yield from spoken(part)
    elif isinstance(content, dict):
        yield from _part(content)


def images(content: JSON) -> list[JSONObject]:
    """The image parts of a list."""
    parts = content if isinstance(content, list) else ()
    return [part for part in parts if member(part, "type") == "image_url" and member(member(part, "image_url"), "url")]


def _part(part: JSONObject) -> Iterator[Spoken]:
    if part.get("thinking"):
        for _, text in spoken(part["thinking"]):
            yield "reasoning", text
    elif part.get("type") in ("reasoning", "reasoning_text"):
        for _, text in spoken(part.get("text") or part.get("reasoning")):
            yield "reasoning", text
    elif refusal := filled(part.get("refusal")):
        yield "refusal", refusal
    else:
        yield from spoken(part.get("text"))


def unknown(content: JSON) -> list[JSONObject]:
    """The parts of a list that say nothing in words and show nothing: Mistral's references, for one."""
    parts = content if isinstance(content, list) else ()
    shown = images(content)
    return [
        part for part in parts if isinstance(part, dict) and part not in shown and not any(spoken(part)) and _says(part)
    ]


def _says(part: JSONObject) -> bool:
    """Whether a part without words is one of another kind, and no empty text."""
    return part.get("type") not in (None, "text", "thinking")
