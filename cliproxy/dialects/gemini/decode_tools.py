"""Gemini tool declarations and choice -> IR (dialects.md 8, 9, 15)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects.gemini.spelling import of
from cliproxy.dialects.members import filled, objects
from cliproxy.dialects.schema import from_openapi
from cliproxy.ir.request import BuiltinTool, FunctionTool, Tool, ToolChoice
from cliproxy.jsontypes import JSON, JSONObject

#: Google's tools by key, in both spellings.
_BUILTINS: Final = {
    "googleSearch": "web_search",
    "google_search": "web_search",
    "googleSearchRetrieval": "web_search",
    "google_search_retrieval": "web_search",
    "codeExecution": "code_execution",
    "code_execution": "code_execution",
    "urlContext": "url_context",
    "url_context": "url_context",
}
_DECLARATIONS: Final = ("functionDeclarations", "function_declarations")


def read_tools(stated: JSON) -> list[Tool]:
    """``tools``, in order; one object may hold many declarations and several of Google's own tools."""
    tools: list[Tool] = []
    for holder in objects([stated] if isinstance(stated, dict) else stated):
        for key, value in holder.items():
            if key in _DECLARATIONS:
                declared = objects([value] if isinstance(value, dict) else value)
                tools += [tool for item in declared if (tool := _function(item)) is not None]
            elif value is not None:
                tools.append(BuiltinTool(_BUILTINS.get(key, key), "gemini", {}, {key: value}))
    return tools


def read_choice(stated: JSON) -> ToolChoice | None:
    """``toolConfig.functionCallingConfig``. ``ANY`` with one name is that tool; with several, one of them."""
    config = of(stated, "functionCallingConfig", "function_calling_config")
    mode = filled(of(config, "mode", "mode"))
    names = of(config, "allowedFunctionNames", "allowed_function_names")
    known = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    word = (mode or "").upper()
    if word == "ANY":
        return ToolChoice("required", known, exact=len(known) == 1, raw=stated)
    if word in ("AUTO", "VALIDATED"):
        return ToolChoice("auto", known, raw=stated)
    return ToolChoice("none", raw=stated) if word == "NONE" else None


def _function(item: JSONObject) -> FunctionTool | None:
    name = filled(item.get("name"))
    if name is None:
        return None
    schema = of(item, "parametersJsonSchema", "parameters_json_schema")
    if not isinstance(schema, dict):
        stated = item.get("parameters")
        schema = from_openapi(stated) if isinstance(stated, dict) else None
    return FunctionTool(name, description=filled(item.get("description")), parameters=schema)
