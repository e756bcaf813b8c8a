"""Schemas: what Gemini is given, and what is read from Gemini."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from google.genai import types as google
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.dialects.schema import INLINED_LIMIT, for_gemini, from_openapi

KNOWN = {"type", "description", "enum", "properties", "required", "items", "minimum", "maximum"}


def prop(schema: Any) -> Any:
    """``schema`` cleaned as the one property of a tool."""
    return for_gemini({"type": "object", "properties": {"p": schema}}, [])["properties"]["p"]


def assert_allowed(schema: Any) -> None:
    """Only what Gemini knows, all the way down; property names are not looked at."""
    assert isinstance(schema, dict)
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    for value in schema.get("properties", {}).values():
        assert_allowed(value)
    if "items" in schema:
        assert_allowed(schema["items"])
    assert set(schema.get("required", [])) <= set(schema.get("properties", {}))


@pytest.mark.parametrize(
    ("schema", "cleaned"),
    [
        ({"type": "STRING"}, {"type": "string"}),
        (True, {}),
        (False, {}),
        (7, {}),
        ({"type": ["null"]}, {"description": "(nullable)"}),
        ({"type": "integer", "nullable": True}, {"type": "integer", "description": "(nullable)"}),
        ({"const": 3}, {"type": "string", "enum": ["3"]}),
        ({"const": "x", "enum": ["y"]}, {"enum": ["y"]}),
        ({"enum": ["a", None]}, {"enum": ["a"], "description": "(nullable)"}),
        ({"enum": [1.5, "a", True, {"k": 1}]}, {"type": "string", "enum": ["1.5", "a", "true", '{"k":1}']}),
        ({"type": "string", "pattern": "^a$"}, {"type": "string", "description": "pattern: ^a$"}),
        ({"type": "array", "default": [1]}, {"type": "array"}),
        ({"uniqueItems": True, "description": "d"}, {"description": "d (uniqueItems: true)"}),
        ({"type": "number", "minimum": 0, "maximum": 9.5}, {"type": "number", "minimum": 0, "maximum": 9.5}),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"type": "object"}),
        ({"type": "array", "items": [{"type": "string"}, {}]}, {"type": "array", "items": {"type": "string"}}),
        ({"type": "array", "items": []}, {"type": "array", "items": {}}),
        ({"type": "array", "prefixItems": [{"type": "null"}]}, {"type": "array", "items": {"type": "null"}}),
        ({"title": "T", "$id": "i", "if": {}, "x-foo": 1, "readOnly": True, "strict": True}, {}),
        ({"oneOf": [{"type": "string", "description": "b"}], "description": "a"}, {"type": "string", "description": "a (b)"}),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]},
         {"type": "array", "items": {}, "description": "Accepts: string | array"}),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": {}}, "required": ["a"]},
         {"type": "object", "properties": {"a": {}}, "required": ["a"]}),
        ({"allOf": [{"$ref": "#/properties/p/definitions/D"}, {"minimum": 2}], "definitions": {"D": {"type": "integer"}}},
         {"type": "integer", "minimum": 2}),
        ({"$ref": "https://ex.test/s.json", "description": "d"}, {"type": "object", "description": "d (See: s.json)"}),
    ],
)  # fmt: skip
def test_keywords(schema: Any, cleaned: Any) -> None:
    """Each keyword is kept, told of, translated or dropped as its rule says."""
    assert prop(schema) == cleaned


class ForGemini(SynchronousTestCase):
    """Cleaning a tool's schema."""

    def test_property_names_are_data(self) -> None:
        """A property may be called like any keyword, and survives."""
        names = ("title", "default", "pattern", "$schema", "$ref", "properties", "required", "anyOf", "items", "const")
        schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": list(names)}
        self.assertEqual(for_gemini(schema, []), schema)

    def test_root_is_an_object(self) -> None:
        """The root has ``type: object`` and ``properties`` whatever it said."""
        self.assertEqual(for_gemini({}, []), {"type": "object", "properties": {}})
        self.assertEqual(for_gemini({"type": ["object", "null"]}, [])["type"], "object")

    def test_siblings_of_a_reference_win(self) -> None:
        """What stands beside ``$ref`` overrides what it points at."""
        schema = {"properties": {"a": {"$ref": "#/$defs/A", "description": "mine"}},
                  "$defs": {"A": {"type": "string", "description": "theirs"}}}  # fmt: skip
        self.assertEqual(for_gemini(schema, [])["properties"]["a"], {"type": "string", "description": "mine"})

    def test_escaped_pointers(self) -> None:
        """``~1`` and ``~0`` in a pointer are a slash and a tilde."""
        schema = {"properties": {"a": {"$ref": "#/$defs/x~1y~0z"}}, "$defs": {"x/y~z": {"type": "boolean"}}}
        self.assertEqual(for_gemini(schema, [])["properties"]["a"], {"type": "boolean"})

    def test_cycles_end(self) -> None:
        """A reference met on its own path is named, not followed; elsewhere it is followed again."""
        node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}, "v": {"type": "string"}}}
        schema = {"properties": {"a": {"$ref": "#/$defs/N"}, "b": {"$ref": "#/$defs/N"}}, "$defs": {"N": node}}
        cleaned = for_gemini(schema, [])["properties"]
        self.assertEqual(cleaned["a"], cleaned["b"])
        self.assertEqual(cleaned["a"]["properties"]["next"], {"type": "object", "description": "See: N"})
        self.assertEqual(for_gemini({"$ref": "#"}, []), {"type": "object", "description": "See: #", "properties": {}})
        chain = {
            "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}},
            "properties": {"a": {"$ref": "#/$defs/A"}},
        }
        self.assertEqual(for_gemini(chain, [])["properties"]["a"], {"type": "object", "description": "See: A"})

    def test_exponential_references_stay_small(self) -> None:
        """References that multiply are followed up to a bound, and what is made of them is bounded."""
        defs = {
            f"D{n}": {"type": "object", "properties": {f"p{m}": {"$ref": f"#/$defs/D{n + 1}"} for m in range(8)}}
            for n in range(40)
        }
        hostile = {"type": "object", "properties": {"x": {"$ref": "#/$defs/D0"}}, "$defs": defs}
        cleaned = for_gemini(hostile, [])
        assert_allowed(cleaned)
        self.assertLess(len(json.dumps(cleaned)), 10 * INLINED_LIMIT)
        long_text = {
            "properties": {str(n): {"$ref": "#/$defs/T"} for n in range(1000)},
            "$defs": {"T": {"description": "x" * 10_000}},
        }
        self.assertLess(len(json.dumps(for_gemini(long_text, []))), 4 * INLINED_LIMIT)

    def test_depth_is_bounded(self) -> None:
        """A schema nested as deep as JSON goes is cut, and the stack does not overflow."""
        schema: Any = {"type": "string"}
        for _ in range(900):
            schema = {"properties": {"a": schema}}
        assert_allowed(for_gemini(schema, []))
        for _ in range(900):
            schema = {"allOf": [{"anyOf": [schema]}]}
        assert_allowed(for_gemini(schema, []))

    def test_google_takes_it(self) -> None:
        """A cleaned schema is one Google's SDK declares a function with."""
        schema = {
            "type": "object",
            "properties": {"a": {"type": ["string", "null"], "format": "uri"}},
            "required": ["a"],
        }
        google.FunctionDeclaration.model_validate({"name": "f", "parametersJsonSchema": for_gemini(schema, [])})


