"""The same answer as a stream of each dialect."""

from __future__ import annotations

from typing import Any

NAMES = ("openai", "responses", "claude", "gemini")
CHUNK = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": []}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant"}
TEXT = {"type": "output_text", "text": "Hello", "annotations": []}
ITEM = {**MESSAGE, "status": "completed", "content": [TEXT]}
AT = {"item_id": "msg_1", "output_index": 0, "content_index": 0}


def chat_chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {**CHUNK, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def gemini_object(text: str, **more: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **more}
    return {"candidates": [candidate], "modelVersion": "m", "responseId": "r1"}


def block(index: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"type": f"content_block_{kind}", "index": index, **more}


#: "Hello", in two deltas, in each dialect.
STREAMS: dict[str, list[Any]] = {
    "openai": [
        chat_chunk({"role": "assistant", "content": ""}),
        chat_chunk({"content": "Hel"}),
        chat_chunk({"content": "lo"}),
        chat_chunk({}, "stop"),
        {**CHUNK, "choices": [], "usage": USAGE},
        "[DONE]",
    ],
    "responses": [
        {"type": "response.created", "sequence_number": 0, "response": RESPONSE},
        {
            "type": "response.output_item.added",
            "sequence_number": 1,
            "output_index": 0,
            "item": {**MESSAGE, "status": "in_progress", "content": []},
        },
        {"type": "response.output_text.delta", "sequence_number": 2, **AT, "delta": "Hel"},
        {"type": "response.output_text.delta", "sequence_number": 3, **AT, "delta": "lo"},
        {"type": "response.output_item.done", "sequence_number": 4, "output_index": 0, "item": ITEM},
        {
            "type": "response.completed",
            "sequence_number": 5,
            "response": {
                **RESPONSE,
                "status": "completed",
                "output": [ITEM],
                "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
            },
        },
    ],
    "claude": [
        {
            "type": "message_start",
            "message": {**MESSAGE, "model": "m", "content": [], "usage": {"input_tokens": 3, "output_tokens": 1}},
        },
        block(0, "start", content_block={"type": "text", "text": ""}),
        block(0, "delta", delta={"type": "text_delta", "text": "Hel"}),
        block(0, "delta", delta={"type": "text_delta", "text": "lo"}),
        block(0, "stop"),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ],
    "gemini": [
        gemini_object("Hel"),
        gemini_object("lo"),
        gemini_object("", finishReason="STOP")
        | {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}},
    ],
}
#: The first payload after which the answer is whole.
WHOLE_AT = {"openai": 3, "responses": 5, "claude": 5, "gemini": 2}
