"""How hard a model is to think: the notation, the worked examples, and what came after them."""

from __future__ import annotations

import copy
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.dialects.interface import EncodeContext
from cliproxy.dialects.registry import DIALECTS
from cliproxy.errors import RequestFault
from cliproxy.ir.request import Thinking
from cliproxy.routing import known_models, thinking
from cliproxy.routing.capability import Capability, ModelInfo
from cliproxy.routing.thinking import AUTO, NONE, nearest, parse_effort, parse_suffix, parse_value

Body = dict[str, Any]

MODELS = {
    "claude-sonnet-4-5": known_models.known("claude-sonnet-4-5-20250929"),
    "claude-sonnet-4": known_models.known("claude-sonnet-4-20250514"),
    "claude-haiku-4-5": known_models.known("claude-haiku-4-5-20251001"),
    "level-subset-model": ModelInfo("level-subset-model", known=True, thinking=Capability(levels=("low", "high"))),
    "no-thinking-model": ModelInfo("no-thinking-model", known=True),
    "claude-levels": ModelInfo(
        "claude-levels",
        known=True,
        thinking=Capability(1024, 128_000, ("low", "medium", "high", "max"), zero_allowed=True),
        max_completion_tokens=64_000,
    ),
}


@attrs.frozen
class Refused:
    """The stage is to refuse, so."""

    code: str
    message: str


def unlisted(word: str, levels: str) -> Refused:
    return Refused("LEVEL_NOT_SUPPORTED", f'level "{word}" not supported, valid levels: {levels}')


def outside(budget: int, least: int, most: int) -> Refused:
    return Refused("BUDGET_OUT_OF_RANGE", f"budget {budget} out of range [{least},{most}]")


def chat(effort: str) -> Body:
    return {"reasoning_effort": effort}


def resp(effort: str) -> Body:
    return {"reasoning": {"effort": effort}}


def enabled(budget: int) -> Body:
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def config(*, shown: bool, budget: int | None = None, level: str | None = None) -> Body:
    made: Body = {"includeThoughts": shown}
    if budget is not None:
        made["thinkingBudget"] = budget
    if level is not None:
        made["thinkingLevel"] = level
    return {"thinkingConfig": made}


def adaptive(effort: str | None = None) -> Body:
    return {"thinking": {"type": "adaptive"}} | ({"output_config": {"effort": effort}} if effort else {})


ENABLED: Body = {"thinking": {"type": "enabled"}}
OFF: Body = {"thinking": {"type": "disabled"}}
LOW_UNSEEN: Body = {"thinkingLevel": "low", "include_thoughts": False}

