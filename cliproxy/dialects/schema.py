"""JSON Schema as each vendor takes it: cleaned for Gemini, read from Gemini's OpenAPI form (dialects.md 8.2, 8.3).

Gemini rejects a whole request over one keyword it does not know, so cleaning writes what it knows and nothing else.
What would be lost is told to the model in the ``description``.
"""

from __future__ import annotations

from typing import Final

import attrs

from cliproxy.dialects.schema_meant import DEPTH_LIMIT, REMARKS, meant, resolved
from cliproxy.ir.loss import Loss
from cliproxy.jsontypes import JSON, JSONObject, dumps_text

#: How much (about the characters of it) inlined ``$ref`` may add, at most, and in proportion to the schema's own size.
#: References to references grow exponentially; tools do not.
INLINED_LIMIT: Final = 100_000
INLINED_FREELY: Final = 4_000
INLINED_TIMES: Final = 5

#: Constraints Gemini does not know, and the model can be told of.
_TOLD: Final = frozenset(
    ("minLength", "maxLength", "pattern", "format", "default", "examples", "multipleOf", "exclusiveMinimum")
    + ("exclusiveMaximum", "minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems")
)
_KEPT_NUMBERS: Final = ("minimum", "maximum")
#: What is kept, told or resolved, or says nothing of what fits: the rest is a loss.
_SEEN: Final = _TOLD.union(
    (
        "type",
        "enum",
        "const",
        "nullable",
        "minimum",
        "maximum",
        "properties",
        "required",
        "items",
        "prefixItems",
        "$ref",
    )
    + ("anyOf", "oneOf", "allOf", "additionalProperties"),
    REMARKS,
)
_COUNTS: Final = frozenset(("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"))
_OPENAPI_ONLY: Final = frozenset(("nullable", "propertyOrdering", "example"))

#: OpenAPI members in Google's other spelling.
_CAMEL: Final[dict[str, str]] = {
    "any_of": "anyOf",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "property_ordering": "propertyOrdering",
}


def for_gemini(schema: JSONObject, losses: list[Loss], where: str = "") -> JSONObject:
    """A tool's schema in the keywords Gemini knows; the root is always an object with ``properties``.

    Cost and size are linear in the schema, whatever its references do. The schema itself is not touched. What is neither kept
    nor told is a loss.
    """
    out = _Cleaner(schema, losses, where).clean(schema, frozenset(), 0).finished()
    out["type"] = "object"
    out.setdefault("properties", {})
    return out


def from_openapi(schema: JSON, depth: int = 0) -> JSONObject:
    """Gemini's OpenAPI form (``STRING``, ``nullable``, counts in strings) as JSON Schema, recursively."""
    if not isinstance(schema, dict) or depth > DEPTH_LIMIT:
        return {}
    out: JSONObject = {}
    for spelt, value in schema.items():
        key = _CAMEL.get(spelt) or spelt
        if key == "type" and isinstance(value, str):
            out[key] = value.lower()
        elif key == "properties" and isinstance(value, dict):
            out[key] = {name: from_openapi(member, depth + 1) for name, member in value.items()}
        elif key == "items":
            out[key] = from_openapi(value, depth + 1)
        elif key == "anyOf" and isinstance(value, list):
            out[key] = [from_openapi(branch, depth + 1) for branch in value]
        elif key in _COUNTS and isinstance(value, str) and value.isascii() and value.isdigit():
            out[key] = int(value)
        elif key not in _OPENAPI_ONLY:
            out[key] = value
    if schema.get("nullable") is True and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
    return out


@attrs.define
class _Clean:
    """A cleaned schema in the making. ``optional`` are properties that may be null, and so are not required."""

    out: JSONObject = attrs.field(factory=dict)
    nullable: bool = False
    optional: set[str] = attrs.field(factory=set)

    def hint(self, text: str) -> None:
        described = self.out.get("description")
        bare = text if text.startswith("(") else f"({text})"
        self.out["description"] = f"{described} {bare}" if described else text

    def absorb(self, other: _Clean) -> None:
        """Take over a branch of ``allOf``: properties and requirements unite, the rest fills gaps."""
        for key, value in other.out.items():
            if key == "properties":
                self.out[key] = {**self.out.get(key, {}), **value}
            elif key == "required":
                have = self.out.get(key, [])
                self.out[key] = have + [name for name in value if name not in have]
            else:
                self.out.setdefault(key, value)
        self.optional |= other.optional
        self.nullable = self.nullable or other.nullable

    def finished(self) -> JSONObject:
        """The schema, requiring only what it has and what cannot be null."""
        stated = self.out.pop("required", [])
        properties = self.out.get("properties", {})
        required = [name for name in stated if name in properties and name not in self.optional]
        if required:
            self.out["required"] = required
        return self.out


