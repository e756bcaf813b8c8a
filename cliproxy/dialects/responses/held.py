"""What a Responses request names that OpenAI keeps: answers, conversations, prompts, items, files, containers
(docs/spec/reports.md 10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cliproxy.dialects.members import filled, member, objects
from cliproxy.ir.held import Held, elsewhere
from cliproxy.jsontypes import JSON, JSONObject

_HOLDERS: Final = frozenset(("responses",))
#: Chat knows documents by the same ids.
_FILE_HOLDERS: Final = frozenset(("responses", "openai"))

_NAMED: Final = (
    ("previous_response_id", "the answer", "previous_response_not_found", "send the whole conversation as input"),
    ("conversation", "the conversation", "conversation_not_found", "send the whole conversation as input"),
    ("prompt", "the prompt", "prompt_not_found", "send its text"),
)


def held_state(body: JSONObject) -> list[Held]:
    """The state that ``body`` names."""
    found = []
    for name, what, code, advice in _NAMED:
        if body.get(name):
            held_id = filled(body[name]) or filled(member(body[name], "id"))
            found.append(Held(held_id, _HOLDERS, elsewhere(what, name, "OpenAI", advice, code=code)))
    for index, item in enumerate(objects(body.get("input"))):
        found += _named_by_item(item, f"input[{index}]")
    for index, tool in enumerate(objects(body.get("tools"))):
        container = filled(tool.get("container"))
        if container is not None:
            where = f"tools[{index}].container"
            found.append(Held(container, _HOLDERS, elsewhere("a container", where, "OpenAI", "let one be made")))
    return found


def _named_by_item(item: JSONObject, where: str) -> Iterator[Held]:
    if item.get("type") == "item_reference":
        refusal = elsewhere("an item of an earlier answer", where, "OpenAI", "send the item itself")
        yield Held(filled(item.get("id")), _HOLDERS, refusal)
    for content in (item.get("content"), item.get("output")):
        yield from _files(content, where)


def _files(content: JSON, where: str) -> Iterator[Held]:
    for part in objects(content):
        file_id = filled(part.get("file_id"))
        if file_id is not None:
            holders = _FILE_HOLDERS if part.get("type") == "input_file" else _HOLDERS
            yield Held(file_id, holders, elsewhere(f"the file {file_id[:100]}", where, "OpenAI", "send its content"))
