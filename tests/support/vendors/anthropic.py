"""A fake of Anthropic's Messages API and its token counting.

Sources: Anthropic's API reference (Messages, Count Message tokens, Streaming, Errors, Extended thinking, Tool use, Prompt
caching) and the request and answer types of its Python SDK. Thinking blocks are sealed: a block whose text or signature is
not exactly what this fake said is refused, as the real one refuses it.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from anthropic.types.message_create_params import MessageCreateParamsBase

from tests.support.vendors import faults
from tests.support.vendors.script import Call, Heard, Refuse, Say, Script, Think, Usage, identifier, pieces, script_for
from tests.support.vendors.strict import Refusal, closed_objects, is_count, is_number, matches, need, seal
from tests.support.vendors.wire import Exchange, Record, VendorServer

KEY = "sk-ant-fake-canary-90bc"
_KNOWN = set(MessageCreateParamsBase.__annotations__) | {"stream", "temperature", "top_k", "top_p"}
_COUNTED = {
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
    "mcp_servers",
}
_IDENTITY = r"[a-zA-Z0-9_-]+"
_BLOCKS = {
    "user": {"text", "image", "document", "tool_result", "search_result"},
    "assistant": {"text", "tool_use", "thinking", "redacted_thinking", "server_tool_use", "web_search_tool_result"},
    "system": {"text"},
}


class Anthropic:
    """The vendor's checks and its spelling."""

    def __call__(self, exchange: Exchange) -> None:
        record = exchange.record
        try:
            _authorise(record)
            need(record.path in ("/v1/messages", "/v1/messages/count_tokens"), "Not found", status=404)
            need(record.method == "POST", "Method Not Allowed", status=405)
            body = _parse(record)
            heard = check(body, record)
            if record.path.endswith("count_tokens"):
                return exchange.respond(200, faults.JSON, _dumps({"input_tokens": count(body)}))
            record.heard = heard
            script = script_for(heard)
        except Refusal as refusal:
            record.refused = str(refusal)
            message = f"{refusal.param}: {refusal.message}" if refusal.param else refusal.message
            exchange.respond(refusal.status, faults.JSON, _error(refusal.status, message))
        else:
            faults.answer(exchange, self, script, heard)

    def stream_headers(self, heard: Heard) -> dict[str, str]:
        return {"Content-Type": "text/event-stream; charset=utf-8", "request-id": "req_011fake"}

    def body(self, script: Script, heard: Heard) -> bytes:
        reason, sequence = _stop(script)
        return _dumps(
            {**_message(heard, _blocks(script), _usage(script.usage)), "stop_reason": reason, "stop_sequence": sequence}
        )

    def frames(self, script: Script, heard: Heard) -> list[bytes]:
        start = {**_usage(script.usage), "output_tokens": 1}
        frames = [_frame("message_start", message=_message(heard, [], start)), _frame("ping")]
        for index, block in enumerate(_blocks(script)):
            empty, deltas = _unfold(block)
            frames.append(_frame("content_block_start", index=index, content_block=empty))
            frames += [_frame("content_block_delta", index=index, delta=delta) for delta in deltas]
            frames.append(_frame("content_block_stop", index=index))
        reason, sequence = _stop(script)
        usage = _usage(script.usage)
        del usage["service_tier"]
        frames.append(_frame("message_delta", delta={"stop_reason": reason, "stop_sequence": sequence}, usage=usage))
        return [*frames, _frame("message_stop")]

    def error(self, status: int, message: str) -> tuple[dict[str, str], bytes]:
        headers = {**faults.JSON, "request-id": "req_011fake"}
        if status == 429:
            headers["retry-after"] = str(faults.RETRY_AFTER)
        return headers, _error(status, message)

    def error_frame(self, message: str) -> bytes:
        return _frame("error", error={"type": "overloaded_error", "message": message})

    def broken_frame(self) -> bytes:
        return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_de\n\n'


