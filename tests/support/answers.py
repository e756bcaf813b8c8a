"""An answer that says a text, in every dialect, whole and streamed."""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]


def whole(dialect: str, text: str) -> Body:
    """A whole answer."""
    if dialect == "claude":
        usage = {"input_tokens": 1, "output_tokens": 1}
        return {
            "id": "m", "type": "message", "role": "assistant", "model": "m", "usage": usage, "stop_reason": "end_turn",
            "content": [{"type": "text", "text": text}],
        }  # fmt: skip
    if dialect == "gemini":
        return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}]}
    if dialect == "responses":
        content = [{"type": "output_text", "text": text, "annotations": []}]
        item = {"type": "message", "id": "msg", "role": "assistant", "status": "completed", "content": content}
        return {"id": "r", "object": "response", "status": "completed", "model": "m", "output": [item]}
    message = {"role": "assistant", "content": text}
    return {
        "id": "c", "object": "chat.completion", "model": "m", "created": 1,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }  # fmt: skip


def streamed(dialect: str, texts: list[str]) -> list[tuple[str, Body]]:
    """A streamed answer: (event name, payload)."""
    if dialect == "claude":
        start = {"type": "message_start", "message": {**whole("claude", ""), "content": [], "stop_reason": None}}
        block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        deltas = [
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts
        ]
        end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
        all_of_it = [start, block, *deltas, {"type": "content_block_stop", "index": 0}, end, {"type": "message_stop"}]
        return [(str(payload["type"]), payload) for payload in all_of_it]
    if dialect == "gemini":
        said = [{"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]} for text in texts]
        return [("", payload) for payload in (*said, whole("gemini", ""))]
    if dialect == "responses":
        text = "".join(texts)
        item = {"type": "message", "id": "msg", "role": "assistant", "status": "in_progress", "content": []}
        deltas = [
            {
                "type": "response.output_text.delta",
                "item_id": "msg",
                "output_index": 0,
                "content_index": 0,
                "delta": text,
            }
            for text in texts
        ]
        all_of_it = [
            {"type": "response.created", "response": {**whole("responses", ""), "output": [], "status": "in_progress"}},
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            *deltas,
            {"type": "response.output_item.done", "output_index": 0, "item": whole("responses", text)["output"][0]},
            {"type": "response.completed", "response": whole("responses", text)},
        ]
        return [(str(payload["type"]), payload) for payload in all_of_it]
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas = [{**base, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts]
    return [("", p) for p in (*deltas, {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})]
