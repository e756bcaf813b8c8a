"""What names a conversation."""

from __future__ import annotations

import pytest

from cliproxy.dialects.registry import DIALECTS
from cliproxy.pool.affinity import SESSION_HEADERS, key_from

CLAUDE = {"system": [{"type": "text", "text": "be brief"}], "messages": [{"role": "user", "content": "hello"}]}


def later(body: dict, *more: object, member: str = "messages") -> dict:  # type: ignore[type-arg]
    """The same conversation, some turns on."""
    return {**body, member: [*body[member], *more]}


@pytest.mark.parametrize("header", SESSION_HEADERS)
def test_session_header(header: str) -> None:
    """Each known session header names the conversation, whatever is said in it; its value is not shown."""
    first = key_from({header: "s-1"}, CLAUDE, DIALECTS["claude"])
    assert first is not None
    assert "s-1" not in first
    assert first == key_from({header: "s-1"}, {"messages": []}, DIALECTS["openai"])
    assert first != key_from({header: "s-2"}, CLAUDE, DIALECTS["claude"])


def test_precedence() -> None:
    """A session header comes before ``prompt_cache_key``, that before ``metadata.user_id``, that before the text."""
    body = {**CLAUDE, "prompt_cache_key": "c", "metadata": {"user_id": "u"}}
    session = key_from({"x-session-id": "s"}, body, DIALECTS["claude"])
    cache = key_from({}, body, DIALECTS["claude"])
    user = key_from({}, {**CLAUDE, "metadata": {"user_id": "u"}}, DIALECTS["claude"])
    text = key_from({}, CLAUDE, DIALECTS["claude"])
    assert len({session, cache, user, text}) == 4
    assert cache == key_from({}, {"prompt_cache_key": "c"}, DIALECTS["responses"])


@pytest.mark.parametrize(
    ("dialect", "body", "member", "more"),
    [
        ("claude", CLAUDE, "messages", {"role": "assistant", "content": "hi"}),
        (
            "openai",
            {"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]},
            "messages",
            {"role": "assistant", "content": "hi"},
        ),
        (
            "responses",
            {
                "instructions": "be brief",
                "input": [{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
            },
            "input",
            {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "1"},
        ),
        (
            "gemini",
            {
                "systemInstruction": {"parts": [{"text": "be brief"}]},
                "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
            },
            "contents",
            {"role": "model", "parts": [{"text": "hi"}]},
        ),
    ],
)
def test_stable_prefix(dialect: str, body: dict, member: str, more: object) -> None:  # type: ignore[type-arg]
    """Later turns of a conversation have its key; another beginning, or another system prompt, has another."""
    key = key_from({}, body, DIALECTS[dialect])
    assert key is not None
    assert key_from({}, later(body, more, member=member), DIALECTS[dialect]) == key
    assert (
        key_from(
            {}, {**body, member: [{"role": "user", "content": "else", "parts": [{"text": "else"}]}]}, DIALECTS[dialect]
        )
        != key
    )


def test_cache_marks_move_and_do_not_matter() -> None:
    """Clients move ``cache_control`` from turn to turn: it is no part of the key."""
    marked = {"role": "user", "content": [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}]}
    plain = {"role": "user", "content": [{"type": "text", "text": "hello"}]}
    assert key_from({}, {"messages": [marked]}, DIALECTS["claude"]) == key_from(
        {}, {"messages": [plain]}, DIALECTS["claude"]
    )


def test_long_beginnings_differ_at_their_ends() -> None:
    """Agents begin with long common texts and put the task last: both ends count."""
    common = "x" * 100_000
    one = key_from({}, {"messages": [{"role": "user", "content": common + "fix the bug"}]}, DIALECTS["claude"])
    two = key_from({}, {"messages": [{"role": "user", "content": common + "write a poem"}]}, DIALECTS["claude"])
    assert one != two


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": "no"},
        {"messages": [None, 3]},
        {"metadata": 3},
        {"prompt_cache_key": 3},
        {"input": 3},
    ],
)
@pytest.mark.parametrize("dialect", ["openai", "responses", "claude", "gemini"])
def test_nothing_to_go_by(body: dict, dialect: str) -> None:  # type: ignore[type-arg]
    """A body without anything stable, or of wrong types, has no key and breaks nothing."""
    assert key_from({}, body, DIALECTS[dialect]) is None