def check(body: dict[str, Any], record: Record) -> Heard:
    """Read a request as the vendor would.

    :raises Refusal: the vendor would refuse it.
    """
    counting = record.path.endswith("count_tokens")
    known = set(_COUNTED if counting else _KNOWN)
    if "context-management" in (record.header("anthropic-beta") or ""):
        known.add("context_management")
    for name in body:
        need(name in known, "Extra inputs are not permitted", name)
    need(matches(r".+", body.get("model")), "Field required", "model")
    if not counting:
        need(is_count(body.get("max_tokens"), 1), "Field required", "max_tokens")
    messages = body.get("messages")
    need(isinstance(messages, list) and messages, "at least one message is required", "messages")
    assert isinstance(messages, list)
    heard = Heard(body["model"], stream=body.get("stream") is True, max_tokens=body.get("max_tokens"))
    heard.system = _system(body.get("system"))
    heard.tools = _check_tools(body)
    _check_sampling(body)
    _check_choice(body, heard)
    _check_output(body, heard)
    _check_caching(body)
    _read_messages(messages, heard)
    _check_thinking(body, heard)
    return heard


def count(body: dict[str, Any]) -> int:
    """The tokens of a request: one for each four characters of what counts."""
    return len(json.dumps({name: body[name] for name in ("messages", "system", "tools") if name in body})) // 4


def _system(system: Any) -> str:
    if system is None or isinstance(system, str):
        return system or ""
    need(isinstance(system, list), "Input should be a valid string or list", "system")
    for index, block in enumerate(system):
        fine = isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)
        need(fine, "Input should be a text block", f"system.{index}")
        need(block["text"], "text content blocks must be non-empty", "system")
    return "\n".join(block["text"] for block in system)


def _check_tools(body: dict[str, Any]) -> list[str]:
    names: list[str] = []
    for index, tool in enumerate(body.get("tools") or ()):
        where = f"tools.{index}"
        need(isinstance(tool, dict), "Input should be an object", where)
        kind = tool.get("type", "custom")
        name = tool.get("name")
        need(
            matches(r"[a-zA-Z0-9_-]{1,128}", name),
            "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
            f"{where}.{kind}.name",
        )
        need(name not in names, "Tool names must be unique.", "tools")
        names.append(name)
        if kind == "custom":
            schema = tool.get("input_schema")
            need(isinstance(schema, dict), "Field required", f"{where}.custom.input_schema")
            need(schema.get("type") == "object", "Input should be 'object'", f"{where}.custom.input_schema.type")
            extra = set(tool) - {
                "type",
                "name",
                "description",
                "input_schema",
                "cache_control",
                "strict",
                "defer_loading",
            }
            extra -= {"eager_input_streaming", "allowed_callers", "input_examples"}
            need(not extra, f"Extra inputs are not permitted: {sorted(extra)}", f"{where}.custom")
    return names


def _check_sampling(body: dict[str, Any]) -> None:
    for name, high in (("temperature", 1), ("top_p", 1)):
        need(body.get(name) is None or is_number(body[name], 0, high), "Input should be less than or equal to 1", name)
    need(body.get("top_k") is None or is_count(body["top_k"]), "Input should be a valid integer", "top_k")
    for index, stop in enumerate(body.get("stop_sequences") or ()):
        need(
            isinstance(stop, str) and stop.strip(),
            "each stop sequence must contain non-whitespace",
            f"stop_sequences.{index}",
        )
    metadata = body.get("metadata", {})
    need(isinstance(metadata, dict) and set(metadata) <= {"user_id"}, "Extra inputs are not permitted", "metadata")


def _check_choice(body: dict[str, Any], heard: Heard) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    need(isinstance(choice, dict), "Input should be an object", "tool_choice")
    kind = choice.get("type")
    need(kind in ("auto", "any", "tool", "none"), "Input tag does not match any of the expected tags", "tool_choice")
    need(heard.tools, "tool_choice may only be specified while providing tools.", "tool_choice")
    need(
        kind != "none" or "disable_parallel_tool_use" not in choice,
        "Extra inputs are not permitted",
        "tool_choice.none",
    )
    if kind == "tool":
        need(
            choice.get("name") in heard.tools, f"Tool '{choice.get('name')}' not found in provided tools", "tool_choice"
        )
    heard.forced = {"any": "*", "tool": choice.get("name")}.get(str(kind))


