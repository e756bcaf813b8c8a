"""The legacy completions route over Chat."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types import Completion

from cliproxy.dialects.openai import completions
from cliproxy.errors import RequestFault


@pytest.mark.parametrize(
    ("prompt", "content"), [("Hi", "Hi"), ("", "Complete this:"), (None, "Complete this:"), (["a", "b"], "a\nb")]
)
def test_the_prompt_is_one_user_message(prompt: Any, content: str) -> None:
    """An empty prompt asks for something all the same."""
    assert completions.chat_request({"model": "m", "prompt": prompt}) == {
        "model": "m", "messages": [{"role": "user", "content": content}],
    }  # fmt: skip


def test_only_the_listed_members_are_copied() -> None:
    """Sampling members pass as they are; the legacy count of logprobs becomes Chat's switch and count."""
    body = {"model": "m", "prompt": "x", "stop": ["E"], "stream": True, "echo": False, "best_of": 3, "logprobs": 2}
    assert completions.chat_request(body) == {
        "model": "m", "stop": ["E"], "stream": True, "echo": False, "logprobs": True, "top_logprobs": 2,
        "messages": [{"role": "user", "content": "x"}],
    }  # fmt: skip
    assert completions.chat_request({"prompt": "x", "logprobs": True})["logprobs"] is True


@pytest.mark.parametrize(("prompt", "param"), [([1, 2], "prompt[0]"), (["a", []], "prompt[1]"), ({}, "prompt")])
def test_token_prompts_are_refused_by_path(prompt: Any, param: str) -> None:
    """Tokens cannot be read without the model's vocabulary."""
    with pytest.raises(RequestFault) as caught:
        completions.chat_request({"prompt": prompt})
    assert caught.value.detail.param == param


def test_an_answer_is_a_text_completion() -> None:
    """Texts, finish reasons, logprobs and usage; the SDK knows the body."""
    chat = {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [
            {"index": 0, "message": {"content": "x"}, "finish_reason": "stop", "logprobs": None},
            {"message": {"content": None}, "finish_reason": "length", "logprobs": {"tokens": []}},
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }  # fmt: skip
    body = completions.completion(chat)
    Completion.model_validate(body)
    assert body["object"] == "text_completion"
    assert body["choices"] == [
        {"index": 0, "text": "x", "finish_reason": "stop"},
        {"index": 1, "text": "", "finish_reason": "length", "logprobs": {"tokens": []}},
    ]
    assert body["usage"] == chat["usage"]


def test_chunks_without_text_or_finish_are_dropped() -> None:
    """Role, reasoning, call and usage chunks say nothing in a completion; errors pass."""

    def chunk(delta: Any, finish: Any = None) -> Any:
        return {
            "id": "c",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }

    told = completions.completion_chunk(chunk({"content": "x"}))
    assert told == {
        "id": "c", "object": "text_completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "text": "x", "finish_reason": None}],
    }  # fmt: skip
    ended = completions.completion_chunk(chunk({}, "stop"))
    assert ended is not None
    assert ended["choices"] == [{"index": 0, "text": "", "finish_reason": "stop"}]
    usage: dict[str, Any] = {"choices": [], "usage": {}}
    for silent in (chunk({"role": "assistant", "content": ""}), chunk({"tool_calls": []}), usage):
        assert completions.completion_chunk(silent) is None
    assert completions.completion_chunk({"error": {"message": "m"}}) == {"error": {"message": "m"}}
