"""What Amp's clients must see in an answer served by another model. Pure, and on payloads, never on socket chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from cliproxy.dialects.renaming import renaming
from cliproxy.jsontypes import JSON, JSONObject


def renamed(asked: str, tools: Mapping[str, str] | None = None) -> Callable[[JSONObject], JSONObject]:
    """An edit that puts the asked name wherever a payload names its model, and gives tools their declared spelling.

    ``model`` and ``modelVersion``, at the top and in ``response`` and ``message``. In a body whose ``content`` has a
    ``tool_use`` block the ``thinking`` blocks go: the CLI mishandles the two together (amp.md 5).

    :param tools: :func:`declared_tools` of the request.
    """

    rename = renaming(asked)

    def edit(payload: JSONObject) -> JSONObject:
        named = rename(payload)
        content = named.get("content")
        if isinstance(content, list) and _has(content, "tool_use") and _has(content, "thinking"):
            named = {**named, "content": [block for block in content if not _is(block, "thinking")]}
        restored = _restore(named, tools) if tools else False
        return {**named} if restored and named is payload else named

    return edit


def declared_tools(body: JSONObject) -> dict[str, str]:
    """Lower-case name -> the client's own spelling, of the tools that a request in any dialect declares.

    Of two names that differ in their case only neither is here: nobody could say which one was meant.
    """
    names = list(dict.fromkeys(_tool_names(body.get("tools"))))
    lowered = [name.lower() for name in names]
    return {low: name for low, name in zip(lowered, names, strict=True) if lowered.count(low) == 1}


def _tool_names(tools: JSON) -> Iterator[str]:
    for tool in _objects(tools):
        declarations = _objects(tool.get("functionDeclarations", tool.get("function_declarations")))
        for named in (tool, tool.get("function"), *declarations):
            name = named.get("name") if isinstance(named, dict) else None
            if isinstance(name, str):
                yield name


def _restore(payload: JSONObject, tools: Mapping[str, str]) -> bool:
    """Respell the tools that ``payload`` calls, in place; says whether one was."""
    restored = False
    for call in _calls(payload):
        name = call.get("name")
        if isinstance(name, str) and (spelt := tools.get(name.lower(), name)) != name:
            call["name"] = spelt
            restored = True
    return restored


def _calls(payload: JSONObject) -> Iterator[JSONObject]:
    """The objects whose ``name`` is a called tool's, wherever one of the four dialects has them."""
    response = payload.get("response")
    output = [payload.get("item"), *_objects(payload.get("output"))]
    output += _objects(response.get("output")) if isinstance(response, dict) else ()
    for block in (*_objects(payload.get("content")), payload.get("content_block")):
        if _is(block, "tool_use"):
            yield block  # type: ignore[misc]
    for item in output:
        if _is(item, "function_call") or _is(item, "custom_tool_call"):
            yield item  # type: ignore[misc]
    for choice in _objects(payload.get("choices")):
        for holder in (choice.get("message"), choice.get("delta")):
            if isinstance(holder, dict):
                for call in _objects(holder.get("tool_calls")):
                    yield from _objects([call.get("function")])
    for candidate in _objects(payload.get("candidates")):
        content = candidate.get("content")
        if isinstance(content, dict):
            for part in _objects(content.get("parts")):
                yield from _objects([part.get("functionCall")])


def _objects(value: JSON) -> list[JSONObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _is(block: JSON, kind: str) -> bool:
    return isinstance(block, dict) and block.get("type") == kind


def _has(content: list[JSON], kind: str) -> bool:
    return any(_is(block, kind) for block in content)


def without_long_context(beta: str) -> str:
    """An ``Anthropic-Beta`` list without the feature that needs a special subscription; empty when nothing is left."""
    kept = [name.strip() for name in beta.split(",")]
    return ",".join(name for name in kept if name and name != "context-1m-2025-08-07")
