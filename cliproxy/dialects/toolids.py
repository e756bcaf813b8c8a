"""Names, ids and arguments of tool calls, as each dialect insists on them.

The client's spelling is translated on the way up and restored on the way down. Both maps are computed from the
client's own request, so nothing is remembered between requests. Assignment follows document order: a later turn
only appends to an earlier one, and what was assigned before must not change, or the vendor's prompt cache misses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from cliproxy.dialects.arguments import read, spelt
from cliproxy.ir.content import ToolCallPart, ToolResultPart
from cliproxy.ir.request import CompletionRequest, FunctionTool
from cliproxy.jsontypes import JSONObject, dumps_text

#: The longest tool name any of the four takes.
NAME_LIMIT: Final = 64
#: The longest ``call_id`` the Responses API takes.
RESPONSES_ID_LIMIT: Final = 64

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_GEMINI_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}\Z")
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9_-]")
_NOT_GEMINI: Final = re.compile(r"[^A-Za-z0-9_.:-]")


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


def wire_names(request: CompletionRequest, dialect: str) -> dict[str, str]:
    """Client name -> name on ``dialect``'s wire, for the names that change (dialects.md 8.1).

    Covers declared tools in order, then the names of calls in history. Two client names never share a wire name.
    """
    valid = _GEMINI_NAME if dialect == "gemini" else _PLAIN_NAME
    spell = _gemini_name if dialect == "gemini" else _plain_name
    return _assign(_names(request), valid, spell, NAME_LIMIT)


def client_names(request: CompletionRequest, dialect: str) -> dict[str, str]:
    """The reverse of :func:`wire_names`: wire name -> the client's own spelling.

    Some models answer a tool's name in lower case; where that names no other tool, it is restored as well.
    """
    changed = wire_names(request, dialect)
    names = {changed.get(name, name): name for name in _names(request)}
    restored = {wire: name for wire, name in names.items() if wire != name}
    for wire, name in names.items():
        lowered = wire.lower()
        if lowered not in names:
            restored.setdefault(lowered, name)
    return restored


def wire_ids(request: CompletionRequest, dialect: str) -> dict[str, str]:
    """Call id -> id on ``dialect``'s wire, for the ids that change (dialects.md 10).

    Two ids never share a wire id. Chat and Gemini take any id as it is. An id of ours that OpenAI's dialects lacked looks
    like Anthropic's own there.
    """
    if dialect == "claude":
        changed = _assign(_ids(request), _CLAUDE_ID, _claude_id, None)
        if request.origin != "gemini":
            changed.update(
                (call.id, "toolu_" + call.id.removeprefix("call_")) for call in _calls(request) if call.minted
            )
        return changed
    if dialect == "responses":
        return _assign(_ids(request), _RESPONSES_ID, _responses_id, RESPONSES_ID_LIMIT)
    return {}


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


def _assign(
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
    for call in _calls(request):
        yield call.name


def _calls(request: CompletionRequest) -> Iterator[ToolCallPart]:
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                yield part


def _ids(request: CompletionRequest) -> Iterator[str]:
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                yield part.id
            elif isinstance(part, ToolResultPart):
                yield part.call_id


def _plain_name(name: str) -> str:
    return _shortened(_NOT_PLAIN.sub("_", name)) or "_"


def _gemini_name(name: str) -> str:
    spelt = _NOT_GEMINI.sub("_", name)
    if not spelt[:1].isalpha() and spelt[:1] != "_":
        spelt = "_" + spelt
    return _shortened(spelt)


def _shortened(name: str) -> str:
    """At most 64 characters; an MCP name keeps its last segment, which is the tool."""
    if len(name) <= NAME_LIMIT:
        return name
    if name.startswith("mcp__"):
        last = name.rfind("__")
        if last > 3:
            name = "mcp__" + name[last + 2 :]
    return name[:NAME_LIMIT]


_CLAUDE_ID: Final = re.compile(r"[A-Za-z0-9_-]+\Z")
_RESPONSES_ID: Final = re.compile(r".{1,64}\Z", re.DOTALL)


def _claude_id(call_id: str) -> str:
    return _NOT_PLAIN.sub("_", call_id) or "_"


def _responses_id(call_id: str) -> str:
    return call_id[:RESPONSES_ID_LIMIT] or "_"
