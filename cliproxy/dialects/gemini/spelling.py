"""Google's two spellings: SDKs and gateways write camelCase or snake_case, and both are read everywhere."""

from __future__ import annotations

from cliproxy.jsontypes import JSON, JSONObject


def of(holder: JSON, camel: str, snake: str) -> JSON:
    """A member under either spelling; None when it is absent, null, or ``holder`` is no object."""
    if not isinstance(holder, dict):
        return None
    value = holder.get(camel)
    return holder.get(snake) if value is None else value


def parts_of(content: JSONObject) -> list[JSON]:
    """``parts``: an array, or one part where an array should be."""
    parts = content.get("parts")
    if isinstance(parts, list):
        return parts
    return [] if parts is None else [parts]


def next_role(stated: JSON, previous: str) -> str:
    """A content's role, ``user`` or ``model``. One that is missing or unknown alternates, beginning with ``user``."""
    if stated == "user" or stated == "model":
        return str(stated)
    if stated == "function" or stated == "tool":
        return "user"
    return "model" if previous == "user" else "user"
