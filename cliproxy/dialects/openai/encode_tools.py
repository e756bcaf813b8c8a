"""IR tools and choice -> Chat Completions (dialects.md 8, 9, 15)."""

from __future__ import annotations

from cliproxy.dialects.schema_fit import OPENAI_TOOL, fitted, strict_for
from cliproxy.dialects.toolids import tool_description, tool_schema
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import BuiltinTool, CompletionRequest, FunctionTool
from cliproxy.jsontypes import JSON, JSONObject


def write_tools(request: CompletionRequest, names: dict[str, str], losses: list[Loss]) -> list[JSONObject]:
    """The tools Chat can be told of, in order."""
    written = []
    for index, tool in enumerate(request.tools):
        where = f"tools[{index}]"
        if isinstance(tool, FunctionTool):
            if tool.cache is not None:
                losses.append(Loss("cache_control", where))
            written.append(_function(tool, names, losses, where))
        elif tool.origin == "responses":
            # Compatible servers may know the vendor's own tools, so they are handed on as they came.
            written.append(tool.raw)
        elif tool.kind == "web_search":
            losses.extend(Loss(f"web search {option}", where) for option in tool.options)
            written.append({"type": "web_search"})
        else:
            losses.append(Loss(f"built-in tool {tool.kind}", where, meaning=True))
    return written


def write_choice(request: CompletionRequest, names: dict[str, str], losses: list[Loss]) -> JSON:
    """``tool_choice``, or None when nothing can be said."""
    choice = request.tool_choice
    if choice is None:
        return None
    if choice.builtin is not None:
        if any(isinstance(tool, BuiltinTool) and tool.origin == "responses" for tool in request.tools):
            return choice.raw
        losses.append(Loss(f"tool_choice {choice.builtin}", "tool_choice", meaning=True))
        return None
    if not choice.names:
        return choice.mode
    spelt = [{"type": "function", "function": {"name": names.get(name, name)}} for name in choice.names]
    if choice.exact:
        return spelt[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": spelt}}


def _function(tool: FunctionTool, names: dict[str, str], losses: list[Loss], where: str) -> JSONObject:
    function: JSONObject = {"name": names.get(tool.name, tool.name)}
    description = tool_description(tool)
    if description is not None:
        function["description"] = description
    function["parameters"] = fitted(tool_schema(tool), OPENAI_TOOL, losses, where)
    if tool.strict is not None and not tool.custom:
        function["strict"] = strict_for(function["parameters"], tool.strict, losses, where)
    return {"type": "function", "function": function}
