"""The oracle itself: each vendor's own SDK, pointed straight at the fake of that vendor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.real import raw
from tests.real.clients import CLIENTS, BrokenStream, Tool
from tests.support.vendors import anthropic, chat, gemini, responses, script
from tests.support.vendors.wire import VendorServer

pytestmark = pytest.mark.real

FAKES = {"openai": chat, "responses": responses, "claude": anthropic, "gemini": gemini}
TOOLS = (
    Tool(script.WEATHER_TOOL, {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    Tool(script.CLOCK_TOOL, {"type": "object", "properties": {"zone": {"type": "string"}}}),
)
RESULTS = {script.WEATHER_TOOL: "sunny", script.CLOCK_TOOL: "09:41"}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
BROKEN = ("miderror", "cut", "reset", "malformed", "firsterror")


@pytest.fixture(scope="module", params=list(FAKES))
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Any, VendorServer]]:
    """An SDK and the running fake it talks to."""
    server = FAKES[request.param].serve()
    client = CLIENTS[request.param](server.url, FAKES[request.param].KEY)
    yield client, server
    client.close()
    server.close()
    assert not server.framing_faults


@STREAMED
def test_text(pair: tuple[Any, VendorServer], stream: bool) -> None:
    """A text comes whole, with the vendor's usage."""
    client, _ = pair
    turn = client.ask("fake", client.begin("scene:plain", "Be brief."), stream=stream)
    assert turn.text == script.PLAIN
    assert (turn.tokens.input, turn.tokens.output, turn.tokens.cached) == (30, 17, 8)


@STREAMED
@pytest.mark.parametrize("scene", ["tool", "parallel", "think-tool"])
def test_tools(pair: tuple[Any, VendorServer], scene: str, stream: bool) -> None:
    """Calls come with their arguments, and their results, and the reasoning before them, are taken back."""
    client, server = pair
    thinks = scene == "think-tool"
    turn = client.ask("fake", client.begin(f"scene:{scene}"), stream=stream, tools=TOOLS, think=thinks)
    assert [call.name for call in turn.calls] == list(RESULTS)[: 2 if scene == "parallel" else 1]
    assert turn.calls[0].arguments == script.WEATHER
    assert turn.reasoning == (script.THOUGHT if thinks else "")
    last = client.ask("fake", client.answer(turn, RESULTS), stream=stream, tools=TOOLS, think=thinks)
    assert last.text.startswith("The tools said: get_weather = sunny")
    if thinks:
        assert ("text" if client.name == "openai" else "signed") in server.records[-1].heard.kept


@STREAMED
def test_other_ends(pair: tuple[Any, VendorServer], stream: bool) -> None:
    """A refusal, a cut by the limit and a structured answer are told as the vendor tells them."""
    client, _ = pair
    words = {
        "openai": ("stop", "length"),
        "responses": ("completed", "max_output_tokens"),
        "claude": ("refusal", "max_tokens"),
        "gemini": ("SAFETY", "MAX_TOKENS"),
    }[client.name]
    refused = client.ask("fake", client.begin("scene:refusal"), stream=stream)
    assert (refused.finish, refused.text) == (words[0], "")
    assert client.ask("fake", client.begin("scene:length"), stream=stream, max_tokens=50).finish == words[1]
    assert '"Ada"' in client.ask("fake", client.begin("scene:json"), stream=stream, schema=PERSON).text


@pytest.mark.parametrize(
    ("scene", "error"),
    [
        ("e400", "bad"),
        ("e401", "auth"),
        ("e404", "missing"),
        ("e429", "limited"),
        ("e500", "server"),
        ("e529", "server"),
    ],
)
def test_errors(pair: tuple[Any, VendorServer], scene: str, error: str) -> None:
    """Each error status is the exception the SDK has for it."""
    client, _ = pair
    with pytest.raises(client.errors[error]):
        client.ask("fake", client.begin(f"scene:{scene}"))


@pytest.mark.parametrize("scene", BROKEN)
def test_broken_streams(pair: tuple[Any, VendorServer], scene: str) -> None:
    """The fake's broken streams are broken: no SDK takes one for a good answer."""
    client, _ = pair
    with pytest.raises(Exception) as caught:
        list(client.texts("fake", f"scene:{scene}"))
    assert scene in ("cut", "reset") or not isinstance(caught.value, AssertionError)


