"""Responses input items -> IR messages (dialects.md 3-11)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final, Literal

from cliproxy.dialects import media, signatures
from cliproxy.dialects.interface import Mint
from cliproxy.dialects.members import content_parts, filled, member, numbered, objects, text
from cliproxy.dialects.responses.decode_tools import TOOL_SEARCH, Toolbox
from cliproxy.dialects.responses.signed import SLOT
from cliproxy.errors import RequestFault
from cliproxy.ir.content import (
    MediaPart,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import Message, SystemSegment
from cliproxy.jsontypes import JSON, JSONObject, dumps_text

#: What Anthropic's redacted thinking wears on its way through ``encrypted_content`` and home; eighteen bytes, so that the
#: base64 of the whole begins with the base64 of the mark.
_REDACTED: Final = base64.b64encode(b"cliproxy-redacted:").decode()


class Conversation:
    """The items read so far. Assistant-side items in a row form one message, results in a row one group."""

    def __init__(self, toolbox: Toolbox, mint: Mint) -> None:
        self.messages: list[Message] = []
        self.system: list[SystemSegment] = []
        self.dropped: list[Loss] = []
        self._toolbox = toolbox
        self._mint = mint
        self._group: Literal["assistant", "results"] | None = None
        self._custom: set[str] = set()

    def read(self, items: JSON) -> None:
        """Read ``input``: a string, or an array of items.

        :raises RequestFault: it is neither, or an item cannot be read.
        """
        if isinstance(items, str):
            self.messages.append(Message("user", [TextPart(items)], content_was_list=False))
            return
        if not isinstance(items, list):
            raise RequestFault.bad("input must be a string or an array", param="input")
        for path, item in numbered(items, "input"):
            self._item(item, path)

    def _item(self, item: JSONObject, path: str) -> None:
        kind = item.get("type")
        if kind == "message" or (kind is None and "role" in item):
            self._message(item, path)
        elif kind == "reasoning":
            self._reasoning(item)
        elif kind in ("function_call", "custom_tool_call"):
            self._assistant(self._call(item, path, custom=kind == "custom_tool_call"))
        elif kind in ("function_call_output", "custom_tool_call_output"):
            self._result(_call_id(item, path), list(_output(item.get("output"), f"{path}.output")), item)
        elif kind == "tool_search_call" and filled(item.get("call_id")):
            arguments = item.get("arguments")
            spelt = arguments if isinstance(arguments, str) else dumps_text(arguments or {})
            self._assistant(ToolCallPart(item["call_id"], TOOL_SEARCH, spelt))
        elif kind == "tool_search_output" and filled(item.get("call_id")):
            self._found(item)
        elif kind == "additional_tools":
            self._toolbox.add(item.get("tools"))
        elif kind == "image_generation_call" and filled(item.get("result")):
            self._assistant(read_image(item))
        elif isinstance(kind, str):
            self._other(item, kind, path)
        else:
            raise RequestFault.bad(f"{path}.type is missing", param=f"{path}.type")

    def _message(self, item: JSONObject, path: str) -> None:
        role, content = item.get("role"), item.get("content")
        parts = list(content_parts(content, f"{path}.content", _part))
        if role in ("system", "developer"):
            if self.messages:
                self.dropped.append(Loss("position of a mid-conversation system message", path))
            self.system.extend(SystemSegment(part.text) for part in parts if isinstance(part, TextPart) and part.text)
        elif role == "assistant":
            self._assistant(*parts)
            self.messages[-1].content_was_list = isinstance(content, list)
        else:
            self._group = None
            self.messages.append(Message("user", parts, content_was_list=isinstance(content, list)))

    def _assistant(self, *parts: Part) -> None:
        if self._group != "assistant":
            self.messages.append(Message("assistant", []))
            self._group = "assistant"
        self.messages[-1].parts.extend(parts)

    def _reasoning(self, item: JSONObject) -> None:
        redacted = read_redacted(item)
        if redacted is None:
            self._assistant(read_reasoning(item))
        else:
            place, part = redacted
            self._assistant()
            self.messages[-1].parts.insert(place, part)

    def _result(self, call_id: str, parts: list[Part], item: JSONObject) -> None:
        if self._group != "results":
            self.messages.append(Message("user", []))
            self._group = "results"
        self.messages[-1].parts.append(
            ToolResultPart(
                call_id,
                parts,
                name=filled(item.get("name")),
                custom=call_id in self._custom,
                content_was_list=isinstance(item.get("output"), list),
            )
        )

    def _found(self, item: JSONObject) -> None:
        """What a tool search found: declared from here on, and named to the model by the names it may call."""
        count = len(self._toolbox.functions())
        self._toolbox.add(item.get("tools"))
        found = [{"name": tool.name, "description": tool.description} for tool in self._toolbox.functions()[count:]]
        self._result(item["call_id"], [TextPart(dumps_text({"tools": found}))], item)

    def _call(self, item: JSONObject, path: str, *, custom: bool) -> ToolCallPart:
        name = filled(item.get("name"))
        if name is None:
            raise RequestFault.bad(f"{path}.name is missing", param=f"{path}.name")
        call_id, signature = signatures.split_id(filled(item.get("call_id")) or "")
        if custom and call_id:
            self._custom.add(call_id)
        arguments = item.get("input" if custom else "arguments")
        return ToolCallPart(
            call_id or self._mint("call_"),
            self._toolbox.name(item.get("namespace"), name),
            arguments if isinstance(arguments, str) else "" if arguments is None else dumps_text(arguments),
            signature=signature,
            custom=custom,
            minted=not call_id,
        )

    def _other(self, item: JSONObject, kind: str, path: str) -> None:
        """An item of a vendor's own tool. A reference to an item stored elsewhere is a hole in the conversation."""
        if kind == "item_reference":
            self.dropped.append(Loss("item_reference", path, meaning=True))
        part = OpaquePart("responses", item)
        if kind.endswith("_output"):
            self._group = None
            self.messages.append(Message("user", [part]))
        else:
            self._assistant(part)