#: Model as asked, client's dialect, what its body says of thinking (Gemini: its thinkingConfig), provider, what is
#: sent.
WORKED_EXAMPLES = [
    ("gpt-5(high)", "openai", {}, "codex", resp("high")),
    ("gpt-5(HIGH)", "openai", {}, "codex", resp("high")),
    ("gpt-5(low)", "openai", chat("high"), "codex", resp("low")),
    ("gpt-5", "openai", {}, "codex", resp("medium")),
    ("gpt-5", "responses", {}, "codex", {}),
    ("gpt-5", "responses", resp("minimal"), "codex", resp("minimal")),
    ("gpt-5", "openai", chat("xhigh"), "codex", resp("high")),
    ("gpt-5", "claude", enabled(60000), "codex", resp("high")),
    ("gpt-5", "claude", OFF, "codex", resp("minimal")),
    ("gpt-5.1", "claude", OFF, "codex", resp("none")),
    ("gpt-5(none)", "openai", {}, "codex", resp("minimal")),
    ("gpt-5.2(none)", "openai", {}, "codex", resp("none")),
    ("gpt-5(auto)", "openai", {}, "codex", resp("medium")),
    ("gpt-5(-1)", "openai", {}, "codex", resp("medium")),
    ("gpt-5(0)", "openai", {}, "codex", resp("minimal")),
    ("gpt-5(08192)", "openai", {}, "codex", resp("medium")),
    ("gpt-5(8193)", "openai", {}, "codex", resp("high")),
    ("gpt-5(512)", "openai", {}, "codex", resp("minimal")),
    ("gpt-5-codex(500)", "openai", {}, "codex", resp("low")),
    ("gpt-5.1-codex-max(xhigh)", "openai", {}, "codex", resp("xhigh")),
    ("gpt-5-codex(minimal)", "openai", {}, "codex", unlisted("minimal", "low, medium, high")),
    ("gpt-5(turbo)", "openai", chat("low"), "codex", resp("low")),
    ("gpt-5()", "openai", {}, "codex", resp("medium")),
    ("gpt-5(-5)", "openai", {}, "codex", resp("medium")),
    ("gpt-5", "gemini", {"thinkingBudget": 1024}, "codex", resp("low")),
    ("gpt-5", "gemini", {"thinkingLevel": "HIGH"}, "codex", resp("high")),
    ("level-subset-model", "claude", enabled(5000), "openai", chat("low")),
    ("gemini-2.5-pro(8192)", "openai", {}, "gemini", config(budget=8192, shown=True)),
    ("gemini-2.5-pro(high)", "openai", {}, "gemini", config(budget=24576, shown=True)),
    ("gemini-2.5-pro(xhigh)", "openai", {}, "gemini", config(budget=32768, shown=True)),
    ("gemini-2.5-pro(64000)", "openai", {}, "gemini", config(budget=32768, shown=True)),
    ("gemini-2.5-pro(64)", "gemini", {}, "gemini", config(budget=128, shown=True)),
    ("gemini-2.5-pro", "gemini", {"thinkingBudget": 64000}, "gemini", outside(64000, 128, 32768)),
    ("gemini-2.5-pro(none)", "openai", {}, "gemini", config(budget=128, shown=False)),
    ("gemini-2.5-flash(none)", "openai", {}, "gemini", config(budget=0, shown=False)),
    ("gemini-2.5-flash", "gemini", {"thinkingBudget": 0}, "gemini", config(budget=0, shown=False)),
    ("gemini-2.5-pro(auto)", "claude", {}, "gemini", config(budget=-1, shown=True)),
    ("gemini-2.5-pro", "openai", chat("auto"), "gemini", config(budget=-1, shown=True)),
    ("gemini-2.5-pro", "openai", chat("ultra"), "gemini", Refused("UNKNOWN_LEVEL", "unknown level: ultra")),
    ("gemini-2.5-pro", "claude", enabled(16000), "gemini", config(budget=16000, shown=True)),
    ("gemini-2.5-pro", "claude", ENABLED, "gemini", config(budget=-1, shown=True)),
    ("gemini-3-pro-preview(high)", "openai", {}, "gemini", config(level="high", shown=True)),
    ("gemini-3-pro-preview(8192)", "openai", {}, "gemini", config(budget=8192, shown=True)),
    ("gemini-3-pro-preview(none)", "openai", {}, "gemini", config(level="low", shown=False)),
    ("gemini-3-pro-preview(medium)", "openai", {}, "gemini", unlisted("medium", "low, high")),
    ("gemini-3-pro-preview", "openai", chat("medium"), "gemini", config(level="low", shown=True)),
    ("gemini-3-flash-preview", "openai", chat("minimal"), "gemini", config(level="minimal", shown=True)),
    ("gemini-3-pro-preview", "gemini", LOW_UNSEEN, "gemini", config(level="low", shown=True)),
    ("claude-sonnet-4-5(16384)", "claude", {}, "claude", enabled(16384) | {"max_tokens": 64000}),
    ("claude-sonnet-4-5(high)", "openai", {}, "claude", enabled(24576) | {"max_tokens": 32000}),
    ("claude-sonnet-4-5(xhigh)", "openai", {"max_tokens": 20000}, "claude", enabled(19999) | {"max_tokens": 20000}),
    ("claude-sonnet-4-5(high)", "openai", {"max_tokens": 1000}, "claude", enabled(24576) | {"max_tokens": 1000}),
    ("claude-sonnet-4-5(500)", "claude", {}, "claude", enabled(1024) | {"max_tokens": 64000}),
    ("claude-sonnet-4-5", "claude", enabled(500), "claude", outside(500, 1024, 128000)),
    ("claude-sonnet-4-5(none)", "claude", enabled(4000), "claude", OFF | {"max_tokens": 64000}),
    ("claude-sonnet-4(none)", "claude", enabled(4000), "claude", OFF | {"max_tokens": 64000}),
    ("claude-sonnet-4-5(auto)", "claude", {}, "claude", enabled(63999) | {"max_tokens": 64000}),
    ("claude-sonnet-4-5", "openai", chat("none"), "claude", OFF | {"max_tokens": 32000}),
    ("claude-sonnet-4-5", "gemini", {"thinkingBudget": -1}, "claude", enabled(31999) | {"max_tokens": 32000}),
    ("claude-haiku-4-5(high)", "openai", {}, "claude", {"max_tokens": 32000}),
    ("claude-haiku-4-5", "claude", enabled(4000), "claude", {"max_tokens": 64000}),
    ("no-thinking-model", "openai", chat("high"), "openai", {}),
    ("no-thinking-model(high)", "openai", {}, "openai", {}),
    ("user-defined-model(xhigh)", "openai", {}, "openai", chat("xhigh")),
    ("user-defined-model(5000)", "openai", {}, "openai", chat("medium")),
    ("user-defined-model(-1)", "openai", {}, "openai", {}),
    ("user-defined-model", "openai", chat("ultra"), "openai", chat("ultra")),
    ("user-defined-model", "claude", enabled(30000), "openai", chat("xhigh")),
    ("user-defined-model(none)", "openai", {}, "codex", resp("none")),
    ("user-defined-model(high)", "openai", {}, "gemini", config(budget=24576, shown=True)),
    ("user-defined-model(high)", "claude", {}, "gemini", config(level="high", shown=True)),
    ("user-defined-model(999999)", "openai", {}, "gemini", config(budget=999999, shown=True)),
    ("user-defined-model(high)", "openai", {}, "claude", enabled(24576) | {"max_tokens": 32000}),
    ("user-defined-model(high)", "claude", {}, "claude", {"max_tokens": 64000}),
    ("user-defined-model(500)", "claude", {}, "claude", enabled(500) | {"max_tokens": 64000}),
    ("user-defined-model(auto)", "claude", {}, "claude", ENABLED | {"max_tokens": 64000}),
    ("some-unlisted-model(low)", "openai", {}, "openai", chat("low")),
]  # fmt: skip