def _check_output(body: dict[str, Any], heard: Heard) -> None:
    config = body.get("output_config")
    if config is None:
        return
    need(
        isinstance(config, dict) and set(config) <= {"effort", "format"},
        "Extra inputs are not permitted",
        "output_config",
    )
    form = config.get("format")
    if form is not None:
        fine = isinstance(form, dict) and form.get("type") == "json_schema" and isinstance(form.get("schema"), dict)
        need(fine and set(form) == {"type", "schema"}, "Input should be a json_schema format", "output_config.format")
        need(
            closed_objects(form["schema"]),
            "For 'object' type, 'additionalProperties' must be explicitly set to false",
            "output_config.format.schema",
        )
        heard.schema = form["schema"]


def _check_caching(body: dict[str, Any]) -> None:
    marked = [block for block in _every_block(body) if block.get("cache_control")]
    need(len(marked) <= 4, f"A maximum of 4 blocks with cache_control may be provided. Found {len(marked)}.")
    short = False
    for block in marked:
        need(
            not block.get("defer_loading"),
            f"Tool '{block.get('name')}' cannot have both defer_loading=true and cache_control set. Tools with "
            "defer_loading cannot use prompt caching.",
        )
        need(
            not short or block["cache_control"].get("ttl") != "1h",
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are "
            "processed in the following order: `tools`, `system`, `messages`.",
        )
        short = short or block["cache_control"].get("ttl", "5m") == "5m"
        need(
            block.get("type") not in ("thinking", "redacted_thinking"),
            "cache_control: Extra inputs are not permitted",
            "messages",
        )
        need(
            block.get("type") != "text" or block.get("text"),
            "cache_control cannot be set for empty text blocks",
            "messages",
        )
        control = block["cache_control"]
        fine = (
            isinstance(control, dict)
            and control.get("type") == "ephemeral"
            and control.get("ttl", "5m") in ("5m", "1h")
        )
        need(fine, "Input should be an ephemeral cache control", "cache_control")


def _every_block(body: dict[str, Any]) -> list[dict[str, Any]]:
    blocks = list(body.get("tools") or ())
    if isinstance(body.get("system"), list):
        blocks += body["system"]
    for message in body["messages"]:
        if isinstance(message, dict) and isinstance(message.get("content"), list):
            blocks += message["content"]
            for block in message["content"]:
                if isinstance(block, dict) and isinstance(block.get("content"), list):
                    blocks += block["content"]
    return [block for block in blocks if isinstance(block, dict)]


def _read_messages(messages: list[Any], heard: Heard) -> None:
    seen: set[str] = set()
    waiting: dict[str, str] = {}
    for number, message in enumerate(_merged(messages)):
        where = f"messages.{number}"
        blocks = message["content"]
        results = [block for block in blocks if block["type"] == "tool_result"]
        if waiting:
            leading = [
                str(block.get("tool_use_id")) for block in blocks[: len(results)] if block["type"] == "tool_result"
            ]
            missing = [identity for identity in waiting if identity not in leading]
            need(
                message["role"] == "user" and not missing,
                "`tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` "
                "block in the next message.",
                where,
            )
        heard.results = []
        for index, block in enumerate(results):
            need(
                block.get("tool_use_id") in waiting,
                f"unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{block.get('tool_use_id')}. Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message.",
                f"{where}.content.{index}",
            )
            heard.results.append((waiting.pop(block["tool_use_id"]), _result_text(block, where)))
        waiting = {}
        if message["role"] == "assistant":
            heard.turns += 1
            waiting = _read_assistant(blocks, where, seen, heard)
        elif message["role"] == "user" and (text := "".join(b["text"] for b in blocks if b["type"] == "text")):
            heard.texts.append(text)
    need(
        not waiting,
        f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(waiting)}.",
        "messages",
    )


