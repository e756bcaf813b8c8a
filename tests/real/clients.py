"""The vendors' official SDKs, unmodified, each behind the same few verbs, so that one test can speak with all of them.

A client asks with a history of its own SDK's kind and gives a :class:`Turn`: what was said, in no SDK's spelling, and the
history to go on with. Streams go through the SDK's own stream helper where it has one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, Protocol

import anthropic
import attrs
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

#: Seconds an SDK waits for anything; above every wait a test makes on purpose.
TIMEOUT = 20.0


class BrokenStream(Exception):
    """The stream ended with the dialect's terminal error, which this SDK gives as an event."""


@attrs.frozen
class Tokens:
    """Usage on the terms of :class:`tests.support.vendors.script.Usage`; ``reasoning`` None where it is not reported."""

    input: int
    output: int
    cached: int
    reasoning: int | None = None


@attrs.frozen
class Called:
    """A tool call as the client got it."""

    id: str
    name: str
    arguments: dict[str, Any]


@attrs.define
class Turn:
    """One answer. ``finish`` is the SDK's own word for why it ended."""

    text: str
    reasoning: str
    calls: list[Called]
    tokens: Tokens
    finish: str
    history: list[Any]
    refusal: str = ""


@attrs.frozen
class Tool:
    """A function offered."""

    name: str
    schema: dict[str, Any]
    description: str = "A tool of the test."


class Client(Protocol):
    """What a test asks of an SDK."""

    name: str
    #: Fault word -> the SDK's exception for it: bad, auth, missing, limited, server; ``api`` is their base.
    errors: dict[str, type[Exception]]

    def begin(self, text: str, system: str = "", picture: bytes = b"") -> list[Any]:
        """A history that holds one user message; ``picture`` is a PNG."""

    def ask(
        self,
        model: str,
        history: list[Any],
        *,
        stream: bool = False,
        tools: tuple[Tool, ...] = (),
        think: bool = False,
        schema: dict[str, Any] | None = None,
        max_tokens: int | None = None,
        force: str = "",
    ) -> Turn:
        """One exchange. ``force`` names the tool that must be called."""

    def answer(self, turn: Turn, results: dict[str, str]) -> list[Any]:
        """The history with the results, by tool name, of the calls of a turn."""

    def texts(self, model: str, text: str) -> Iterator[str]:
        """A stream's texts as they come, to its end.

        :raises Exception: one of ``errors``, or :class:`BrokenStream`.
        :raises AssertionError: the stream ended, but not as its dialect ends one.
        """

    def close(self) -> None:
        """Hang up on everything."""


@attrs.define
class Chat:
    """``openai``, Chat Completions."""

    base: str
    key: str
    name: str = "openai"
    errors: dict[str, type[Exception]] = attrs.field(init=False)
    sdk: openai.OpenAI = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.sdk = openai.OpenAI(base_url=f"{self.base}/v1", api_key=self.key, max_retries=0, timeout=TIMEOUT)
        self.errors = _openai_errors()

    def begin(self, text: str, system: str = "", picture: bytes = b"") -> list[Any]:
        before = [{"role": "system", "content": system}] if system else []
        content: Any = text
        if picture:
            content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": _data_url(picture)}}]
        return [*before, {"role": "user", "content": content}]

    def ask(self, model: str, history: list[Any], *, stream: bool = False, **wishes: Any) -> Turn:
        call: dict[str, Any] = {"model": model, "messages": history}
        if tools := wishes.get("tools"):
            call["tools"] = [
                {
                    "type": "function",
                    "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
                }
                for tool in tools
            ]
        if wishes.get("think"):
            call["reasoning_effort"] = "high"
        if schema := wishes.get("schema"):
            call["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "person", "schema": schema, "strict": True},
            }
        if wishes.get("max_tokens"):
            call["max_completion_tokens"] = wishes["max_tokens"]
        if wishes.get("force"):
            call["tool_choice"] = {"type": "function", "function": {"name": wishes["force"]}}
        completion: Any
        if stream:
            with self.sdk.chat.completions.stream(**call, stream_options={"include_usage": True}) as events:
                try:
                    completion = events.get_final_completion()
                except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError) as ended:
                    completion = ended.completion  # the helper's way to say it
        else:
            completion = self.sdk.chat.completions.create(**call)
        message = completion.choices[0].message
        calls = [
            Called(call.id, call.function.name, json.loads(call.function.arguments))
            for call in message.tool_calls or ()
        ]
        usage = completion.usage
        return Turn(
            message.content or "",
            (message.model_extra or {}).get("reasoning_content") or "",
            calls,
            Tokens(
                usage.prompt_tokens,
                usage.completion_tokens,
                usage.prompt_tokens_details.cached_tokens,
                usage.completion_tokens_details.reasoning_tokens,
            ),
            completion.choices[0].finish_reason,
            [*history, _chat_message(message)],
            message.refusal or "",
        )

    def answer(self, turn: Turn, results: dict[str, str]) -> list[Any]:
        return turn.history + [
            {"role": "tool", "tool_call_id": call.id, "content": results[call.name]} for call in turn.calls
        ]

    def texts(self, model: str, text: str) -> Iterator[str]:
        finished = False
        with self.sdk.chat.completions.create(model=model, messages=self.begin(text), stream=True) as chunks:
            for choice in (choice for chunk in chunks for choice in chunk.choices):
                finished = finished or choice.finish_reason is not None
                if choice.delta.content:
                    yield choice.delta.content
        assert finished, "the stream ended without a finish reason"

    def close(self) -> None:
        self.sdk.close()


