"""The smallest value a schema accepts."""

from typing import Any

import pytest

from cliproxy.jsontypes import dumps
from cliproxy.providers.demo_values import smallest


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "demo"),
        ({"type": "string", "enum": ["a", "b"]}, "a"),
        ({"const": 5}, 5),
        ({"type": ["null", "integer"], "minimum": 3}, 3),
        ({"type": "number", "exclusiveMinimum": 0}, 1),
        ({"type": "integer", "minimum": 1.5}, 2),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": "STRING"}, "demo"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "string", "minLength": 6}, "demo.."),
        ({"type": "string", "maxLength": 2}, "de"),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [0, 0]),
        ({"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}, {"a": "demo"}),
        ({"properties": {"a": {}}, "required": ["a", "b"]}, {"a": "demo", "b": "demo"}),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 0),
        ({"$defs": {"x": {"const": 1}}, "$ref": "#/$defs/x"}, 1),
        ({"$ref": "#/$defs/missing"}, None),
        (
            {
                "allOf": [
                    {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
                    {"properties": {"b": {"const": 2}}, "required": ["b"]},
                ]
            },
            {"a": 1, "b": 2},
        ),
        ({}, "demo"),
        (True, None),
    ],
)
def test_a_schema_is_filled_with_as_little_as_it_accepts(schema: Any, value: Any) -> None:
    assert smallest(schema, "demo") == value


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {n: {"$ref": "#"} for n in "abcdefgh"}, "required": list("abcdefgh")},
        {"type": "array", "minItems": 10**9, "items": {"$ref": "#"}},
        {"type": "string", "minLength": 10**9},
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}]},
    ],
)
def test_a_schema_without_a_small_value_is_filled_as_far_as_a_page_goes(schema: Any) -> None:
    assert len(dumps(smallest(schema, "demo"))) < 10_000
