"""JSON Schema read as it was meant (docs/spec/reports.md 6): the slips of those who declare tools, mended for every vendor.

What is in order is given back as the object it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from cliproxy.ir.loss import Loss
from cliproxy.jsontypes import JSON, JSONObject

#: How deep a schema is followed; tools are not written deeper, and the stack has an end.
DEPTH_LIMIT: Final = 64

#: Keywords whose value is a schema, a list of them, or schemas by name.
ONE: Final = frozenset(
    ("items", "additionalItems", "additionalProperties", "unevaluatedItems", "unevaluatedProperties", "contains")
    + ("propertyNames", "not", "if", "then", "else", "contentSchema")
)
SEVERAL: Final = frozenset(("anyOf", "oneOf", "allOf", "prefixItems"))
NAMED: Final = frozenset(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"))
#: What says something of a schema, and nothing of what fits it.
REMARKS: Final = frozenset(
    ("$schema", "$id", "id", "$comment", "$anchor", "$vocabulary", "title", "description", "examples", "example")
    + (
        "deprecated",
        "readOnly",
        "writeOnly",
        "externalDocs",
        "xml",
        "propertyOrdering",
        "strict",
        "$defs",
        "definitions",
    )
)
_OTHER: Final = frozenset(
    (
        "type",
        "enum",
        "const",
        "required",
        "default",
        "format",
        "pattern",
        "nullable",
        "$ref",
        "$dynamicRef",
        "multipleOf",
    )
    + ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems")
    + (
        "minProperties",
        "maxProperties",
        "uniqueItems",
        "minContains",
        "maxContains",
        "dependentRequired",
        "dependencies",
    )
    + ("contentEncoding", "contentMediaType", "discriminator")
)
KEYWORDS: Final = ONE | SEVERAL | NAMED | REMARKS | _OTHER

#: Keywords whose value may be an object; one under any other is a property's schema.
_HOLD_OBJECTS: Final = (
    ONE
    | NAMED
    | {"default", "const", "example", "examples", "xml", "externalDocs", "discriminator", "$vocabulary"}
    | {"dependencies", "dependentRequired"}
)
#: Keywords that may be null.
_MAY_BE_NULL: Final = frozenset(("default", "const", "example"))
_TYPES: Final = frozenset(("string", "number", "integer", "boolean", "object", "array", "null"))
#: One of these makes an object a schema.
_MARKS: Final = frozenset(
    ("type", "$ref", "properties", "items", "enum", "const", "anyOf", "oneOf", "allOf", "description")
)


def meant(schema: JSONObject, losses: list[Loss], where: str = "") -> JSONObject:
    """One level of a schema: a bare map of properties is their object's, ``required: true`` on a property moves into its
    object's list, a type that goes without saying is said, and what no validator takes is gone."""

    def say(key: str) -> None:
        losses.append(Loss(f"schema {key} that is none", where))

    schema = _without(
        schema, [key for key, value in schema.items() if not isinstance(value, dict) and _is_odd(key, value)], say
    )
    if any(isinstance(value, dict) and key not in _HOLD_OBJECTS for key, value in schema.items()):
        schema = _with_properties(schema)
        schema = _without(schema, [key for key, value in schema.items() if _is_odd(key, value)], say)
    schema = _typed(schema)
    properties = schema.get("properties")
    if isinstance(properties, dict) and any(_says_required(value) for value in properties.values()):
        schema = _required_gathered(schema, properties)
    required = schema.get("required")
    if required and len({*required}) < len(required):
        schema = {**schema, "required": list(dict.fromkeys(required))}
    return schema


def _without(schema: JSONObject, odd: list[str], say: Callable[[str], None]) -> JSONObject:
    for key in odd:
        if schema[key] not in (None, []):
            say(key)
    return {key: value for key, value in schema.items() if key not in odd} if odd else schema


def _with_properties(schema: JSONObject) -> JSONObject:
    """A bare map of properties (``{"query": {"type": "string"}}``) as the object it describes."""
    stated = schema.get("type")
    if "properties" in schema or (isinstance(stated, str) and stated.lower() != "object") or isinstance(stated, list):
        return schema
    found = {key: value for key, value in schema.items() if _is_property(key, value)}
    if not found:
        return schema
    if all(isinstance(value, dict) and not key.startswith("$") for key, value in schema.items()):
        return {"type": "object", "properties": schema}
    return {**{key: value for key, value in schema.items() if key not in found}, "properties": found}


def _is_property(key: str, value: JSON) -> bool:
    """Whether a member that should be a keyword is a property's schema."""
    if not isinstance(value, dict) or key.startswith(("x-", "$")):
        return False
    return key not in _HOLD_OBJECTS and not _MARKS.isdisjoint(value)


def _is_odd(key: str, value: Any) -> bool:
    """Whether a keyword's value is one that no validator takes."""
    if value is None:
        return key not in _MAY_BE_NULL
    if key == "required":
        return not isinstance(value, list) or not all(isinstance(name, str) for name in value)
    if key == "enum" or key in SEVERAL:
        return not isinstance(value, list) or not value
    if key in NAMED:
        return not isinstance(value, dict)
    if key == "type":
        names = value if isinstance(value, list) else [value]
        return not names or not all(isinstance(name, str) and name.lower() in _TYPES for name in names)
    return False


def _typed(schema: JSONObject) -> JSONObject:
    """``schema`` with its type in lower case, said where its members say it, and OpenAPI's ``nullable`` in it."""
    stated = schema.get("type")
    if stated is None:
        implied = "object" if "properties" in schema else "array" if "items" in schema else None
        return schema if implied is None else {"type": implied, **schema}
    lowered: JSON = stated.lower() if isinstance(stated, str) else [name.lower() for name in stated]
    if schema.get("nullable") is True and isinstance(lowered, str) and lowered != "null":
        rest = {key: value for key, value in schema.items() if key != "nullable"}
        return {**rest, "type": [lowered, "null"]}
    return schema if lowered == stated else {**schema, "type": lowered}


def _says_required(value: JSON) -> bool:
    return isinstance(value, dict) and isinstance(value.get("required"), bool)


def _required_gathered(schema: JSONObject, properties: JSONObject) -> JSONObject:
    """``schema`` with its properties' own words on whether they are required in its list."""
    names = list(schema.get("required") or ())
    names += [name for name, value in properties.items() if _says_required(value) and value["required"]]
    kept = {
        name: {key: said for key, said in value.items() if key != "required"} if _says_required(value) else value
        for name, value in properties.items()
    }
    out = {**schema, "properties": kept}
    return {**out, "required": list(dict.fromkeys(names))} if names else out


def resolved(root: JSONObject, ref: str) -> JSONObject | None:
    """What a local reference (``#/a/b``) points at."""
    if ref != "#" and not ref.startswith("#/"):
        return None
    at: Any = root
    for step in ref.split("/")[1:]:
        at = _member(at, unquote(step).replace("~1", "/").replace("~0", "~"))
    return at if isinstance(at, dict) else None


def _member(holder: JSON, step: str) -> JSON:
    """One step of a JSON pointer; None where it leads nowhere."""
    if isinstance(holder, list) and step.isdecimal() and int(step) < len(holder):
        return holder[int(step)]
    return holder.get(step) if isinstance(holder, dict) else None
