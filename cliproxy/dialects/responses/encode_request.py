"""IR -> Responses request (dialects.md 2-15, losses of 23)."""

from __future__ import annotations

import attrs

from cliproxy.dialects import media
from cliproxy.dialects.interface import EncodeContext
from cliproxy.dialects.responses import thinking
from cliproxy.dialects.responses.encode_tools import write_choice, write_tools
from cliproxy.dialects.responses.names import NAMES, wire_ids
from cliproxy.dialects.responses.passthrough import edit_request
from cliproxy.dialects.toolids import wire_names
from cliproxy.ir.content import MediaPart, Part, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, Message, OutputFormat, Sampling, SystemSegment
from cliproxy.jsontypes import JSONObject

_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"


def encode_request(request: CompletionRequest, context: EncodeContext) -> JSONObject:
    """Write an upstream's body. A request that was read from Responses is copied near verbatim (dialects.md 22)."""
    if request.origin == "responses" and request.extras is not None:
        body = dict(request.extras.members)
        edit_request(body, model=context.model, stream=context.stream)
        return body
    context.losses.extend(request.dropped)
    names = wire_names(request, NAMES)
    body = {"model": context.model, "input": _Items(request, names, context.losses).written()}
    tools = write_tools(request, names, context.losses)
    if tools:
        body["tools"] = tools
        choice = write_choice(request, names, context.losses)
        if choice is not None:
            body["tool_choice"] = choice
        if request.parallel is not None:
            body["parallel_tool_calls"] = request.parallel
    _note_sampling(request.sampling, context.losses)
    logprobs = request.sampling.logprobs or request.sampling.top_logprobs
    stated = {
        "max_output_tokens": request.sampling.max_tokens,
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "top_logprobs": request.sampling.top_logprobs,
        "text": _text_options(request.format, request.verbosity),
        "user": request.user,
        "metadata": request.metadata,
        "service_tier": request.service_tier,
        "prompt_cache_key": request.prompt_cache_key,
        "store": False,
        "include": [_ENCRYPTED, _LOGPROBS] if logprobs else [_ENCRYPTED],
        "stream": context.stream,
    }
    body.update((key, value) for key, value in stated.items() if value is not None)
    if request.thinking is not None:
        thinking.write(body, attrs.evolve(request.thinking, summary="auto"))
    return body


def _note_sampling(sampling: Sampling, losses: list[Loss]) -> None:
    if sampling.stop is not None:
        losses.append(Loss("stop sequences", "stop", meaning=True))
    for what, value, meaning in (
        ("seed", sampling.seed, False),
        ("presence_penalty", sampling.presence_penalty, False),
        ("frequency_penalty", sampling.frequency_penalty, False),
        ("n", sampling.n if sampling.n != 1 else None, True),
        ("top_k", sampling.top_k, False),
        ("logit_bias", sampling.logit_bias, False),
    ):
        if value is not None:
            losses.append(Loss(what, what, meaning))


def _text_options(format_: OutputFormat | None, verbosity: str | None) -> JSONObject | None:
    options: JSONObject = {}
    if format_ is not None:
        options["format"] = _format(format_)
    if verbosity is not None:
        options["verbosity"] = verbosity
    return options or None


def _format(stated: OutputFormat) -> JSONObject:
    if stated.kind != "json_schema":
        return {"type": stated.kind}
    out: JSONObject = {"type": "json_schema", "name": stated.name or "response"}
    if stated.description is not None:
        out["description"] = stated.description
    out["schema"] = stated.schema or {}
    if stated.strict is not None:
        out["strict"] = stated.strict
    return out


class _Items:
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
