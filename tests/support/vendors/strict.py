"""What every vendor's checks are written with."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import Any

import attrs


@attrs.define
class Refusal(Exception):
    """The vendor refuses the request: a status, a sentence in the vendor's manner, the member at fault."""

    message: str
    param: str | None = None
    status: int = 400
    code: str | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.param or ''}: {self.message}"


def need(truth: object, message: str, param: str | None = None, *, status: int = 400, code: str | None = None) -> None:
    """Refuse unless ``truth``."""
    if not truth:
        raise Refusal(message, param, status, code)


def matches(pattern: str, value: object) -> bool:
    """Whether a value is a string that matches the whole pattern."""
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def is_number(value: object, low: float, high: float) -> bool:
    """Whether a value is a JSON number within bounds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def is_count(value: object, low: int = 0) -> bool:
    """Whether a value is a JSON integer of at least ``low``."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def walk_schema(schema: Any) -> list[dict[str, Any]]:
    """Every schema object within a JSON schema, the outermost first. Property names are not taken for keywords."""
    if not isinstance(schema, dict):
        return []
    found = [schema]
    for keyword in ("properties", "$defs", "definitions", "defs"):
        for child in (schema.get(keyword) or {}).values() if isinstance(schema.get(keyword), dict) else ():
            found += walk_schema(child)
    for keyword in ("anyOf", "oneOf", "allOf", "prefixItems", "any_of"):
        for child in schema.get(keyword) or ():
            found += walk_schema(child)
    for keyword in ("items", "additionalProperties"):
        found += walk_schema(schema.get(keyword))
    return found


def closed_objects(schema: Any) -> bool:
    """Whether every object in a schema says ``additionalProperties: false``, as strict modes demand."""
    return all(
        node.get("additionalProperties") is False
        for node in walk_schema(schema)
        if node.get("type") == "object" or "properties" in node
    )


def seal(vendor: str, text: str) -> bytes:
    """The token with which a fake vendor vouches for a piece of its own reasoning."""
    return hmac.new(b"a fake vendor's own secret", f"{vendor}\0{text}".encode(), hashlib.sha256).digest()


def base64_of_any_kind(value: object) -> bytes | None:
    """The bytes of standard or URL-safe base64 with or without padding, or None. Mixed alphabets are not base64."""
    if not isinstance(value, str) or not (matches(r"[A-Za-z0-9+/]*={0,2}", value) or matches(r"[\w-]*={0,2}", value)):
        return None
    bare = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return None
