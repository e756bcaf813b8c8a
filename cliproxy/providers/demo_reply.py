"""What the demo model has to say to a Chat request: words, reasoning, tool calls, counts. Pure and deterministic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

import attrs

from cliproxy.jsontypes import JSON, JSONObject, dumps_text
from cliproxy.providers.demo_values import smallest

_ASKS_FOR_TOOL: Final = re.compile(r"\bcall\b|\buse (?:the|a|an|any|your|my) tools?\b", re.IGNORECASE)
_COUNT_TO: Final = re.compile(r"\bcount (?:up )?to (\d{1,4})\b", re.IGNORECASE)
_QUOTED: Final = re.compile(r"\"([^\"]+)\"|'([^']+)'|`([^`]+)`")
_LONGEST_QUOTE: Final = 400
#: What agents put around a user's words: reminders and context in a tag of their own. It says nothing to answer.
_CONTEXT: Final = re.compile(r"<([a-zA-Z][\w-]*)>.*?</\1>", re.DOTALL)

Finish = Literal["stop", "tool_calls", "length"]


@attrs.frozen
class Call:
    """One tool call."""

    id: str
    name: str
    arguments: str


@attrs.frozen
class Reply:
    """An answer in words, each with the space before it."""

    reasoning: tuple[str, ...]
    text: tuple[str, ...]
    calls: tuple[Call, ...]
    finish: Finish
    usage: JSONObject


@attrs.frozen
class _Prompt:
    """What matters of a conversation: its last turn.

    :ivar results: (tool name, text) of the results it ends with.
    """

    text: str
    media: tuple[str, ...]
    results: tuple[tuple[str, str], ...]


def reply_to(body: JSONObject, seed: str) -> Reply:
    """The answer to a Chat body whose ``messages`` is a list.

    :param seed: hexadecimal, for ids.
    """
    messages = [message for message in body["messages"] if isinstance(message, dict)]
    prompt = _last_turn(messages)
    calls = _calls(body, prompt, seed)
    reasoning = _words(_thought(prompt, calls)) if _asked_to_think(body) else ()
    text = () if calls else _words(_said(body, prompt))
    room = _room(body)
    cut = room is not None and len(reasoning) + len(text) > room
    if room is not None:
        reasoning, text = reasoning[:room], text[: max(0, room - len(reasoning))]
    called = sum(len(_words(call.arguments)) + 1 for call in calls)
    return Reply(
        reasoning,
        text,
        calls,
        "length" if cut else "tool_calls" if calls else "stop",
        _usage(_length_of(body), len(text) + called, len(reasoning)),
    )


def _last_turn(messages: list[JSONObject]) -> _Prompt:
    results: list[tuple[str, str]] = []
    for message in reversed(messages):
        role = message.get("role")
        if role in ("tool", "function"):
            results.append((_tool_of(messages, message), _text_of(message.get("content"))))
        elif role == "user":
            media = tuple(_media_of(message.get("content")))
            return _Prompt(_words_of(message.get("content")), media, tuple(reversed(results)))
        elif role == "assistant" and not results:
            break
    return _Prompt("", (), tuple(reversed(results)))


def _tool_of(messages: list[JSONObject], result: JSONObject) -> str:
    for message in messages:
        for call in _objects(message.get("tool_calls")):
            if call.get("id") == result.get("tool_call_id") and isinstance(call.get("function"), dict):
                return str(call["function"].get("name"))
    return str(result.get("name") or "tool")


def _text_of(content: JSON) -> str:
    if isinstance(content, str):
        return content
    texts = (part.get("text") for part in _objects(content))
    return " ".join(text for text in texts if isinstance(text, str))


def _words_of(content: JSON) -> str:
    """The user's own words: the last text with something left when what an agent put around it is taken away."""
    texts = [content] if isinstance(content, str) else [part.get("text") for part in _objects(content)]
    left = [_CONTEXT.sub("", text).strip() for text in texts if isinstance(text, str)]
    return next((text for text in reversed(left) if text), _text_of(content))


