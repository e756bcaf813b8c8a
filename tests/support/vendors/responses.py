"""A fake of OpenAI's Responses API, and of the stream-only endpoint that serves Codex.

Sources: OpenAI's API reference for ``/v1/responses`` and its streaming events, the request and answer types of its Python
SDK, and for ``/codex/responses`` what the Codex client sends and is refused: always streamed, never stored, no sampling
members. Reasoning is sealed: an ``encrypted_content`` that is not exactly what this fake gave out is refused.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from openai.types.responses.response_create_params import ResponseCreateParamsBase

from tests.support.vendors import faults
from tests.support.vendors.script import Call, Heard, Refuse, Say, Script, Think, Usage, identifier, pieces, script_for
from tests.support.vendors.strict import Refusal, closed_objects, is_count, is_number, matches, need, seal
from tests.support.vendors.wire import Exchange, Record, VendorServer

KEY = "sk-fake-responses-canary-77aa"
CREATED = 1763900000
#: ``client_metadata`` is in no reference; Codex sends it.
_KNOWN = set(ResponseCreateParamsBase.__annotations__) | {"stream", "client_metadata"}
_CODEX_REFUSES = {
    "max_output_tokens",
    "max_completion_tokens",
    "metadata",
    "previous_response_id",
    "prompt_cache_retention",
    "safety_identifier",
    "temperature",
    "top_p",
    "truncation",
    "user",
}
_INCLUDES = {
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
}
_NAME = r"[a-zA-Z0-9_-]{1,64}"
_TOOLS = {
    "function",
    "custom",
    "namespace",
    "web_search",
    "tool_search",
    "image_generation",
    "code_interpreter",
    "file_search",
}
_TOOLS |= {"web_search_preview", "local_shell", "shell", "apply_patch", "mcp", "computer_use_preview"}
_INPUT_PARTS = {"input_text", "input_image", "input_file"}
_ID_PREFIX = {"message": "msg", "function_call": "fc", "reasoning": "rs", "custom_tool_call": "ctc"}


class Responses:
    """The vendor's checks and its spelling."""

    def __call__(self, exchange: Exchange) -> None:
        record = exchange.record
        try:
            if not matches(rf"Bearer {KEY}(-[\w-]+)?", record.header("authorization")):
                raise Refusal("Incorrect API key provided.", None, 401, "invalid_api_key")
            codex = record.path == "/codex/responses"
            need(codex or record.path == "/v1/responses", f"Invalid URL ({record.method} {record.path})", status=404)
            need(record.method == "POST", "Not allowed", status=405)
            body = _parse(record)
            if codex:
                check_codex(body)
            heard = record.heard = check(body)
            script = script_for(heard)
        except Refusal as refusal:
            record.refused = str(refusal)
            exchange.respond(refusal.status, faults.JSON, _error(refusal.message, refusal.param, refusal.code))
        else:
            faults.answer(exchange, _Answer(body), script, heard)


