"""What each vendor's clients may rely on in a stream, checked apart from any SDK's tolerance."""

from __future__ import annotations

from typing import Any, get_args

from anthropic.types import Message, RawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

_WHOLE: dict[str, TypeAdapter[Any]] = {
    "openai": TypeAdapter(ChatCompletion),
    "responses": TypeAdapter(Response),
    "claude": TypeAdapter(Message),
    "gemini": TypeAdapter(GenerateContentResponse),
}
_EVENT: dict[str, TypeAdapter[Any]] = {
    "openai": TypeAdapter(ChatCompletionChunk),
    "gemini": TypeAdapter(GenerateContentResponse),
}
#: Events by their ``type``.
_TYPED: dict[str, Any] = {
    get_args(event.model_fields["type"].annotation)[0]: event
    for union in (ResponseStreamEvent, RawMessageStreamEvent)
    for event in get_args(get_args(union)[0])
}


def check_whole(dialect: str, body: dict[str, Any]) -> None:
    """The SDK's own type accepts the answer without its leniency.

    :raises Exception: it does not.
    """
    _fill_in({"response": body})
    _WHOLE[dialect].validate_python(body)


def check_stream(dialect: str, payloads: list[Any]) -> None:
    """The stream has its dialect's grammar, and the SDK's own types accept each payload.

    :raises Exception: it has not, or they do not.
    """
    if dialect == "openai":
        assert payloads.pop() == "[DONE]", "no [DONE] at the end"
    kept = [payload for payload in payloads if payload.get("type") != "ping"]
    for payload in kept:
        _fill_in(payload)
        if dialect in _EVENT:
            _EVENT[dialect].validate_python(payload)
        else:
            _TYPED[payload["type"]].model_validate(payload)
    {"openai": _chat, "responses": _responses, "claude": _claude, "gemini": _gemini}[dialect](kept)


def _fill_in(payload: Any) -> None:
    """A count that only the newest types demand: where nobody counted cache writes, the conversion cases want it left out."""
    response = payload.get("response")
    usage = response.get("usage") if isinstance(response, dict) else None
    if usage and "input_tokens_details" in usage:
        usage["input_tokens_details"].setdefault("cache_write_tokens", 0)


def _chat(chunks: list[Any]) -> None:
    assert len({(chunk["id"], chunk["model"], chunk["created"]) for chunk in chunks}) == 1, "id, model or time changed"
    deltas = [choice for chunk in chunks for choice in chunk["choices"]]
    assert deltas[0]["delta"].get("role") == "assistant", "the first chunk has no role"
    finishes = [number for number, choice in enumerate(deltas) if choice["finish_reason"]]
    assert finishes == [len(deltas) - 1], f"finish at {finishes} of {len(deltas)}"
    calls: list[int] = []
    for fragment in (fragment for choice in deltas for fragment in choice["delta"].get("tool_calls") or ()):
        if fragment["index"] not in calls:
            assert fragment["id"] and fragment["function"]["name"], "a call began without id and name"
            calls.append(fragment["index"])
    assert calls == list(range(len(calls))), f"call indexes {calls}"


def _responses(events: list[Any]) -> None:
    assert [event["sequence_number"] for event in events] == list(range(len(events))), "sequence numbers have gaps"
    assert events[0]["type"] == "response.created"
    assert events[-1]["type"] in ("response.completed", "response.incomplete"), events[-1]["type"]
    open_item: str | None = None
    done: list[Any] = []
    for event in events:
        if event["type"] == "response.output_item.added":
            assert open_item is None, "an item began within another"
            assert event["output_index"] == len(done), "output indexes have gaps"
            open_item = event["item"]["id"]
        elif event["type"] == "response.output_item.done":
            assert event["item"]["id"] == open_item, "an item ended that was not open"
            open_item = None
            done.append(event["item"])
        elif "item_id" in event:
            assert event["item_id"] == open_item, f"{event['type']} of an item that is not open"
    assert events[-1]["response"]["output"] == done, "the final output is not what was streamed"
    ids = [item["id"] for item in done]
    assert len(set(ids)) == len(ids), "item ids repeat"


def _claude(events: list[Any]) -> None:
    kinds = [event["type"] for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert events[0]["message"]["content"] == []
    open_block: int | None = None
    blocks = 0
    for event in events[1:-2]:
        match event["type"]:
            case "content_block_start":
                assert open_block is None, "a block began within another"
                assert event["index"] == blocks, "block indexes have gaps"
                open_block, blocks = blocks, blocks + 1
            case "content_block_delta":
                assert event["index"] == open_block, "a delta of a block that is not open"
            case "content_block_stop":
                assert event["index"] == open_block, "a block ended that was not open"
                open_block = None
            case other:
                raise AssertionError(f"{other} between the blocks")
    assert open_block is None, "the last block was left open"


def _gemini(objects: list[Any]) -> None:
    finishes = [n for n, value in enumerate(objects) for c in value.get("candidates", ()) if c.get("finishReason")]
    assert len(finishes) == 1, f"finish reasons at {finishes}"
    assert finishes[0] >= len(objects) - 2, "content after the finish reason"
    assert objects[-1]["usageMetadata"]["totalTokenCount"], "no usage at the end"