_KEYWORDS = st.sampled_from(
    [
        "type",
        "$ref",
        "anyOf",
        "oneOf",
        "allOf",
        "enum",
        "const",
        "properties",
        "required",
        "items",
        "description",
        "nullable",
    ]
    + ["default", "minimum", "additionalProperties", "title", "format", "$defs", "definitions", "x"]
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["object", "null", "#", "#/$defs/x", "#/properties/x", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYWORDS, inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(schema=st.dictionaries(_KEYWORDS, _VALUES, max_size=5))
def test_any_json_is_cleaned(schema: Any) -> None:
    """Whatever a client calls a schema, only what Gemini knows comes out, and the client's own is not touched."""
    before = copy.deepcopy(schema)
    assert_allowed(for_gemini(schema, []))
    assert schema == before


@pytest.mark.parametrize(
    ("openapi", "expected"),
    [
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "STRING", "nullable": False}, {"type": "string"}),
        ({"type": "ARRAY", "items": {"type": "NUMBER"}, "minItems": "2", "max_items": "3"},
         {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3}),
        ({"type": "OBJECT", "properties": {"example": {"type": "BOOLEAN"}}, "propertyOrdering": ["example"], "example": 1},
         {"type": "object", "properties": {"example": {"type": "boolean"}}}),
        ({"any_of": [{"type": "INTEGER"}, {"type": "NULL"}]}, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        ({"type": "STRING", "enum": ["A"], "format": "enum"}, {"type": "string", "enum": ["A"], "format": "enum"}),
    ],
)  # fmt: skip
def test_from_openapi(openapi: Any, expected: Any) -> None:
    """Gemini's OpenAPI schema is read as JSON Schema."""
    assert from_openapi(openapi) == expected
