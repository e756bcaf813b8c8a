"""Messages of a wanted size, in every dialect: what is repeated is what the shape is named after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cliproxy.jsontypes import dumps
from tests.support.answers import Body, streamed, whole

Shape = Callable[[int], Body]

#: Rough sizes of one repeated element, in bytes, from which its number is made.
_TURN, _CALL, _KEY, _PART = 60, 220, 40, 60


def chat(messages: list[Body], **more: Any) -> Body:
    return {"messages": messages, **more}


def _user(text: Any) -> Body:
    return {"role": "user", "content": text}


def wide_schema(count: int) -> Body:
    return {"type": "object", "properties": {f"key_{n}": {"type": "string"} for n in range(count)}}


def unions(count: int) -> Body:
    return {"type": "object", "allOf": [wide_schema(2) for _ in range(max(1, count // 3))]}


def references(count: int) -> Body:
    names = {f"d{n}": {"type": "string"} for n in range(count // 2)}
    return {"type": "object", "$defs": names, "properties": {n: {"$ref": f"#/$defs/{n}"} for n in names}}


SCHEMAS: dict[str, Callable[[int], Body]] = {"keys": wide_schema, "unions": unions, "references": references}


def _claude_calls(count: int) -> list[Body]:
    uses = [{"type": "tool_use", "id": f"toolu_{n}", "name": f"tool_{n % 9}", "input": {"n": n}} for n in range(count)]
    results = [{"type": "tool_result", "tool_use_id": f"toolu_{n}", "content": f"result {n}"} for n in range(count)]
    return [_user("x"), {"role": "assistant", "content": uses}, _user(results)]


def _chat_calls(count: int) -> list[Body]:
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": f"tool_{n % 9}", "arguments": "{}"}}
        for n in range(count)
    ]
    results = [{"role": "tool", "tool_call_id": f"call_{n}", "content": f"result {n}"} for n in range(count)]
    return [_user("x"), {"role": "assistant", "content": None, "tool_calls": calls}, *results]


def _responses_calls(count: int) -> list[Body]:
    calls = [
        {"type": "function_call", "call_id": f"call_{n}", "name": f"tool_{n % 9}", "arguments": "{}"}
        for n in range(count)
    ]
    return [
        _user("x"),
        *calls,
        *({"type": "function_call_output", "call_id": f"call_{n}", "output": "r"} for n in range(count)),
    ]


def _gemini_calls(count: int) -> list[Body]:
    calls = [{"functionCall": {"name": f"tool_{n % 9}", "args": {"n": n}}} for n in range(count)]
    results = [{"functionResponse": {"name": f"tool_{n % 9}", "response": {"n": n}}} for n in range(count)]
    return [
        {"role": "user", "parts": [{"text": "x"}]},
        {"role": "model", "parts": calls},
        {"role": "user", "parts": results},
    ]


def _roles(count: int) -> list[str]:
    return [("user", "assistant")[n % 2] for n in range(count)]


def requests(dialect: str, size: int) -> dict[str, bytes]:
    """Requests of about ``size`` bytes, by the name of their shape."""
    made = _made(dialect, size)
    return {name: dumps(_common(dialect) | body) for name, body in made.items()}


def _common(dialect: str) -> Body:
    return {"claude": {"max_tokens": 64}, "gemini": {}}.get(dialect, {})


def _made(dialect: str, size: int) -> dict[str, Body]:
    calls, turns = size // _CALL, size // _TURN
    text = "some words, and \u00e9 \n" * (size // 18)
    if dialect == "gemini":
        said = [{"role": ("user", "model")[n % 2], "parts": [{"text": f"turn {n}"}]} for n in range(turns)]
        bodies: dict[str, Body] = {
            "text": {"contents": [{"role": "user", "parts": [{"text": text}]}]},
            "turns": {"contents": said},
            "parts": {"contents": [{"role": "user", "parts": [{"text": f"part {n}"} for n in range(size // 30)]}]},
            "results": {"contents": _gemini_calls(calls)},
        }
        tool: Callable[[Body], Body] = lambda schema: {  # noqa: E731
            "contents": [{"role": "user", "parts": [{"text": "x"}]}],
            "tools": [{"functionDeclarations": [{"name": "t", "parameters": schema}]}],
        }
    else:
        where = "input" if dialect == "responses" else "messages"
        results = {"claude": _claude_calls, "openai": _chat_calls, "responses": _responses_calls}[dialect]
        kind = "input_text" if dialect == "responses" else "text"
        parts = [{"type": kind, "text": f"part {n}"} for n in range(size // _PART)]
        bodies = {
            "text": {where: [_user(text)]},
            "turns": {where: [{"role": role, "content": f"turn {n}"} for n, role in enumerate(_roles(turns))]},
            "parts": {where: [_user(parts)]},
            "results": {where: results(calls)},
        }
        tool = lambda schema: {where: [_user("x")], "tools": [_tool(dialect, schema)]}  # noqa: E731
    return bodies | {name: tool(schema(size // _KEY)) for name, schema in SCHEMAS.items()}


def _tool(dialect: str, schema: Body) -> Body:
    if dialect == "claude":
        return {"name": "t", "input_schema": schema}
    if dialect == "responses":
        return {"type": "function", "name": "t", "parameters": schema}
    return {"type": "function", "function": {"name": "t", "parameters": schema}}


def answers(dialect: str, size: int) -> dict[str, tuple[str, bytes]]:
    """Answers of about ``size`` bytes, by the name of their shape: (content type, body)."""
    text = "some words, and \u00e9 \n" * (size // 18)
    sse, json = "text/event-stream", "application/json"
    return {
        "long text": (json, dumps(whole(dialect, text))),
        "one large event": (sse, _frames(streamed(dialect, [text]))),
        "small events": (sse, _frames(streamed(dialect, ["word "] * (size // 120)))),
        "comments": (sse, b": \n\n" * (size // 4) + _frames(streamed(dialect, ["x"]))),
        "blank lines": (sse, b"\n" * size + _frames(streamed(dialect, ["x"]))),
    }


def _frames(payloads: list[tuple[str, Body]]) -> bytes:
    return b"".join(
        (f"event: {name}\n" if name else "").encode() + b"data: " + dumps(p) + b"\n\n" for name, p in payloads
    )
