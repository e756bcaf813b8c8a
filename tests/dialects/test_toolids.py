"""Names, ids and arguments of tool calls."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.dialects import arguments, toolids
from cliproxy.dialects.registry import DIALECTS as SPOKES
from cliproxy.ir.content import ToolCallPart, ToolResultPart
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, FunctionTool, Message
from cliproxy.jsontypes import loads

DIALECTS = ("openai", "responses", "claude", "gemini")


def declaring(*names: str, calls: tuple[str, ...] = ()) -> CompletionRequest:
    """A request that declares tools, and holds calls of some."""
    parts: list[Any] = [ToolCallPart(f"c{index}", name, "{}") for index, name in enumerate(calls)]
    messages = [Message("assistant", parts)] if parts else []
    return CompletionRequest("openai", "m", messages, tools=[FunctionTool(name) for name in names])


def identified(*ids: str) -> CompletionRequest:
    """A request whose calls and results carry ids."""
    calls: list[Any] = [ToolCallPart(call_id, "f", "{}") for call_id in ids]
    results: list[Any] = [ToolResultPart(call_id, []) for call_id in ids]
    return CompletionRequest("openai", "m", [Message("assistant", calls), Message("user", results)])


@pytest.mark.parametrize(
    ("dialect", "name", "wire"),
    [
        ("openai", "fetch.page:now", "fetch_page_now"),
        ("gemini", "fetch.page:now", "fetch.page:now"),
        ("gemini", "9lives", "_9lives"),
        ("gemini", "-x", "_-x"),
        ("claude", "größe", "gr__e"),
        ("claude", "a" * 70, "a" * 64),
        ("responses", "mcp__" + "s" * 60 + "__do_it", "mcp__do_it"),
        ("responses", "mcp__" + "s" * 70, ("mcp__" + "s" * 70)[:64]),
    ],
)
def test_names_are_spelt_as_the_target_takes_them(dialect: str, name: str, wire: str) -> None:
    """A name a vendor would refuse is sent in the spelling of the table, and comes back as it was."""
    request = declaring(name)
    assert toolids.wire_names(request, SPOKES[dialect].names).get(name, name) == wire
    assert toolids.client_names(request, SPOKES[dialect].names).get(wire, wire) == name


def test_valid_names_are_not_in_the_map() -> None:
    """Only names that change are in the map."""
    assert toolids.wire_names(declaring("read_file", "Bash"), SPOKES["claude"].names) == {}


def test_colliding_names_are_numbered_in_order_and_stay_short() -> None:
    """Names that fall together get _1, _2 in declaration order, cut so that 64 characters suffice."""
    first, second, third = "x" * 64, "x" * 65, "x" * 66
    names = toolids.wire_names(declaring(first, second, third), SPOKES["openai"].names)
    assert names == {second: "x" * 62 + "_1", third: "x" * 62 + "_2"}


def test_a_repeated_name_is_one_name() -> None:
    """A name declared twice, or declared and called, has one spelling."""
    assert toolids.wire_names(declaring("a.b", "a.b", calls=("a.b",)), SPOKES["openai"].names) == {"a.b": "a_b"}


def test_names_only_called_in_history_are_mapped() -> None:
    """A call of a tool that is no longer declared is renamed too, after the declared ones."""
    assert toolids.wire_names(declaring("a_b", calls=("a.b",)), SPOKES["openai"].names) == {"a.b": "a_b_1"}


def test_lower_case_names_are_restored_where_unambiguous() -> None:
    """A model that answers ``bash`` for ``Bash`` means it, unless ``bash`` is a tool of its own."""
    assert toolids.client_names(declaring("Bash"), SPOKES["claude"].names) == {"bash": "Bash"}
    assert toolids.client_names(declaring("Bash", "bash"), SPOKES["claude"].names) == {}


@given(st.lists(st.text(min_size=1, max_size=90), max_size=12, unique=True), st.sampled_from(DIALECTS))
def test_names_are_a_bijection(names: list[str], dialect: str) -> None:
    """Distinct client names have distinct, valid wire names, and every one of them is restored."""
    request = declaring(*names)
    wire = toolids.wire_names(request, SPOKES[dialect].names)
    spelt = [wire.get(name, name) for name in names]
    back = toolids.client_names(request, SPOKES[dialect].names)
    assert len(set(spelt)) == len(names)
    assert all(0 < len(name) <= 64 for name in spelt)
    assert [back.get(name, name) for name in spelt] == names


@given(st.lists(st.text(max_size=90), max_size=12, unique=True), st.sampled_from(DIALECTS))
def test_ids_are_a_bijection(ids: list[str], dialect: str) -> None:
    """Distinct call ids have distinct wire ids, the same for a call and its result."""
    wire = SPOKES[dialect].names.wire_ids(identified(*ids))
    assert len({wire.get(call_id, call_id) for call_id in ids}) == len(ids)


@given(st.lists(st.text(max_size=70), min_size=2, max_size=8, unique=True), st.sampled_from(DIALECTS))
def test_a_longer_conversation_keeps_the_ids_of_the_shorter(ids: list[str], dialect: str) -> None:
    """A later turn must not change an earlier one, or the vendor's prompt cache misses."""
    before = SPOKES[dialect].names.wire_ids(identified(*ids[:-1]))
    after = SPOKES[dialect].names.wire_ids(identified(*ids))
    assert {call_id: after.get(call_id, call_id) for call_id in ids[:-1]} == {
        call_id: before.get(call_id, call_id) for call_id in ids[:-1]
    }