#: Levels beside budgets, ``max``, and Anthropic's adaptive thinking: what came after January 2026.
LATER_EXAMPLES = [
    ("gpt-5.6-sol(max)", "openai", {}, "codex", resp("max")),
    ("gpt-5.2(max)", "openai", {}, "codex", unlisted("max", "none, low, medium, high, xhigh")),
    ("gpt-5.2", "claude", adaptive("max"), "codex", resp("xhigh")),
    ("gpt-5", "claude", adaptive("xhigh"), "codex", resp("high")),
    ("gpt-5", "claude", adaptive(), "codex", resp("medium")),
    ("gemini-2.5-pro(max)", "openai", {}, "gemini", config(budget=32768, shown=True)),
    ("gemini-3-pro-preview", "claude", adaptive("medium"), "gemini", config(level="low", shown=True)),
    ("gemini-3-flash-preview", "claude", adaptive("max"), "gemini", config(level="high", shown=True)),
    ("gemini-2.5-pro", "claude", adaptive("low"), "gemini", config(budget=1024, shown=True)),
    ("claude-levels(high)", "claude", {}, "claude", adaptive("high") | {"max_tokens": 64000}),
    ("claude-levels(high)", "openai", {}, "claude", adaptive("high") | {"max_tokens": 32000}),
    ("claude-levels", "openai", chat("medium"), "claude", adaptive("medium") | {"max_tokens": 32000}),
    ("claude-levels", "openai", chat("xhigh"), "claude", adaptive("high") | {"max_tokens": 32000}),
    ("claude-levels", "openai", chat("none"), "claude", OFF | {"max_tokens": 32000}),
    ("claude-levels", "claude", adaptive(), "claude", adaptive() | {"max_tokens": 64000}),
    ("claude-levels", "claude", adaptive("max"), "claude", adaptive("max") | {"max_tokens": 64000}),
    ("claude-levels(auto)", "claude", {}, "claude", adaptive() | {"max_tokens": 64000}),
    ("claude-levels(8192)", "claude", adaptive("max"), "claude", enabled(8192) | {"max_tokens": 64000}),
    ("claude-levels(none)", "claude", adaptive("max"), "claude", OFF | {"max_tokens": 64000}),
    ("claude-sonnet-4-5", "claude", adaptive("medium"), "claude", enabled(8192) | {"max_tokens": 64000}),
    ("claude-sonnet-4-5", "claude", adaptive(), "claude", enabled(63999) | {"max_tokens": 64000}),
    ("claude-haiku-4-5", "claude", adaptive("medium"), "claude", {"max_tokens": 64000}),
    ("user-defined-model", "claude", adaptive("medium"), "claude", adaptive("medium") | {"max_tokens": 64000}),
    ("user-defined-model", "claude", adaptive(), "claude", adaptive() | {"max_tokens": 64000}),
    ("user-defined-model(high)", "gemini", {}, "claude", enabled(24576) | {"max_tokens": 32000}),
    ("user-defined-model(max)", "openai", {}, "gemini", config(budget=128000, shown=True)),
]  # fmt: skip

