"""Counting tokens without asking anyone."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.dialects.registry import DIALECTS, OPENAI, RESPONSES
from cliproxy.providers.estimate import INLINE_TOKENS, count_body, encoding_of, estimate

PIXEL = "data:image/png;base64," + "iVBORw0KGgo=" * 1000


def chat(content: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}], **more}


@pytest.mark.parametrize(
    ("model", "dialect", "encoding"),
    [
        ("gpt-5-codex", "responses", "o200k_base"),
        ("gpt-4o-mini", "openai", "o200k_base"),
        ("GPT-4.1 ", "openai", "o200k_base"),
        ("o3-pro", "openai", "o200k_base"),
        ("gpt-4-turbo", "openai", "cl100k_base"),
        ("gpt-3.5-turbo", "openai", "cl100k_base"),
        ("", "openai", "cl100k_base"),
        ("llama-3", "openai", "o200k_base"),
        ("llama-3", "responses", "cl100k_base"),
    ],
)
def test_the_name_decides_the_vocabulary(model: str, dialect: str, encoding: str) -> None:
    """OpenAI's own names tell; of others, the kind of upstream."""
    assert encoding_of(model, DIALECTS[dialect]) == encoding


def test_texts_are_joined_and_counted_once() -> None:
    """Role and text stand on lines of their own: user, line feed, hello world."""
    assert count_body(chat("hello world"), "gpt-4o", OPENAI) == 4
    assert count_body(chat([{"type": "text", "text": "  hello world "}]), "gpt-4o", OPENAI) == 4


def test_special_words_are_only_words() -> None:
    """A prompt that spells a control token is counted as the text it is."""
    assert count_body(chat("<|endoftext|>"), "gpt-4o", OPENAI) > 4


def test_inlined_bytes_count_a_constant() -> None:
    """An image, a sound or a file in base64 counts the same whatever its size; an address counts as its text."""
    for part in (
        {"type": "image_url", "image_url": {"url": PIXEL}},
        {"type": "image_url", "image_url": PIXEL},
        {"type": "input_audio", "input_audio": {"data": "A" * 9000, "format": "wav"}},
        {"type": "file", "file": {"file_data": PIXEL}},
    ):
        assert count_body(chat([part]), "gpt-4o", OPENAI) == 1 + INLINE_TOKENS
    address = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    assert 1 < count_body(chat([address]), "gpt-4o", OPENAI) < 20


def test_tools_and_format_count() -> None:
    """What the model is told of tools and of the answer's form is part of the prompt, in both dialects."""
    tool = {
        "type": "function",
        "function": {"name": "probe", "description": "Looks at it", "parameters": {"type": "object"}},
    }
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
    bare = count_body(chat("x"), "gpt-4o", OPENAI)
    with_tool = count_body(chat("x", tools=[tool]), "gpt-4o", OPENAI)
    assert bare < with_tool < count_body(chat("x", tools=[tool], response_format=form), "gpt-4o", OPENAI)
    flat = {
        "instructions": "Be brief",
        "input": "x",
        "tools": [{"type": "function", "name": "probe", "parameters": {}}],
    }
    assert count_body({"input": "x"}, "gpt-5", RESPONSES) == 1
    assert count_body(flat, "gpt-5", RESPONSES) > 4


def test_a_conversation_with_calls_counts_the_same_text_either_way() -> None:
    """Calls and results count by name, arguments and output."""
    items = [
        {"type": "function_call", "call_id": "c", "name": "probe", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "fine"}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "A" * 5000},
    ]
    same_text = count_body({"input": "probe\n{}\nfine"}, "gpt-5", RESPONSES)
    assert count_body({"input": items}, "gpt-5", RESPONSES) == same_text > 2


def test_odd_bodies_are_counted_as_far_as_they_make_sense() -> None:
    """Members of a wrong type are counted as their JSON or not at all, and nothing is raised."""
    assert count_body({"messages": 7, "tools": [1, "x"], "tool_choice": {"type": "auto"}}, "m", OPENAI) > 0
    assert count_body({"input": [7, {"content": None}], "text": 3}, "m", RESPONSES) == 0


def test_a_long_prompt_is_counted_in_pieces() -> None:
    """Megabytes are counted, near enough to their parts' sum, and without any limit being hit."""
    line = "The quick brown fox jumps over the lazy dog.\n"
    one = count_body(chat(line * 100), "gpt-4o", OPENAI)
    assert abs(count_body(chat(line * 50_000), "gpt-4o", OPENAI) - one * 500) < one * 15
    assert count_body(chat("\U0001f9ff" * 300_000), "gpt-4o", OPENAI) > 300_000


def test_a_claude_request_is_counted_as_it_would_be_sent() -> None:
    """A count asked in any dialect is of the body the upstream would get."""
    body = {
        "model": "m",
        "max_tokens": 1,
        "system": "Be brief",
        "messages": [{"role": "user", "content": "hello world"}],
    }
    request = DIALECTS["claude"].decode_request(body, str)
    assert estimate(request, "gpt-4o") == count_body(
        {"messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "hello world"}]},
        "gpt-4o",
        OPENAI,
    )
    assert estimate(request, "gpt-5", RESPONSES) < estimate(request, "gpt-5")
