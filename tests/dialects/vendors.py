"""Judges bodies and streams by Anthropic's and Google's own types."""

from __future__ import annotations

from typing import Any

from anthropic.types import Message, MessageParam, RawMessageStreamEvent, ToolChoiceParam, ToolUnionParam
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from google.genai import types as google
from pydantic import TypeAdapter

from tests.dialects.driving import _walked as walked

_CLAUDE_PARAMS: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsNonStreaming)
_CLAUDE_MESSAGE: TypeAdapter[Any] = TypeAdapter(MessageParam)
_CLAUDE_TOOL: TypeAdapter[Any] = TypeAdapter(ToolUnionParam)
_CLAUDE_CHOICE: TypeAdapter[Any] = TypeAdapter(ToolChoiceParam)
_CLAUDE_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)

#: Events that the SDK handles before its typed union.
_UNTYPED = ("ping", "error")


def check_claude_request(body: Any) -> None:
    """Raise unless the SDK's types know the body, and it is what the service insists on beside them."""
    walked(_CLAUDE_PARAMS.validate_python({**body, "stream": False}))
    for message in body["messages"]:
        walked(_CLAUDE_MESSAGE.validate_python(message))
        assert message["content"], message
    for tool in body.get("tools", []):
        walked(_CLAUDE_TOOL.validate_python(tool))
    if "tool_choice" in body:
        _CLAUDE_CHOICE.validate_python(body["tool_choice"])
        assert body["tools"]
    roles = [message["role"] for message in body["messages"]]
    assert all(one != other for one, other in zip(roles, roles[1:], strict=False)), roles


def check_claude(body: Any) -> None:
    """Raise unless the body is the SDK's Message, with no member it does not know."""
    message = Message.model_validate(body)
    _no_extras(message)


def check_claude_stream(payloads: list[Any]) -> None:
    """Raise unless every payload is an event of the SDK's, in the order of its grammar (streaming.md 5)."""
    open_block: int | None = None
    blocks = 0
    for payload in payloads:
        kind = payload["type"]
        if kind in _UNTYPED:
            continue
        _CLAUDE_EVENT.validate_python(payload)
        if kind == "content_block_start":
            assert open_block is None and payload["index"] == blocks, payload
            open_block, blocks = blocks, blocks + 1
        elif kind == "content_block_delta":
            assert payload["index"] == open_block, payload
        elif kind == "content_block_stop":
            assert payload["index"] == open_block, payload
            open_block = None
        elif kind == "message_delta":
            assert open_block is None
    assert payloads[0]["type"] == "message_start"
    assert payloads[-1]["type"] in ("message_stop", "error"), payloads[-1]


def check_gemini_request(body: Any) -> None:
    """Raise unless the SDK's types, which forbid unknown members, know every piece of the body."""
    for content in [*body["contents"], *([body["systemInstruction"]] if "systemInstruction" in body else [])]:
        google.Content.model_validate(content)
        assert content["parts"], content
    for tool in body.get("tools", []):
        google.Tool.model_validate(tool)
    if "toolConfig" in body:
        google.ToolConfig.model_validate(body["toolConfig"])
    config = dict(body.get("generationConfig", {}))
    level = config.get("thinkingConfig", {}).get("thinkingLevel")
    if level is not None:
        config["thinkingConfig"] = {**config["thinkingConfig"], "thinkingLevel": level.upper()}
    google.GenerationConfig.model_validate(config)
    known = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "labels"}
    assert set(body) <= known, set(body) - known


def check_gemini(body: Any) -> None:
    """Raise unless the body is the SDK's GenerateContentResponse, which forbids unknown members."""
    google.GenerateContentResponse.model_validate(body)


def check_gemini_stream(payloads: list[Any]) -> None:
    """Raise unless every payload is a whole response of the SDK's, and the last one finishes."""
    for payload in payloads:
        check_gemini(payload)
    finished = ["finishReason" in payload["candidates"][0] for payload in payloads]
    assert finished == [False] * (len(payloads) - 1) + [True], finished


def _no_extras(model: Any) -> None:
    assert not model.model_extra, model.model_extra
    for name in type(model).model_fields:
        value = getattr(model, name)
        for inner in value if isinstance(value, list) else [value]:
            if hasattr(inner, "model_extra"):
                _no_extras(inner)
