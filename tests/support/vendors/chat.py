"""A fake of OpenAI's Chat Completions and Embeddings, and of the many servers that are compatible with them.

Sources: OpenAI's API reference for ``/v1/chat/completions`` and ``/v1/embeddings``, and the request and answer types of
its Python SDK. Beyond the reference it shows reasoning as ``reasoning_content``, as compatible servers do, and accepts
``top_k`` and ``cache_control``.
"""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from tests.support.vendors import faults
from tests.support.vendors.script import Call, Heard, Refuse, Say, Script, Think, Usage, identifier, pieces, script_for
from tests.support.vendors.strict import Refusal, closed_objects, is_count, is_number, matches, need
from tests.support.vendors.wire import Exchange, Record, VendorServer

KEY = "sk-fake-chat-canary-4f1d"
CREATED = 1763900000
_KNOWN = set(CompletionCreateParamsBase.__annotations__) | {"stream", "top_k"}
_NAME = r"[a-zA-Z0-9_-]{1,64}"
_EFFORTS = {"none", "minimal", "low", "medium", "high", "xhigh", "max", "auto"}
_USER_PARTS = {"text", "image_url", "input_audio", "file"}


class Chat:
    """The vendor's checks and its spelling."""

    path = "/v1/chat/completions"

    def __call__(self, exchange: Exchange) -> None:
        record = exchange.record
        try:
            _authorise(record)
            need(
                record.path in (self.path, "/v1/embeddings"), f"Invalid URL ({record.method} {record.path})", status=404
            )
            need(record.method == "POST", "Not allowed", status=405)
            body = _parse(record)
            if record.path == "/v1/embeddings":
                return exchange.respond(200, faults.JSON, _embeddings(body))
            heard = record.heard = check(body)
            script = script_for(heard)
        except Refusal as refusal:
            record.refused = str(refusal)
            code = f'"{refusal.code}"' if refusal.code else "null"
            exchange.respond(refusal.status, faults.JSON, _error(refusal.message, refusal.param, code))
        else:
            faults.answer(exchange, self, script, heard)

    def stream_headers(self, heard: Heard) -> dict[str, str]:
        return {"Content-Type": "text/event-stream; charset=utf-8", "x-request-id": "req_fake"}

    def body(self, script: Script, heard: Heard) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
        for part in script.parts:
            if isinstance(part, Say):
                message["content"] = (message["content"] or "") + part.text
            elif isinstance(part, Think):
                message["reasoning_content"] = message.get("reasoning_content", "") + part.text
            elif isinstance(part, Refuse):
                message["refusal"] = part.text
            else:
                message.setdefault("tool_calls", []).append(_tool_call(part))
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(script)}
        return _dumps(
            {
                "id": _id(heard),
                "object": "chat.completion",
                "created": CREATED,
                "model": heard.model,
                "choices": [choice],
                "usage": _usage(script.usage),
                "service_tier": "default",
                "system_fingerprint": "fp_fake",
            }
        )

    def frames(self, script: Script, heard: Heard) -> list[bytes]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
        calls = 0
        for part in script.parts:
            if isinstance(part, Say):
                deltas += [{"content": piece} for piece in pieces(part.text)]
            elif isinstance(part, Think):
                deltas += [{"reasoning_content": piece} for piece in pieces(part.text)]
            elif isinstance(part, Refuse):
                deltas += [{"refusal": piece} for piece in pieces(part.text)]
            else:
                call = _tool_call(part)
                text = call["function"].pop("arguments")
                first = {"index": calls, **call, "function": {**call["function"], "arguments": ""}}
                deltas.append({"tool_calls": [first]})
                for start in range(0, len(text), 7):
                    fragment = {"index": calls, "function": {"arguments": text[start : start + 7]}}
                    deltas.append({"tool_calls": [fragment]})
                calls += 1
        chunks = [self._chunk(heard, delta, None) for delta in deltas]
        chunks.append(self._chunk(heard, {}, _finish(script)))
        if heard.include_usage:
            last = self._chunk(heard, {}, None)
            chunks.append({**last, "choices": [], "usage": _usage(script.usage)})
        return [b"data: %s\n\n" % _dumps(chunk) for chunk in chunks] + [b"data: [DONE]\n\n"]

    def _chunk(self, heard: Heard, delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
        chunk: dict[str, Any] = {
            "id": _id(heard),
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": heard.model,
            "service_tier": "default",
            "system_fingerprint": "fp_fake",
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        }
        return {**chunk, "usage": None} if heard.include_usage else chunk

    def error(self, status: int, message: str) -> tuple[dict[str, str], bytes]:
        kind, code = {
            401: ("invalid_request_error", '"invalid_api_key"'),
            429: ("requests", '"rate_limit_exceeded"'),
            404: ("invalid_request_error", '"model_not_found"'),
        }.get(status, ("server_error" if status >= 500 else "invalid_request_error", "null"))
        headers = {**faults.JSON, "x-request-id": "req_fake"}
        if status == 429:
            headers["Retry-After"] = str(faults.RETRY_AFTER)
        return headers, _error(message, None, code, kind)

    def error_frame(self, message: str) -> bytes:
        return b"data: %s\n\n" % _error(message, None, "null", "server_error")

    def broken_frame(self) -> bytes:
        return b'data: {"id":"chatcmpl-broken","object":"chat.completion.chunk","choices":[{"index":0,"del\n\n'


def check(body: dict[str, Any]) -> Heard:
    """Read a request as the vendor would.

    :raises Refusal: the vendor would refuse it.
    """
    for name in body:
        need(name in _KNOWN, f"Unrecognized request argument supplied: {name}", name)
    need(matches(r".+", body.get("model")), "you must provide a model parameter", "model")
    messages = body.get("messages")
    need(isinstance(messages, list) and messages, "Missing required parameter: 'messages'.", "messages")
    assert isinstance(messages, list)
    heard = Heard(body["model"], stream=body.get("stream") is True)
    _check_options(body)
    heard.tools = _check_tools(body)
    heard.forced = _check_choice(body)
    heard.thinks = body.get("reasoning_effort") not in (None, "none")
    heard.include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    heard.max_tokens = body.get("max_completion_tokens", body.get("max_tokens"))
    _check_format(body, heard)
    _read_messages(messages, heard)
    return heard


def _check_options(body: dict[str, Any]) -> None:
    need(
        "max_tokens" not in body or "max_completion_tokens" not in body, "Set only one of the two limits.", "max_tokens"
    )
    need(
        "stream_options" not in body or body.get("stream"),
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        "stream_options",
    )
    for name in ("max_tokens", "max_completion_tokens", "n"):
        need(body.get(name) is None or is_count(body[name], 1), f"Invalid '{name}': integer below minimum value.", name)
    for name, low, high in (
        ("temperature", 0, 2),
        ("top_p", 0, 1),
        ("presence_penalty", -2, 2),
        ("frequency_penalty", -2, 2),
    ):
        need(body.get(name) is None or is_number(body[name], low, high), f"Invalid '{name}'.", name)
    stop = body.get("stop")
    if stop is not None:
        stops = [stop] if isinstance(stop, str) else stop
        fine = isinstance(stops, list) and 1 <= len(stops) <= 4 and all(isinstance(s, str) and s for s in stops)
        need(fine, "Invalid 'stop'.", "stop")
    effort = body.get("reasoning_effort")
    need(effort is None or effort in _EFFORTS, f"Invalid value: '{effort}'.", "reasoning_effort")
    need(isinstance(body.get("stream", False), bool), "Invalid type for 'stream'.", "stream")


def _check_tools(body: dict[str, Any]) -> list[str]:
    tools = body.get("tools")
    if tools is None:
        for name in ("tool_choice", "parallel_tool_calls"):
            need(name not in body, f"'{name}' is only allowed when 'tools' are specified.", name)
        return []
    need(isinstance(tools, list) and tools, "[] is too short - 'tools'", "tools")
    names = []
    for index, tool in enumerate(tools):
        where = f"tools[{index}]"
        need(
            isinstance(tool, dict) and isinstance(tool.get("type"), str), "Missing required parameter.", f"{where}.type"
        )
        if tool["type"] not in ("function", "custom"):
            continue
        need(
            set(tool) <= {"type", tool["type"], "cache_control"},
            f"Unknown parameter in '{where}': {sorted(tool)}.",
            where,
        )
        function = tool.get(tool["type"])
        need(isinstance(function, dict), f"Missing required parameter: '{where}.{tool['type']}'.", where)
        need(matches(_NAME, function.get("name")), f"Invalid '{where}.function.name'.", f"{where}.function.name")
        parameters = function.get("parameters", {"type": "object"})
        fine = isinstance(parameters, dict) and (not parameters or parameters.get("type") == "object")
        need(fine, f"Invalid schema for function '{function['name']}'.", f"{where}.function.parameters")
        need(
            not function.get("strict") or closed_objects(parameters),
            "'additionalProperties' is required to be supplied and to be false.",
            f"{where}.function.parameters",
        )
        names.append(function["name"])
    return names


def _check_choice(body: dict[str, Any]) -> str | None:
    match body.get("tool_choice"):
        case None | "auto" | "none":
            return None
        case "required":
            return "*"
        case {"type": "function", "function": {"name": str(name)}}:
            return name
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required", "tools": list()}}:
            return None
        case {"type": "custom", "custom": {"name": str(name)}}:
            return name
        case other:
            raise Refusal(f"Invalid value: {other!r}.", "tool_choice")


def _check_format(body: dict[str, Any], heard: Heard) -> None:
    match body.get("response_format"):
        case None | {"type": "text" | "json_object"}:
            pass
        case {"type": "json_schema", "json_schema": {"name": str(name), "schema": dict(schema), **rest}}:
            need(
                matches(_NAME, name), "Invalid 'response_format.json_schema.name'.", "response_format.json_schema.name"
            )
            need(set(rest) <= {"strict", "description"}, "Unknown parameter.", "response_format.json_schema")
            need(
                not rest.get("strict") or closed_objects(schema),
                "Invalid schema for response_format: "
                "'additionalProperties' is required to be supplied and to be false.",
                "response_format",
            )
            heard.schema = schema
        case other:
            raise Refusal(f"Invalid response_format: {other!r}", "response_format")


def _read_messages(messages: list[Any], heard: Heard) -> None:
    waiting: dict[str, str] = {}
    for index, message in enumerate(messages):
        where = f"messages.[{index}]"
        need(isinstance(message, dict), "is not of type 'object'", where)
        role = message.get("role")
        need(
            role in ("system", "developer", "user", "assistant", "tool"),
            f"'{role}' is not one of the roles",
            f"{where}.role",
        )
        if role == "tool":
            identity = message.get("tool_call_id")
            need(
                identity in waiting,
                "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
                f"{where}.role",
            )
            text = _text(message.get("content"), {"text"}, f"{where}.content", "tool")
            heard.results.append((waiting.pop(str(identity)), text))
            continue
        need(
            not waiting,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following did not have response messages: {', '.join(waiting)}",
            where,
        )
        if role == "assistant":
            heard.turns += 1
            heard.results = []
            waiting = _read_assistant(message, where, heard)
        elif role == "user":
            text = _text(message.get("content"), _USER_PARTS, f"{where}.content", role)
            if text:  # without one it only carries the pictures of the results before it
                heard.texts.append(text)
                heard.results = []
        else:
            heard.system += _text(message.get("content"), {"text"}, f"{where}.content", role)
    need(not waiting, f"The following tool_call_ids did not have response messages: {', '.join(waiting)}", "messages")


def _read_assistant(message: dict[str, Any], where: str, heard: Heard) -> dict[str, str]:
    calls = message.get("tool_calls")
    need(calls is None or (isinstance(calls, list) and calls), "[] is too short", f"{where}.tool_calls")
    if message.get("content") is not None:
        _text(message["content"], {"text", "refusal"}, f"{where}.content", "assistant")
    else:
        need(calls or message.get("refusal"), "expected content or tool_calls", f"{where}.content")
    if message.get("reasoning_content"):
        need(isinstance(message["reasoning_content"], str), "is not a string", f"{where}.reasoning_content")
        heard.kept.append("text")
    waiting = {}
    for index, call in enumerate(calls or ()):
        place = f"{where}.tool_calls[{index}]"
        need(
            isinstance(call, dict) and matches(r".{1,40}", call.get("id")),
            "Invalid id (1 to 40 characters).",
            f"{place}.id",
        )
        function = call.get("function")
        need(call.get("type") == "function" and isinstance(function, dict), "Missing function.", place)
        need(matches(_NAME, function.get("name")), "Invalid name.", f"{place}.function.name")
        need(
            isinstance(function.get("arguments"), str),
            "Invalid type: expected a string.",
            f"{place}.function.arguments",
        )
        need(call["id"] not in waiting, "Duplicate tool call id.", f"{place}.id")
        waiting[call["id"]] = function["name"]
    return waiting


def _text(content: Any, kinds: set[str], where: str, role: str) -> str:
    if isinstance(content, str):
        return content
    need(isinstance(content, list) and content, "expected a string or an array of content parts", where)
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        need(kind in kinds, f"Invalid value: '{kind}' in a message of role {role}.", f"{where}[{index}].type")
        need(
            isinstance(part.get(kind), dict if kind in ("image_url", "input_audio", "file") else str),
            "Missing member.",
            where,
        )
        if kind == "image_url":
            url = part["image_url"].get("url")
            need(matches(r"(https?|data):.+", url), "Invalid image URL.", f"{where}[{index}].image_url.url")
    return "".join(part["text"] for part in content if part["type"] == "text")


def _embeddings(body: dict[str, Any]) -> bytes:
    need(set(body) <= {"input", "model", "encoding_format", "dimensions", "user"}, "Unrecognized request argument.")
    given = body.get("input")
    inputs = [given] if isinstance(given, str) else given
    need(
        isinstance(inputs, list) and inputs and all(isinstance(text, str) and text for text in inputs),
        "'$.input' is invalid.",
        "input",
    )
    assert isinstance(inputs, list)
    form = body.get("encoding_format", "float")
    need(form in ("float", "base64"), "Invalid encoding_format.", "encoding_format")
    data = []
    for index, text in enumerate(inputs):
        vector: Any = embedding(text, body.get("dimensions", 8))
        if form == "base64":
            vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    tokens = sum(len(text.split()) for text in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return _dumps({"object": "list", "data": data, "model": body["model"], "usage": usage})


def embedding(text: str, dimensions: int) -> list[float]:
    """A text's vector: deterministic, and exact in 32-bit floats."""
    return [((ord(text[n % len(text)]) * (n + 1)) % 256 - 128) / 128 for n in range(dimensions)]


def _authorise(record: Record) -> None:
    if not matches(rf"Bearer {KEY}(-[\w-]+)?", record.header("authorization")):
        raise Refusal("Incorrect API key provided.", None, 401, "invalid_api_key")


def _parse(record: Record) -> dict[str, Any]:
    need(record.header("content-type") == "application/json", "The content type must be application/json.")
    try:
        body = record.json
    except ValueError:
        raise Refusal("We could not parse the JSON body of your request.") from None
    need(isinstance(body, dict), "We could not parse the JSON body of your request.")
    assert isinstance(body, dict)
    return body


def _id(heard: Heard) -> str:
    return identifier("chatcmpl-", "chat", heard.model, heard.turns, heard.texts)


def _tool_call(part: Call) -> dict[str, Any]:
    function = {"name": part.name, "arguments": json.dumps(part.arguments, ensure_ascii=False)}
    return {"id": identifier("call_", "chat", part.turn, part.index), "type": "function", "function": function}


def _finish(script: Script) -> str:
    return {"tools": "tool_calls", "refusal": "stop"}.get(script.finish, script.finish)


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _error(message: str, param: str | None, code: str, kind: str = "invalid_request_error") -> bytes:
    return _dumps({"error": {"message": message, "type": kind, "param": param, "code": json.loads(code)}})


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def serve() -> VendorServer:
    """A running fake."""
    return VendorServer(Chat())
