"""Drives the dialects as the transcoder does, on parsed payloads, and judges what comes out by OpenAI's own types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as ChatParams
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming as ResponsesParams
from pydantic import TypeAdapter

from cliproxy.dialects.interface import DONE, AnswerContext, Dialect, EncodeContext, Mint
from cliproxy.dialects.registry import DIALECTS
from cliproxy.dialects.toolids import client_names
from cliproxy.ir.events import Event
from cliproxy.ir.grammar import Sequencer, fold
from cliproxy.ir.loss import Loss

CORPUS = Path(__file__).parent.parent / "corpus"
NOW = 1769700000
CHAT, RESPONSES = DIALECTS["openai"], DIALECTS["responses"]

_CHAT_PARAMS: TypeAdapter[Any] = TypeAdapter(ChatParams)
_RESPONSES_PARAMS: TypeAdapter[Any] = TypeAdapter(ResponsesParams)


def corpus(dialect: str, kind: str) -> list[Any]:
    """(name, JSON) of the dialect's own bodies of a kind: ``request``, ``response`` or ``stream``."""
    return [(path.stem, json.loads(path.read_text())) for path in sorted((CORPUS / dialect).glob(f"{kind}-*.json"))]


def minting() -> Mint:
    """Ids that count up."""
    count = 0

    def mint(prefix: str) -> str:
        nonlocal count
        count += 1
        return f"{prefix}{count:024d}"

    return mint


def to_request(
    source: Dialect, target: Dialect, body: Any, *, model: str = "up", stream: bool = False
) -> tuple[Any, list[Loss]]:
    """A client's body in the upstream's dialect, and what was lost."""
    context = EncodeContext(model, minting(), stream=stream)
    return target.encode_request(source.decode_request(body, minting()), context), context.losses


def asking(target: Dialect, source: Dialect, body: Any = None) -> AnswerContext:
    """What the client of ``target`` asked an upstream of ``source``."""
    if body is None:
        return AnswerContext("asked-model", minting(), NOW)
    request = target.decode_request(body, minting())
    return AnswerContext(request.model, minting(), NOW, request, body, client_names(request, source.names))


def to_events(source: Dialect, payloads: list[Any]) -> list[Event]:
    """A stream's payloads as well-ordered events; the string ``[DONE]`` is the terminator."""
    decoder, sequencer = source.stream_decoder(minting()), Sequencer()
    raw: list[Event] = []
    for payload in payloads:
        if payload != "[DONE]":
            raw += decoder.decode(payload)
    raw += decoder.close("[DONE]" in payloads)
    return [event for given in raw for event in sequencer.feed(given)]


def from_events(target: Dialect, events: list[Event], asked: AnswerContext | None = None) -> list[Any]:
    """Events as the payloads of a client's stream."""
    encoder = target.stream_encoder(asked or AnswerContext("asked-model", minting(), NOW))
    payloads = [payload for event in events for payload in encoder.encode(event)]
    return ["[DONE]" if payload is DONE else json.loads(json.dumps(payload)) for payload in payloads]


def to_stream(source: Dialect, target: Dialect, payloads: list[Any], asked: AnswerContext | None = None) -> list[Any]:
    """An upstream's stream as the client's."""
    return from_events(target, to_events(source, payloads), asked)


def to_body(source: Dialect, target: Dialect, body: Any, asked: AnswerContext | None = None) -> Any:
    """An upstream's whole answer as the client's."""
    response = source.decode_response(body, minting())
    return json.loads(
        json.dumps(target.encode_response(response, asked or AnswerContext("asked-model", minting(), NOW)))
    )


def aggregated(source: Dialect, target: Dialect, payloads: list[Any], asked: AnswerContext | None = None) -> Any:
    """An upstream's stream as the client's whole answer."""
    response = fold(to_events(source, payloads))
    return json.loads(
        json.dumps(target.encode_response(response, asked or AnswerContext("asked-model", minting(), NOW)))
    )


def _walked(value: Any) -> Any:
    """Iterables in pydantic's TypedDicts are checked only while they are walked."""
    if isinstance(value, dict):
        return {key: _walked(inner) for key, inner in value.items()}
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        return value
    return [_walked(inner) for inner in value]


def check_chat_request(body: Any) -> None:
    """Raise unless the SDK's types know the body, but for vendor tools, which only compatible servers know."""
    tools = [tool for tool in body.get("tools", []) if tool["type"] in ("function", "custom")]
    _walked(_CHAT_PARAMS.validate_python({**body, "tools": tools, "stream": False}))


def check_responses_request(body: Any) -> None:
    """Raise unless the SDK's types know the body. They list ids and annotations that the service does without."""
    body = {**json.loads(json.dumps(body)), "stream": False}
    for item in body["input"]:
        if item["type"] == "reasoning":
            item.setdefault("id", "rs_x")
        if item["type"] == "message" and item["role"] == "assistant":
            item.update(id="msg_x", status="completed")
            for part in item["content"]:
                part.setdefault("annotations", [])
    _walked(_RESPONSES_PARAMS.validate_python(body))


def check_chat(body: Any) -> None:
    """Raise unless the body is the SDK's ChatCompletion."""
    ChatCompletion.model_validate(body, strict=True)


def check_chat_stream(payloads: list[Any]) -> None:
    """Raise unless every payload is the SDK's ChatCompletionChunk."""
    for payload in payloads:
        if payload != "[DONE]":
            ChatCompletionChunk.model_validate(payload, strict=True)


def check_responses(body: Any) -> None:
    """Raise unless the body is the SDK's Response."""
    Response.model_validate(_with_cache_writes(body))


def check_responses_stream(payloads: list[Any]) -> None:
    """Raise unless every payload is the SDK's event of its type, numbered from 0."""
    for number, payload in enumerate(payloads):
        assert payload["sequence_number"] == number, payload
        told = {**payload, "response": _with_cache_writes(payload["response"])} if "response" in payload else payload
        _EVENTS[payload["type"]].model_validate(told)


def _with_cache_writes(response: Any) -> Any:
    """Vendors that do not count cache writes leave ``cache_write_tokens`` unsaid, which only the newest types mind."""
    if response["usage"] is None:
        return response
    details = {"cache_write_tokens": 0, **response["usage"]["input_tokens_details"]}
    return {**response, "usage": {**response["usage"], "input_tokens_details": details}}


_EVENTS: dict[str, Any] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(ResponseStreamEvent)[0])
}
