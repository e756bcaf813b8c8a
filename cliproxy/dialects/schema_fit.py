"""JSON Schema as the vendors take it: one table, one walk (docs/spec/reports.md 6).

Each refuses a whole request over one schema. What a vendor refuses is told to the model in the ``description`` where words can
say it, and is a loss by name.
"""

from __future__ import annotations

from math import inf
from typing import Any, Final

import attrs

from cliproxy.dialects.schema_meant import DEPTH_LIMIT, NAMED, ONE, REMARKS, SEVERAL, meant, resolved
from cliproxy.ir.loss import Loss
from cliproxy.jsontypes import JSON, JSONObject, dumps_text


@attrs.frozen
class Takes:
    """What a vendor's schemas may say in one place.

    :ivar root: the root is an object, without alternatives.
    :ivar members: an object names its ``properties`` and an array its ``items``, if there are none.
    :ivar closed: no object takes members that it does not name.
    :ivar words: the keywords it knows; empty for all of JSON Schema's.
    :ivar formats: the formats it knows, where not every one.
    :ivar least: the greatest ``minItems``.
    """

    root: bool = False
    members: bool = False
    closed: bool = False
    words: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()
    least: float = inf


#: https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use: a tool's schema is of an object, without
#: anyOf, oneOf and allOf at its root.
CLAUDE_TOOL: Final = Takes(root=True)
#: https://platform.openai.com/docs/guides/function-calling: as Anthropic's, and "object schema missing properties" and "array
#: schema missing items" are refused at any depth.
OPENAI_TOOL: Final = Takes(root=True, members=True)
#: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
OPENAI_OUTPUT: Final = Takes(members=True)
#: https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
CLAUDE_OUTPUT: Final = Takes(
    closed=True,
    words=frozenset(
        ("type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "allOf", "$ref")
        + ("$defs", "definitions", "description", "title", "default", "format", "pattern", "minItems")
    ),
    formats=frozenset(("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")),
    least=1,
)
#: https://ai.google.dev/api/generate-content#generationconfig (``responseJsonSchema``)
GEMINI_OUTPUT: Final = Takes(
    words=frozenset(
        (
            "type",
            "properties",
            "required",
            "additionalProperties",
            "items",
            "prefixItems",
            "enum",
            "anyOf",
            "oneOf",
            "$ref",
        )
        + ("$defs", "$id", "$anchor", "description", "title", "format", "minItems", "maxItems", "minimum", "maximum")
        + ("propertyOrdering",)
    )
)
#: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas: what a strict schema may say.
_STRICT: Final = frozenset(
    ("type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref", "$defs")
    + ("definitions", "description", "title", "pattern", "format", "multipleOf", "minimum", "maximum", "$schema")
    + ("exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems")
)
#: What OpenAI and Anthropic refuse at a root beside its alternatives.
_NOT_AT_ROOT: Final = ("enum", "const", "not", "if", "then", "else")


def fitted(schema: JSONObject, takes: Takes, losses: list[Loss], where: str) -> JSONObject:
    """A copy of the schema as a vendor takes it. Linear in the schema; deeper than :data:`DEPTH_LIMIT` it is left as it is."""
    fit = _Fit(takes, losses, where)
    if takes.root:
        schema = _Root(meant(schema, losses, where), losses, where).written()
    out: JSONObject = fit.schema(schema, 0)
    return out


def satisfies_strict(schema: JSON, depth: int = 0) -> bool:
    """Whether OpenAI takes the schema with ``strict: true``: every object is closed, and requires all it has."""
    if not isinstance(schema, dict) or depth > DEPTH_LIMIT or not _STRICT.issuperset(schema):
        return False
    if depth == 0 and "anyOf" in schema:
        return False
    properties = schema.get("properties")
    is_object = isinstance(properties, dict) or schema.get("type") == "object"
    closed = schema.get("additionalProperties") is False and {*(properties or ())} == {*schema.get("required", ())}
    if is_object and not closed:
        return False
    inner = [value for key in ("properties", "$defs", "definitions") for value in (schema.get(key) or {}).values()]
    inner += schema.get("anyOf") or ()
    inner += [schema["items"]] if "items" in schema else ()
    return all(satisfies_strict(value, depth + 1) for value in inner)


def strict_for(schema: JSON, strict: bool | None, losses: list[Loss], where: str) -> bool | None:
    """OpenAI's ``strict`` as it can be asked for: not of a schema that would be refused with it."""
    if strict and not satisfies_strict(schema):
        losses.append(Loss("strict: the schema has what strict mode refuses", where))
        return False
    return strict


@attrs.frozen
class _Fit:
    """The walk."""

    takes: Takes
    losses: list[Loss]
    where: str

    def schema(self, stated: JSON, depth: int) -> Any:
        if not isinstance(stated, dict) or depth > DEPTH_LIMIT:
            return stated
        out: JSONObject = {}
        for key, value in meant(stated, self.losses, self.where).items():
            if key in NAMED and isinstance(value, dict):
                out[key] = {name: self.schema(inner, depth + 1) for name, inner in value.items()}
            elif key in SEVERAL and isinstance(value, list):
                out[key] = [self.schema(inner, depth + 1) for inner in value]
            elif key in ONE and isinstance(value, dict):
                out[key] = self.schema(value, depth + 1)
            else:
                out[key] = value
        if self.takes.words:
            self._known(out)
        kind = out.get("type")
        kinds = kind if isinstance(kind, list) else (kind,)
        if self.takes.members and "object" in kinds:
            out.setdefault("properties", {})
        if self.takes.members and "array" in kinds:
            out.setdefault("items", {})
        if self.takes.closed and "object" in kinds:
            self._close(out)
        return out

    def _known(self, out: JSONObject) -> None:
        """Take out what the vendor does not know, and tell of it where words can."""
        if "oneOf" in out and "oneOf" not in self.takes.words:
            out["anyOf"] = [*out.get("anyOf", ()), *out.pop("oneOf")]
        if "const" in out and "const" not in self.takes.words:
            out.setdefault("enum", [out.pop("const")])
        told = []
        for key in [key for key in out if not self._is_known(key, out[key])]:
            value = out.pop(key)
            if key in REMARKS:
                continue
            if key in ONE | SEVERAL | NAMED:
                self.losses.append(Loss(f"schema {key}", self.where, meaning=True))
                continue
            self.losses.append(Loss(f"schema {key}: told in the description", self.where))
            told.append(f"{key}: {value if isinstance(value, str) else dumps_text(value)}")
        if told:
            described = out.get("description")
            hint = f"({', '.join(told)})"
            out["description"] = f"{described} {hint}" if isinstance(described, str) and described else hint

    def _is_known(self, key: str, value: JSON) -> bool:
        if key == "minItems" and isinstance(value, int | float):
            return value <= self.takes.least
        if key == "format" and self.takes.formats:
            return value in self.takes.formats
        return key in self.takes.words

    def _close(self, out: JSONObject) -> None:
        """No object takes members that it does not name, as Anthropic demands."""
        if out.get("additionalProperties") not in (None, False, True):
            self.losses.append(Loss("schema additionalProperties", self.where, meaning=True))
        out["additionalProperties"] = False


@attrs.define
class _Root:
    """A root that is an object and has no alternatives: their properties unite, and what all of them require is required."""

    root: JSONObject
    losses: list[Loss]
    where: str

    def written(self) -> JSONObject:
        out = self._flat(self.root, 0)
        for key in _NOT_AT_ROOT:
            if out.pop(key, None) is not None:
                self._lose(key)
        if out.get("type", "object") not in ("object", ["object"], ["object", "null"]):
            self.losses.append(Loss(f"schema of a tool that is no object: {out['type']}", self.where))
        properties = out.get("properties")
        return {**out, "type": "object", "properties": properties if isinstance(properties, dict) else {}}

    def _flat(self, schema: JSONObject, depth: int) -> JSONObject:
        out = self._followed(schema)
        for key in ("allOf", "anyOf", "oneOf") if depth < DEPTH_LIMIT else ():
            if key in out:
                self._lose(key)
                branches = [self._flat(branch, depth + 1) for branch in out.pop(key) if isinstance(branch, dict)]
                self._unite(out, branches, every=key == "allOf")
        return out

    def _lose(self, key: str) -> None:
        self.losses.append(Loss(f"schema {key} at the root", self.where))

    def _followed(self, schema: JSONObject) -> JSONObject:
        """A copy of the schema, with what it refers to in its place."""
        seen: set[str] = set()
        while isinstance(ref := schema.get("$ref"), str):
            target = None if ref in seen else resolved(self.root, ref)
            seen.add(ref)
            if target is None:
                self.losses.append(Loss("schema $ref that leads nowhere", self.where))
            schema = {**(target or {}), **{key: value for key, value in schema.items() if key != "$ref"}}
        return dict(meant(schema, self.losses, self.where))

    def _unite(self, out: JSONObject, branches: list[JSONObject], *, every: bool) -> None:
        found: dict[str, list[JSON]] = {}
        for branch in [out, *branches]:
            for name, value in (branch.get("properties") or {}).items():
                known = found.setdefault(name, [])
                if value not in known:
                    known.append(value)
        if found:
            out["properties"] = {name: said[0] if len(said) == 1 else {"anyOf": said} for name, said in found.items()}
        demanded = [branch.get("required") or [] for branch in branches]
        names = list(out.get("required") or ())
        for name in dict.fromkeys(name for list_ in demanded for name in list_):
            if every or all(name in list_ for list_ in demanded):
                names.append(name)
        if names:
            out["required"] = list(dict.fromkeys(names))