SHOWN = {"thinking": {"type": "adaptive", "display": "summarized"}}

#: What real reports taught (reports.md 7): efforts survive and are clamped, no budgets from Claude Opus 4.7 on, no ``auto``.
REPORTED_EXAMPLES = [
    ("claude-opus-4-7(5000)", "openai", {}, "claude", adaptive("medium") | SHOWN | {"max_tokens": 32000}),
    ("claude-opus-4-7", "openai", chat("high"), "claude", adaptive("high") | SHOWN | {"max_tokens": 32000}),
    ("claude-opus-4-7", "claude", enabled(5000), "claude", adaptive("medium") | {"max_tokens": 64000}),
    ("claude-opus-4.7", "openai", chat("low"), "claude", adaptive("low") | SHOWN | {"max_tokens": 32000}),
    ("claude-opus-5-5", "openai", chat("xhigh"), "claude", adaptive("xhigh") | SHOWN | {"max_tokens": 32000}),
    ("claude-opus-4-6", "openai", chat("max"), "claude", adaptive("max") | {"max_tokens": 32000}),
    ("claude-opus-4-7", "responses", resp("max"), "claude", adaptive("max") | SHOWN | {"max_tokens": 32000}),
    ("claude-opus-4-6", "openai", chat("xhigh"), "claude", adaptive("high") | {"max_tokens": 32000}),
    ("gpt-5.5", "claude", {"output_config": {"effort": "low"}}, "codex", resp("low")),
    ("gpt-5.5", "claude", {"output_config": {"effort": "max"}}, "responses", resp("xhigh")),
    ("user-defined-model", "claude", {"thinking": {"type": "adaptive"}}, "openai", {}),
    ("user-defined-model", "claude", adaptive("high"), "openai", chat("high")),
    ("gpt-5.2", "claude", {"thinking": {"type": "adaptive"}}, "openai", {}),
    ("gemini-3.6-flash", "claude", adaptive("max"), "gemini", config(level="high", shown=True)),
    ("gemini-3.6-flash", "openai", chat("xhigh"), "gemini", config(level="high", shown=True)),
    ("gpt-5-mini", "openai", chat("xhigh"), "responses", resp("high")),
    ("o3", "claude", adaptive("max"), "openai", chat("high")),
]  # fmt: skip

