"""Schemas as OpenAI and Anthropic take them, and slips read as they were meant."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.dialects.schema import for_gemini
from cliproxy.dialects.schema_fit import (
    CLAUDE_OUTPUT,
    CLAUDE_TOOL,
    GEMINI_OUTPUT,
    OPENAI_OUTPUT,
    OPENAI_TOOL,
    Takes,
    fitted,
    satisfies_strict,
    strict_for,
)
from cliproxy.ir.loss import Loss

EVERY = (CLAUDE_OUTPUT, CLAUDE_TOOL, GEMINI_OUTPUT, OPENAI_OUTPUT, OPENAI_TOOL)
STRING = {"type": "string"}


def fit(schema: Any, takes: Takes = OPENAI_TOOL) -> tuple[Any, list[str]]:
    losses: list[Loss] = []
    before = copy.deepcopy(schema)
    made = fitted(schema, takes, losses, "here")
    assert schema == before
    return made, [loss.what for loss in losses]


@pytest.mark.parametrize(
    ("stated", "properties", "required"),
    [
        ({"query": STRING, "limit": {"type": "integer"}}, {"query": STRING, "limit": {"type": "integer"}}, None),
        ({"type": STRING, "name": STRING}, {"type": STRING, "name": STRING}, None),
        ({"type": STRING}, {"type": STRING}, None),
        ({"type": "object", "query": STRING, "description": "d"}, {"query": STRING}, None),
        ({"query": STRING, "required": ["query"]}, {"query": STRING}, ["query"]),
        ({"query": {"type": "string", "required": True}, "n": {"type": "integer", "required": False}},
         {"query": STRING, "n": {"type": "integer"}}, ["query"]),
        ({"properties": {"a": {"type": "string", "required": True}}, "required": ["b"]}, {"a": STRING}, ["b", "a"]),
        ({"properties": {"a": {"type": "STRING", "nullable": True}}}, {"a": {"type": ["string", "null"]}}, None),
        ({"properties": {"a": {"properties": {"b": STRING}}}},
         {"a": {"type": "object", "properties": {"b": STRING}}}, None),
        ({"properties": {"a": {"b": STRING}}}, {"a": {"type": "object", "properties": {"b": STRING}}}, None),
        ({"properties": {"a": {"items": STRING}}}, {"a": {"type": "array", "items": STRING}}, None),
        ({"type": "object", "properties": None, "required": None}, {}, None),
        ({"properties": {"a": {"type": None, "enum": [], "anyOf": [], "default": None}}}, {"a": {"default": None}}, None),
        ({"properties": {"a": STRING}, "required": ["a", "a"]}, {"a": STRING}, ["a"]),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"a": STRING}, "required": ["a"]}}}, {"a": STRING}, ["a"]),
        ({"$ref": "#"}, {}, None),
        ({"type": "string"}, {}, None),
        ({"x-note": {"type": "string"}, "properties": {}}, {}, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("takes", [OPENAI_TOOL, CLAUDE_TOOL])
def test_a_slip_is_read_as_it_was_meant(takes: Takes, stated: Any, properties: Any, required: Any) -> None:
    made, _ = fit(stated, takes)
    assert made["type"] == "object"
    assert made["properties"] == properties
    assert made.get("required") == required


@pytest.mark.parametrize(
    "stated", [{"query": STRING, "n": {"type": "integer"}}, {"query": {**STRING, "required": True}}]
)
def test_gemini_is_given_what_was_meant_too(stated: Any) -> None:
    assert for_gemini(stated, [])["properties"]["query"] == STRING


def test_what_gemini_is_not_told_is_a_loss() -> None:
    losses: list[Loss] = []
    schema = {"type": "object", "properties": {"a": {"not": {}, "minLength": 2, "title": "T", "patternProperties": {}}}}
    for_gemini(schema, losses)
    assert [loss.what for loss in losses] == ["schema not", "schema patternProperties"]


@pytest.mark.parametrize(
    ("schema", "properties", "required"),
    [
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": STRING, "b": STRING}},
         {"a": STRING, "b": STRING}, None),
        ({"oneOf": [{"properties": {"k": {"const": 1}, "a": STRING}, "required": ["k", "a"]},
                    {"properties": {"k": {"const": 2}}, "required": ["k"]}]},
         {"k": {"anyOf": [{"const": 1}, {"const": 2}]}, "a": STRING}, ["k"]),
        ({"allOf": [{"$ref": "#/$defs/A"}, {"properties": {"b": STRING}, "required": ["b"]}],
          "$defs": {"A": {"type": "object", "properties": {"a": STRING}, "required": ["a"]}}},
         {"a": STRING, "b": STRING}, ["a", "b"]),
        ({"anyOf": [{"allOf": [{"properties": {"a": STRING}}]}]}, {"a": STRING}, None),
    ],
)  # fmt: skip
def test_the_alternatives_of_a_root_unite(schema: Any, properties: Any, required: Any) -> None:
    """OpenAI and Anthropic take a root that is an object, and nothing else."""
    for takes in (OPENAI_TOOL, CLAUDE_TOOL):
        made, losses = fit(schema, takes)
        assert not {"anyOf", "oneOf", "allOf", "$ref"} & set(made)
        assert made["properties"] == properties
        assert made.get("required") == required
        assert any("at the root" in what for what in losses)


def test_objects_name_their_properties_and_arrays_their_items_at_openai() -> None:
    schema = {"type": "object", "properties": {"o": {"type": ["object", "null"]}, "l": {"type": "array"}},
              "$defs": {"D": {"type": "object"}}}  # fmt: skip
    for takes in (OPENAI_TOOL, OPENAI_OUTPUT):
        made, losses = fit(schema, takes)
        assert made["properties"]["o"]["properties"] == {}
        assert made["properties"]["l"]["items"] == {}
        assert made["$defs"]["D"]["properties"] == {}
        assert losses == []


@pytest.mark.parametrize(
    ("stated", "made", "lost"),
    [
        ({"type": "string", "minLength": 1}, {"type": "string", "description": "(minLength: 1)"}, "minLength"),
        ({"minimum": 0, "description": "d"}, {"description": "d (minimum: 0)"}, "minimum"),
        ({"type": "array", "items": {}, "minItems": 1}, {"type": "array", "items": {}, "minItems": 1}, None),
        ({"type": "array", "items": {}, "minItems": 2},
         {"type": "array", "items": {}, "description": "(minItems: 2)"}, "minItems"),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}, None),
        ({"type": "string", "format": "byte"}, {"type": "string", "description": "(format: byte)"}, "format"),
        ({"oneOf": [STRING]}, {"anyOf": [STRING]}, None),
        ({"not": STRING}, {}, "not"),
        ({"$comment": "c", "examples": [1]}, {}, None),
        ({"type": "object", "additionalProperties": STRING}, {"type": "object", "additionalProperties": False},
         "additionalProperties"),
    ],
)  # fmt: skip
def test_what_anthropics_structured_output_refuses_is_told_or_lost(stated: Any, made: Any, lost: str | None) -> None:
    out, losses = fit({"type": "object", "properties": {"p": stated}}, CLAUDE_OUTPUT)
    assert out == {"type": "object", "properties": {"p": made}, "additionalProperties": False}
    assert len(losses) == (lost is not None)
    assert lost is None or lost in losses[0]


@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        ({"type": "object", "properties": {"a": STRING}, "required": ["a"], "additionalProperties": False}, True),
        ({"type": "object", "properties": {"a": STRING}, "required": [], "additionalProperties": False}, False),
        ({"type": "object", "properties": {"a": STRING}, "required": ["a"]}, False),
        ({"type": "object", "properties": {}, "additionalProperties": False}, True),
        ({"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}, "required": ["a"],
          "additionalProperties": False}, False),
        ({"type": "object", "properties": {"a": {"anyOf": [STRING, {"type": "object"}]}}, "required": ["a"],
          "additionalProperties": False}, False),
        ({"anyOf": [{"type": "object", "properties": {}, "additionalProperties": False}]}, False),
        (True, False),
    ],
)  # fmt: skip
def test_strict_mode_is_asked_for_only_where_it_is_given(schema: Any, fits: bool) -> None:
    losses: list[Loss] = []
    assert satisfies_strict(schema) is fits
    assert strict_for(schema, True, losses, "here") is fits
    assert len(losses) == (not fits)
    assert strict_for(schema, None, losses, "here") is None


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4) | st.just("object") | st.just("array"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("type", "properties", "items", "anyOf", "oneOf", "allOf", "required", "enum", "const", "$ref", "$defs")
                + ("nullable", "minLength", "not", "additionalProperties", "description", "query", "x-y")
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(
    st.dictionaries(
        st.sampled_from(("type", "properties", "anyOf", "a", "$ref", "required", "items")), JUNK, max_size=5
    )
)
def test_anything_comes_out_as_a_schema_and_stays_one(schema: Any) -> None:
    """No input breaks the fit, and what fits is left alone."""
    for takes in EVERY:
        made, _ = fit(schema, takes)
        again, losses = fit(made, takes)
        assert again == made
        assert losses == []
        satisfies_strict(made)
    for_gemini(schema, [])
