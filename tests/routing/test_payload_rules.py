"""The operator's payload rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.routing.payload_rules import Asked, apply, glob_matches
from cliproxy.settings.model import Payload, PayloadFilter, PayloadModel, PayloadRule


def rule(params: dict[str, Any], name: str = "*", protocol: str = "") -> PayloadRule:
    return PayloadRule((PayloadModel(name, protocol),), tuple(params.items()))


def applied(
    body: dict[str, Any], rules: Payload, original: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    asked = Asked(**{"protocol": "openai", "names": ("up-model", "alias", "alias(high)"), **more})
    apply(body, rules, asked, original=body.copy() if original is None else original)
    return body


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("gpt-5", "gpt-5", True),
        ("gpt-5", "gpt-5-codex", False),
        ("gpt-5", "GPT-5", False),
        ("*", "", True),
        ("gpt-*", "gpt-5", True),
        ("*-pro", "gemini-2.5-pro", True),
        ("gemini-*-pro", "gemini-2.5-pro", True),
        ("gemini-*-pro*", "gemini-2.5-pro-preview", True),
        ("a*b*c", "a1b2c", True),
        ("a*b*c", "a1c2b", False),
        ("ab*ba", "aba", False),
        ("a?c", "abc", False),
        ("[ab]", "a", False),
        ("m(*)", "m(high)", True),
    ],
)
def test_globs(pattern: str, name: str, matches: bool) -> None:
    """A star is any run of characters, everything else is itself, and case counts."""
    assert glob_matches(pattern, name) is matches


@given(st.lists(st.text(alphabet="ab.", max_size=4), min_size=1), st.lists(st.text(alphabet="ab.", max_size=3)))
def test_a_pattern_matches_what_it_was_made_of(pieces: list[str], fillers: list[str]) -> None:
    """Whatever is put in the place of the stars, the pattern still matches."""
    name = "".join(
        piece + (fillers[n] if n < len(fillers) and n < len(pieces) - 1 else "") for n, piece in enumerate(pieces)
    )
    assert glob_matches("*".join(pieces), name)


@pytest.mark.parametrize("name", ["up-*", "alias", "alias(*)"])
def test_a_rule_means_any_of_the_names(name: str) -> None:
    """The upstream's name, the client's name and the client's name with its suffix all match."""
    assert applied({}, Payload(override=(rule({"a": 1}, name),))) == {"a": 1}


@pytest.mark.parametrize(
    ("name", "protocol", "hit"),
    [("*", "OpenAI", True), ("*", "codex", False), ("", "", False), ("other", "", False)],
)
def test_a_rule_means_its_protocol(name: str, protocol: str, hit: bool) -> None:
    """The protocol, when given, must be the provider's, in any case of letters; a blank name means nothing."""
    assert applied({}, Payload(override=(rule({"a": 1}, name, protocol),))) == ({"a": 1} if hit else {})


def test_a_default_yields_to_the_client_only() -> None:
    """What the client said stays, null included; what the proxy put there itself is overwritten."""
    rules = Payload(default=(rule({"kept": 9, "null": 9, "ours": 9, "missing": 9}),))
    body = {"kept": 1, "null": None, "ours": 1}
    assert applied(body, rules, {"kept": 1, "null": None}) == {"kept": 1, "null": None, "ours": 9, "missing": 9}


def test_the_first_default_wins() -> None:
    """Of several defaults for one path the first counts, the raw ones after the others."""
    rules = Payload(default=(rule({"a": 1}), rule({"a": 2, "b": 2})), default_raw=(rule({"b": 3, "c": [3]}),))
    assert applied({}, rules) == {"a": 1, "b": 2, "c": [3]}


