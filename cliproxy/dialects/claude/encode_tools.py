"""IR tools and choice -> Anthropic (dialects.md 8, 9, 15)."""

from __future__ import annotations

from cliproxy.dialects.claude.encode_content import write_cache
from cliproxy.dialects.schema_fit import CLAUDE_TOOL, fitted
from cliproxy.dialects.toolids import tool_description, tool_schema
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import BuiltinTool, CompletionRequest, FunctionTool
from cliproxy.jsontypes import JSONObject


def write_tools(request: CompletionRequest, names: dict[str, str], losses: list[Loss]) -> list[JSONObject]:
    """The tools Anthropic can be told of, in order; of an allowed set, only its members."""
    choice = request.tool_choice
    allowed = set(choice.names) if choice is not None and not choice.exact else set()
    written = []
    for index, tool in enumerate(request.tools):
        where = f"tools[{index}]"
        if isinstance(tool, FunctionTool):
            if tool.strict:
                losses.append(Loss("strict", where))
            if not allowed or tool.name in allowed:
                written.append(_function(tool, names, losses, where))
        elif tool.kind == "web_search":
            written.append(_web_search(tool, where, losses))
        else:
            # Searching among deferred tools is spared: all of them are declared.
            losses.append(Loss(f"built-in tool {tool.kind}", where, meaning=not tool.kind.startswith("tool_search")))
    return written


def write_choice(
    request: CompletionRequest, names: dict[str, str], has_tools: bool, losses: list[Loss]
) -> JSONObject | None:
    """``tool_choice`` with its switch for parallel calls, or None when neither was said or there is nothing to choose."""
    if not has_tools:
        return None
    choice = request.tool_choice
    out: JSONObject | None = None
    if choice is not None and choice.builtin is not None:
        if choice.builtin == "web_search":
            out = {"type": "tool", "name": "web_search"}
        else:
            losses.append(Loss(f"tool_choice {choice.builtin}", "tool_choice", meaning=True))
    elif choice is not None and choice.exact and choice.names:
        out = {"type": "tool", "name": names.get(choice.names[0], choice.names[0])}
    elif choice is not None:
        out = {"type": "any" if choice.mode == "required" else choice.mode}
    if request.parallel is False and (out is None or out["type"] != "none"):
        out = {**(out or {"type": "auto"}), "disable_parallel_tool_use": True}
    return out


def _function(tool: FunctionTool, names: dict[str, str], losses: list[Loss], where: str) -> JSONObject:
    out: JSONObject = {"name": names.get(tool.name, tool.name)}
    description = tool_description(tool)
    if description is not None:
        out["description"] = description
    out["input_schema"] = fitted(tool_schema(tool), CLAUDE_TOOL, losses, where)
    return write_cache(out, tool.cache)


def _web_search(tool: BuiltinTool, where: str, losses: list[Loss]) -> JSONObject:
    out: JSONObject = {"type": "web_search_20250305", "name": "web_search"}
    for option, value in tool.options.items():
        if option == "search_context_size":
            losses.append(Loss(f"web search {option}", where))
        else:
            out[option] = value
    return out