def _merged(messages: list[Any]) -> list[dict[str, Any]]:
    """The messages checked one by one, strings as blocks, neighbours of one role as one turn."""
    turns: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        where = f"messages.{number}"
        need(isinstance(message, dict), "Input should be an object", where)
        role = message.get("role")
        need(role in _BLOCKS, "Input should be 'user', 'assistant' or 'system'", f"{where}.role")
        need(set(message) <= {"role", "content"}, "Extra inputs are not permitted", where)
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        final = number == len(messages) - 1 and role == "assistant"
        need(
            isinstance(blocks, list) and (blocks or final),
            "all messages must have non-empty content except for the optional final assistant message",
            where,
        )
        for index, block in enumerate(blocks):
            kind = block.get("type") if isinstance(block, dict) else None
            need(
                kind in _BLOCKS[role],
                f"Input tag '{kind}' found using 'type' does not match any of the expected tags",
                f"{where}.content.{index}",
            )
            if kind == "text":
                need(isinstance(block.get("text"), str), "Field required", f"{where}.content.{index}.text.text")
                need(block["text"].strip(), "text content blocks must contain non-whitespace text", "messages")
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] = turns[-1]["content"] + blocks
        else:
            turns.append({"role": role, "content": blocks})
    need(turns[0]["role"] != "assistant", "first message must use the user role", "messages")
    return turns


def _result_text(block: dict[str, Any], where: str) -> str:
    need(
        set(block) <= {"type", "tool_use_id", "content", "is_error", "cache_control"},
        "Extra inputs are not permitted",
        where,
    )
    content = block.get("content", "")
    if isinstance(content, str):
        return content
    need(isinstance(content, list), "Input should be a valid string or list", f"{where}.tool_result.content")
    for part in content:
        need(
            isinstance(part, dict)
            and part.get("type") in ("text", "image", "document", "search_result", "tool_reference"),
            "Input tag does not match any of the expected tags",
            f"{where}.tool_result.content",
        )
    return "".join(part["text"] for part in content if part["type"] == "text")


def _read_assistant(blocks: list[dict[str, Any]], where: str, seen: set[str], heard: Heard) -> dict[str, str]:
    waiting = {}
    for index, block in enumerate(blocks):
        place = f"{where}.content.{index}"
        if block["type"] == "thinking":
            need(block.get("signature"), "Field required", f"{place}.thinking.signature")
            need(
                block["signature"] == signature(str(block.get("thinking"))),
                "Invalid `signature` in `thinking` block",
                place,
            )
            heard.kept.append("signed")
        elif block["type"] == "redacted_thinking":
            need(block.get("data") == signature("redacted"), "Invalid `data` in `redacted_thinking` block", place)
            heard.kept.append("signed")
        elif block["type"] == "tool_use":
            need(
                matches(_IDENTITY, block.get("id")),
                "String should match pattern '^[a-zA-Z0-9_-]+$'",
                f"{place}.tool_use.id",
            )
            need(block["id"] not in seen, "`tool_use` ids must be unique", "messages")
            need(matches(r"[a-zA-Z0-9_-]{1,200}", block.get("name")), "Invalid name", f"{place}.tool_use.name")
            need(isinstance(block.get("input"), dict), "Input should be a valid dictionary", f"{place}.tool_use.input")
            seen.add(block["id"])
            waiting[block["id"]] = block["name"]
    return waiting