@pytest.mark.parametrize(
    ("dialect", "given_id", "wire"),
    [
        ("claude", "functions.f:0", "functions_f_0"),
        ("responses", "c" * 70, "c" * 64),
        ("openai", "c" * 70 + ".", "c" * 70 + "."),
        ("gemini", "functions.f:0", "functions.f:0"),
    ],
)
def test_ids_are_spelt_as_the_target_takes_them(dialect: str, given_id: str, wire: str) -> None:
    """Anthropic takes few characters, OpenAI's Responses 64 of them, the others anything."""
    assert SPOKES[dialect].names.wire_ids(identified(given_id)).get(given_id, given_id) == wire


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("{'a': 'it\\'s \"b\"'}", {"a": 'it\'s "b"'}),
        ("{'a': {'b': [\"c\", 'd']}}", {"a": {"b": ["c", "d"]}}),
        ('{"a": "it\'s"}', {"a": "it's"}),
        ('{"a": "line\n"}', {"a": "line\n"}),
        ('{"a": NaN}', {"a": None}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ("", {}),
        ("null", {}),
        ("[1]", None),
        ("not json", None),
        ("{'a': ", None),
        ("'\\", None),
    ],
)
def test_argument_text_is_read_as_an_object(text: str, value: dict[str, Any] | None) -> None:
    """Arguments are parsed, else read tolerantly, out of a string, or repaired from single quotes; else they are no object."""
    assert arguments.read(text) == value


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_argument_text_is_emptied(text: str) -> None:
    """Whatever a model wrote, there is an object, and it is empty only where there was nothing to lose."""
    losses: list[Loss] = []
    value = arguments.as_object(text, losses)
    assert value or not text.strip() or loads(text) in ({}, None)
    assert bool(losses) == (value == {arguments.UNPARSED: text})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
        lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    )
)
def test_a_member_that_is_no_object_stays_what_it_is(value: Any) -> None:
    """A list, a number, a text where an object should be: JSON text that says it, or the object that the text is."""
    text = arguments.as_text(value)
    if value is None or value == "null" or (isinstance(value, str) and not value.strip()):
        assert arguments.read(text) == {}
    else:
        assert json.loads(text) == value or arguments.read(value) is not None


@given(st.dictionaries(st.text(), st.text()), st.data())
def test_argument_deltas_are_made_strict_however_they_are_cut(value: dict[str, str], data: st.DataObject) -> None:
    """Raw control characters in strings, and JSON inside a string, come out as strict JSON at any chopping."""
    raw = json.dumps(value, ensure_ascii=False, indent=1)
    for code in range(32):
        raw = raw.replace(json.dumps(chr(code))[1:-1], chr(code)) if code in (9, 10, 13) else raw
    text = data.draw(st.sampled_from([raw, json.dumps(json.dumps(value))]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    reader = arguments.ArgumentText()
    out = (
        "".join(reader.feed(text[start:end]) for start, end in itertools.pairwise([0, *cuts, len(text)])) + reader.end()
    )
    if "\\" not in "".join([*value, *value.values()]):
        assert json.loads(out) == value


def test_free_text_is_wrapped_and_unwrapped() -> None:
    """A free-text input travels as ``{"input": text}`` and is known again only in exactly that form."""
    call = ToolCallPart("c", "apply", "*** Begin", custom=True)
    assert toolids.custom_input(toolids.call_arguments(call)) == "*** Begin"
    assert toolids.custom_input('{"input": "x", "more": 1}') is None
    assert toolids.custom_input('{"input": 1}') is None
    assert toolids.call_arguments(ToolCallPart("c", "f", "")) == "{}"


def test_a_grammar_is_told_in_words() -> None:
    """A schema cannot hold a grammar, so the description does."""
    tool = FunctionTool(
        "p", "Patches.", custom=True, grammar={"type": "grammar", "syntax": "regex", "definition": "a+"}
    )
    assert toolids.tool_description(tool) == "Patches.\n\n`input` must follow this regex grammar:\na+"
    assert toolids.tool_description(FunctionTool("p", "Patches.", custom=True)) == "Patches."
    assert toolids.tool_schema(tool)["required"] == ["input"]
    assert toolids.tool_schema(FunctionTool("p")) == {"type": "object", "properties": {}}