UNSPECIFIED: Body = {"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}
UNTYPED: Body = {"thinking": {"budget_tokens": 2000}}
BETWEEN_TOOLS: Body = {"thinking": {"type": "between_tools"}}
EFFORT_ALONE: Body = {"output_config": {"effort": "low"}}

#: What a body says means the same to its own dialect's models and to others'.
READ_ALIKE = [
    ("gemini-3-pro-preview", "gemini", UNSPECIFIED, "gemini", {"thinkingConfig": UNSPECIFIED}),
    ("gemini-2.5-pro", "gemini", UNSPECIFIED, "gemini", {"thinkingConfig": UNSPECIFIED}),
    ("user-defined-model", "gemini", UNSPECIFIED, "gemini", {"thinkingConfig": UNSPECIFIED}),
    ("no-thinking-model", "gemini", UNSPECIFIED, "gemini", {"thinkingConfig": UNSPECIFIED}),
    ("gemini-2.5-pro", "gemini", UNSPECIFIED | {"thinkingBudget": 1024}, "gemini", config(budget=1024, shown=True)),
    ("gpt-5", "gemini", UNSPECIFIED | {"thinkingBudget": 1024}, "codex", resp("low")),
    ("gpt-5", "gemini", UNSPECIFIED, "codex", resp("medium")),
    ("gemini-3-pro-preview", "gemini", {"thinkingLevel": " high "}, "gemini", config(level="high", shown=True)),
    ("gemini-3-pro-preview", "gemini", {"thinkingLevel": "HIGH"}, "gemini", config(level="HIGH", shown=True)),
    ("user-defined-model", "gemini", {"thinkingLevel": "HIGH"}, "gemini", config(level="HIGH", shown=True)),
    ("gemini-2.5-pro", "gemini", {"thinkingLevel": " LOW "}, "gemini", config(budget=1024, shown=True)),
    ("gemini-2.5-pro", "gemini", {"thinkingLevel": " "}, "gemini", {"thinkingConfig": {"thinkingLevel": " "}}),
    ("gpt-5", "responses", resp(" High "), "responses", resp("High")),
    ("gpt-5", "responses", resp(" High "), "openai", chat("high")),
    ("gpt-5", "openai", chat(" high "), "openai", chat("high")),
    ("user-defined-model", "openai", chat(" Ultra "), "openai", chat("Ultra")),
    ("claude-sonnet-4-5", "claude", UNTYPED, "claude", enabled(2000) | {"max_tokens": 64000}),
    ("gpt-5", "claude", UNTYPED, "codex", resp("medium")),
    ("gemini-2.5-pro", "claude", UNTYPED, "gemini", config(budget=2000, shown=True)),
    ("claude-levels", "claude", BETWEEN_TOOLS, "claude", BETWEEN_TOOLS | {"max_tokens": 64000}),
    ("user-defined-model", "claude", BETWEEN_TOOLS, "claude", BETWEEN_TOOLS | {"max_tokens": 64000}),
    ("claude-sonnet-4-5", "claude", BETWEEN_TOOLS, "claude", enabled(63999) | {"max_tokens": 64000}),
    ("claude-haiku-4-5", "claude", BETWEEN_TOOLS | EFFORT_ALONE, "claude", {"max_tokens": 64000}),
    ("claude-levels", "claude", EFFORT_ALONE, "claude", EFFORT_ALONE | {"max_tokens": 64000}),
    ("claude-haiku-4-5", "claude", EFFORT_ALONE, "claude", EFFORT_ALONE | {"max_tokens": 64000}),
    ("claude-levels", "claude", adaptive(" HIGH "), "claude", adaptive("HIGH") | {"max_tokens": 64000}),
]  # fmt: skip


def client_body(client: str, wish: Body) -> Body:
    """A whole body in the client's dialect around its wish."""
    wish = copy.deepcopy(wish)
    if client == "gemini":
        contents = [{"role": "user", "parts": [{"text": "hi"}]}]
        return {"contents": contents, "generationConfig": {"thinkingConfig": wish}} if wish else {"contents": contents}
    if client == "responses":
        return {"model": "m", "input": "hi", **wish}
    messages = [{"role": "user", "content": "hi"}]
    return {"model": "m", **({"max_tokens": 64000} if client == "claude" else {}), "messages": messages, **wish}


def staged(name: str, client: str, body: Body, provider: str) -> Body:
    """The provider's body after the stage, the thinking-related members of it alone."""
    target = "responses" if provider == "codex" else provider
    base, suffix = parse_suffix(name)
    info = MODELS.get(base) or known_models.known(base) or ModelInfo(base)
    said = None
    if client != target:
        context = EncodeContext(base, lambda prefix: prefix, False, info.max_completion_tokens or None)
        request = DIALECTS[client].decode_request(body, context.mint)
        body, said = DIALECTS[target].encode_request(request, context), request.thinking
    codex = provider == "codex"
    thinking.apply(
        body, client=DIALECTS[client], provider=DIALECTS[target], suffix=suffix, info=info, codex=codex, said=said
    )
    if target == "gemini":
        return {name: value for name, value in body.get("generationConfig", {}).items() if name == "thinkingConfig"}
    if target == "responses":
        effort = body.get("reasoning", {}).get("effort")
        return {} if effort is None else resp(effort)
    kept = ("reasoning_effort",) if target == "openai" else ("thinking", "max_tokens", "output_config")
    return {name: body[name] for name in kept if name in body}


def check(name: str, client: str, wish: Body, provider: str, expected: Body | Refused) -> None:
    body = client_body(client, wish)
    if isinstance(expected, Refused):
        with pytest.raises(RequestFault) as fault:
            staged(name, client, body, provider)
        assert fault.value.detail.status == 400
        assert (fault.value.detail.code, fault.value.detail.message) == (expected.code, expected.message)
    else:
        assert staged(name, client, body, provider) == expected


@pytest.mark.parametrize(("name", "client", "wish", "provider", "expected"), WORKED_EXAMPLES)
def test_worked_examples(name: str, client: str, wish: Body, provider: str, expected: Body | Refused) -> None:
    """Each of the seventy-seven examples comes out as it is worked out there."""
    check(name, client, wish, provider, expected)


@pytest.mark.parametrize(("name", "client", "wish", "provider", "expected"), REPORTED_EXAMPLES)
def test_reported_examples(name: str, client: str, wish: Body, provider: str, expected: Body | Refused) -> None:
    """Each report's request becomes one that its model takes."""
    check(name, client, wish, provider, expected)


@pytest.mark.parametrize(("name", "client", "wish", "provider", "expected"), LATER_EXAMPLES)
def test_later_examples(name: str, client: str, wish: Body, provider: str, expected: Body | Refused) -> None:
    """Models that know levels beside budgets are asked in levels, and a client that counts otherwise is not refused."""
    check(name, client, wish, provider, expected)


@pytest.mark.parametrize(("name", "client", "wish", "provider", "expected"), READ_ALIKE)
def test_a_wish_is_read_alike_in_both_lanes(
    name: str, client: str, wish: Body, provider: str, expected: Body | Refused
) -> None:
    """What is unset, padded or untyped means the same whether the body is edited or translated."""
    check(name, client, wish, provider, expected)


@pytest.mark.parametrize(
    ("name", "base", "suffix"),
    [
        ("m", "m", None),
        ("m(high)", "m", "high"),
        ("a(b)(high)", "a(b)", "high"),
        ("m()", "m", ""),
        ("m(high", "m(high", None),
        ("m(high) ", "m(high) ", None),
        ("m)", "m)", None),
        ("(high)", "", "high"),
        ("m(a(b)", "m(a", "b"),
        ("", "", None),
    ],
)
def test_suffixes(name: str, base: str, suffix: str | None) -> None:
    """Only a closing bracket at the very end makes a suffix, from the last opening one on."""
    assert parse_suffix(name) == (base, suffix)


@pytest.mark.parametrize(
    ("value", "config"),
    [
        ("none", NONE),
        ("NONE", NONE),
        ("0", NONE),
        ("+0", NONE),
        ("auto", AUTO),
        ("-1", AUTO),
        ("High", Thinking("level", level="high")),
        ("max", Thinking("level", level="max")),
        ("8192", Thinking("budget", budget=8192)),
        ("+8192", Thinking("budget", budget=8192)),
        ("008192", Thinking("budget", budget=8192)),
        ("9223372036854775807", Thinking("budget", budget=2**63 - 1)),
        ("9223372036854775808", None),
        ("9" * 5000, None),
        ("turbo", None),
        ("-5", None),
        ("1.5", None),
        (" high", None),
        ("", None),
        ("1_000", None),
        ("\u0663", None),
    ],
)
def test_suffix_values(value: str, config: Thinking | None) -> None:
    """Words in any case, whole numbers of 64 bits, and nothing else."""
    assert parse_value(value) == config


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("gpt-5-high", ("gpt-5", "high")),
        ("gpt-5.1-codex-max", ("gpt-5.1-codex", "max")),
        ("m-None", ("m", "None")),
        ("gpt-5-codex", None),
        ("high", None),
        ("-high", None),
    ],
)
def test_the_hyphen_form(name: str, read: tuple[str, str] | None) -> None:
    """A level word after the last hyphen reads as a suffix; whether it is one, the catalogue decides."""
    assert parse_effort(name) == read