def _chat_message(message: Any) -> dict[str, Any]:
    """An assistant message to send back, as agents do: what the answer held, extensions included."""
    kept = message.to_dict()
    kept.pop("parsed", None)
    for call in kept.get("tool_calls") or ():
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    return {name: value for name, value in kept.items() if value is not None and name != "annotations"}


@attrs.define
class Responses:
    """``openai``, Responses, stateless as Codex uses it."""

    base: str
    key: str
    name: str = "responses"
    errors: dict[str, type[Exception]] = attrs.field(init=False)
    sdk: openai.OpenAI = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.sdk = openai.OpenAI(base_url=f"{self.base}/v1", api_key=self.key, max_retries=0, timeout=TIMEOUT)
        self.errors = _openai_errors()

    def begin(self, text: str, system: str = "", picture: bytes = b"") -> list[Any]:
        before = [{"role": "developer", "content": system}] if system else []
        content = [{"type": "input_text", "text": text}]
        if picture:
            content.append({"type": "input_image", "image_url": _data_url(picture), "detail": "auto"})
        return [*before, {"role": "user", "content": content}]

    def ask(self, model: str, history: list[Any], *, stream: bool = False, **wishes: Any) -> Turn:
        call: dict[str, Any] = {"model": model, "input": history, "store": False}
        call["include"] = ["reasoning.encrypted_content"]
        if tools := wishes.get("tools"):
            call["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.schema,
                    "strict": False,
                }
                for tool in tools
            ]
        if wishes.get("think"):
            call["reasoning"] = {"effort": "high", "summary": "auto"}
        if schema := wishes.get("schema"):
            call["text"] = {"format": {"type": "json_schema", "name": "person", "schema": schema, "strict": True}}
        if wishes.get("max_tokens"):
            call["max_output_tokens"] = wishes["max_tokens"]
        if wishes.get("force"):
            call["tool_choice"] = {"type": "function", "name": wishes["force"]}
        if stream:
            response = self._streamed(call)
        else:
            response = self.sdk.responses.create(**call)
        said = [part for item in response.output if item.type == "message" for part in item.content]
        usage = response.usage
        return Turn(
            "".join(part.text for part in said if part.type == "output_text"),
            "".join(part.text for item in response.output if item.type == "reasoning" for part in item.summary),
            [
                Called(item.call_id, item.name, json.loads(item.arguments))
                for item in response.output
                if item.type == "function_call"
            ],
            Tokens(
                usage.input_tokens,
                usage.output_tokens,
                usage.input_tokens_details.cached_tokens,
                usage.output_tokens_details.reasoning_tokens,
            ),
            response.status if response.status == "completed" else response.incomplete_details.reason,
            [*history, *(_response_item(item) for item in response.output)],
            "".join(part.refusal for part in said if part.type == "refusal"),
        )

    def _streamed(self, call: dict[str, Any]) -> Any:
        with self.sdk.responses.stream(**call) as events:
            for event in events:
                if event.type == "response.incomplete":  # the helper has no final response for this one
                    return event.response
                if event.type in ("response.failed", "error"):
                    raise BrokenStream(event)
            return events.get_final_response()

    def answer(self, turn: Turn, results: dict[str, str]) -> list[Any]:
        return turn.history + [
            {"type": "function_call_output", "call_id": call.id, "output": results[call.name]} for call in turn.calls
        ]

    def texts(self, model: str, text: str) -> Iterator[str]:
        finished = False
        with self.sdk.responses.create(model=model, input=self.begin(text), store=False, stream=True) as events:
            for event in events:
                if event.type in ("response.failed", "error"):
                    raise BrokenStream(event)
                finished = finished or event.type in ("response.completed", "response.incomplete")
                if event.type == "response.output_text.delta":
                    yield event.delta
        assert finished, "the stream ended without a terminal event"

    def close(self) -> None:
        self.sdk.close()


