"""IR -> Responses items (dialects.md 2-6, 10)."""

from __future__ import annotations

from cliproxy.dialects import media
from cliproxy.dialects.responses.names import wire_ids
from cliproxy.ir.content import MediaPart, Part, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, Message, SystemSegment
from cliproxy.jsontypes import JSONObject


class ContentWriter:
    """Writes the conversation. ``names`` is the map of tool names, ``losses`` takes what Responses cannot say."""

    def __init__(self, request: CompletionRequest, names: dict[str, str], losses: list[Loss]) -> None:
        self._request = request
        self._names = names
        self._ids = wire_ids(request)
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

    def _add_message(self, role: str, content: list[JSONObject]) -> None:
        if content:
            self._out.append({"type": "message", "role": role, "content": content})

    def _add_system(self, segments: list[SystemSegment]) -> None:
        if any(segment.cache for segment in segments):
            self._lose("cache_control", "system")
        self._add_message("developer", [_text("input_text", segment.text) for segment in segments if segment.text])

    def _add_user(self, message: Message, where: str) -> None:
        """Results first, as items; what else the message holds follows."""
        own: list[JSONObject] = []
        for part in message.parts:
            if isinstance(part, ToolResultPart):
                self._add_result(part, where)
            else:
                self._content(part, own, where)
        self._add_message("user", own)

    def _add_result(self, result: ToolResultPart, where: str) -> None:
        if result.is_error:
            self._lose("tool result error flag", where)
        if result.cache is not None:
            self._lose("cache_control", where)
        content: list[JSONObject] = []
        for part in result.parts:
            self._content(part, content, where)
        texts = [part["text"] for part in content if part["type"] == "input_text"]
        self._out.append(
            {
                "type": "custom_tool_call_output" if result.custom else "function_call_output",
                "call_id": self._ids.get(result.call_id, result.call_id),
                "output": "\n\n".join(texts) if len(texts) == len(content) else content,
            }
        )

    def _add_assistant(self, message: Message, where: str) -> None:
        shown: list[JSONObject] = []
        for part in message.parts:
            if isinstance(part, TextPart):
                self._spoken(part, shown, where)
            elif isinstance(part, MediaPart):
                self._lose(f"assistant {part.kind}", where, meaning=True)
            elif isinstance(part, ReasoningPart | ToolCallPart):
                self._add_message("assistant", shown)
                shown = []
                self._add_item(part, where)
            else:
                self._content(part, shown, where)
        self._add_message("assistant", shown)

    def _add_item(self, part: ReasoningPart | ToolCallPart, where: str) -> None:
        item = self._reasoning(part, where) if isinstance(part, ReasoningPart) else self._call(part, where)
        if item is not None:
            self._out.append(item)

    def _reasoning(self, part: ReasoningPart, where: str) -> JSONObject | None:
        """Only what OpenAI sealed may come back to it; the item's id stays away, for nothing is stored there."""
        if part.redacted is not None:
            self._lose("redacted_thinking", where)
            return None
        if part.signature is None or part.signature.origin != "openai":
            if part.text.strip():
                self._lose("reasoning text", where)
            if part.signature is not None:
                self._lose("reasoning signature", where)
            return None
        summary = [_text("summary_text", part.text)] if part.text else []
        return {"type": "reasoning", "summary": summary, "encrypted_content": part.signature.value}

    def _call(self, call: ToolCallPart, where: str) -> JSONObject:
        if call.signature is not None:
            self._lose("reasoning signature", where)
        if call.cache is not None:
            self._lose("cache_control", where)
        name = self._names.get(call.name, call.name)
        call_id = self._ids.get(call.id, call.id)
        if call.custom:
            return {"type": "custom_tool_call", "call_id": call_id, "name": name, "input": call.arguments}
        return {"type": "function_call", "call_id": call_id, "name": name, "arguments": call.arguments or "{}"}

    def _spoken(self, part: TextPart, out: list[JSONObject], where: str) -> None:
        if part.cache is not None:
            self._lose("cache_control", where)
        if part.refusal and part.text:
            out.append({"type": "refusal", "refusal": part.text})
        elif part.text:
            out.append(_text("output_text", part.text))

    def _content(self, part: Part, out: list[JSONObject], where: str) -> None:
        if isinstance(part, TextPart):
            if part.cache is not None:
                self._lose("cache_control", where)
            if part.text:
                out.append(_text("input_text", part.text))
        elif isinstance(part, MediaPart):
            self._media(part, out, where)
        else:
            self._lose(_part_name(part), where)

    def _media(self, part: MediaPart, out: list[JSONObject], where: str) -> None:
        if part.cache is not None:
            self._lose("cache_control", where)
        if part.file_id is not None:
            if part.kind == "file" and self._request.origin == "openai":
                out.append({"type": "input_file", "file_id": part.file_id})
            else:
                self._lose(f"{part.kind} by id", where, meaning=True)
        elif (refused := media.refused_image(part, media.WEB_IMAGES)) is not None:
            self._lose(refused, where, meaning=True)
        elif part.kind == "image":
            url = media.data_url(part) if part.url is None else part.url
            out.append({"type": "input_image", "image_url": url, "detail": part.detail or "auto"})
        elif part.kind == "audio" or (part.mime or "").startswith("audio/"):
            self._lose("audio", where, meaning=True)
        elif part.url is not None:
            out.append({"type": "input_file", "file_url": part.url})
        else:
            name = media.file_name(part)
            out.append({"type": "input_file", "filename": name, "file_data": media.data_url(part)})


def _text(kind: str, text: str) -> JSONObject:
    return {"type": kind, "text": text}


def _part_name(part: Part) -> str:
    kind = getattr(part, "value", None)
    stated = kind.get("type") if isinstance(kind, dict) else None
    return f"{stated} part" if isinstance(stated, str) else "unknown part"
