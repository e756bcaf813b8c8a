"""A client's stream as the one body it says, read as the vendors' SDKs gather it."""

from __future__ import annotations

import json
from typing import Any


def told(dialect: str, events: list[Any]) -> Any:
    """The body of a stream's events; an error event gives what came before it."""
    return _GATHER[dialect]([event for event in events if isinstance(event, dict)])


def _chat(chunks: list[Any]) -> Any:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    finish, usage = None, None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk.get("choices", ()):
            finish = choice["finish_reason"] or finish
            for key, value in choice["delta"].items():
                if key == "tool_calls":
                    _calls(message.setdefault("tool_calls", []), value)
                elif isinstance(value, str) and key != "role":
                    message[key] = (message.get(key) or "") + value
                elif isinstance(value, list):
                    message.setdefault(key, []).extend(value)
    return {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}


def _calls(calls: list[Any], fragments: list[Any]) -> None:
    for fragment in fragments:
        if fragment["index"] == len(calls):
            calls.append({**fragment, "function": {"arguments": "", **fragment.get("function", {})}})
        elif "function" in fragment:
            calls[fragment["index"]]["function"]["arguments"] += fragment["function"]["arguments"]


def _claude(events: list[Any]) -> Any:
    message: dict[str, Any] = {"content": []}
    inputs: dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_start":
            message["content"].append(dict(event["content_block"]))
        elif event["type"] == "content_block_delta":
            block, delta = message["content"][event["index"]], dict(event["delta"])
            if delta.pop("type") == "input_json_delta":
                inputs[event["index"]] = inputs.get(event["index"], "") + delta["partial_json"]
            elif "citation" in delta:
                block.setdefault("citations", []).append(delta["citation"])
            else:
                block.update({key: block.get(key, "") + value for key, value in delta.items()})
        elif event["type"] == "message_delta":
            message |= {**event["delta"], "usage": event["usage"]}
    for index, text in inputs.items():
        message["content"][index]["input"] = _read(text)
    return message


def _read(text: str) -> Any:
    """A call that the output limit cut stays text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _gemini(objects: list[Any]) -> Any:
    parts: list[Any] = []
    out: dict[str, Any] = {}
    for item in objects:
        candidate = item["candidates"][0]
        for part in candidate.get("content", {}).get("parts", ()):
            if parts and set(part) == set(parts[-1]) == {"text"}:
                parts[-1] = {"text": parts[-1]["text"] + part["text"]}
            elif part != {"text": ""}:
                parts.append(part)
        out |= {**item, "candidates": [{**candidate, "content": {"role": "model", "parts": parts}}]}
    return out


_GATHER = {
    "openai": _chat,
    "claude": _claude,
    "gemini": _gemini,
    "openai-response": lambda events: events[-1]["response"],
}
