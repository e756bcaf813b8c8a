"""Reading members of foreign JSON: an optional member of a wrong type counts as absent (dialects.md 0)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cliproxy.errors import RequestFault
from cliproxy.ir.content import Part, TextPart
from cliproxy.jsontypes import JSON, JSONObject


def text(value: JSON) -> str | None:
    """A string, else None."""
    return value if isinstance(value, str) else None


def filled(value: JSON) -> str | None:
    """A string that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def flag(value: JSON) -> bool | None:
    """A boolean, else None."""
    return value if isinstance(value, bool) else None


def number(value: JSON) -> float | None:
    """A number, integer or not, else None."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def integer(value: JSON) -> int | None:
    """A whole number, written either way (``256`` or ``256.0``), else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def member(value: JSON, key: str) -> JSON:
    """``value[key]`` of an object, else None."""
    return value.get(key) if isinstance(value, dict) else None


def objects(value: JSON) -> list[JSONObject]:
    """The objects of an array; an empty list when it is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def array(body: JSONObject, key: str, path: str) -> list[JSON]:
    """A member that must be an array.

    :raises RequestFault: it is missing or something else.
    """
    value = body.get(key)
    if not isinstance(value, list):
        problem = "is missing" if value is None else "must be an array"
        raise RequestFault.bad(f"{path} {problem}", param=path)
    return value


def first_of(messages: JSON, role: str) -> JSON:
    """The first message of ``role``; without one the first message; None without any."""
    if not isinstance(messages, list) or not messages:
        return None
    return next((message for message in messages if member(message, "role") == role), messages[0])


def numbered(values: list[JSON], path: str) -> Iterator[tuple[str, JSONObject]]:
    """The elements of an array that must hold objects, each with its path.

    :raises RequestFault: one is something else.
    """
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            raise RequestFault.bad(f"{path}[{index}] must be an object", param=f"{path}[{index}]")
        yield f"{path}[{index}]", value


def content_parts(content: JSON, path: str, read: Callable[[JSONObject, str], Part]) -> Iterator[Part]:
    """The parts of an OpenAI ``content``: a string, an array whose objects ``read`` reads, or nothing.

    :raises RequestFault: it is something else.
    """
    if isinstance(content, str):
        if content:
            yield TextPart(content)
    elif isinstance(content, list):
        for where, part in numbered(content, path):
            yield read(part, where)
    elif content is not None:
        raise RequestFault.bad(f"{path} must be a string or an array", param=path)
