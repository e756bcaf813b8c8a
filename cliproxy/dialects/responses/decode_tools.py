"""Responses tool declarations and choice -> IR (dialects.md 8, 9, 15).

Codex groups tools in ``namespace`` tools and finds more with a client-run ``tool_search``. Other vendors know neither: a
namespace's tools are declared under names of their own (``namespace__tool``), what a search found is declared like the
rest, and the search itself is a function. :mod:`cliproxy.dialects.responses.items` says the calls in Codex's terms again.
"""

from __future__ import annotations

from typing import Final, Literal

from cliproxy.dialects.members import filled, flag, member, objects
from cliproxy.ir.content import Extras
from cliproxy.ir.request import BuiltinTool, FunctionTool, Tool, ToolChoice
from cliproxy.jsontypes import JSON, JSONObject

#: The name a client-run tool search is declared and called by.
TOOL_SEARCH: Final = "tool_search"

_KINDS: Final = {"code_interpreter": "code_execution"}


class Toolbox:
    """The tools of one request, and how a tool in a namespace is called outside of it."""

    def __init__(self) -> None:
        self.tools: list[Tool] = []
        self._flat: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()

    def add(self, items: JSON) -> None:
        """Declare the tools of an array; a name declared before is not declared twice by a later array."""
        declared = objects(items)
        earlier = {tool.name for tool in self.tools if isinstance(tool, FunctionTool)}
        self._taken.update(name for item in declared if (name := filled(item.get("name"))) is not None)
        for item in declared:
            if item.get("type") == "namespace":
                self._add_namespace(item, earlier)
            else:
                tool = _tool(item)
                if isinstance(tool, FunctionTool):
                    self._yield_to_namespaced(tool)
                if tool is not None and not (isinstance(tool, FunctionTool) and tool.name in earlier):
                    self.tools.append(tool)

    def functions(self) -> list[FunctionTool]:
        """The declared tools that the client runs, in order."""
        return [tool for tool in self.tools if isinstance(tool, FunctionTool)]

    def name(self, namespace: JSON, name: str) -> str:
        """What a tool is called in a flat list; ``namespace`` may be absent."""
        space = filled(namespace)
        if space is None:
            return self._flat.get(("", name), name)
        known = self._flat.get((space, name))
        if known is not None:
            return known
        return self._fresh(space, name, space + name if space.endswith("__") else f"{space}__{name}")

    def _fresh(self, space: str, name: str, base: str) -> str:
        flat, count = base, 0
        while flat in self._taken:
            count += 1
            flat = f"{base}_{count}"
        self._taken.add(flat)
        self._flat[space, name] = flat
        return flat

    def _yield_to_namespaced(self, tool: FunctionTool) -> None:
        """A plain tool of a later array may have the very name that one in a namespace was given: it gets another."""
        given = self._flat.get(("", tool.name))
        if given is None and tool.name in self._flat.values():
            given = self._fresh("", tool.name, tool.name)
        if given is not None:
            tool.extras = Extras("responses", {"name": tool.name})
            tool.name = given

    def _add_namespace(self, item: JSONObject, earlier: set[str]) -> None:
        space = filled(item.get("name"))
        for inner in objects(item.get("tools")):
            tool = _tool(inner)
            if not isinstance(tool, FunctionTool):
                continue
            if space is not None:
                tool.extras = Extras("responses", {"namespace": space, "name": tool.name})
                tool.name = self.name(space, tool.name)
            if tool.name not in earlier:
                self.tools.append(tool)


def _tool(item: JSONObject) -> Tool | None:
    kind = filled(item.get("type"))
    if kind in ("function", "custom"):
        return _function(item, custom=kind == "custom")
    if kind is None:
        return None
    if kind == "tool_search" and item.get("execution") == "client":
        return _search(item)
    if kind.startswith("web_search"):
        return BuiltinTool("web_search", "responses", _search_options(item), item)
    return BuiltinTool(_KINDS.get(kind, kind), "responses", {}, item)


def _function(item: JSONObject, *, custom: bool) -> FunctionTool | None:
    name = filled(item.get("name"))
    if name is None:
        return None
    parameters, grammar = item.get("parameters"), item.get("format")
    return FunctionTool(
        name,
        description=filled(item.get("description")),
        parameters=parameters if isinstance(parameters, dict) else None,
        strict=flag(item.get("strict")),
        custom=custom,
        grammar=grammar if custom and isinstance(grammar, dict) else None,
    )


def _search(item: JSONObject) -> FunctionTool:
    parameters = item.get("parameters")
    return FunctionTool(
        TOOL_SEARCH,
        description=filled(item.get("description")),
        parameters=parameters if isinstance(parameters, dict) else None,
        extras=Extras("responses", {"type": "tool_search"}),
    )


def _search_options(item: JSONObject) -> JSONObject:
    options: JSONObject = {}
    filters = item.get("filters")
    for key in ("allowed_domains", "blocked_domains"):
        domains = member(filters, key)
        if isinstance(domains, list) and domains:
            options[key] = domains
    if isinstance(item.get("user_location"), dict):
        options["user_location"] = item["user_location"]
    size = filled(item.get("search_context_size"))
    if size:
        options["search_context_size"] = size
    return options


def read_choice(choice: JSON, toolbox: Toolbox) -> ToolChoice | None:
    """``tool_choice`` as a word, one tool, an allowed set, or a vendor's tool."""
    if choice in ("auto", "none", "required"):
        return ToolChoice(choice, raw=choice)
    if not isinstance(choice, dict):
        return None
    kind = filled(choice.get("type"))
    if kind in ("function", "custom"):
        name = filled(choice.get("name"))
        return (
            ToolChoice("required", [toolbox.name(choice.get("namespace"), name)], exact=True, raw=choice)
            if name
            else None
        )
    if kind == "allowed_tools":
        return _allowed(choice, toolbox)
    if kind == "tool_search":
        return ToolChoice("required", [TOOL_SEARCH], exact=True, raw=choice)
    if kind is None:
        return None
    builtin = "web_search" if kind.startswith("web_search") else _KINDS.get(kind, kind)
    return ToolChoice("required", builtin=builtin, raw=choice)


def _allowed(choice: JSONObject, toolbox: Toolbox) -> ToolChoice | None:
    mode: Literal["auto", "required"] = "required" if choice.get("mode") == "required" else "auto"
    names = [
        toolbox.name(tool.get("namespace"), name)
        for tool in objects(choice.get("tools"))
        if (name := filled(tool.get("name"))) is not None
    ]
    return ToolChoice(mode, names, raw=choice) if names else None
