"""Token counts around Chat, which has no call for them (dialects.md 20)."""

from __future__ import annotations

from collections.abc import Iterator

from cliproxy.dialects.interface import Counting
from cliproxy.dialects.members import objects
from cliproxy.dialects.segments import as_text, content_texts, members
from cliproxy.jsontypes import JSONObject


def _segments(body: JSONObject) -> Iterator[str]:
    for message in objects(body.get("messages")):
        yield from members(message, "role", "name")
        yield from content_texts(message.get("content"))
        for call in objects(message.get("tool_calls")):
            yield from members(call, "id", "type")
            yield from members(call.get("function"), "name", "description", "arguments", "parameters")
            yield from members(call.get("custom"), "name", "input")
    for tool in objects(body.get("tools")):
        yield from members(tool, "type", "name", "description")
        yield from members(tool.get("function"), "name", "description", "parameters")
        yield from members(tool.get("custom"), "name", "description", "format")
    yield as_text(body.get("tool_choice"))
    yield from members(body.get("response_format"), "type", "name", "json_schema", "schema")


COUNTING = Counting(segments=_segments)
