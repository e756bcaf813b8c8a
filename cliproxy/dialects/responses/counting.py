"""Token counts in Responses (dialects.md 20)."""

from __future__ import annotations

from collections.abc import Iterator

from cliproxy.dialects.interface import Counting
from cliproxy.dialects.members import integer, objects
from cliproxy.dialects.segments import as_text, content_texts, members
from cliproxy.jsontypes import JSONObject


def _segments(body: JSONObject) -> Iterator[str]:
    yield as_text(body.get("instructions"))
    if isinstance(body.get("input"), str):
        yield body["input"]
    for item in objects(body.get("input")):
        kind = item.get("type")
        if kind in ("function_call", "custom_tool_call"):
            yield from members(item, "name", "arguments", "input")
        elif kind in ("function_call_output", "custom_tool_call_output"):
            yield from content_texts(item.get("output"))
        elif "content" in item:
            yield from content_texts(item["content"])
        else:
            yield from members(item, "text")
    for tool in objects(body.get("tools")):
        yield from members(tool, "name", "description", "parameters")
    text = body.get("text")
    yield from members(text.get("format") if isinstance(text, dict) else None, "name", "schema")


def _write(tokens: int) -> JSONObject:
    return {"object": "response.input_tokens", "input_tokens": tokens}


def _read(answer: JSONObject) -> int | None:
    return integer(answer.get("input_tokens"))


COUNTING = Counting(write=_write, read=_read, segments=_segments, vocabulary="cl100k_base")
