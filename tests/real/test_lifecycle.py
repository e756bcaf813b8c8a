"""The daemon's life around its requests: settings changed under way, the end with streams open, the demo without settings."""

from __future__ import annotations

import json
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.real import raw
from tests.real.checks import RESULTS, TOOLS
from tests.real.clients import CLIENTS, BrokenStream
from tests.real.daemon import CLEAN, Daemon
from tests.real.house import UPSTREAMS, House, open_house
from tests.support.vendors import script

pytestmark = pytest.mark.real


def _settings(house: House) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(house.daemon.settings))
    return changed


def test_reload_keeps_streams() -> None:
    """A changed file is in force soon, on SIGHUP at once, and no open stream notices."""
    with open_house() as house:
        client = house.clients["claude"]
        gate = house.vendor("openai").gate("pause")
        texts = client.texts("openai-fake", "scene:pause")
        first = next(texts)
        changed = _settings(house)
        changed["claude-api-key"][0]["models"].append({"name": "claude-fake", "alias": "a-new-name"})
        changed["openai-compatibility"] = []
        house.daemon.write(json.dumps(changed))
        house.daemon.signal(signal.SIGHUP)
        house.daemon.until(lambda: _serves(house, "a-new-name"), 5)
        with pytest.raises(client.errors["bad"]):
            client.ask("openai-fake", client.begin("scene:plain"))
        gate.set()
        assert first + "".join(texts) == script.PLAIN


def test_bad_file_changes_nothing() -> None:
    """A file that cannot be used leaves the last good one in force, and the log says why."""
    with open_house() as house:
        bad = _settings(house)
        bad["port"] = "many"
        house.daemon.write(json.dumps(bad))
        house.daemon.signal(signal.SIGHUP)
        house.daemon.until(lambda: "port" in house.daemon.log.read_text().lower().split("listens on")[-1], 5)
        assert _serves(house, "claude-fake")
        house.daemon.write("{ not: [yaml")
        house.daemon.signal(signal.SIGHUP)
        assert _serves(house, "claude-fake")


def _serves(house: House, model: str) -> bool:
    client = house.clients["claude"]
    try:
        return client.ask(model, client.begin("scene:plain")).text == script.PLAIN
    except client.errors["api"]:
        return False


@pytest.mark.parametrize("name", list(CLIENTS))
def test_drain(name: str) -> None:
    """After SIGTERM nothing new is accepted, an open stream may finish, and then the daemon ends well."""
    with open_house(lambda settings: settings.update({"drain-seconds": 10})) as house:
        client = house.clients[name]
        gate = house.vendor("claude").gate("pause")
        texts = client.texts("claude-fake", "scene:pause")
        first = next(texts)
        house.daemon.signal(signal.SIGTERM)
        house.daemon.until(lambda: not _accepts(house), 5)
        gate.set()
        assert first + "".join(texts) == script.PLAIN
        assert house.daemon.ended(5) in CLEAN


@pytest.mark.parametrize("name", list(CLIENTS))
def test_drain_ends(name: str) -> None:
    """A stream that outlasts the drain is cut with its dialect's error, never with a clean end."""
    with open_house(lambda settings: settings.update({"drain-seconds": 1})) as house:
        client = house.clients[name]
        texts = client.texts("gemini-fake", "scene:endless")
        next(texts)
        house.daemon.signal(signal.SIGTERM)
        with pytest.raises((client.errors["api"], BrokenStream)):
            list(texts)
        assert house.daemon.ended(5) in CLEAN


def _accepts(house: House) -> bool:
    try:
        return raw.call(f"{house.daemon.url}/readyz", timeout=2).status == 200
    except OSError:
        return False


def test_a_busy_port_ends_the_start(tmp_path: Path) -> None:
    """A port that is taken is said, and the exit code is 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        daemon = Daemon({"demo": True, "port": taken.getsockname()[1]}, tmp_path)
        with pytest.raises(AssertionError, match="the daemon ended with 1"), daemon:
            pass


def test_demo(tmp_path: Path) -> None:
    """The demo serves every SDK: text, a tool over two turns, reasoning, streamed and whole."""
    with Daemon({"demo": True}, tmp_path) as daemon:
        for kind in CLIENTS.values():
            client = kind(daemon.url, daemon.key)
            for stream in (False, True):
                assert client.ask("demo-fast", client.begin("Hello there."), stream=stream).text
                history = client.begin(f"Please call the tool {script.WEATHER_TOOL} for me.")
                turn = client.ask("demo-fast", history, stream=stream, tools=TOOLS[:1])
                assert [call.name for call in turn.calls] == [script.WEATHER_TOOL], client.name
                assert client.ask("demo-fast", client.answer(turn, RESULTS), stream=stream, tools=TOOLS[:1]).text
                assert client.ask("demo-fast", client.begin("Why?"), stream=stream, think=True).reasoning, client.name
            client.close()


def test_a_hundred_streams_over_reloads() -> None:
    """A hundred streams stay whole while the settings are changed ten times."""
    with open_house(lambda settings: settings.update({"stream-idle-seconds": 60})) as house:
        gate = house.vendor("openai").gate("pause")
        heard: list[str | Exception] = []

        def listen(number: int) -> None:
            client = house.client(UPSTREAMS[number % 4])
            try:
                heard.append("".join(client.texts("openai-fake", "scene:pause")))
            except Exception as error:
                heard.append(error)
            finally:
                client.close()

        threads = [threading.Thread(target=listen, args=(number,)) for number in range(100)]
        for thread in threads:
            thread.start()
        house.vendor("openai").until(lambda: len(house.vendor("openai").records) == 100, 30)
        for number in range(10):
            changed = _settings(house)
            changed["claude-api-key"][0]["models"].append({"name": "claude-fake", "alias": f"new-{number}"})
            house.daemon.write(json.dumps(changed))
            house.daemon.signal(signal.SIGHUP)
            house.daemon.until(lambda number=number: _serves(house, f"new-{number}"), 10)  # type: ignore[misc]
        gate.set()
        for thread in threads:
            thread.join(30)
        assert heard == [script.PLAIN] * 100, [piece for piece in heard if piece != script.PLAIN][:3]
