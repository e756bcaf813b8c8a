"""Names, ids and arguments of tool calls, as each dialect insists on them.

The client's spelling is translated on the way up and restored on the way down. Both maps are computed from the
client's own request, so nothing is remembered between requests. Assignment follows document order: a later turn
only appends to an earlier one, and what was assigned before must not change, or the vendor's prompt cache misses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import attrs

from cliproxy.dialects.arguments import read, spelt
from cliproxy.ir.content import ToolCallPart, ToolResultPart
from cliproxy.ir.request import CompletionRequest, FunctionTool
from cliproxy.jsontypes import JSONObject, dumps_text

#: The longest tool name any of the four takes.
NAME_LIMIT: Final = 64

_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9_-]")


def plain(word: str) -> str:
    """The word in letters, digits, ``_`` and ``-``; never empty."""
    return _NOT_PLAIN.sub("_", word) or "_"


def shortened(name: str) -> str:
    """At most 64 characters; an MCP name keeps its last segment, which is the tool."""
    if len(name) <= NAME_LIMIT:
        return name
    if name.startswith("mcp__"):
        last = name.rfind("__")
        if last > 3:
            name = "mcp__" + name[last + 2 :]
    return name[:NAME_LIMIT]


def _plain_name(name: str) -> str:
    return shortened(plain(name))


def _any_id(request: CompletionRequest) -> dict[str, str]:
    del request
    return {}


@attrs.frozen(kw_only=True, eq=False)
class NameRules:
    """How a dialect insists on the names of tools and the ids of calls.

    :ivar valid: names that stay as they are.
    :ivar spell: another name, spelt validly; not yet told from others.
    :ivar wire_ids: call id -> id on the wire, for the ids that change (dialects.md 10); two never share one.
    """

    valid: re.Pattern[str] = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
    spell: Callable[[str], str] = _plain_name
    wire_ids: Callable[[CompletionRequest], dict[str, str]] = _any_id


def empty_schema() -> JSONObject:
    """The schema of a tool that declares none; a fresh one, since encoders edit schemas in place."""
    return {"type": "object", "properties": {}}


def custom_schema() -> JSONObject:
    """The schema of a free-text tool for a vendor that only knows JSON arguments."""
    return {
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
    }


def tool_schema(tool: FunctionTool) -> JSONObject:
    """The tool's JSON Schema, never None. The tool's own object is given, not a copy."""
    if tool.custom:
        return custom_schema()
    return empty_schema() if tool.parameters is None else tool.parameters


def tool_description(tool: FunctionTool) -> str | None:
    """The tool's description; where a free-text tool has a grammar, it is told in words, since a schema cannot."""
    grammar = tool.grammar if tool.custom and tool.grammar is not None else {}
    definition, syntax = grammar.get("definition"), grammar.get("syntax")
    if not isinstance(definition, str):
        return tool.description
    told = f"`input` must follow this {syntax or 'lark'} grammar:\n{definition}"
    return f"{tool.description}\n\n{told}" if tool.description else told


def wire_names(request: CompletionRequest, rules: NameRules) -> dict[str, str]:
    """Client name -> name on the wire of a dialect with these rules, for the names that change (dialects.md 8.1).

    Covers declared tools in order, then the names of calls in history. Two client names never share a wire name.
    """
    return assigned(_names(request), rules.valid, rules.spell, NAME_LIMIT)


def client_names(request: CompletionRequest, rules: NameRules) -> dict[str, str]:
    """The reverse of :func:`wire_names`: wire name -> the client's own spelling.

    Some models answer a tool's name in lower case; where that names no other tool, it is restored as well.
    """
    changed = wire_names(request, rules)
    names = {changed.get(name, name): name for name in _names(request)}
    restored = {wire: name for wire, name in names.items() if wire != name}
    for wire, name in names.items():
        lowered = wire.lower()
        if lowered not in names:
            restored.setdefault(lowered, name)
    return restored


def call_arguments(call: ToolCallPart) -> str:
    """The call's arguments as JSON text, for vendors that know no free-text tools; ``""`` becomes ``"{}"``."""
    if call.custom:
        return dumps_text({"input": call.arguments})
    return spelt(call.arguments) or "{}"


def custom_input(arguments: str) -> str | None:
    """The free text of arguments that are exactly ``{"input": string}``, else None."""
    value = read(arguments)
    if value is None or len(value) != 1:
        return None
    text = value.get("input")
    return text if isinstance(text, str) else None


def assigned(
    words: Iterable[str],
    valid: re.Pattern[str],
    spell: Callable[[str], str],
    limit: int | None,
) -> dict[str, str]:
    """Give each distinct word a spelling of its own, in order; only changed ones are in the answer."""
    taken: set[str] = set()
    seen: set[str] = set()
    changed: dict[str, str] = {}
    for word in words:
        if word in seen:
            continue
        seen.add(word)
        spelt = word if valid.match(word) else spell(word)
        if spelt in taken:
            spelt = _numbered(spelt, taken, limit)
        taken.add(spelt)
        if spelt != word:
            changed[word] = spelt
    return changed


def _numbered(word: str, taken: set[str], limit: int | None) -> str:
    count = 1
    while True:
        suffix = f"_{count}"
        candidate = (word if limit is None else word[: limit - len(suffix)]) + suffix
        if candidate not in taken:
            return candidate
        count += 1


def _names(request: CompletionRequest) -> Iterator[str]:
    for tool in request.tools:
        if isinstance(tool, FunctionTool):
            yield tool.name
    for call in calls_of(request):
        yield call.name


def calls_of(request: CompletionRequest) -> Iterator[ToolCallPart]:
    """The calls of the conversation, in order."""
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                yield part


def ids_of(request: CompletionRequest) -> Iterator[str]:
    """The ids of calls and results, in order."""
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                yield part.id
            elif isinstance(part, ToolResultPart):
                yield part.call_id