def read_reasoning(item: JSONObject) -> ReasoningPart:
    """A reasoning item as a client sends it back: summary (else the reasoning itself), and whose proof it carries."""
    sealed = filled(item.get("encrypted_content"))
    signature = signatures.replayed(sealed, SLOT) if sealed else None
    return ReasoningPart(reasoning_text(item), signature=signature, from_dialect="responses")


def reasoning_text(item: JSONObject) -> str:
    """The summary's texts, else the reasoning's own, joined by a blank line."""
    texts = _texts(item.get("summary")) or _texts(item.get("content"))
    return "\n\n".join(texts)


def read_image(item: JSONObject) -> MediaPart:
    """The result of an ``image_generation_call``."""
    return MediaPart("image", mime=f"image/{filled(item.get('output_format')) or 'png'}", data=item["result"])


def redacted_envelope(data: str, place: int) -> str:
    """Anthropic's redacted thinking in a form that comes home through ``encrypted_content``.

    No Responses client has a use for it, so it stands after all else; ``place`` says where in the answer it was, for
    Anthropic insists on the order.
    """
    return _REDACTED + base64.b64encode(f"{place}:{data}".encode()).decode()


def read_redacted(item: JSONObject) -> tuple[int, ReasoningPart] | None:
    """What :func:`redacted_envelope` sealed, and its place; None for any other reasoning item."""
    sealed = filled(item.get("encrypted_content"))
    if sealed is None or not sealed.startswith(_REDACTED):
        return None
    place, _, data = (signatures.decoded(sealed[len(_REDACTED) :]) or b"").decode(errors="replace").partition(":")
    return int(place) if place.isdecimal() else 0, ReasoningPart("", redacted=data, from_dialect="claude")


def _texts(parts: JSON) -> list[str]:
    return [part["text"] for part in objects(parts) if filled(part.get("text"))]


def _call_id(item: JSONObject, path: str) -> str:
    call_id = filled(item.get("call_id"))
    if call_id is None:
        raise RequestFault.bad(f"{path}.call_id is missing", param=f"{path}.call_id")
    return signatures.split_id(call_id)[0]


def _output(output: JSON, path: str) -> Iterator[Part]:
    if isinstance(output, str | list) or output is None:
        yield from content_parts(output, path, _part)
    else:
        yield TextPart(dumps_text(output))


def _part(part: JSONObject, path: str) -> Part:
    kind = part.get("type")
    if kind in ("input_text", "output_text", "text"):
        return TextPart(_needed(part, "text", path))
    if kind == "refusal":
        return TextPart(_needed(part, "refusal", path), refusal=True)
    if kind == "input_image":
        file_id = filled(part.get("file_id"))
        if file_id and not filled(part.get("image_url")):
            return MediaPart("image", file_id=file_id, detail=filled(part.get("detail")))
        source = part.get("image_url")
        url = source if isinstance(source, str) else text(member(source, "url"))
        if url is None:
            raise RequestFault.bad(f"{path}.image_url must be a string", param=f"{path}.image_url")
        return media.image(url, filled(part.get("detail")))
    if kind == "input_file":
        return media.openai_file(part, path)
    if kind == "input_audio":
        sound = part.get("input_audio")
        data = filled(member(sound, "data"))
        if data is not None:
            return media.audio(data, filled(member(sound, "format")))
    return OpaquePart("responses", part)


def _needed(part: JSONObject, key: str, path: str) -> str:
    value = part.get(key)
    if not isinstance(value, str):
        raise RequestFault.bad(f"{path}.{key} must be a string", param=f"{path}.{key}")
    return value