def _media_of(content: JSON) -> Iterator[str]:
    for part in _objects(content):
        if (kind := part.get("type")) in ("image_url", "input_audio", "file"):
            yield {"image_url": "image", "input_audio": "sound"}.get(kind, "file")


def _objects(value: JSON) -> list[JSONObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


# -- tools


def _calls(body: JSONObject, prompt: _Prompt, seed: str) -> tuple[Call, ...]:
    """The tools the prompt names, all of them; the first one when it only asks for a call; none after a result."""
    tools = [tool["function"] for tool in _objects(body.get("tools")) if isinstance(tool.get("function"), dict)]
    choice = body.get("tool_choice")
    if prompt.results or not tools or choice == "none":
        return ()
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        wanted = [tool for tool in tools if tool.get("name") == choice["function"].get("name")]
    else:
        wanted = [tool for tool in tools if _names(prompt.text, str(tool.get("name")))]
        if not wanted and (choice == "required" or _ASKS_FOR_TOOL.search(prompt.text)):
            wanted = tools[:1]
    if body.get("parallel_tool_calls") is False:
        wanted = wanted[:1]
    value = _quoted(prompt.text)
    return tuple(
        Call(f"call_{seed[at : at + 24]}", str(tool.get("name")), dumps_text(_arguments(tool.get("parameters"), value)))
        for at, tool in enumerate(wanted[:8])
    )


def _arguments(parameters: JSON, value: str) -> JSONObject:
    filled = smallest(parameters, value)
    return filled if isinstance(filled, dict) else {}


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE) is not None


def _quoted(text: str) -> str:
    match = _QUOTED.search(text)
    return next((group for group in match.groups() if group), "demo") if match else "demo"


# -- words


def _said(body: JSONObject, prompt: _Prompt) -> str:
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if isinstance(wanted, dict) and kind == "json_schema" and isinstance(wanted.get("json_schema"), dict):
        return dumps_text(smallest(wanted["json_schema"].get("schema"), _quoted(prompt.text)))
    if kind == "json_object":
        return dumps_text({"answer": "demo"})
    if prompt.results:
        return " ".join(f"The tool {name} answered: {_shortened(text)}" for name, text in prompt.results)
    if count := _COUNT_TO.search(prompt.text):
        return " ".join(map(str, range(1, int(count[1]) + 1)))
    seen = f"I was given {_listed(prompt.media)}. " if prompt.media else ""
    return (
        f'{seen}You said: "{_shortened(prompt.text)}". I am the demo model built into cliproxy: I need no network and no key, '
        "and I always answer the same way. Offer me a tool and name it to see a call."
    )


def _thought(prompt: _Prompt, calls: tuple[Call, ...]) -> str:
    if calls:
        return "The user wants a tool to be used. I will call " + " and ".join(call.name for call in calls) + "."
    if prompt.results:
        return "The tools have answered. I will sum up what they said."
    return "The user asked me something. I have no tool to call for it, so I will simply answer."


def _listed(media: tuple[str, ...]) -> str:
    counts = {kind: media.count(kind) for kind in media}
    return " and ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts.items())


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "..."


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\s*\S+(?:\s+$)?", text))


def _asked_to_think(body: JSONObject) -> bool:
    effort = body.get("reasoning_effort")
    return isinstance(effort, str) and effort.lower() not in ("", "none")


def _room(body: JSONObject) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        limit = body.get(name)
        if isinstance(limit, int) and limit > 0:
            return limit
    return None


# -- counts: a word is a token


def _length_of(body: JSONObject) -> int:
    messages = _objects(body.get("messages"))
    words = sum(len(_text_of(message.get("content")).split()) for message in messages)
    return words + 4 * len(messages) + 16 * len(_objects(body.get("tools")))


def _usage(prompt: int, said: int, thought: int) -> JSONObject:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": said + thought,
        "total_tokens": prompt + said + thought,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