class _Answer:
    """The spelling of the answer to one request, which it echoes."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._asked = asked
        self._encrypts = "reasoning.encrypted_content" in (asked.get("include") or ())

    def stream_headers(self, heard: Heard) -> dict[str, str]:
        return {"Content-Type": "text/event-stream; charset=utf-8", "x-request-id": "req_fake"}

    def body(self, script: Script, heard: Heard) -> bytes:
        return _dumps(self._final(script, heard))

    def frames(self, script: Script, heard: Heard) -> list[bytes]:
        frames = []
        for number, event in enumerate(self._events(script, heard)):
            event["sequence_number"] = number
            frames.append(_frame(event))
        return frames

    def error(self, status: int, message: str) -> tuple[dict[str, str], bytes]:
        headers = {**faults.JSON, "x-request-id": "req_fake"}
        if status == 429:
            headers["Retry-After"] = str(faults.RETRY_AFTER)
        kind = {429: "rate_limit_exceeded", 401: "invalid_request_error"}.get(
            status, "server_error" if status >= 500 else None
        )
        return headers, _error(message, None, {401: "invalid_api_key", 429: "rate_limit_exceeded"}.get(status), kind)

    def error_frame(self, message: str) -> bytes:
        return _frame(
            {"type": "error", "code": "server_error", "message": message, "param": None, "sequence_number": 99}
        )

    def broken_frame(self) -> bytes:
        return (
            b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"msg_1","del\n\n'
        )

    def _events(self, script: Script, heard: Heard) -> Iterator[dict[str, Any]]:
        opening = self._response(heard, "in_progress", [])
        yield {"type": "response.created", "response": opening}
        yield {"type": "response.in_progress", "response": opening}
        for index, item in enumerate(self._items(script, heard)):
            where = {"item_id": item["id"], "output_index": index}
            yield {"type": "response.output_item.added", "output_index": index, "item": _opened(item)}
            if item["type"] == "message":
                yield from _message_events(item, where)
            elif item["type"] == "reasoning":
                yield from _reasoning_events(item, where)
            else:
                text = item["arguments"]
                for start in range(0, len(text), 8):
                    delta = text[start : start + 8]
                    yield {
                        "type": "response.function_call_arguments.delta",
                        **where,
                        "delta": delta,
                        "obfuscation": "x",
                    }
                yield {
                    "type": "response.function_call_arguments.done",
                    **where,
                    "name": item["name"],
                    "arguments": text,
                }
            yield {"type": "response.output_item.done", "output_index": index, "item": item}
        final = self._final(script, heard)
        yield {"type": f"response.{final['status']}", "response": final}

    def _final(self, script: Script, heard: Heard) -> dict[str, Any]:
        cut = script.finish == "length"
        response = self._response(heard, "incomplete" if cut else "completed", self._items(script, heard))
        response["incomplete_details"] = {"reason": "max_output_tokens"} if cut else None
        response["usage"] = _usage(script.usage)
        return response

    def _items(self, script: Script, heard: Heard) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        for number, part in enumerate(script.parts):
            seeds = (heard.model, heard.turns, number)
            if isinstance(part, Think):
                item: dict[str, Any] = {"id": identifier("rs_", *seeds), "type": "reasoning", "summary": []}
                item["summary"].append({"type": "summary_text", "text": part.text})
                if self._encrypts:
                    item["encrypted_content"] = encrypted(part.text)
            elif isinstance(part, Call):
                item = {
                    "id": identifier("fc_", *seeds),
                    "type": "function_call",
                    "status": "completed",
                    "call_id": identifier("call_", "responses", part.turn, part.index),
                    "name": part.name,
                    "arguments": json.dumps(part.arguments, ensure_ascii=False),
                }
            else:
                item = {"id": identifier("msg_", *seeds), "type": "message", "role": "assistant", "status": "completed"}
                item["content"] = [_part(part)]
            items.append(item)
        return items

    def _response(self, heard: Heard, status: str, output: list[Any]) -> dict[str, Any]:
        asked = self._asked
        reasoning = asked.get("reasoning") or {}
        return {
            "id": identifier("resp_", heard.model, heard.turns, heard.texts),
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": asked.get("instructions"),
            "max_output_tokens": asked.get("max_output_tokens"),
            "max_tool_calls": None,
            "model": heard.model,
            "output": output,
            "parallel_tool_calls": asked.get("parallel_tool_calls", True),
            "previous_response_id": None,
            "prompt_cache_key": asked.get("prompt_cache_key"),
            "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
            "safety_identifier": None,
            "service_tier": "default",
            "store": asked.get("store", True),
            "temperature": asked.get("temperature", 1.0),
            "text": asked.get("text", {"format": {"type": "text"}, "verbosity": "medium"}),
            "tool_choice": asked.get("tool_choice", "auto"),
            "tools": asked.get("tools", []),
            "top_logprobs": 0,
            "top_p": asked.get("top_p", 1.0),
            "truncation": "disabled",
            "usage": None,
            "user": None,
            "metadata": asked.get("metadata", {}),
        }


def _message_events(item: dict[str, Any], where: dict[str, Any]) -> Iterator[dict[str, Any]]:
    part = item["content"][0]
    where = {**where, "content_index": 0}
    refused = part["type"] == "refusal"
    member = "refusal" if refused else "text"
    kind = "response.refusal" if refused else "response.output_text"
    extra: dict[str, Any] = {} if refused else {"logprobs": []}
    yield {"type": "response.content_part.added", **where, "part": {**part, member: ""}}
    for piece in pieces(part[member]):
        yield {"type": f"{kind}.delta", **where, "delta": piece, **extra, "obfuscation": "Qm"}
    yield {"type": f"{kind}.done", **where, member: part[member], **extra}
    yield {"type": "response.content_part.done", **where, "part": part}


def _reasoning_events(item: dict[str, Any], where: dict[str, Any]) -> Iterator[dict[str, Any]]:
    where = {**where, "summary_index": 0}
    part = item["summary"][0]
    yield {"type": "response.reasoning_summary_part.added", **where, "part": {**part, "text": ""}}
    for piece in pieces(part["text"]):
        yield {"type": "response.reasoning_summary_text.delta", **where, "delta": piece, "obfuscation": "zZ"}
    yield {"type": "response.reasoning_summary_text.done", **where, "text": part["text"]}
    yield {"type": "response.reasoning_summary_part.done", **where, "part": part}


def _opened(item: dict[str, Any]) -> dict[str, Any]:
    """An item as it is announced, before it has been said."""
    match item["type"]:
        case "message":
            return {**item, "status": "in_progress", "content": []}
        case "reasoning":
            return {**item, "summary": []}
        case _:
            return {**item, "status": "in_progress", "arguments": ""}


def check_codex(body: dict[str, Any]) -> None:
    """What the stream-only endpoint insists on beyond the API.

    :raises Refusal: it would refuse.
    """
    need(body.get("stream") is True, "Stream must be set to true")
    need(body.get("store") is False, "Store must be set to false")
    need(isinstance(body.get("instructions"), str), "Instructions are required")
    need(isinstance(body.get("input"), list), "Input must be a list")
    for name in sorted(_CODEX_REFUSES & set(body)):
        raise Refusal(f"Unsupported parameter: {name}", name)


def check(body: dict[str, Any]) -> Heard:
    """Read a request as the vendor would.

    :raises Refusal: the vendor would refuse it.
    """
    for name in body:
        need(name in _KNOWN, f"Unknown parameter: '{name}'.", name, code="unknown_parameter")
    need(matches(r".+", body.get("model")), "Missing required parameter: 'model'.", "model")
    given = body.get("input")
    need(isinstance(given, str | list) and given, "Missing required parameter: 'input'.", "input")
    assert isinstance(given, str | list)
    heard = Heard(body["model"], stream=body.get("stream") is True, system=body.get("instructions") or "")
    for name in body.get("include") or ():
        need(name in _INCLUDES, f"Invalid value: '{name}'.", "include")
    for name, high in (("temperature", 2), ("top_p", 1)):
        need(body.get(name) is None or is_number(body[name], 0, high), f"Invalid '{name}'.", name)
    heard.max_tokens = body.get("max_output_tokens")
    need(heard.max_tokens is None or is_count(heard.max_tokens, 1), "Invalid 'max_output_tokens'.", "max_output_tokens")
    heard.tools = _check_tools(body)
    heard.forced = _check_choice(body)
    _check_reasoning(body, heard)
    _check_format(body, heard)
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    _read_items(items, body.get("store", True), heard)
    return heard


def _check_tools(body: dict[str, Any]) -> list[str]:
    names: list[str] = []
    for index, tool in enumerate(body.get("tools") or ()):
        where = f"tools[{index}]"
        need(isinstance(tool, dict) and tool.get("type") in _TOOLS, f"Invalid value: '{tool}'.", f"{where}.type")
        if tool["type"] not in ("function", "custom", "namespace"):
            continue
        need(matches(_NAME, tool.get("name")), f"Missing required parameter: '{where}.name'.", f"{where}.name")
        if tool["type"] == "function":
            known = {"type", "name", "description", "parameters", "strict", "defer_loading", "output_schema"}
            need(set(tool) <= known, f"Unknown parameter in '{where}': {sorted(set(tool) - known)}.", where)
            parameters = tool.get("parameters")
            need(
                "parameters" in tool and isinstance(parameters, dict | None),
                "Missing parameters.",
                f"{where}.parameters",
            )
            # The server's own default is strict.
            need(
                tool.get("strict", True) is not True or closed_objects(parameters),
                f"Invalid schema for function "
                f"'{tool['name']}': 'additionalProperties' is required to be supplied and to be false.",
                f"{where}.parameters",
                code="invalid_function_parameters",
            )
        names.append(tool["name"])
    return names


def _check_choice(body: dict[str, Any]) -> str | None:
    match body.get("tool_choice"):
        case None | "auto" | "none":
            return None
        case "required":
            need(body.get("tools"), "Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice")
            return "*"
        case {"type": "function" | "custom", "name": str(name)}:
            need(name in _check_tools(body), f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice")
            return name
        case {"type": "allowed_tools", "mode": "auto" | "required", "tools": list()}:
            return None
        case {"type": str(kind)} if kind in _TOOLS:
            return kind
        case other:
            raise Refusal(f"Invalid value: {other!r}.", "tool_choice")


def _check_reasoning(body: dict[str, Any], heard: Heard) -> None:
    reasoning = body.get("reasoning")
    if reasoning is None:
        return
    need(isinstance(reasoning, dict), "Invalid type for 'reasoning'.", "reasoning")
    efforts = (None, "none", "minimal", "low", "medium", "high", "xhigh", "max")
    need(reasoning.get("effort") in efforts, f"Invalid value: '{reasoning.get('effort')}'.", "reasoning.effort")
    need(reasoning.get("summary") in (None, "auto", "concise", "detailed"), "Invalid value.", "reasoning.summary")
    heard.thinks = bool(reasoning.get("summary")) and reasoning.get("effort") != "none"


def _check_format(body: dict[str, Any], heard: Heard) -> None:
    text = body.get("text")
    need(text is None or isinstance(text, dict), "Invalid type for 'text'.", "text")
    match (text or {}).get("format"):
        case None | {"type": "text" | "json_object"}:
            pass
        case {"type": "json_schema", "name": str(name), "schema": dict(schema), **rest}:
            need(matches(_NAME, name), "Invalid 'text.format.name'.", "text.format.name")
            need(
                not rest.get("strict") or closed_objects(schema),
                "Invalid schema for response_format: "
                "'additionalProperties' is required to be supplied and to be false.",
                "text.format.schema",
            )
            heard.schema = schema
        case other:
            raise Refusal(f"Invalid value: {other!r}.", "text.format")


def _read_items(items: list[Any], stored: bool, heard: Heard) -> None:
    called: dict[str, str] = {}
    answered: set[str] = set()
    for index, item in enumerate(items):
        where = f"input[{index}]"
        need(isinstance(item, dict), "Invalid type.", where)
        kind = item.get("type", "message")
        prefix = _ID_PREFIX.get(kind)
        fine = prefix is None or item.get("id") is None or str(item["id"]).startswith(prefix)
        need(
            fine,
            f"Invalid '{where}.id': '{item.get('id')}'. Expected an ID that begins with '{prefix}'.",
            f"{where}.id",
        )
        if kind in ("function_call", "custom_tool_call"):
            heard.turns += not heard.results
            member = "arguments" if kind == "function_call" else "input"
            need(matches(r"(?s).{1,64}", item.get("call_id")), "Invalid call_id.", f"{where}.call_id")
            need(matches(_NAME, item.get("name")), "Invalid name.", f"{where}.name")
            need(
                isinstance(item.get(member), str),
                f"Missing required parameter: '{where}.{member}'.",
                f"{where}.{member}",
            )
            called[item["call_id"]] = item["name"]
        elif kind in ("function_call_output", "custom_tool_call_output"):
            identity = item.get("call_id")
            need(identity in called, f"No tool call found for function call output with call_id {identity}.", "input")
            answered.add(str(identity))
            heard.results.append((called[str(identity)], _output(item.get("output"), where)))
        elif kind == "reasoning":
            _read_reasoning(item, where, stored, heard)
        elif kind == "message":
            _read_message(item, where, heard)
        else:
            known = (
                "web_search_call",
                "item_reference",
                "image_generation_call",
                "code_interpreter_call",
                "tool_search_call",
                "additional_tools",
            )
            need(kind in (*known, "tool_search_output"), f"Invalid value: '{kind}'.", f"{where}.type")
    missing = [identity for identity in called if identity not in answered]
    need(not missing, f"No tool output found for function call {', '.join(missing)}.", "input")


def _read_reasoning(item: dict[str, Any], where: str, stored: bool, heard: Heard) -> None:
    need(isinstance(item.get("summary"), list), f"Missing required parameter: '{where}.summary'.", f"{where}.summary")
    text = "".join(part["text"] for part in item["summary"])
    if item.get("encrypted_content") is None:
        need(
            stored and item.get("id"),
            f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set to false.",
            "input",
            status=404,
        )
        heard.kept.append("text")
        return
    need(
        item["encrypted_content"] == encrypted(text),
        f"The encrypted content for item {item.get('id')} could not be verified.",
        None,
        code="invalid_encrypted_content",
    )
    heard.kept.append("signed")


def _read_message(item: dict[str, Any], where: str, heard: Heard) -> None:
    role = item.get("role")
    need(role in ("user", "assistant", "system", "developer"), f"Invalid value: '{role}'.", f"{where}.role")
    content = item.get("content")
    kinds = {"output_text", "refusal"} if role == "assistant" else _INPUT_PARTS
    if not isinstance(content, str):
        need(isinstance(content, list), "Invalid type for content.", f"{where}.content")
        assert isinstance(content, list)
        for number, part in enumerate(content):
            kind = part.get("type") if isinstance(part, dict) else None
            need(
                kind in kinds,
                f"Invalid value: '{kind}'. Supported values are: {sorted(kinds)}.",
                f"{where}.content[{number}]",
            )
            if kind == "input_image":
                need(isinstance(part.get("image_url", part.get("file_id")), str), "Invalid type for image_url.", where)
        content = "".join(part["text"] for part in content if part["type"] in ("input_text", "output_text"))
    if role == "user":
        if content:  # without one it only carries the pictures of the results before it
            heard.texts.append(content)
            heard.results = []
    elif role == "assistant":
        heard.turns += 1
        heard.results = []
    else:
        heard.system += content


def _output(output: Any, where: str) -> str:
    if isinstance(output, str):
        return output
    need(isinstance(output, list), f"Missing required parameter: '{where}.output'.", f"{where}.output")
    for part in output:
        need(isinstance(part, dict) and part.get("type") in _INPUT_PARTS, "Invalid value.", f"{where}.output")
    return "".join(part["text"] for part in output if part["type"] == "input_text")


def encrypted(text: str) -> str:
    """The encrypted form of a piece of reasoning: shaped like the Fernet tokens the vendor uses."""
    return base64.urlsafe_b64encode(b"\x80\0\0\0\0\x69" + seal("responses", text) * 3).decode()


def _parse(record: Record) -> dict[str, Any]:
    need(record.header("content-type") == "application/json", "Unsupported content type.", status=415)
    try:
        body = record.json
    except ValueError:
        raise Refusal("We could not parse the JSON body of your request.") from None
    need(isinstance(body, dict), "We could not parse the JSON body of your request.")
    assert isinstance(body, dict)
    return body


def _part(part: Say | Refuse) -> dict[str, Any]:
    if isinstance(part, Refuse):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def _error(message: str, param: str | None, code: str | None, kind: str | None = None) -> bytes:
    error = {"message": message, "type": kind or "invalid_request_error", "param": param, "code": code}
    return _dumps({"error": error})


def _frame(event: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), _dumps(event))


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def serve() -> VendorServer:
    """A running fake."""
    return VendorServer(Responses())
