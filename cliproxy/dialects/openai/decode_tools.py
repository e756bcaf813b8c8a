"""Chat Completions tool declarations and choice -> IR (dialects.md 8, 9, 15)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.members import filled, flag, member, objects
from cliproxy.ir.content import CacheHint
from cliproxy.ir.request import BuiltinTool, FunctionTool, Tool, ToolChoice
from cliproxy.jsontypes import JSON, JSONObject

#: Vendor tools some clients declare by key instead of by type.
_KEYED: Final = {
    "google_search": "web_search",
    "googleSearch": "web_search",
    "code_execution": "code_execution",
    "codeExecution": "code_execution",
    "url_context": "url_context",
    "urlContext": "url_context",
}


def read_tools(body: JSONObject) -> list[Tool]:
    """The tools of ``tools``, the legacy ``functions`` and ``web_search_options``, in that order."""
    tools = [tool for item in objects(body.get("tools")) if (tool := _tool(item)) is not None]
    tools += [tool for item in objects(body.get("functions")) if (tool := _function(item, item)) is not None]
    search = body.get("web_search_options")
    if isinstance(search, dict):
        tools.append(BuiltinTool("web_search", "openai", _search_options(search), search))
    return tools


def read_choice(body: JSONObject) -> ToolChoice | None:
    """``tool_choice``, else the legacy ``function_call``."""
    choice = body.get("tool_choice")
    if choice is None:
        choice = body.get("function_call")
        if isinstance(choice, dict):
            choice = {"type": "function", "function": choice}
    if choice in ("auto", "none", "required"):
        return ToolChoice(choice, raw=choice)
    if not isinstance(choice, dict):
        return None
    kind = choice.get("type")
    if kind == "allowed_tools":
        return _allowed(choice, choice.get("allowed_tools"))
    if kind in ("function", "custom"):
        name = filled(member(choice.get(kind), "name"))
        return ToolChoice("required", [name], exact=True, raw=choice) if name else None
    if isinstance(kind, str):
        return ToolChoice("required", builtin=_builtin_kind(kind), raw=choice)
    return None


def _allowed(choice: JSON, stated: JSON) -> ToolChoice | None:
    names = [_name(tool) for tool in objects(member(stated, "tools"))]
    mode = "required" if member(stated, "mode") == "required" else "auto"
    known = [name for name in names if name]
    return ToolChoice("required" if mode == "required" else "auto", known, raw=choice) if known else None


def _name(tool: JSONObject) -> str | None:
    return filled(member(tool.get("function"), "name")) or filled(member(tool.get("custom"), "name"))


def _tool(item: JSONObject) -> Tool | None:
    kind = item.get("type")
    function = item.get("function")
    if isinstance(function, dict):
        return _function(function, item)
    custom = item.get("custom")
    if isinstance(custom, dict):
        return _custom(custom)
    if isinstance(kind, str):
        return BuiltinTool(_builtin_kind(kind), "openai", _search_options(item), item)
    for key, meaning in _KEYED.items():
        if key in item:
            return BuiltinTool(meaning, "openai", {}, item)
    return None


def _function(function: JSONObject, holder: JSONObject) -> FunctionTool | None:
    name = filled(function.get("name"))
    if name is None:
        return None
    parameters = function.get("parameters")
    control = holder.get("cache_control") or function.get("cache_control")
    return FunctionTool(
        name,
        description=filled(function.get("description")),
        parameters=parameters if isinstance(parameters, dict) else None,
        strict=flag(function.get("strict")),
        cache=CacheHint(filled(control.get("ttl"))) if isinstance(control, dict) else None,
    )


def _custom(custom: JSONObject) -> FunctionTool | None:
    """A free-text tool; its grammar is kept in the flat form of the Responses API."""
    name = filled(custom.get("name"))
    if name is None:
        return None
    stated = custom.get("format")
    grammar = member(stated, "grammar")
    if isinstance(grammar, dict):
        stated = {"type": "grammar", **grammar}
    return FunctionTool(
        name,
        description=filled(custom.get("description")),
        custom=True,
        grammar=stated if isinstance(stated, dict) else None,
    )


def _builtin_kind(word: str) -> str:
    return "web_search" if word.startswith("web_search") else word


def _search_options(stated: JSONObject) -> JSONObject:
    """Neutral options of a web search; Chat wraps the location once more than the others."""
    options: JSONObject = {}
    domains = member(stated.get("filters"), "allowed_domains")
    if isinstance(domains, list):
        options["allowed_domains"] = domains
    location = stated.get("user_location")
    inner = member(location, "approximate")
    if isinstance(inner, dict):
        options["user_location"] = {"type": "approximate", **inner}
    elif isinstance(location, dict):
        options["user_location"] = location
    size = filled(stated.get("search_context_size"))
    if size:
        options["search_context_size"] = size
    return options