@given(st.text(), st.text(alphabet=st.characters(exclude_characters="(")))
def test_a_written_suffix_is_read_back(base: str, value: str) -> None:
    """What is put between brackets at the end of a name comes out again, whatever stands before it."""
    assert parse_suffix(f"{base}({value})") == (base, value)


@pytest.mark.parametrize(
    ("level", "levels", "found"),
    [
        ("medium", ("low", "high"), "low"),
        ("max", ("low", "high"), "high"),
        ("minimal", ("none", "medium"), "medium"),
        ("high", ("HIGH",), "high"),
        ("ultra", ("low",), None),
        ("low", ("none",), None),
    ],
)
def test_nearest(level: str, levels: tuple[str, ...], found: str | None) -> None:
    """The nearest level by rank, the lower of two as near."""
    assert nearest(level, levels) == found


def test_snake_case_gemini_bodies() -> None:
    """A wish in Google's snake spelling is read, and is written once, in camel case, where it stood."""
    body = {
        "generation_config": {"thinking_config": {"thinking_budget": 64, "include_thoughts": False}, "top_k": 1},
    }
    info = ModelInfo("g", known=True, thinking=Capability(128, 1000))
    thinking.apply(body, client=DIALECTS["gemini"], provider=DIALECTS["gemini"], suffix="500", info=info)
    assert body == {
        "generation_config": {"top_k": 1, "thinkingConfig": {"thinkingBudget": 500, "includeThoughts": True}}
    }
    strict = {"generation_config": {"thinking_config": {"thinking_budget": 64}}}
    with pytest.raises(RequestFault):
        thinking.apply(strict, client=DIALECTS["gemini"], provider=DIALECTS["gemini"], suffix=None, info=info)