def _check_thinking(body: dict[str, Any], heard: Heard) -> None:
    thinking = body.get("thinking") or {"type": "disabled"}
    need(isinstance(thinking, dict), "Input should be an object", "thinking")
    kind = thinking.get("type")
    for edit in (body.get("context_management") or {}).get("edits", ()):
        need(
            kind != "disabled" or edit.get("type") != "clear_thinking_20251015",
            "`clear_thinking_20251015` strategy requires `thinking` to be enabled or adaptive",
        )
    need(kind in ("enabled", "disabled", "adaptive", "between_tools"), "Input tag does not match", "thinking")
    if kind == "disabled":
        need(set(thinking) == {"type"}, "Extra inputs are not permitted", "thinking.disabled.budget_tokens")
        return
    heard.thinks = True
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        need(is_count(budget, 1024), "Input should be greater than or equal to 1024", "thinking.enabled.budget_tokens")
        if "max_tokens" in body:
            need(body["max_tokens"] > budget, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    need(kind == "adaptive" or heard.forced is None, "Thinking may not be enabled when tool_choice forces tool use.")
    need(body.get("temperature", 1) == 1, "`temperature` may only be set to 1 when thinking is enabled.")
    need("top_k" not in body, "`top_k` must be unset when thinking is enabled.")
    need(
        body.get("top_p", 1) >= 0.95, "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."
    )
    if heard.results and kind == "enabled":
        last = next(turn for turn in reversed(_merged(body["messages"])) if turn["role"] == "assistant")
        first = last["content"][0]["type"]
        need(
            first in ("thinking", "redacted_thinking"),
            f"Expected `thinking` or `redacted_thinking`, but found `{first}`. "
            "When `thinking` is enabled, a final `assistant` message must start with a thinking block.",
            "messages",
        )


def signature(thinking: str) -> str:
    """The signature of a thinking block."""
    return base64.b64encode(b"\x12\xd4\x02\x0a claude-fake-4-5 " + seal("anthropic", thinking)).decode()


def _authorise(record: Record) -> None:
    given = [value for value in (record.header("x-api-key"), record.header("authorization")) if value]
    if len(given) != 1 or not matches(rf"(Bearer )?{KEY}(-[\w-]+)?", given[0]):
        raise Refusal("invalid x-api-key", None, 401)
    need(record.header("anthropic-version"), "anthropic-version: header is required")


def _parse(record: Record) -> dict[str, Any]:
    need(record.header("content-type") == "application/json", "content-type must be application/json")
    try:
        body = record.json
    except ValueError:
        raise Refusal("The request body is not valid JSON") from None
    need(isinstance(body, dict), "Input should be an object")
    assert isinstance(body, dict)
    return body


def _message(heard: Heard, content: list[Any], usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": identifier("msg_01", heard.model, heard.turns, heard.texts, length=22),
        "type": "message",
        "role": "assistant",
        "model": heard.model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _blocks(script: Script) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for part in script.parts:
        if isinstance(part, Say):
            blocks.append({"type": "text", "text": part.text})
        elif isinstance(part, Think):
            blocks.append({"type": "thinking", "thinking": part.text, "signature": signature(part.text)})
        elif isinstance(part, Call):
            identity = identifier("toolu_01", "anthropic", part.turn, part.index, length=22)
            blocks.append({"type": "tool_use", "id": identity, "name": part.name, "input": part.arguments})
        else:
            assert isinstance(part, Refuse)  # said by the stop reason alone
    return blocks


def _unfold(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The empty block that opens, and the deltas that fill it."""
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    if block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
        return {**block, "thinking": "", "signature": ""}, [
            *deltas,
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    text = json.dumps(block["input"], ensure_ascii=False) if block["input"] else ""
    parts = ["", *(text[start : start + 9] for start in range(0, len(text), 9))]
    return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": part} for part in parts]


def _stop(script: Script) -> tuple[str, None]:
    return {"stop": "end_turn", "tools": "tool_use", "length": "max_tokens", "refusal": "refusal"}[script.finish], None


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
        "service_tier": "standard",
    }


def _frame(kind: str, **members: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), _dumps({"type": kind, **members}))


def _error(status: int, message: str) -> bytes:
    kind = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        529: "overloaded_error",
    }.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return _dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011fake"})


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def serve() -> VendorServer:
    """A running fake."""
    return VendorServer(Anthropic())
