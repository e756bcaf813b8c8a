"""Anthropic tool declarations and choice -> IR (dialects.md 8, 9, 15)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.claude.decode_content import read_cache
from cliproxy.dialects.members import filled, flag, member, objects
from cliproxy.ir.request import BuiltinTool, FunctionTool, Tool, ToolChoice
from cliproxy.jsontypes import JSON, JSONObject

#: The vendor's tools that others have too; their types end in a date (``web_search_20250305``).
_SHARED: Final = {"web_search": "web_search", "code_execution": "code_execution"}
_OPTIONS: Final = ("allowed_domains", "blocked_domains", "max_uses", "user_location")


def read_tools(stated: JSON) -> list[Tool]:
    """``tools``, in order."""
    return [tool for item in objects(stated) if (tool := _tool(item)) is not None]


def read_choice(stated: JSON, tools: list[Tool]) -> tuple[ToolChoice | None, bool | None]:
    """``tool_choice``: the choice, and whether calls may be parallel when that is said. The vendor's tools have names too."""
    kind = member(stated, "type")
    serial = flag(member(stated, "disable_parallel_tool_use"))
    parallel = None if serial is None else not serial
    if kind == "auto" or kind == "none":
        return ToolChoice(kind, raw=stated), parallel
    if kind == "any":
        return ToolChoice("required", raw=stated), parallel
    name = filled(member(stated, "name"))
    for tool in tools:
        if kind == "tool" and isinstance(tool, BuiltinTool) and tool.raw.get("name") == name:
            return ToolChoice("required", builtin=tool.kind, raw=stated), parallel
    if kind == "tool" and name is not None:
        return ToolChoice("required", [name], exact=True, raw=stated), parallel
    return None, parallel


def _tool(item: JSONObject) -> Tool | None:
    kind = item.get("type")
    if isinstance(kind, str) and kind != "custom":
        word = kind.rstrip("0123456789").rstrip("_")
        options = {name: item[name] for name in _OPTIONS if item.get(name) is not None}
        return BuiltinTool(_SHARED.get(word, kind), "claude", options, item)
    name = filled(item.get("name"))
    if name is None:
        return None
    schema = item.get("input_schema")
    return FunctionTool(
        name,
        description=filled(item.get("description")),
        parameters=schema if isinstance(schema, dict) else None,
        strict=flag(item.get("strict")),
        cache=read_cache(item),
    )
