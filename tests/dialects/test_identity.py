"""The same-dialect edits of requests, and the few rules for answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.dialects.identity import ResponseObject, edit_request, is_mid_answer, splice_model

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["model", "a", '"', "\\"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("dialect", "stream", "before", "after"),
    [
        ("openai", True, {"model": "a"}, {"model": "b", "stream": True, "stream_options": {"include_usage": True}}),
        ("openai", False, {"model": "a", "stream": True}, {"model": "b", "stream": False}),
        ("openai", False, {"model": "a", "x": 1}, {"model": "b", "x": 1}),
        (
            "openai",
            True,
            {"stream_options": {"include_usage": False, "y": 1}},
            {"stream_options": {"include_usage": True, "y": 1}, "model": "b", "stream": True},
        ),
        ("openai", False, {"stream_options": {"include_usage": True}}, {"model": "b"}),
        (
            "openai",
            True,
            {"stream_options": 7},
            {"stream_options": {"include_usage": True}, "model": "b", "stream": True},
        ),
        ("responses", True, {"model": "a", "input": "x"}, {"model": "b", "input": "x", "stream": True}),
        ("claude", False, {"model": "a", "stream": None}, {"model": "b", "stream": False}),
        ("gemini", True, {"model": "a", "stream": True, "contents": []}, {"contents": []}),
        ("gemini", True, {"contents": [{"parts": []}]}, {"contents": [{"role": "user", "parts": []}]}),
        (
            "claude",
            False,
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": "gAAAA"}]}
                ]
            },
            {"messages": [], "model": "b"},
        ),
    ],
)
def test_request_edits(dialect: str, stream: bool, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Model and stream are set, Chat streams are asked for usage, Gemini says both in its URL; the rest stays."""
    edit_request(dialect, before, model="b", stream=stream)
    assert before == after


@given(
    st.dictionaries(st.sampled_from(["model", "messages", "x", 'mo"del', "\u00e9"]), JSON_VALUES),
    st.text(),
    st.booleans(),
)
def test_a_splice_is_the_edit_or_nothing(body: dict[str, Any], new: str, spaced: bool) -> None:
    """Where bytes are spliced at all, the result parses to the same body with the model changed, and only that
    differs."""
    text = json.dumps(body, indent=2 if spaced else None, ensure_ascii=spaced)
    data = text.encode("utf-8", "surrogatepass")
    old = body.get("model")
    spliced = splice_model(data, old, new) if isinstance(old, str) else splice_model(data, "other", new)
    if spliced is not None:
        assert isinstance(old, str)
        assert json.loads(spliced) == {**body, "model": new}


@pytest.mark.parametrize(
    ("data", "spliced"),
    [
        (b'{"model":"a","x":1.50}', b'{"model":"b","x":1.50}'),
        (b'{ "x": [ {} ], "model" :\n "a" }', b'{ "x": [ {} ], "model" :\n "b" }'),
        (b'{"x":"}]\\"","model":"a"}', b'{"x":"}]\\"","model":"b"}'),
        (b'{"model":"\\u0061"}', b'{"model":"b"}'),
        (b'{"model":"a","model":"c"}', None),
        (b'{"model":"a","mod\\u0065l":"c"}', None),
        (b'{"x":{"model":"a"}}', None),
        (b'{"model":"a","x":{"model":"c"}}', None),
        (b'{"x":"\\"model\\":"}', None),
        (b'{"x":"model"}', None),
        (b'{"model":7}', None),
        (b'{"model":"z"}', None),
        (b'["model"]', None),
        (b"{}", None),
    ],
)
def test_splices(data: bytes, spliced: bytes | None) -> None:
    """Only a single, plain, top-level key with the expected value is spliced; anything else is left to a parser."""
    assert splice_model(data, "a", "b") == spliced


def test_a_splice_of_the_same_name_is_the_same_bytes() -> None:
    """Nothing to change is nothing copied."""
    data = b'{"model":"a"}'
    assert splice_model(data, "a", "a") is data


@pytest.mark.parametrize(
    ("dialect", "payload", "skipped"),
    [
        ("claude", {"type": "content_block_delta"}, True),
        ("claude", {"type": "content_block_start"}, False),
        ("claude", {"type": "message_delta"}, False),
        ("claude", {"type": "error"}, False),
        ("responses", {"type": "response.output_text.delta"}, True),
        ("responses", {"type": "response.completed"}, False),
        ("responses", {"type": 7}, False),
        ("openai", {"choices": [{"delta": {"content": "x"}, "finish_reason": None}]}, True),
        ("openai", {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}, False),
        ("openai", {"choices": [{"delta": {"content": "x"}}], "usage": {"prompt_tokens": 1}}, False),
        ("openai", {"choices": [{"delta": {"content": "x"}}], "error": {}}, False),
        ("openai", {"choices": [{"delta": {"content": "x", "tool_calls": [{}]}}]}, False),
        ("openai", {"choices": [{"delta": {}}]}, False),
        ("openai", {"choices": [7]}, False),
        ("gemini", {"candidates": [{"content": {"parts": [{"text": "x"}]}}]}, False),
    ],
)
def test_what_a_listener_may_skip(dialect: str, payload: dict[str, Any], skipped: bool) -> None:
    """Only a payload that is one more piece of content and can be nothing else."""
    assert is_mid_answer(dialect, payload) is skipped


def test_the_response_object_of_a_stream() -> None:
    """The terminal event's response is the answer; an empty output is filled with the streamed items in their order."""
    whole = ResponseObject()
    assert whole.body() is None
    for index in (1, 0):
        whole.see({"type": "response.output_item.done", "output_index": index, "item": {"n": index}})
    whole.see({"type": "response.completed", "response": {"id": "r", "output": []}})
    assert whole.body() == {"id": "r", "output": [{"n": 0}, {"n": 1}]}
    whole.see({"type": "response.incomplete", "response": {"id": "r", "output": [{"n": 9}]}})
    assert whole.body() == {"id": "r", "output": [{"n": 9}]}