def test_the_last_override_wins() -> None:
    """Overrides beat the client and the defaults, and of several the last counts, the raw ones after the others."""
    rules = Payload(
        default=(rule({"a": 1}),), override=(rule({"a": 2}), rule({"a": 3, "b": 3})), override_raw=(rule({"b": 4}),)
    )
    assert applied({"a": 0}, rules) == {"a": 3, "b": 4}


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.b.c", {}, {"a": {"b": {"c": 7}}}),
        ("a.b", {"a": {"x": 1}}, {"a": {"x": 1, "b": 7}}),
        ("a.b", {"a": None}, {"a": {"b": 7}}),
        (".a", {}, {"a": 7}),
        (r"a\.b", {}, {"a.b": 7}),
        ("l.0", {"l": [1, 2]}, {"l": [7, 2]}),
        ("l.1.x", {"l": [1, {"x": 2}]}, {"l": [1, {"x": 7}]}),
        ("l.-1", {"l": [1]}, {"l": [1, 7]}),
        ("l.-1.x", {"l": [1]}, {"l": [1, {"x": 7}]}),
        ("l.2", {"l": [1, 2]}, {"l": [1, 2, 7]}),
        ("l.0", {}, {"l": [7]}),
        ("l.-1", {}, {"l": [7]}),
        ("0", {}, {"0": 7}),
    ],
)
def test_paths_that_can_be_set(path: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Dots descend, numbers index, -1 appends, a backslash keeps a dot, missing containers are made."""
    assert applied(before, Payload(override=(rule({path: 7}),))) == after


@pytest.mark.parametrize("path", ["", "  ", "a.*", "a?", "l.#", "a|b", "s.x", "l.x", "l.9", "s.0.x"])
def test_paths_that_cannot_be_set_are_passed_over(path: str) -> None:
    """Queries, blanks, and paths through what is no container change nothing, and the next rule still applies."""
    before: dict[str, Any] = {"s": "text", "l": [1]}
    assert applied(before, Payload(override=(rule({path: 7}), rule({"ok": 1})))) == {"s": "text", "l": [1], "ok": 1}


def test_the_rules_own_values_stay_theirs() -> None:
    """A body gets a copy: what later stages do to it does not reach the configuration."""
    value: dict[str, Any] = {"list": []}
    rules = Payload(override=(rule({"a": value, "b.c": value}),))
    body = applied({}, rules)
    body["a"]["list"].append(1)
    body["b"]["c"]["list"].append(2)
    assert value == {"list": []}


CONDITIONS = [
    ({"from_protocol": "claude"}, True),
    ({"from_protocol": "openai"}, False),
    ({"headers": (("X-Tier", "team-*"),)}, True),
    ({"headers": (("X-Tier", "dev"),)}, False),
    ({"headers": (("X-Other", "x"),)}, False),
    ({"match": ((("metadata.client", "codex"),),)}, True),
    ({"match": ((("metadata.client", "other"),),)}, False),
    ({"match": ((("metadata.none", "other"),),)}, False),
    ({"not_match": ((("metadata.client", "other"),),)}, True),
    ({"not_match": ((("metadata.client", "codex"),),)}, False),
    ({"exist": ("tools.0",)}, True),
    ({"exist": ("metadata.nothing",)}, False),
    ({"not_exist": ("metadata.nothing",)}, True),
    ({"not_exist": ("tools",)}, False),
]


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    """Every condition of a selector has to hold; a null counts as nothing."""
    body = {"metadata": {"client": "codex", "nothing": None}, "tools": [{}]}
    rules = Payload(override=(PayloadRule((PayloadModel("*", **condition),), (("x", 1),)),))
    made = applied(body, rules, source="claude", headers={"x-tier": "team-a"})
    assert ("x" in made) is holds


def test_filter_takes_members_away() -> None:
    """After everything else, where it matches; what is not there is no matter."""
    rules = Payload(
        override=(rule({"a.b": 1}),), filter=(PayloadFilter((PayloadModel("*"),), ("a.b", "list.0", "no.way", "*")),)
    )
    assert applied({"a": {"c": 2}, "list": [1, 2]}, rules) == {"a": {"c": 2}, "list": [2]}
