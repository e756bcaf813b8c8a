"""A small request and answer of each dialect, each with a member that no reader knows."""

from __future__ import annotations

from typing import Any

CHAT = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hi"}], "unknown_member": {"kept": [1, 2.5, None]}}
CLAUDE = {"model": "claude-x", "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}], "unknown_member": 1}
RESPONSES = {"model": "codex-x", "input": [{"type": "message", "role": "user", "content": "Hi"}]}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "unknownMember": {"kept": True}}


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A Chat chunk."""
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "gpt-x", "choices": [choice], **more}


CHAT_ANSWER = {
    "id": "c1", "object": "chat.completion", "created": 7, "model": "gpt-x", "service_tier": "odd",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip
CLAUDE_ANSWER = {
    "id": "m1", "type": "message", "role": "assistant", "model": "claude-x", "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 2}, "new_member": 1,
}  # fmt: skip
GEMINI_ANSWER = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}, "newMember": 1,
}  # fmt: skip
