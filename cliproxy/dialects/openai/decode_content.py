"""Chat messages -> IR (dialects.md 2-6, 10)."""

from __future__ import annotations

from cliproxy.dialects import media
from cliproxy.dialects.interface import Mint
from cliproxy.dialects.members import (
    content_parts,
    filled,
    member,
    numbered,
)
from cliproxy.errors import RequestFault
from cliproxy.ir.content import (
    CacheHint,
    OpaquePart,
    Part,
    ReasoningPart,
    Signature,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import (
    Message,
    SystemSegment,
)
from cliproxy.jsontypes import JSON, JSONObject, dumps_text


class Conversation:
    """Messages read so far, and the calls in them that no result has answered yet."""

    def __init__(self, mint: Mint) -> None:
        self.mint = mint
        self.messages: list[Message] = []
        self.system: list[SystemSegment] = []
        self.dropped: list[Loss] = []
        self._open_calls: list[ToolCallPart] = []
        self._after_tool = False

    def add(self, message: JSONObject, path: str) -> None:
        role = message.get("role")
        after_tool, self._after_tool = self._after_tool, False
        if role in ("system", "developer"):
            self._add_system(message, path)
        elif role in ("tool", "function"):
            result = self._result(message, path)
            if after_tool:
                self.messages[-1].parts.append(result)
            else:
                self.messages.append(Message("user", [result]))
            self._after_tool = True
        elif role == "assistant":
            self._add_assistant(message, path)
        else:
            content = message.get("content")
            parts = list(content_parts(content, f"{path}.content", _part))
            self.messages.append(Message("user", parts, content_was_list=isinstance(content, list)))

    def _add_system(self, message: JSONObject, path: str) -> None:
        content = message.get("content")
        if self.messages:
            self.dropped.append(Loss("position of a mid-conversation system message", path))
        whole = _cache(message)
        segments = [
            SystemSegment(part.text, cache=part.cache)
            for part in content_parts(content, f"{path}.content", _part)
            if isinstance(part, TextPart) and part.text
        ]
        if segments and segments[-1].cache is None:
            segments[-1].cache = whole
        self.system.extend(segments)

    def _add_assistant(self, message: JSONObject, path: str) -> None:
        content = message.get("content")
        parts: list[Part] = []
        reasoning = filled(message.get("reasoning_content")) or filled(message.get("reasoning"))
        if reasoning:
            parts.append(ReasoningPart(reasoning, from_dialect="openai"))
        parts.extend(content_parts(content, f"{path}.content", _part))
        refusal = filled(message.get("refusal"))
        if refusal:
            parts.append(TextPart(refusal, refusal=True))
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            for where, call in numbered(calls, f"{path}.tool_calls"):
                parts.append(self._call(call, where))
        legacy = message.get("function_call")
        if isinstance(legacy, dict):
            parts.append(self._call({"function": legacy}, f"{path}.function_call"))
        self.messages.append(Message("assistant", parts, content_was_list=isinstance(content, list)))

    def _call(self, call: JSONObject, path: str) -> ToolCallPart:
        custom = isinstance(call.get("custom"), dict)
        spoken = call.get("custom") if custom else call.get("function")
        name = filled(member(spoken, "name"))
        if name is None:
            where = f"{path}.{'custom' if custom else 'function'}.name"
            raise RequestFault.bad(f"{where} is missing", param=where)
        call_id = filled(call.get("id"))
        signature = filled(member(member(call.get("extra_content"), "google"), "thought_signature"))
        part = ToolCallPart(
            call_id or self.mint("call_"),
            name,
            _argument_text(member(spoken, "input" if custom else "arguments")),
            signature=Signature("gemini", signature) if signature else None,
            custom=custom,
            minted=call_id is None,
        )
        self._open_calls.append(part)
        return part

    def _result(self, message: JSONObject, path: str) -> ToolResultPart:
        content = message.get("content")
        name = filled(message.get("name"))
        call_id = filled(message.get("tool_call_id"))
        call = self._answered(call_id, name)
        return ToolResultPart(
            call_id or (call.id if call else self.mint("call_")),
            list(content_parts(content, f"{path}.content", _part)),
            name=name or (call.name if call else None),
            custom=call is not None and call.custom,
            minted=call.minted if call else call_id is None,
            content_was_list=isinstance(content, list),
        )

    def _answered(self, call_id: str | None, name: str | None) -> ToolCallPart | None:
        """The open call a result answers: by id, else the oldest of its name, else the oldest."""
        found = None
        for call in self._open_calls:
            if call.id == call_id if call_id else call.name == name:
                found = call
                break
        if found is None and call_id is None and self._open_calls:
            found = self._open_calls[0]
        if found is not None:
            self._open_calls.remove(found)
        return found


def _part(part: JSONObject, path: str) -> Part:
    kind = part.get("type")
    if kind == "text" or kind is None:
        return TextPart(_needed(part.get("text"), f"{path}.text"), cache=_cache(part))
    if kind == "refusal":
        return TextPart(_needed(part.get("refusal"), f"{path}.refusal"), refusal=True)
    if kind == "image_url":
        source = part.get("image_url")
        url = source if isinstance(source, str) else member(source, "url")
        found = media.image(_needed(url, f"{path}.image_url.url"), filled(member(source, "detail")))
    elif kind == "input_audio":
        sound = part.get("input_audio")
        data = _needed(member(sound, "data"), f"{path}.input_audio.data")
        found = media.audio(data, filled(member(sound, "format")))
    elif kind == "file":
        found = media.openai_file(part.get("file"), f"{path}.file")
    else:
        return OpaquePart("openai", part)
    found.cache = _cache(part)
    return found


def _needed(value: JSON, path: str) -> str:
    if not isinstance(value, str):
        raise RequestFault.bad(f"{path} must be a string", param=path)
    return value


def _cache(holder: JSONObject) -> CacheHint | None:
    """``cache_control`` as some Chat clients send it along for Anthropic's sake."""
    control = holder.get("cache_control")
    return CacheHint(filled(control.get("ttl"))) if isinstance(control, dict) else None


def _argument_text(value: JSON) -> str:
    """Arguments are text; a client that sends the object itself is understood."""
    if isinstance(value, str):
        return value
    return "" if value is None else dumps_text(value)
