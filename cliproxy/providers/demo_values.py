"""The smallest value a JSON Schema accepts: what the demo model answers and calls tools with."""

from __future__ import annotations

import math
from typing import Final, TypeGuard

import attrs

from cliproxy.jsontypes import JSON, JSONObject

_DEEPEST: Final = 16
_MOST_VALUES: Final = 500
_FORMATS: Final = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "demo@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def smallest(schema: JSON, text: str) -> JSON:
    """A value ``schema`` accepts, with required members only. Patterns are not looked at.

    A schema that has no small value (it holds itself, or asks for thousands of items) is filled as far as a page goes.

    :param text: what free strings hold.
    """
    return _Filler(schema, text).fill(schema, 0)


@attrs.define
class _Filler:
    root: JSON
    text: str
    values: int = 0

    def fill(self, schema: JSON, depth: int) -> JSON:
        self.values += 1
        if not isinstance(schema, dict) or depth > _DEEPEST or self.values > _MOST_VALUES:
            return None
        if "const" in schema:
            return schema["const"]
        if _filled(schema.get("enum")):
            return schema["enum"][0]
        if isinstance(schema.get("$ref"), str):
            return self.fill(self._target(schema["$ref"]), depth + 1)
        for choice in ("anyOf", "oneOf"):
            if _filled(schema.get(choice)):
                return self.fill(schema[choice][0], depth + 1)
        if _filled(schema.get("allOf")):
            return self.fill(_merged(schema), depth + 1)
        return self._of_type(schema, depth)

    def _of_type(self, schema: JSONObject, depth: int) -> JSON:
        match _type_of(schema):
            case "object":
                properties, required = _members(schema), schema.get("required")
                names = dict.fromkeys(n for n in required if isinstance(n, str)) if isinstance(required, list) else {}
                return {name: self.fill(properties.get(name, {}), depth + 1) for name in names}
            case "array":
                items: list[JSON] = []
                while len(items) < _least(schema, "minItems") and self.values < _MOST_VALUES:
                    items.append(self.fill(schema.get("items", {}), depth + 1))
                return items
            case "integer" | "number":
                return _least(schema, "minimum", "exclusiveMinimum")
            case "boolean":
                return False
            case "null":
                return None
        return self._string(schema)

    def _string(self, schema: JSONObject) -> str:
        value = _FORMATS.get(str(schema.get("format")), self.text)
        longest = schema.get("maxLength")
        if isinstance(longest, int):
            value = value[: max(longest, 0)]
        return value.ljust(min(_least(schema, "minLength"), _MOST_VALUES), ".")

    def _target(self, reference: str) -> JSON:
        """What a local ``$ref`` (``#/$defs/name``) points at, None when nothing."""
        found = self.root
        for step in reference.removeprefix("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found


def _type_of(schema: JSONObject) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((word for word in kind if word != "null"), "null")
    if isinstance(kind, str):
        return kind.lower()
    return "object" if "properties" in schema else "string"


def _least(schema: JSONObject, name: str, beyond: str = "") -> int:
    """The smallest whole number a lower bound allows, 0 without one."""
    inclusive, exclusive = schema.get(name), schema.get(beyond)
    if _is_number(inclusive):
        return math.ceil(inclusive)
    return math.floor(exclusive) + 1 if _is_number(exclusive) else 0


def _is_number(value: JSON) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _filled(value: JSON) -> bool:
    return isinstance(value, list) and bool(value)


def _members(schema: JSONObject) -> JSONObject:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _merged(schema: JSONObject) -> JSONObject:
    """``allOf`` folded into one schema: members together, the last word on everything else."""
    parts = [part for part in (schema, *schema["allOf"]) if isinstance(part, dict)]
    merged: JSONObject = {}
    for part in parts:
        merged |= {name: value for name, value in part.items() if name != "allOf"}
    if any("properties" in part for part in parts):
        merged["properties"] = {name: value for part in parts for name, value in _members(part).items()}
        merged["required"] = [name for part in parts if _filled(part.get("required")) for name in part["required"]]
    return merged
