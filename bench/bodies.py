"""The requests that are sent: a small one, an agent's of 112 KB, and ones that say how the mock is to stream."""

from __future__ import annotations

from typing import Any

from cliproxy.jsontypes import dumps, dumps_text

MODEL = "mock-model"


def small(*, stream: bool = False, max_tokens: int = 200) -> dict[str, Any]:
    """A chat request of about 252 bytes."""
    return {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Say something nice about proxies, in one short and friendly sentence please."},
        ],
        "max_tokens": max_tokens,
        "temperature": 0.7,
        "stream": stream,
    }


def paced(events: int, milliseconds: int) -> dict[str, Any]:
    """A streamed request that the mock answers with so many events, that far apart; 0 is as fast as it goes."""
    return small(stream=True, max_tokens=milliseconds * 100_000 + events)


def agent() -> dict[str, Any]:
    """A coding agent's chat request of about 112 KB: forty tools, twenty turns."""
    rule = 'You are an agent that edits code. Follow the rules: be "precise", keep diffs small.\n\t- rule\n'
    messages: list[dict[str, Any]] = [{"role": "system", "content": rule * 266}]
    for turn in range(20):
        call = f"call_{turn:08d}"
        arguments = dumps_text({"arg_0": f"src/module_{turn}.py", "arg_1": "x" * 100})
        function = {"name": "tool_3", "arguments": arguments}
        messages += [
            {"role": "user", "content": f'Please look at file src/module_{turn}.py and fix the "bug".\n' * 6},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": call, "type": "function", "function": function}],
            },
            {
                "role": "tool",
                "tool_call_id": call,
                "content": "def f(x):\n    return x + 1  # comment\n" * 40,
            },
        ]
    return {"model": MODEL, "max_tokens": 200, "temperature": 1, "messages": messages, "tools": _tools()}


def _tools() -> list[dict[str, Any]]:
    argument = {"type": "string", "description": "An argument of the tool, a path or a pattern."}
    schema = {
        "type": "object",
        "properties": {f"arg_{number}": argument for number in range(6)},
        "required": ["arg_0", "arg_1"],
    }
    return [
        {
            "type": "function",
            "function": {
                "name": f"tool_{number}",
                "description": "Does a thing to a file. " * 14,
                "parameters": schema,
            },
        }
        for number in range(40)
    ]


def large(size: int, *, claude: bool = False) -> bytes:
    """A request of ``size`` bytes: many messages of a few KB, as a long conversation has them."""
    text = "def f(x):\n    return x + 1  # comment\n" * 100
    turns = size // len(text)
    messages = [{"role": "assistant" if turn % 2 else "user", "content": text} for turn in range(turns)]
    model = "mock-claude" if claude else MODEL
    return dumps({"model": model, "max_tokens": 100, "messages": [*messages, {"role": "user", "content": "Go on."}]})
