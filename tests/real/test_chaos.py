"""Upstreams that are odd at the level of HTTP: what is still an answer is understood, what is none is an error in time."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.real.house import UPSTREAMS, House, open_house
from tests.support.vendors import script

pytestmark = pytest.mark.real

CLIENTS = ("openai", "responses", "claude", "gemini")
GOOD = ("interim", "http10", "mute", "body", "stream", "badgzip")
BAD = ("html200", "tooshort", "redirect", "huge500", "garbage")
SHAPES = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def _own_models(settings: dict[str, Any]) -> None:
    """A model of its own for each bad cell, and credentials whose upstream is not there."""
    kinds = ("openai-compatibility", "codex-api-key", "claude-api-key", "gemini-api-key")
    for kind, name in zip(kinds, UPSTREAMS, strict=True):
        models = settings[kind][0]["models"]
        for scene in BAD:
            for client in CLIENTS:
                for shape in (False, True):
                    odd = f"{name}-fake--{scene}--{client}-{shape}"
                    models.append({"name": odd, "alias": odd})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    settings["connect-timeout-seconds"] = 2
    for place, url in (("refused", f"http://127.0.0.1:{closed}"), ("nowhere", "http://no-such-host.invalid")):
        for client in CLIENTS:
            for shape in (False, True):
                gone = f"gone-{place}--{client}-{shape}"
                settings["claude-api-key"].append(
                    {"api-key": f"k-{gone}", "base-url": url, "models": [{"name": gone, "alias": gone}]}
                )
    tls = {"api-key": "k-tls", "base-url": settings["claude-api-key"][0]["base-url"].replace("http:", "https:")}
    settings["claude-api-key"].append({**tls, "models": [{"name": "gone-tls", "alias": "gone-tls"}]})


@pytest.fixture(scope="module")
def chaos() -> Iterator[House]:
    """A house with such upstreams."""
    with open_house(_own_models) as house:
        yield house


@SHAPES
@pytest.mark.parametrize("scene", GOOD)
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("name", CLIENTS)
def test_odd_but_good(chaos: House, name: str, upstream: str, scene: str, stream: bool) -> None:
    """An answer in an unusual form is the answer: interim heads, HTTP/1.0, a body for a stream and a stream for a body,
    plain bytes that say they are compressed (reports.md 15)."""
    client = chaos.clients[name]
    for _ in range(3 if scene == "mute" else 1):  # the second finds the connection dead that the first left
        turn = client.ask(f"{upstream}-fake", client.begin(f"scene:{scene}"), stream=stream)
        assert turn.text == script.PLAIN
        untold = upstream == "openai" and scene == "stream" and not stream  # nobody asked it for usage in a stream
        assert (turn.tokens.input, turn.tokens.output) == ((0, 0) if untold else (30, 17))


@SHAPES
@pytest.mark.parametrize("scene", BAD)
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("name", CLIENTS)
def test_bad_answers(chaos: House, name: str, upstream: str, scene: str, stream: bool) -> None:
    """What is no answer is the SDK's server error, soon, however much of it there is; a redirect is not followed."""
    client = chaos.clients[name]
    memory, began = chaos.daemon.memory(), time.monotonic()
    with pytest.raises(client.errors["server"]) as caught:
        client.ask(f"{upstream}-fake--{scene}--{name}-{stream}", client.begin("Hello."), stream=stream)
    error: Any = caught.value
    assert (getattr(error, "status_code", None) or error.code) == (500 if scene == "huge500" else 502), error
    assert len(str(error)) < 2_000_000
    assert time.monotonic() - began < 5
    assert chaos.daemon.memory() - memory < 40 * 1024 * 1024
    assert not [record for record in chaos.vendor(upstream).records if record.path == "/stolen"]


@SHAPES
@pytest.mark.parametrize("place", ["refused", "nowhere"])
@pytest.mark.parametrize("name", CLIENTS)
def test_nobody_there(chaos: House, name: str, place: str, stream: bool) -> None:
    """A host that refuses, and one that does not exist, are 502 at once."""
    client = chaos.clients[name]
    with pytest.raises(client.errors["server"]) as caught:
        client.ask(f"gone-{place}--{name}-{stream}", client.begin("Hello."), stream=stream)
    error: Any = caught.value
    assert (getattr(error, "status_code", None) or error.code) == 502


def test_no_tls_there(chaos: House) -> None:
    """A port that does not speak TLS is 502, and never spoken to in clear."""
    client = chaos.clients["claude"]
    with pytest.raises(client.errors["server"]):
        client.ask("gone-tls", client.begin("Hello."))
    assert chaos.vendor("claude").framing_faults, "the fake saw the TLS greeting"
    chaos.vendor("claude").framing_faults.clear()