@pytest.mark.parametrize("scene", ["drip", "pause", "late"])
def test_slow_streams(pair: tuple[Any, VendorServer], scene: str) -> None:
    """A slow stream is a good stream."""
    client, server = pair
    server.gate(scene).set()
    assert "".join(client.texts("fake", f"scene:{scene}")) == script.PLAIN


def test_hang_up(pair: tuple[Any, VendorServer]) -> None:
    """The fake notices within a second that its reader has left."""
    client, server = pair
    texts = client.texts("fake", "scene:endless")
    next(texts)
    texts.close()
    server.until(lambda: server.records[-1].left, 1.0)


def test_wrong_key(pair: tuple[Any, VendorServer]) -> None:
    """A wrong key is refused."""
    client, server = pair
    stranger = type(client)(server.url, "sk-wrong")
    with pytest.raises(stranger.errors["bad" if client.name == "gemini" else "auth"]):
        stranger.ask("fake", stranger.begin("scene:plain"))
    stranger.close()


def test_unfinished_is_clean_to_the_sdk(pair: tuple[Any, VendorServer]) -> None:
    """Why a proxy must speak up: an SDK does not see that a stream ended without its finish."""
    client, _ = pair
    with pytest.raises((AssertionError, BrokenStream)):
        list(client.texts("fake", "scene:nofinish"))


def _post(kind: str, server: VendorServer, body: dict[str, Any]) -> raw.Answer:
    key = FAKES[kind].KEY
    path, headers = {
        "openai": ("/v1/chat/completions", {"Authorization": f"Bearer {key}"}),
        "responses": ("/v1/responses", {"Authorization": f"Bearer {key}"}),
        "claude": ("/v1/messages", {"x-api-key": key, "anthropic-version": "2023-06-01"}),
        "gemini": ("/v1beta/models/m:generateContent", {"x-goog-api-key": key}),
    }[kind]
    return raw.call(server.url + path, body, headers)


_USER: dict[str, Any] = {"role": "user", "content": "hi"}
_CHAT_CALL: dict[str, Any] = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_USE: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
_RESULT: dict[str, Any] = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}
_CALL: dict[str, Any] = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": gemini.SENTINEL}
_REPLY: dict[str, Any] = {"functionResponse": {"name": "f", "response": {"result": "x"}}}
_GEMINI_USER: dict[str, Any] = {"role": "user", "parts": [{"text": "hi"}]}


def _claude(*messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 4000, "messages": list(messages) or [_USER], **members}


