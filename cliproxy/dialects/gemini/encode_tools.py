"""IR tools and choice -> Gemini (dialects.md 8, 9, 15)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.schema import for_gemini
from cliproxy.dialects.toolids import tool_description, tool_schema
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, FunctionTool, ToolChoice
from cliproxy.jsontypes import JSONObject

_BUILTINS: Final = {"web_search": "googleSearch", "code_execution": "codeExecution", "url_context": "urlContext"}


#: Google's own models refuse a request that offers both its tools and functions.
_GOOGLES_OWN: Final = "gemini-"


def write_tools(request: CompletionRequest, model: str, names: dict[str, str], losses: list[Loss]) -> list[JSONObject]:
    """All functions in one tool object, then each of Google's tools in its own; functions alone where ``model`` takes one
    or the other.

    An agent cannot work without its functions, and Codex asks for web search in every request.
    """
    alone = model.startswith(_GOOGLES_OWN) and any(isinstance(tool, FunctionTool) for tool in request.tools)
    functions: list[JSONObject] = []
    builtins: list[JSONObject] = []
    for index, tool in enumerate(request.tools):
        where = f"tools[{index}]"
        if isinstance(tool, FunctionTool):
            if tool.strict:
                losses.append(Loss("strict", where))
            if tool.cache is not None:
                losses.append(Loss("cache_control", where))
            functions.append(_function(tool, names, losses, where))
        elif tool.kind in _BUILTINS and alone:
            losses.append(Loss(f"{tool.kind} beside functions", where, meaning=True))
        elif tool.kind in _BUILTINS:
            losses.extend(Loss(f"web search {option}", where) for option in tool.options)
            builtins.append({_BUILTINS[tool.kind]: {}})
        else:
            # Searching among deferred tools is spared: all of them are declared.
            losses.append(Loss(f"built-in tool {tool.kind}", where, meaning=not tool.kind.startswith("tool_search")))
    return ([{"functionDeclarations": functions}] if functions else []) + builtins


def write_choice(choice: ToolChoice, names: dict[str, str], losses: list[Loss]) -> JSONObject | None:
    """``functionCallingConfig``; None when it would force a tool of another vendor's."""
    if choice.builtin is not None:
        losses.append(Loss(f"tool_choice {choice.builtin}", "tool_choice", meaning=True))
        return None
    if choice.mode != "required":
        if choice.names:
            losses.append(Loss("allowed tools", "tool_choice", meaning=True))
        return {"mode": choice.mode.upper()}
    config: JSONObject = {"mode": "ANY"}
    if choice.names:
        config["allowedFunctionNames"] = [names.get(name, name) for name in choice.names]
    return config


def _function(tool: FunctionTool, names: dict[str, str], losses: list[Loss], where: str) -> JSONObject:
    out: JSONObject = {"name": names.get(tool.name, tool.name)}
    description = tool_description(tool)
    if description is not None:
        out["description"] = description
    out["parametersJsonSchema"] = for_gemini(tool_schema(tool), losses, where)
    return out
