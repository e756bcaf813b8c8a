"""IR -> Chat messages (dialects.md 2-6, 10)."""

from __future__ import annotations

from collections.abc import Iterable

from cliproxy.dialects import media
from cliproxy.dialects.toolids import call_arguments
from cliproxy.ir.content import MediaPart, OpaquePart, Part, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, Message, SystemSegment
from cliproxy.jsontypes import JSON, JSONObject


class ContentWriter:
    """Writes the conversation. ``names`` is the map of tool names, ``losses`` takes what Chat cannot say."""

    def __init__(self, request: CompletionRequest, names: dict[str, str], losses: list[Loss]) -> None:
        self._request = request
        self._names = names
        self._losses = losses
        self._out: list[JSONObject] = []

    def written(self) -> list[JSONObject]:
        self._add_system(self._request.system)
        for index, message in enumerate(self._request.messages):
            if message.role == "assistant":
                self._add_assistant(message, f"messages[{index}]")
            else:
                self._add_user(message, f"messages[{index}]")
        return self._out

    def _lose(self, what: str, where: str, *, meaning: bool = False) -> None:
        self._losses.append(Loss(what, where, meaning))

    def _add_system(self, segments: list[SystemSegment]) -> None:
        if any(segment.cache for segment in segments):
            self._lose("cache_control", "system")
        texts = [segment.text for segment in segments if segment.text.strip()]
        if len(texts) == 1:
            self._out.append({"role": "system", "content": texts[0]})
        elif texts:
            self._out.append({"role": "system", "content": [_text(text) for text in texts]})

    def _add_user(self, message: Message, where: str) -> None:
        """Results become ``tool`` messages, first; what else they or the message hold follows as one user message."""
        pictures: list[JSONObject] = []
        own: list[JSONObject] = []
        for part in message.parts:
            if isinstance(part, ToolResultPart):
                self._add_result(part, pictures, where)
            else:
                own.extend(self._content([part], where))
        content = self._as_content(pictures + own, message)
        if content:
            self._out.append({"role": "user", "content": content})

    def _add_result(self, result: ToolResultPart, pictures: list[JSONObject], where: str) -> None:
        texts = [part.text for part in result.parts if isinstance(part, TextPart) and part.text]
        others = [part for part in result.parts if not isinstance(part, TextPart)]
        pictures.extend(self._content(others, where))
        if result.is_error:
            self._lose("tool result error flag", where)
        if result.cache is not None:
            self._lose("cache_control", where)
        self._out.append({"role": "tool", "tool_call_id": result.call_id, "content": "\n\n".join(texts)})

    def _add_assistant(self, message: Message, where: str) -> None:
        thoughts: list[str] = []
        refusals: list[str] = []
        calls: list[JSONObject] = []
        shown: list[Part] = []
        for part in message.parts:
            if isinstance(part, ReasoningPart):
                self._note_reasoning(part, where)
                if part.text.strip():
                    thoughts.append(part.text)
            elif isinstance(part, ToolCallPart):
                calls.append(self._call(part, where))
            elif isinstance(part, TextPart) and part.refusal:
                refusals.append(part.text)
            elif isinstance(part, MediaPart):
                self._lose(f"assistant {part.kind}", where, meaning=True)
            else:
                shown.append(part)
        content = self._as_content(list(self._content(shown, where)), message)
        if not (content or thoughts or refusals or calls):
            return
        out: JSONObject = {"role": "assistant", "content": content or ""}
        if refusals:
            out["refusal"] = "".join(refusals)
        if thoughts:
            out["reasoning_content"] = "\n\n".join(thoughts)
        if calls:
            out["tool_calls"] = calls
        self._out.append(out)

    def _note_reasoning(self, part: ReasoningPart, where: str) -> None:
        if part.redacted is not None:
            self._lose("redacted_thinking", where)
        elif part.signature is not None:
            self._lose("reasoning signature", where)

    def _call(self, call: ToolCallPart, where: str) -> JSONObject:
        if call.signature is not None:
            self._lose("reasoning signature", where)
        if call.cache is not None:
            self._lose("cache_control", where)
        name = self._names.get(call.name, call.name)
        return {"id": call.id, "type": "function", "function": {"name": name, "arguments": call_arguments(call)}}

    def _content(self, parts: Iterable[Part], where: str) -> Iterable[JSONObject]:
        for part in parts:
            if isinstance(part, TextPart):
                if part.cache is not None:
                    self._lose("cache_control", where)
                if part.text.strip():
                    yield _text(part.text)
            elif isinstance(part, MediaPart):
                written = self._media(part, where)
                if written is not None:
                    yield written
            elif isinstance(part, OpaquePart):
                self._lose(_opaque_name(part.value), where)

    def _media(self, part: MediaPart, where: str) -> JSONObject | None:
        if part.cache is not None:
            self._lose("cache_control", where)
        if part.file_id is not None:
            if part.kind == "file" and self._request.origin == "responses":
                return {"type": "file", "file": {"file_id": part.file_id}}
            self._lose(f"{part.kind} by id", where, meaning=True)
            return None
        if part.url is not None:
            if part.kind == "image" and part.url.startswith(("http://", "https://")):
                return _image(part.url, part.detail)
            return _text(media.mention(part))
        refused = media.refused_image(part, media.WEB_IMAGES)
        if refused is not None:
            self._lose(refused, where, meaning=True)
            return None
        if part.kind == "image":
            return _image(media.data_url(part), part.detail)
        if part.kind == "file":
            return {"type": "file", "file": {"filename": media.file_name(part), "file_data": media.data_url(part)}}
        format_ = media.audio_format(part)
        if format_ is None:
            self._lose("audio", where, meaning=True)
            return None
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": format_}}

    def _as_content(self, parts: list[JSONObject], message: Message) -> JSON:
        """A string where the client wrote one, an array where it wrote one (dialects.md 3)."""
        if not parts:
            return None
        texts = [part["text"] for part in parts if part["type"] == "text"]
        if len(texts) == len(parts) and not (message.role == "user" and any(map(_is_elsewhere, message.parts))):
            origin = self._request.origin
            if not message.content_was_list or origin == "gemini" or (origin == "responses" and len(texts) == 1):
                return "".join(texts)
        return parts


def _is_elsewhere(part: Part) -> bool:
    """Whether the part is a file that Chat can only be told the address of: text, but none of the client's."""
    return isinstance(part, MediaPart) and part.url is not None


def _text(text: str) -> JSONObject:
    return {"type": "text", "text": text}


def _image(url: str, detail: str | None) -> JSONObject:
    source: JSONObject = {"url": url}
    if detail is not None:
        source["detail"] = detail
    return {"type": "image_url", "image_url": source}


def _opaque_name(value: JSON) -> str:
    kind = value.get("type") if isinstance(value, dict) else None
    return f"{kind} part" if isinstance(kind, str) else "unknown part"
