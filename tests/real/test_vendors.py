"""The oracle itself: each vendor's own SDK, pointed straight at the fake of that vendor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

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
