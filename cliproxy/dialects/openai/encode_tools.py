"""IR tools and choice -> Chat Completions (dialects.md 8, 9, 15)."""

from __future__ import annotations

from cliproxy.dialects.schema_fit import OPENAI_TOOL, fitted, strict_for
from cliproxy.dialects.toolids import tool_description, tool_schema
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import BuiltinTool, CompletionRequest, FunctionTool
from cliproxy.jsontypes import JSON, JSONObject


def write_tools(
    request: CompletionRequest, names: dict[str, str], losses: list[Loss], own: tuple[str, ...] = ()
) -> list[JSONObject]:
    """The tools Chat can be told of, in order. OpenAI's Chat takes functions alone; ``own`` are the types of other tools that
    this upstream takes too."""
    written = []
    for index, tool in enumerate(request.tools):
        where = f"tools[{index}]"
        if isinstance(tool, FunctionTool):
            if tool.cache is not None:
                losses.append(Loss("cache_control", where))
            written.append(_function(tool, names, losses, where))
        elif tool.raw.get("type") in own:
            written.append(tool.raw)
        elif tool.kind in own:
            losses.extend(Loss(f"web search {option}", where) for option in tool.options)
            written.append({"type": tool.kind})
        else:
            # Searching among deferred tools is spared: all of them are declared.
            losses.append(Loss(f"built-in tool {tool.kind}", where, meaning=not tool.kind.startswith("tool_search")))
    return written


def write_choice(
    request: CompletionRequest, names: dict[str, str], losses: list[Loss], own: tuple[str, ...] = ()
) -> JSON:
    """``tool_choice``, or None when nothing can be said."""
    choice = request.tool_choice
    if choice is None:
        return None
    if choice.builtin is not None:
        if any(isinstance(tool, BuiltinTool) and tool.raw.get("type") in own for tool in request.tools):
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