@pytest.mark.parametrize("provider", ["openai", "responses", "claude", "gemini"])
@pytest.mark.parametrize(
    "odd", [None, 7, "x", [], {"type": 3}, {"thinkingConfig": 1}, {"thinkingBudget": "9"}, {"effort": []}]
)
def test_members_of_a_wrong_type_are_absent(provider: str, odd: Any) -> None:
    """What is no wish in the dialect is no wish, and a suffix is written over it without a fuss."""
    names = ("reasoning_effort", "reasoning", "thinking", "generationConfig", "output_config")
    info = ModelInfo("m", known=True, thinking=Capability(128, 1000, ("low", "high")))
    body = dict.fromkeys(names, odd)
    if provider != "openai" or not isinstance(odd, str):
        thinking.apply(
            copy.deepcopy(body), client=DIALECTS[provider], provider=DIALECTS[provider], suffix=None, info=info
        )
    thinking.apply(body, client=DIALECTS[provider], provider=DIALECTS[provider], suffix="low", info=info)


@pytest.mark.parametrize("suffix", ["2000", "high", "auto"])
def test_what_else_thinking_says_is_kept(suffix: str) -> None:
    """Members of ``thinking`` that are not about how much stay when the amount is written."""
    for base in ("claude-levels", "claude-sonnet-4-5"):
        body: Body = {"max_tokens": 9000, "thinking": {"type": "adaptive", "display": "omitted"}}
        thinking.apply(
            body,
            client=DIALECTS["claude"],
            provider=DIALECTS["claude"],
            suffix=suffix,
            info=MODELS[base] or ModelInfo(base),
        )
        assert body["thinking"]["display"] == "omitted"


def test_a_garbage_suffix_still_hides_the_body() -> None:
    """A suffix that makes no sense leaves the body as it is, even where its wish would be refused."""
    info = ModelInfo("g", known=True, thinking=Capability(128, 1000))
    body = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 5}}}
    thinking.apply(body, client=DIALECTS["gemini"], provider=DIALECTS["gemini"], suffix="turbo", info=info)
    assert body == {"generationConfig": {"thinkingConfig": {"thinkingBudget": 5}}}


def test_a_model_of_budgets_behind_an_effort_field() -> None:
    """A suffix reaches an OpenAI-compatible server of a model that counts tokens, as the word its field has for
    them."""
    body: Body = {}
    info = ModelInfo("g", known=True, thinking=Capability(128, 32_768))
    thinking.apply(body, client=DIALECTS["openai"], provider=DIALECTS["openai"], suffix="20000", info=info)
    assert body == {"reasoning_effort": "high"}
