"""IR tools and choice -> Responses (dialects.md 8, 9, 15)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.schema_fit import OPENAI_TOOL, fitted, strict_for
from cliproxy.dialects.toolids import tool_schema
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import BuiltinTool, CompletionRequest, FunctionTool
from cliproxy.jsontypes import JSON, JSONObject

#: The vendor tools a choice can name, and Responses' word for them.
_BUILTIN: Final = {"web_search": "web_search", "code_execution": "code_interpreter"}


def write_tools(request: CompletionRequest, names: dict[str, str], losses: list[Loss]) -> list[JSONObject]:
    """The tools Responses can be told of, in order."""
    written = []
    for index, tool in enumerate(request.tools):
        where = f"tools[{index}]"
        if isinstance(tool, FunctionTool):
            if tool.cache is not None:
                losses.append(Loss("cache_control", where))
            written.append(_custom(tool, names) if tool.custom else _function(tool, names, losses, where))
        elif tool.kind == "web_search":
            written.append(_search(tool, losses, where))
        elif tool.kind == "code_execution":
            written.append({"type": "code_interpreter", "container": {"type": "auto"}})
        else:
            losses.append(Loss(f"built-in tool {tool.kind}", where, meaning=True))
    return written


def write_choice(request: CompletionRequest, names: dict[str, str], losses: list[Loss]) -> JSON:
    """``tool_choice``, or None when nothing can be said."""
    choice = request.tool_choice
    if choice is None:
        return None
    if choice.builtin is not None:
        written = _BUILTIN.get(choice.builtin)
        if written is not None:
            return {"type": "allowed_tools", "mode": choice.mode, "tools": [{"type": written}]}
        losses.append(Loss(f"tool_choice {choice.builtin}", "tool_choice", meaning=True))
        return None
    if not choice.names:
        return choice.mode
    free_text = {tool.name for tool in request.tools if isinstance(tool, FunctionTool) and tool.custom}
    spelt = [
        {"type": "custom" if name in free_text else "function", "name": names.get(name, name)} for name in choice.names
    ]
    if choice.exact:
        return spelt[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": spelt}


def _function(tool: FunctionTool, names: dict[str, str], losses: list[Loss], where: str) -> JSONObject:
    """``strict`` is always said: the API takes its absence for true, and refuses ordinary schemas then."""
    out: JSONObject = {"type": "function", "name": names.get(tool.name, tool.name)}
    if tool.description is not None:
        out["description"] = tool.description
    out["parameters"] = fitted(tool_schema(tool), OPENAI_TOOL, losses, where)
    out["strict"] = bool(strict_for(out["parameters"], tool.strict, losses, where))
    return out


def _custom(tool: FunctionTool, names: dict[str, str]) -> JSONObject:
    out: JSONObject = {"type": "custom", "name": names.get(tool.name, tool.name)}
    if tool.description is not None:
        out["description"] = tool.description
    if tool.grammar is not None:
        out["format"] = tool.grammar
    return out


def _search(tool: BuiltinTool, losses: list[Loss], where: str) -> JSONObject:
    out: JSONObject = {"type": "web_search"}
    for key, value in tool.options.items():
        if key == "allowed_domains":
            out["filters"] = {key: value}
        elif key in ("user_location", "search_context_size"):
            out[key] = value
        else:
            losses.append(Loss(f"web search {key}", where))
    return out
