"""Anthropic content blocks -> IR parts (dialects.md 4-6, 10, 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal

from cliproxy.dialects import arguments, media, signatures
from cliproxy.dialects.claude.signed import SLOT
from cliproxy.dialects.interface import Mint
from cliproxy.dialects.members import filled, numbered, objects, text
from cliproxy.errors import RequestFault
from cliproxy.ir.content import (
    CacheHint,
    MediaPart,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from cliproxy.jsontypes import JSON, JSONObject, dumps_text


def read_content(content: JSON, path: str, mint: Mint) -> list[Part]:
    """The parts of a message's ``content``: a string, an array of blocks, one block, or nothing.

    :raises RequestFault: it is none of these; ``param`` names the place.
    """
    if isinstance(content, str):
        return [TextPart(content)]
    if isinstance(content, list):
        parts: list[Part] = []
        for where, block in numbered(content, path):
            kind = block.get("type", "text")
            read = _READERS.get(kind) if isinstance(kind, str) else None
            if read is None:
                parts.append(OpaquePart("claude", block))
            else:
                parts += read(block, where, mint)
        return parts
    if isinstance(content, dict):
        return read_content([content], path, mint)
    if content is None:
        return []
    raise RequestFault.bad(f"{path} must be a string or an array", param=path)


def read_cache(holder: JSONObject) -> CacheHint | None:
    """``cache_control``."""
    control = holder.get("cache_control")
    return CacheHint(filled(control.get("ttl"))) if isinstance(control, dict) else None


def _needed(value: JSON, path: str) -> str:
    if not isinstance(value, str):
        raise RequestFault.bad(f"{path} must be a string", param=path)
    return value


def _text(block: JSONObject, path: str, _: Mint) -> list[Part]:
    return [TextPart(_needed(block.get("text"), f"{path}.text"), cache=read_cache(block))]


def _image(block: JSONObject, path: str, _: Mint) -> list[Part]:
    return [_media("image", block, path)]


def _document(block: JSONObject, path: str, mint: Mint) -> list[Part]:
    source = _source(block)
    kind = source.get("type")
    if kind == "text":
        return [TextPart(_needed(source.get("data"), f"{path}.source.data"), cache=read_cache(block))]
    if kind == "content":
        return read_content(source.get("content"), f"{path}.source.content", mint)
    part = _media("file", block, path)
    part.filename = filled(block.get("title"))
    if part.url is not None:
        part.mime = media.mime_of(part.url) or "application/pdf"
    elif part.data is not None and part.mime is None:
        part.mime = "application/pdf"
    return [part]


def _source(block: JSONObject) -> JSONObject:
    source = block.get("source")
    return source if isinstance(source, dict) else {}


def _media(kind: Literal["image", "file"], block: JSONObject, path: str) -> MediaPart:
    source = _source(block)
    part = MediaPart(kind, cache=read_cache(block))
    form = source.get("type")
    if form == "base64":
        part.data = signatures.standard_base64(_needed(source.get("data"), f"{path}.source.data"))
        part.mime = media.spelt_mime(filled(source.get("media_type")))
    elif form == "url":
        part.url = _needed(source.get("url"), f"{path}.source.url")
    elif form == "file":
        part.file_id = _needed(source.get("file_id"), f"{path}.source.file_id")
    else:
        raise RequestFault.bad(f"{path}.source is of no known type", param=f"{path}.source")
    return part


def _search_result(block: JSONObject, path: str, mint: Mint) -> list[Part]:
    """A search result the client found: title, source and texts, a line each."""
    lines = [filled(block.get("title")), filled(block.get("source"))]
    lines += [filled(item.get("text")) for item in objects(block.get("content"))]
    return [TextPart("\n".join(line for line in lines if line), cache=read_cache(block))]


def _tool_reference(block: JSONObject, path: str, _: Mint) -> list[Part]:
    """A deferred tool that the client's search found. It is declared as every tool is; its name is what is told."""
    return [TextPart(_needed(block.get("tool_name"), f"{path}.tool_name"), cache=read_cache(block))]


def _thinking(block: JSONObject, path: str, _: Mint) -> list[Part]:
    value = filled(block.get("signature"))
    return [
        ReasoningPart(
            text(block.get("thinking")) or "",
            signature=signatures.replayed(value, SLOT) if value else None,
            from_dialect="claude",
        )
    ]


def _redacted(block: JSONObject, path: str, _: Mint) -> list[Part]:
    return [ReasoningPart("", redacted=_needed(block.get("data"), f"{path}.data"), from_dialect="claude")]


def _tool_use(block: JSONObject, path: str, mint: Mint) -> list[Part]:
    call_id, signature = signatures.split_id(filled(block.get("id")) or "")
    given = block.get("input")
    return [
        ToolCallPart(
            call_id or mint("call_"),
            _needed(block.get("name"), f"{path}.name"),
            arguments.as_text(given),
            signature=signature,
            minted=not call_id,
            cache=read_cache(block),
        )
    ]


def _tool_result(block: JSONObject, path: str, mint: Mint) -> list[Part]:
    content = block.get("content")
    if isinstance(content, dict):
        # Some clients send one object; what it says is its text, or else all of it.
        parts: list[Part] = [TextPart(filled(content.get("text")) or dumps_text(content))]
    else:
        parts = read_content(content, f"{path}.content", mint) if isinstance(content, str | list) else []
    return [
        ToolResultPart(
            signatures.split_id(_needed(block.get("tool_use_id"), f"{path}.tool_use_id"))[0],
            parts,
            is_error=block.get("is_error") is True,
            content_was_list=isinstance(content, list),
            cache=read_cache(block),
        )
    ]


def answered_names(parts_of_turns: Iterator[list[Part]]) -> None:
    """Give each result the name of the tool whose call it answers."""
    names: dict[str, str] = {}
    for parts in parts_of_turns:
        for part in parts:
            if isinstance(part, ToolCallPart):
                names[part.id] = part.name
            elif isinstance(part, ToolResultPart):
                part.name = names.get(part.call_id)


_READERS: Final[dict[str, Callable[[JSONObject, str, Mint], list[Part]]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_reference": _tool_reference,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}