def _response_item(item: Any) -> dict[str, Any]:
    kept: dict[str, Any] = item.to_dict()
    kept.pop("parsed_arguments", None)
    for part in kept.get("content") or ():
        part.pop("parsed", None)
    return {name: value for name, value in kept.items() if value is not None}


@attrs.define
class Claude:
    """``anthropic``, Messages."""

    base: str
    key: str
    name: str = "claude"
    errors: dict[str, type[Exception]] = attrs.field(init=False)
    sdk: anthropic.Anthropic = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.sdk = anthropic.Anthropic(base_url=self.base, api_key=self.key, max_retries=0, timeout=TIMEOUT)
        self.errors = {
            "api": anthropic.APIError,
            "bad": anthropic.BadRequestError,
            "auth": anthropic.AuthenticationError,
            "missing": anthropic.NotFoundError,
            "limited": anthropic.RateLimitError,
            "server": anthropic.InternalServerError,
        }

    def begin(self, text: str, system: str = "", picture: bytes = b"") -> list[Any]:
        content: list[Any] = [{"type": "text", "text": text}]
        if picture:
            source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(picture).decode()}
            content.append({"type": "image", "source": source})
        return [*([{"system": system}] if system else []), {"role": "user", "content": content}]

    def ask(self, model: str, history: list[Any], *, stream: bool = False, **wishes: Any) -> Turn:
        call: dict[str, Any] = {"model": model, "max_tokens": wishes.get("max_tokens") or 4096}
        call["messages"] = [message for message in history if "role" in message]
        for message in history:
            if "system" in message:
                call["system"] = message["system"]
        if tools := wishes.get("tools"):
            call["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.schema} for tool in tools
            ]
        if wishes.get("think"):
            call["thinking"] = {"type": "enabled", "budget_tokens": 2048}
        if schema := wishes.get("schema"):
            call["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        if wishes.get("force"):
            call["tool_choice"] = {"type": "tool", "name": wishes["force"]}
        if stream:
            with self.sdk.messages.stream(**call) as events:
                message = events.get_final_message()
        else:
            message = self.sdk.messages.create(**call)
        usage = message.usage
        cached = usage.cache_read_input_tokens or 0
        return Turn(
            "".join(block.text for block in message.content if block.type == "text"),
            "".join(block.thinking for block in message.content if block.type == "thinking"),
            [Called(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"],
            Tokens(
                usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0),
                usage.output_tokens,
                cached,
            ),
            str(message.stop_reason),
            [*history, {"role": "assistant", "content": [_claude_block(block) for block in message.content]}],
        )

    def answer(self, turn: Turn, results: dict[str, str]) -> list[Any]:
        blocks = [{"type": "tool_result", "tool_use_id": call.id, "content": results[call.name]} for call in turn.calls]
        return [*turn.history, {"role": "user", "content": blocks}]

    def texts(self, model: str, text: str) -> Iterator[str]:
        finished = False
        messages: Any = self.begin(text)
        with self.sdk.messages.create(model=model, max_tokens=500, messages=messages, stream=True) as events:
            for event in events:
                finished = finished or event.type == "message_stop"
                if event.type == "content_block_delta" and event.delta.type == "text_delta":
                    yield event.delta.text
        assert finished, "the stream ended without message_stop"

    def close(self) -> None:
        self.sdk.close()


def _claude_block(block: Any) -> dict[str, Any]:
    kept: dict[str, Any] = block.to_dict()
    return {name: value for name, value in kept.items() if value is not None and name != "parsed_output"}


@attrs.define
class Gemini:
    """``google-genai``, by API key."""

    base: str
    key: str
    name: str = "gemini"
    errors: dict[str, type[Exception]] = attrs.field(init=False)
    sdk: genai.Client = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        options = genai_types.HttpOptions(base_url=self.base, timeout=int(TIMEOUT * 1000))
        self.sdk = genai.Client(api_key=self.key, http_options=options)
        client, server = genai_errors.ClientError, genai_errors.ServerError
        self.errors = {
            "api": genai_errors.APIError,
            "bad": client,
            "auth": client,
            "missing": client,
            "limited": client,
            "server": server,
        }

    def begin(self, text: str, system: str = "", picture: bytes = b"") -> list[Any]:
        before = [genai_types.Content(role="system", parts=[genai_types.Part(text=system)])] if system else []
        parts = [genai_types.Part(text=text)]
        if picture:
            parts.append(genai_types.Part.from_bytes(data=picture, mime_type="image/png"))
        return [*before, genai_types.Content(role="user", parts=parts)]

    def ask(self, model: str, history: list[Any], *, stream: bool = False, **wishes: Any) -> Turn:
        config: dict[str, Any] = {"automatic_function_calling": {"disable": True}}
        for content in history:
            if content.role == "system":
                config["system_instruction"] = content.parts[0].text
        if tools := wishes.get("tools"):
            declarations = [
                {"name": tool.name, "description": tool.description, "parameters_json_schema": tool.schema}
                for tool in tools
            ]
            config["tools"] = [{"function_declarations": declarations}]
        if wishes.get("think"):
            config["thinking_config"] = {"include_thoughts": True, "thinking_budget": 2048}
        if schema := wishes.get("schema"):
            config |= {"response_mime_type": "application/json", "response_json_schema": schema}
        if wishes.get("max_tokens"):
            config["max_output_tokens"] = wishes["max_tokens"]
        if wishes.get("force"):
            calling = {"mode": "ANY", "allowed_function_names": [wishes["force"]]}
            config["tool_config"] = {"function_calling_config": calling}
        call: dict[str, Any] = {"model": model, "config": config}
        call["contents"] = [content for content in history if content.role != "system"]
        chunks: list[Any]
        if stream:
            chunks = list(self.sdk.models.generate_content_stream(**call))
        else:
            chunks = [self.sdk.models.generate_content(**call)]
        candidates = [chunk.candidates[0] for chunk in chunks if chunk.candidates]
        parts = [part for found in candidates if found.content for part in found.content.parts or ()]
        finishes = [found.finish_reason.value for found in candidates if found.finish_reason]
        usage = chunks[-1].usage_metadata
        thoughts = usage.thoughts_token_count or 0
        shown = [part for part in parts if part.text != "" or part.thought_signature]
        return Turn(
            "".join(part.text for part in parts if part.text and not part.thought),
            "".join(part.text for part in parts if part.text and part.thought),
            [
                Called(part.function_call.id or "", part.function_call.name, part.function_call.args)
                for part in parts
                if part.function_call
            ],
            Tokens(
                usage.prompt_token_count,
                (usage.candidates_token_count or 0) + thoughts,
                usage.cached_content_token_count or 0,
                thoughts,
            ),
            " ".join(finishes),
            [*history, genai_types.Content(role="model", parts=shown)],
        )

    def answer(self, turn: Turn, results: dict[str, str]) -> list[Any]:
        parts = [
            genai_types.Part(
                function_response=genai_types.FunctionResponse(
                    id=call.id or None, name=call.name, response={"result": results[call.name]}
                )
            )
            for call in turn.calls
        ]
        return [*turn.history, genai_types.Content(role="user", parts=parts)]

    def texts(self, model: str, text: str) -> Iterator[str]:
        finished = False
        for chunk in self.sdk.models.generate_content_stream(model=model, contents=self.begin(text)):
            for candidate in chunk.candidates or ():
                finished = finished or candidate.finish_reason is not None
            if chunk.text:
                yield chunk.text
        assert finished, "the stream ended without a finish reason"

    def close(self) -> None:
        self.sdk.close()


def _data_url(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def _openai_errors() -> dict[str, type[Exception]]:
    return {
        "api": openai.APIError,
        "bad": openai.BadRequestError,
        "auth": openai.AuthenticationError,
        "missing": openai.NotFoundError,
        "limited": openai.RateLimitError,
        "server": openai.InternalServerError,
    }


CLIENTS: dict[str, type[Chat] | type[Responses] | type[Claude] | type[Gemini]] = {
    "openai": Chat,
    "responses": Responses,
    "claude": Claude,
    "gemini": Gemini,
}