def _assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("openai", {"model": "m", "messages": [_USER], "nonsense": 1}, "Unrecognized request argument"),
    ("openai", {"model": "m", "messages": []}, "messages"),
    (
        "openai",
        {"model": "m", "messages": [{"role": "tool", "tool_call_id": "x", "content": ""}]},
        "must be a response",
    ),
    (
        "openai",
        {"model": "m", "messages": [_USER, {"role": "assistant", "content": "", "tool_calls": [_CHAT_CALL]}, _USER]},
        "must be followed by tool messages",
    ),
    ("openai", {"model": "m", "messages": [_USER], "tool_choice": "auto"}, "only allowed when 'tools'"),
    ("openai", {"model": "m", "messages": [_USER], "stream_options": {"include_usage": True}}, "only allowed when"),
    ("openai", {"model": "m", "messages": [_USER], "max_tokens": 1, "max_completion_tokens": 1}, "one of the two"),
    ("responses", {"model": "m", "input": "hi", "messages": []}, "Unknown parameter: 'messages'"),
    (
        "responses",
        {"model": "m", "input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]},
        "No tool call found",
    ),
    (
        "responses",
        {"model": "m", "input": [_USER, {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]},
        "No tool output found",
    ),
    (
        "responses",
        {"model": "m", "input": [_USER, {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA-forged"}]},
        "could not be verified",
    ),
    (
        "responses",
        {"model": "m", "input": [_USER, {"type": "reasoning", "id": "rs_1", "summary": []}], "store": False},
        "not persisted",
    ),
    (
        "responses",
        {"model": "m", "input": "hi", "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]},
        "additionalProperties",
    ),
    (
        "responses",
        {"model": "m", "input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]},
        "input_text",
    ),
    ("claude", _claude(nonsense=1), "Extra inputs are not permitted"),
    ("claude", {"model": "m", "messages": [_USER]}, "max_tokens"),
    ("claude", _claude(_USER, _assistant(_USE), _USER), "without `tool_result` blocks"),
    (
        "claude",
        _claude(_USER, _assistant(_USE), {"role": "user", "content": [{"type": "text", "text": "x"}, _RESULT]}),
        "without `tool_result` blocks",
    ),
    ("claude", _claude({"role": "user", "content": [_RESULT]}), "unexpected `tool_use_id`"),
    (
        "claude",
        _claude(_USER, _assistant({"type": "thinking", "thinking": "hm", "signature": "Zm9yZ2Vk"}), _USER),
        "Invalid `signature`",
    ),
    (
        "claude",
        _claude(
            _USER,
            _assistant(_USE),
            {"role": "user", "content": [_RESULT]},
            thinking={"type": "enabled", "budget_tokens": 2000},
        ),
        "Expected `thinking`",
    ),
    ("claude", _claude(thinking={"type": "enabled", "budget_tokens": 4000}), "must be greater than"),
    ("claude", _claude(thinking={"type": "enabled", "budget_tokens": 2000}, temperature=0.5), "temperature"),
    ("claude", _claude({"role": "user", "content": " "}), "non-whitespace"),
    (
        "claude",
        _claude(
            {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 5}
        ),
        "A maximum of 4",
    ),
    ("gemini", {"contents": [_GEMINI_USER], "nonsense": 1}, 'Unknown name \\"nonsense\\"'),
    ("gemini", {"contents": [{"role": "user", "parts": [{"text": "x", "type": "text"}]}]}, "Unknown name"),
    ("gemini", {"contents": [_GEMINI_USER, {"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role"),
    ("gemini", {"contents": [_GEMINI_USER, {"role": "model", "parts": [_CALL]}, _GEMINI_USER]}, "number of function"),
    (
        "gemini",
        {
            "contents": [
                _GEMINI_USER,
                {"role": "model", "parts": [_CALL, _CALL]},
                {"role": "user", "parts": [_REPLY]},
            ]
        },
        "number of function",
    ),
    ("gemini", {"contents": [_GEMINI_USER, {"role": "user", "parts": [_REPLY]}]}, "immediately after a function call"),
    (
        "gemini",
        {
            "contents": [
                _GEMINI_USER,
                {"role": "model", "parts": [{"functionCall": {"name": "f"}}]},
                {"role": "user", "parts": [_REPLY]},
            ]
        },
        "missing a thought_signature",
    ),
    (
        "gemini",
        {
            "contents": [
                _GEMINI_USER,
                {"role": "model", "parts": [{**_CALL, "thoughtSignature": "Zm9yZ2Vk"}]},
                {"role": "user", "parts": [_REPLY]},
            ]
        },
        "Corrupted thought signature",
    ),
    (
        "gemini",
        {
            "contents": [_GEMINI_USER],
            "tools": [
                {"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object", "const": 1}}]}
            ],
        },
        "Unknown name",
    ),
    ("gemini", {"contents": [_GEMINI_USER], "generationConfig": {"responseSchema": {"type": "OBJECT"}}}, "mime type"),
]


@pytest.mark.parametrize(("kind", "body", "sentence"), REFUSED, ids=[f"{k}-{s[:24]}" for k, _, s in REFUSED])
def test_refusals(kind: str, body: dict[str, Any], sentence: str) -> None:
    """A fake refuses what its vendor refuses, in the vendor's shape."""
    server = FAKES[kind].serve()
    try:
        answer = _post(kind, server, body)
        assert answer.status in (400, 404), answer.body
        assert sentence in answer.body.decode(), answer.body
        assert isinstance(answer.json["error"], dict)
        assert server.records[-1].refused
    finally:
        server.close()
