"""IR messages -> Anthropic messages and content blocks (dialects.md 3-6, 10, 11)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from cliproxy.dialects import arguments, media
from cliproxy.dialects.toolids import call_arguments
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
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, Message
from cliproxy.jsontypes import JSONObject

#: Media types, besides ``text/*``, whose bytes are text.
_TEXTUAL: Final = frozenset(("application/json", "application/xml", "application/yaml", "application/javascript"))


def write_cache(block: JSONObject, hint: CacheHint | None) -> JSONObject:
    """``block``, with ``cache_control`` where a hint sits on it."""
    if hint is not None:
        control = {"type": "ephemeral"}
        if hint.ttl is not None:
            control["ttl"] = hint.ttl
        block["cache_control"] = control
    return block


class ContentWriter:
    """Writes the conversation of a request from another dialect.

    ``names`` and ``ids`` are the maps of :mod:`cliproxy.dialects.toolids`; ``losses`` takes what Anthropic cannot say.
    """

    def __init__(
        self, request: CompletionRequest, names: dict[str, str], ids: dict[str, str], losses: list[Loss]
    ) -> None:
        self._request = request
        self._names = names
        self._ids = ids
        self._losses = losses

    def written(self) -> list[JSONObject]:
        """The messages: neighbours of one role merged, results first in theirs, empty ones gone."""
        turns: list[tuple[str, list[JSONObject]]] = []
        for index, message in enumerate(self._request.messages):
            blocks = self._message(message, f"messages[{index}]")
            if not blocks:
                continue
            if turns and turns[-1][0] == message.role:
                turns[-1][1].extend(blocks)
            else:
                turns.append((message.role, blocks))
        if turns and turns[-1][0] == "assistant":
            _trim(turns[-1][1])
        return [{"role": role, "content": _results_first(blocks)} for role, blocks in turns]

    def _message(self, message: Message, where: str) -> list[JSONObject]:
        blocks = []
        for part in message.parts:
            block = self._block(part, message.role == "assistant", where)
            if block is not None:
                blocks.append(block)
        return blocks

    def _block(self, part: Part, spoken: bool, where: str) -> JSONObject | None:
        if isinstance(part, TextPart):
            if not part.text.strip():
                return None
            if part.refusal:
                self._lose("refusal marker", where)
            return write_cache({"type": "text", "text": part.text}, part.cache)
        if isinstance(part, ToolCallPart):
            return self._call(part, where)
        if isinstance(part, ToolResultPart):
            return self._result(part, where)
        if isinstance(part, ReasoningPart):
            return self._reasoning(part, where)
        if isinstance(part, OpaquePart):
            return self._lose(f"{part.origin} part", where, meaning=not spoken)
        if spoken:
            return self._lose(f"assistant {part.kind}", where, meaning=True)
        return self._media(part, where)

    def _lose(self, what: str, where: str, *, meaning: bool = False) -> JSONObject | None:
        """Record a loss, and give the nothing that is written in its place."""
        self._losses.append(Loss(what, where, meaning))
        return None

    def _call(self, call: ToolCallPart, where: str) -> JSONObject:
        if call.signature is not None and call.signature.origin != "bypass":
            self._lose("reasoning signature", where)
        block: JSONObject = {
            "type": "tool_use",
            "id": self._ids.get(call.id, call.id),
            "name": self._names.get(call.name, call.name),
            "input": arguments.as_object(call_arguments(call), self._losses, where),
        }
        return write_cache(block, call.cache)

    def _result(self, result: ToolResultPart, where: str) -> JSONObject:
        block: JSONObject = {"type": "tool_result", "tool_use_id": self._ids.get(result.call_id, result.call_id)}
        if all(isinstance(part, TextPart) for part in result.parts):
            block["content"] = "\n\n".join(
                part.text for part in result.parts if isinstance(part, TextPart) and part.text
            )
        else:
            written = [self._block(part, False, where) for part in result.parts]
            block["content"] = [inner for inner in written if inner is not None] or ""
        if result.is_error:
            block["is_error"] = True
        return write_cache(block, result.cache)

    def _reasoning(self, part: ReasoningPart, where: str) -> JSONObject | None:
        if part.redacted is not None and part.from_dialect == "claude":  # home again, by way of a foreign client
            return {"type": "redacted_thinking", "data": part.redacted}
        if part.redacted is not None:
            return self._lose("redacted_thinking", where)
        if part.signature is None:
            return self._lose("reasoning without signature", where)
        if part.signature.origin != "claude":
            return self._lose("reasoning signature", where)
        return {"type": "thinking", "thinking": part.text, "signature": part.signature.value}

    def _media(self, part: MediaPart, where: str) -> JSONObject | None:
        block = self._image(part, where) if part.kind == "image" else self._document(part, where)
        return None if block is None else write_cache(block, part.cache)

    def _image(self, part: MediaPart, where: str) -> JSONObject | None:
        if part.detail not in (None, "auto"):
            self._lose("image detail", where)
        if part.data is not None:
            refused = media.refused_image(part, media.WEB_IMAGES)
            if refused is not None:
                return self._lose(refused, where, meaning=True)
            source = {"type": "base64", "media_type": part.mime or "application/octet-stream", "data": part.data}
        elif part.url is not None:
            if not _on_the_web(part.url):
                return _mention(part)
            source = {"type": "url", "url": part.url}
        else:
            return self._lose("image by id", where, meaning=True)
        return {"type": "image", "source": source}

    def _document(self, part: MediaPart, where: str) -> JSONObject | None:
        """A file as a document: PDF by bytes or address, text by its words. Sounds and the rest cannot be said."""
        mime = (part.mime or "").split(";", 1)[0].strip().lower()
        source: JSONObject | None = None
        if part.data is not None and mime == "application/pdf":
            source = {"type": "base64", "media_type": mime, "data": part.data}
        elif part.data is not None and (mime.startswith("text/") or mime in _TEXTUAL):
            words = _decoded(part.data)
            source = {"type": "text", "media_type": "text/plain", "data": words} if words else None
        elif part.url is not None:
            if not _on_the_web(part.url) or mime != "application/pdf":
                return _mention(part)
            source = {"type": "url", "url": part.url}
        if source is None:
            what = "file by id" if part.file_id is not None else part.kind
            return self._lose(what, where, meaning=True)
        document: JSONObject = {"type": "document", "source": source}
        if part.filename is not None:
            document["title"] = part.filename
        return document


def _trim(blocks: list[JSONObject]) -> None:
    """Anthropic refuses a last assistant turn whose text ends in white space."""
    if blocks[-1]["type"] == "text":
        blocks[-1]["text"] = blocks[-1]["text"].rstrip()


def _mention(part: MediaPart) -> JSONObject:
    return {"type": "text", "text": media.mention(part)}


def _on_the_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _decoded(data: str) -> str | None:
    try:
        return base64.b64decode(data).decode("utf-8", "replace")
    except binascii.Error:
        return None


def _results_first(blocks: list[JSONObject]) -> list[JSONObject]:
    """Results must directly follow the calls they answer."""
    results = [block for block in blocks if block["type"] == "tool_result"]
    if not results or len(results) == len(blocks):
        return blocks
    return results + [block for block in blocks if block["type"] != "tool_result"]
