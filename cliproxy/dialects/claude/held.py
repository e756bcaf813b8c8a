"""What an Anthropic request names that Anthropic keeps: Threads, containers, files (docs/spec/reports.md 10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cliproxy.dialects.members import filled, member, objects
from cliproxy.errors import ErrorDetail
from cliproxy.ir.held import Held, elsewhere
from cliproxy.jsontypes import JSON, JSONObject

_HOLDERS: Final = frozenset(("claude",))


def held_state(body: JSONObject) -> list[Held]:
    """The state that ``body`` names."""
    found = []
    if isinstance(body.get("thread"), dict):
        found.append(_thread(body["thread"]))
    container = body.get("container")
    container_id = filled(container) or filled(member(container, "id"))
    if container_id is not None:
        refusal = elsewhere("a container", "container", "Anthropic", "leave it out")
        found.append(Held(container_id, _HOLDERS, refusal))
    for index, message in enumerate(objects(body.get("messages"))):
        for file_id in _files(message.get("content")):
            where = f"messages[{index}].content"
            refusal = elsewhere(f"the file {file_id[:100]}", where, "Anthropic", "send its content")
            found.append(Held(file_id, _HOLDERS, refusal))
    return found


def _thread(thread: JSONObject) -> Held:
    """Anthropic's SDKs know both codes: on the first they go on without Threads, on the second they replay everything."""
    if thread.get("type") == "continue":
        message = "thread: no usable Thread state was found; send the full conversation"
        detail = ErrorDetail(404, message, code="thread_not_found", param="thread")
    else:
        message = (
            "thread: the upstream that serves this model keeps no Threads; send the full conversation without thread"
        )
        detail = ErrorDetail(400, message, code="thread_unsupported_request", param="thread")
    return Held(filled(thread.get("previous_message_id")), _HOLDERS, detail)


def _files(content: JSON) -> Iterator[str]:
    for block in objects(content):
        file_id = filled(member(block.get("source"), "file_id"))
        if file_id is None and block.get("type") == "container_upload":
            file_id = filled(block.get("file_id"))
        if file_id is not None:
            yield file_id
        if block.get("type") == "tool_result":
            yield from _files(block.get("content"))
