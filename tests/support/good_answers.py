"""What a well-meaning vendor says to a request, in its own dialect."""

from __future__ import annotations

from typing import Any

from tests.support.bodies import CHAT_ANSWER, CLAUDE_ANSWER, GEMINI_ANSWER, chunk
from tests.support.world import Received

_RESPONSES_ANSWER = {
    "id": "r1",
    "object": "response",
    "status": "completed",
    "model": "codex-x",
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}],
    "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
}


def frames(request: Received) -> list[tuple[str, Any]]:
    """(event, payload) of a good stream in the upstream's dialect."""
    if request.target.endswith("/responses"):
        item = {"type": "message", "id": "i", "role": "assistant", "content": []}
        part = {"item_id": "i", "output_index": 0, "content_index": 0}
        return [
            ("", {"type": "response.created", "response": {**_RESPONSES_ANSWER, "output": []}}),
            ("", {"type": "response.output_item.added", "output_index": 0, "item": item}),
            ("", {"type": "response.output_text.delta", **part, "delta": "Hel"}),
            ("", {"type": "response.output_text.delta", **part, "delta": "lo"}),
            ("", {"type": "response.completed", "response": _RESPONSES_ANSWER}),
        ]
    if "/messages" in request.target:
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}}
        start = {**CLAUDE_ANSWER, "content": [], "stop_reason": None}
        stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
        block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        said = [{"type": "message_start", "message": start}, block, delta, delta]
        said += [{"type": "content_block_stop", "index": 0}, stop, {"type": "message_stop"}]
        return [(str(payload["type"]), payload) for payload in said]
    if "GenerateContent" in request.target:
        return [("", {"candidates": [{"content": {"role": "model", "parts": [{"text": "He"}]}}]}), ("", GEMINI_ANSWER)]
    usage = {"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
    return [("", chunk("Hel")), ("", chunk("lo")), ("", chunk(None, "stop")), ("", {**chunk(), "choices": [], **usage}),
            ("", b"[DONE]")]  # fmt: skip


def whole(request: Received) -> Any:
    if request.target.endswith("/responses"):
        return _RESPONSES_ANSWER
    if "/messages" in request.target:
        return CLAUDE_ANSWER
    return GEMINI_ANSWER if "enerateContent" in request.target else CHAT_ANSWER


def streams(request: Received) -> bool:
    return "streamGenerateContent" in request.target or bool(request.json.get("stream"))