class _Cleaner:
    """Cleans one tool's schema; ``root`` is where its references point."""

    def __init__(self, root: JSONObject, losses: list[Loss], where: str) -> None:
        self._root = root
        self._losses = losses
        self._where = where
        self._inlined = 0
        self._limit = 0  # known once there is a reference

    def clean(self, schema: JSON, open_refs: frozenset[str], depth: int) -> _Clean:
        """``schema`` without what Gemini does not know. ``open_refs`` are the references it was reached through."""
        if not isinstance(schema, dict):
            return _Clean()
        if depth > DEPTH_LIMIT:
            return _Clean({"type": "object"})
        if open_refs:
            self._inlined += _weight(schema)
        while isinstance(ref := schema.get("$ref"), str):
            target = None if ref in open_refs or self._is_full() else resolved(self._root, ref)
            if target is None:
                return _pointer(schema, ref)
            open_refs |= {ref}
            self._inlined += _weight(target)
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        schema = meant(schema, self._losses, self._where)
        made = _Clean()
        described = schema.get("description")
        if isinstance(described, str) and described:
            made.out["description"] = described
        self._scalars(schema, made)
        self._children(schema, made, open_refs, depth)
        self._combined(schema, made, open_refs, depth)
        return made

    def _is_full(self) -> bool:
        if not self._limit:
            self._limit = min(INLINED_LIMIT, INLINED_FREELY + INLINED_TIMES * len(dumps_text(self._root)))
        return self._inlined > self._limit

    def _scalars(self, schema: JSONObject, made: _Clean) -> None:
        _add_type(schema.get("type"), made)
        members = schema.get("enum")
        if not isinstance(members, list):
            members = [schema["const"]] if "const" in schema else None
        if members is not None:
            _add_enum(members, made)
        if schema.get("nullable") is True:
            made.nullable = True
        for key in _KEPT_NUMBERS:
            if isinstance(schema.get(key), int | float):
                made.out[key] = schema[key]
        for key, value in schema.items():
            if key in _TOLD and isinstance(value, str | int | float):
                made.hint(f"{key}: {value if isinstance(value, str) else dumps_text(value)}")
        if schema.get("additionalProperties") is False:
            made.hint("No extra properties allowed")
        for key in schema:
            if key not in _SEEN and not key.startswith("x-"):
                self._losses.append(Loss(f"schema {key}", self._where))

    def _children(self, schema: JSONObject, made: _Clean, open_refs: frozenset[str], depth: int) -> None:
        properties = schema.get("properties")
        if isinstance(properties, dict):
            made.out["properties"] = {}
            for name, value in properties.items():
                child = self.clean(value, open_refs, depth + 1)
                if child.nullable:
                    child.hint("(nullable)")
                    made.optional.add(name)
                made.out["properties"][name] = child.finished()
        required = schema.get("required")
        if isinstance(required, list):
            made.out["required"] = [name for name in required if isinstance(name, str)]
        items = schema.get("items", schema.get("prefixItems"))
        if isinstance(items, list):
            items = items[0] if items else {}
        if items is not None:
            made.out["items"] = self.clean(items, open_refs, depth + 1).finished()

    def _combined(self, schema: JSONObject, made: _Clean, open_refs: frozenset[str], depth: int) -> None:
        branches = schema.get("allOf")
        for branch in branches if isinstance(branches, list) else ():
            made.absorb(self.clean(branch, open_refs, depth + 1))
        for key in ("anyOf", "oneOf"):
            branches = schema.get(key)
            if isinstance(branches, list) and branches:
                _choose([self.clean(branch, open_refs, depth + 1) for branch in branches], made)


def _weight(schema: JSONObject) -> int:
    """About how long the schema is when written, its children apart."""
    weight = len(schema)
    for value in schema.values():
        if isinstance(value, str):
            weight += len(value)
        elif isinstance(value, list):
            weight += sum(len(member) if isinstance(member, str) else 1 for member in value)
        elif isinstance(value, dict):
            weight += sum(map(len, value))
    return weight


def _pointer(schema: JSONObject, ref: str) -> _Clean:
    """What stands for a reference that cannot be followed, or not again."""
    made = _Clean({"type": "object"})
    described = schema.get("description")
    if isinstance(described, str) and described:
        made.out["description"] = described
    made.hint(f"See: {ref.rpartition('/')[2]}")
    return made


def _add_type(stated: JSON, made: _Clean) -> None:
    if isinstance(stated, str):
        made.out["type"] = stated.lower()
    elif isinstance(stated, list):
        named = [kind.lower() for kind in stated if isinstance(kind, str)]
        kinds = [kind for kind in named if kind != "null"]
        made.nullable = len(kinds) < len(named)
        if kinds:
            made.out["type"] = kinds[0]
        if len(kinds) > 1:
            made.hint(f"Accepts: {' | '.join(kinds)}")


def _add_enum(members: list[JSON], made: _Clean) -> None:
    """Gemini takes strings only; null among them means the value may be null."""
    kept = [member for member in members if member is not None]
    made.nullable = made.nullable or len(kept) < len(members)
    if not all(isinstance(member, str) for member in kept):
        kept = [member if isinstance(member, str) else dumps_text(member) for member in kept]
        made.out["type"] = "string"
    if kept:
        made.out["enum"] = kept


def _choose(branches: list[_Clean], made: _Clean) -> None:
    """Put the branch that says most in place of the alternatives, and tell of the others."""
    best = max(branches, key=_score)
    own, others = made.out.get("description"), best.out.pop("description", None)
    properties = {**made.out.get("properties", {}), **best.out.get("properties", {})}
    required = made.out.get("required", []) + best.out.get("required", [])
    made.out.update(best.out)
    if properties:
        made.out["properties"] = properties
    if required:
        made.out["required"] = list(dict.fromkeys(required))
    made.optional |= best.optional
    made.nullable = made.nullable or best.nullable
    if others and others != own:
        if own:
            made.hint(others)
        else:
            made.out["description"] = others
    kinds = list(dict.fromkeys(kind for branch in branches if (kind := _kind(branch))))
    if len(branches) > 1 and kinds:
        made.hint(f"Accepts: {' | '.join(kinds)}")


def _score(branch: _Clean) -> int:
    return {"object": 3, "array": 2, "null": 0}.get(_kind(branch) or "", 1)


def _kind(branch: _Clean) -> str | None:
    stated = branch.out.get("type")
    if isinstance(stated, str):
        return stated
    if "properties" in branch.out:
        return "object"
    return "array" if "items" in branch.out else None
