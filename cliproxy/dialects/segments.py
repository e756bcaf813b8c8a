"""The texts of OpenAI's bodies that count as tokens, one by one; what is inlined is ``data:`` and more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cliproxy.dialects.members import objects
from cliproxy.jsontypes import JSON, dumps_text


def as_text(value: JSON) -> str:
    """Text as it is, nothing as no text, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else dumps_text(value)


def members(holder: Any, *names: str) -> Iterator[str]:
    """The texts of these members of an object."""
    if isinstance(holder, dict):
        for name in names:
            yield as_text(holder.get(name))


def content_texts(content: JSON) -> Iterator[str]:
    """A message's content: text, the addresses of images, one ``data:`` for what is inlined, and the rest as JSON."""
    if isinstance(content, str):
        yield content
        return
    for part in objects(content):
        kind = part.get("type")
        if isinstance(part.get("text"), str):
            yield part["text"]
        elif kind in ("image_url", "input_image"):
            image = part.get("image_url")
            yield as_text(image.get("url") if isinstance(image, dict) else image)
        elif kind in ("input_audio", "file", "input_file"):
            yield "data:"
        else:
            yield as_text(part)
