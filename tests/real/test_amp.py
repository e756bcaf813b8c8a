"""Amp through a running daemon: a fake ampcode.com over real TLS, the requests of real clients, and a recorded session."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import attrs
import pytest

from tests.real.daemon import CLIENT_KEY, Daemon
from tests.real.raw import Answer, call
from tests.support.ampcode import FLOOD, KEY, MESSAGE, Ampcode

pytestmark = pytest.mark.real

SESSION = Path(__file__).parents[1] / "corpus" / "amp" / "session.jsonl"
BEARER = {"Authorization": f"Bearer {CLIENT_KEY}"}
CLAUDE = "/api/provider/anthropic/v1/messages"
GOOGLE = "/api/provider/google/v1beta1/publishers/google/models"
MEGABYTE = 1024 * 1024
ASK = {"model": "claude-of-amp", "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}]}


@attrs.define
class House:
    """What a test is given."""

    daemon: Daemon
    amp: Ampcode

    def call(self, path: str, body: Any = None, headers: dict[str, str] | None = None, **more: Any) -> Answer:
        """One request with the client's key, unless ``headers`` say otherwise."""
        return call(self.daemon.url + path, body, BEARER if headers is None else headers, **more)

    def until(self, what: Callable[[], object], seconds: float = 10.0) -> None:
        """Wait until something is so."""
        self.daemon.until(what, seconds)


@contextmanager
def open_house(*, trusted: bool = True, **more: Any) -> Iterator[House]:
    """A daemon with the demo model behind Amp's names ``claude-*``, ``gpt-*`` and ``gemini-*``, and an ampcode.com.

    :param trusted: the daemon's environment names ampcode.com's CA.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="cliproxy-amp-")))
        amp = stack.enter_context(Ampcode(directory))
        mapping = {"from": "^(claude-(opus|haiku)|gpt|gemini)-", "to": "demo", "regex": True}
        ampcode = {"upstream-url": amp.url, "upstream-api-key": KEY, "model-mappings": [mapping]}
        settings = {"demo": True, "debug": True, "drain-seconds": 1, "ampcode": ampcode, **more}
        if trusted:
            stack.enter_context(mock.patch.dict(os.environ, SSL_CERT_FILE=str(amp.trust)))
        daemon = stack.enter_context(Daemon(settings, directory, (KEY,)))
        yield House(daemon, amp)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """One for the module."""
    with open_house() as opened:
        yield opened


def recorded() -> list[dict[str, Any]]:
    """The session: what a client of March 2026 sent, text replaced by as much filler, and what the daemon answered."""
    return [json.loads(line) for line in SESSION.read_text().splitlines()]


# -- the recorded session


def test_the_session_is_what_was_measured() -> None:
    """The transcript holds the facts that are known of real clients: else replaying it would show little."""
    rows = recorded()
    paths = [row["path"].partition("?") for row in rows]
    assert sum(query == "getUserInfo" for _, _, query in paths) >= 3
    title, main, finder, _, deep = (row for row in rows if "/provider/" in row["path"])
    assert title["body"]["tool_choice"]["name"] == "set_title" and "stream" not in title["body"]
    assert len(json.dumps(main["body"])) > 50_000 and len(main["body"]["tools"]) == 21
    assert main["body"]["thinking"]["budget_tokens"] and main["body"]["system"][0]["cache_control"]["ttl"] == "1h"
    headers = {name.lower(): value for name, value in main["headers"]}
    assert headers["anthropic-beta"] == "fine-grained-tool-streaming-2025-05-14" and "x-api-key" in headers
    assert {"x-amp-thread-id", "x-amp-mode", "x-amp-feature", "x-amp-message-id"} <= set(headers)
    assert finder["path"].startswith(GOOGLE)
    assert {name.lower() for name, _ in finder["headers"]} >= {"authorization", "x-goog-api-key"}
    assert deep["path"] == "/api/provider/openai/v1/responses" and deep["body"]["input"][0]["role"] == "system"
    assert deep["body"]["include"] == ["reasoning.encrypted_content"] and deep["body"]["store"] is False


def test_session(house: House) -> None:
    """The session, replayed through a running daemon: every request is answered as it was, by whom it was."""
    for row in recorded():
        before = len(house.amp.seen)
        body = json.dumps(row["body"], separators=(",", ":")).encode()
        headers = {name: value.replace("CLIENT-KEY", CLIENT_KEY) for name, value in row["headers"]}
        answer = house.call(row["path"], body, headers, method=row["method"])
        expected = row["answer"]
        assert (answer.status, answer.headers["content-type"]) == (expected["status"], expected["content_type"])
        assert answer.headers.get("x-cliproxy-route") == expected["route"], row["path"]
        if "events" in expected:
            kinds = list(dict.fromkeys(payload["type"] for payload in answer.payloads))
            assert kinds == expected["events"]
            named = [p.get("message", p.get("response", {})).get("model") for p in answer.payloads]
            assert set(named) - {None} == {row["body"]["model"]}
        else:
            assert sorted(answer.json) == expected["members"]
        if expected["route"] is None:
            assert house.amp.last.body == body
            assert house.amp.last.all("authorization") == [f"Bearer {KEY}"]
        assert len(house.amp.seen) - before == (1 if expected["route"] is None else 0)
    assert not any(CLIENT_KEY in str(seen.headers) + seen.path for seen in house.amp.seen)


# -- other facts of real clients


def test_credits(house: House) -> None:
    """A model that nobody serves here goes to ampcode.com, streamed and whole, is counted, and the log says what to do."""
    whole = house.call(CLAUDE, ASK, {"x-api-key": CLIENT_KEY, "Anthropic-Beta": "context-1m-2025-08-07"})
    assert (whole.status, whole.json, whole.headers["x-cliproxy-route"]) == (200, MESSAGE, "AMP_CREDITS")
    seen = house.amp.last
    assert seen.all("x-api-key") == [KEY] and seen.all("anthropic-beta") == ["context-1m-2025-08-07"]
    count = int(whole.headers["x-cliproxy-amp-credit-requests"])
    stream = house.call(CLAUDE, {**ASK, "stream": True})
    assert [payload["type"] for payload in stream.payloads][-1] == "message_stop"
    assert int(stream.headers["x-cliproxy-amp-credit-requests"]) == count + 1
    line = next(row for row in house.daemon.log.read_text().splitlines() if "route_type=AMP_CREDITS" in row)
    for part in ("#warn]", "component=amp-routing", "cost=amp_credits", "source=ampcode.com", "model_id=claude-of-amp"):
        assert part in line
    assert 'ampcode.model-mappings: [{from: "claude-of-amp", to: "<your-local-model>"}]' in line


def test_credits_over_a_restart() -> None:
    """The day's count survives a restart, and is not kept of a request that never left."""
    with open_house() as house:
        house.call(CLAUDE, ASK)
        kept = house.daemon.log.parent / "amp-credits.json"
        house.until(kept.exists)
        house.daemon.stop()
        with house.daemon:
            assert house.call(CLAUDE, ASK).headers["x-cliproxy-amp-credit-requests"] == "2"


def test_gzip_bodies(house: House) -> None:
    """What the client compressed reaches ampcode.com as it is; for the decision it is unpacked."""
    thread = {"method": "uploadThread", "params": {"thread": {"text": "x" * 40_000}}}
    packed = gzip.compress(json.dumps(thread).encode())
    answer = house.call("/api/internal?uploadThread", packed, {**BEARER, "Content-Encoding": "gzip"})
    assert (answer.status, house.amp.last.body, house.amp.last.all("content-encoding")) == (200, packed, ["gzip"])
    for model, route in (("claude-of-amp", "AMP_CREDITS"), ("claude-opus-x", "MODEL_MAPPING")):
        body = gzip.compress(json.dumps({**ASK, "model": model, "padding": "x" * 40_000}).encode())
        answer = house.call(CLAUDE, body, {**BEARER, "Content-Encoding": "gzip"})
        assert (answer.status, answer.headers["x-cliproxy-route"]) == (200, route)
        if route == "AMP_CREDITS":
            assert house.amp.last.body == body


def test_look_at(house: House) -> None:
    """An image inline, with the real key in either header and a placeholder in the other."""
    image = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    body = {"contents": [{"role": "user", "parts": [{"text": "What is this?"}, image]}]}
    for headers in (
        {**BEARER, "x-goog-api-key": "placeholder"},
        {"Authorization": "Bearer no", "x-goog-api-key": CLIENT_KEY},
    ):
        answer = house.call(f"{GOOGLE}/gemini-3-flash-preview:generateContent", body, headers)
        assert (answer.status, answer.json["modelVersion"]) == (200, "gemini-3-flash-preview")
    streamed = house.call(f"{GOOGLE}/gemini-3-flash-preview:streamGenerateContent?alt=sse", body)
    assert streamed.payloads[0]["modelVersion"] == "gemini-3-flash-preview"


def test_answers_pass(house: House) -> None:
    """Redirects, repeated headers, gzip with and without its header, errors: all as ampcode.com sent them."""
    connection = http.client.HTTPConnection("127.0.0.1", house.daemon.port, timeout=10)
    connection.request("GET", "/api/threads?play=redirect", headers=BEARER)
    response = connection.getresponse()
    assert (response.status, response.getheader("Location")) == (302, "https://elsewhere.invalid/")
    assert response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    connection.close()
    unmarked = house.call("/api/user?play=gzip")
    assert (unmarked.status, unmarked.body) == (500, b'{"error":"unmarked"}')
    marked = house.call("/api/user?play=marked")
    assert (marked.headers["content-encoding"], gzip.decompress(marked.body)) == ("gzip", b'{"marked":true}')
    assert house.call("/api/user", method="HEAD").body == b""


def test_nobody_without_a_key(house: House) -> None:
    """Without a client key only the pages of a login pass, and nothing of the operator's with them."""
    before = len(house.amp.seen)
    for path in ("/api/internal?getUserInfo", "/api/thread-actors", "/actors/gateway/x", CLAUDE, "/api/whatever"):
        assert house.call(path, {}, {}).status == 401, path
    assert len(house.amp.seen) == before
    assert house.call("/auth/cli-login?authToken=t", headers={}).status == 200
    assert house.amp.last.path == "/auth/cli-login?authToken=t"
    assert KEY not in str(house.amp.last.headers)
    house.call(f"/api/threads?key={CLIENT_KEY}&auth_token={CLIENT_KEY}&q=1", headers={"Referer": f"/?key={CLIENT_KEY}"})
    assert house.amp.last.path == "/api/threads?q=1"
    assert CLIENT_KEY not in str(house.amp.last.headers)


# -- what goes wrong


@pytest.mark.parametrize("play", ["cutlength", "cutchunks"])
def test_cut(house: House, play: str) -> None:
    """An answer that breaks off never looks whole."""
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        house.call(f"/api/threads?play={play}")


def listen(house: House, play: str) -> socket.socket:
    """A client that has asked for a stream, and reads when it likes."""
    client = socket.create_connection(("127.0.0.1", house.daemon.port), timeout=10)
    head = (
        f"GET /api/threads?play={play} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {CLIENT_KEY}"
    )
    client.sendall(head.encode() + b"\r\n\r\n")
    return client


def test_client_leaves(house: House) -> None:
    """A client that leaves in the middle of a stream closes the connection to ampcode.com within a second."""
    with listen(house, "drip") as client:
        assert b"drop" in client.recv(4096) + client.recv(4096)
        seen = house.amp.last
    left = time.monotonic()
    house.until(lambda: seen.left, 3.0)
    assert seen.left is not None and seen.left - left < 1.0


def most_memory(house: House, client: socket.socket, before: int) -> int:
    """How far the daemon's memory grows while ``client`` takes its 10 MB."""
    most, taken = house.daemon.memory(), 0
    while taken < FLOOD and (data := client.recv(65_536)):
        taken += len(data)
        most = max(most, house.daemon.memory())
    assert taken >= FLOOD
    return most - before


def test_memory(house: House) -> None:
    """A stream of 10 MB costs the daemon less than 2 MB."""
    assert len(house.call("/api/threads?play=flood").body) == FLOOD  # buffers and allocator are warm
    before = house.daemon.memory()
    with listen(house, "flood") as client:
        assert most_memory(house, client, before) < 2 * MEGABYTE


def test_memory_of_a_slow_reader(house: House) -> None:
    """And so does one that nobody takes: what the sockets do not hold stays with ampcode.com."""
    assert len(house.call("/api/threads?play=flood").body) == FLOOD
    before, requests = house.daemon.memory(), len(house.amp.seen)
    with listen(house, "flood&times=8") as client:
        house.until(lambda: len(house.amp.seen) > requests)
        looks: list[int] = []

        def stalled() -> bool:
            looks.append(house.amp.last.sent)
            return looks[-1] > 0 and looks[-10:] == looks[-1:] * 10

        house.until(stalled)
        assert looks[-1] < 8 * FLOOD
        assert most_memory(house, client, before) < 2 * MEGABYTE


def test_untrusted() -> None:
    """An ampcode.com that cannot prove who it is gets nothing: 502, and it is not counted."""
    with open_house(trusted=False) as house:
        answer = house.call(CLAUDE, ASK)
        assert (answer.status, answer.json["error"]) == (502, "amp_upstream_proxy_error")
        assert "x-cliproxy-amp-credit-requests" not in answer.headers
        assert house.amp.seen == []


def test_reload_and_stop() -> None:
    """The upstream vanishes with a reload (503); a stream under way outlives that, and is cut when drain time is over."""
    with open_house() as house:
        with listen(house, "drip") as client:
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
            changed = json.loads(json.dumps(house.daemon.settings))
            changed["ampcode"]["upstream-url"] = ""
            house.daemon.write(json.dumps(changed))
            house.daemon.signal(signal.SIGHUP)
            house.until(lambda: house.call("/api/user").status == 503)
            assert b"drop" in client.recv(4096)
            house.daemon.signal(signal.SIGTERM)
            client.settimeout(10)
            rest = b""
            try:
                while data := client.recv(65_536):
                    rest += data
            except ConnectionResetError:
                pass
            assert not rest.endswith(b"0\r\n\r\n")
        house.daemon.ended(10)


# -- today's client


PROTOCOLS = "rivet, rivet_encoding.bare, rivet_skip_ready_wait, rivet_conn_params.%7B%22wsToken%22%3A%22{}%22%7D"


def upgrade(house: House, play: str = "", token: str = "token") -> socket.socket:
    """A WebSocket as today's client asks for it: with the token it was given, and without its key."""
    client = socket.create_connection(("127.0.0.1", house.daemon.port), timeout=10)
    lines = [
        f"GET /actors/gateway/threadActor/websocket/?rvt-namespace=default&rvt-key=1&play={play} HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Sec-WebSocket-Protocol: {PROTOCOLS.format(token)}",
    ]
    client.sendall("\r\n".join([*lines, "", ""]).encode())
    return client


def heard(client: socket.socket, size: int) -> bytes:
    """So many bytes, or as many as come before the end."""
    data = b""
    while len(data) < size and (piece := client.recv(65_536)):
        data += piece
    return data


def test_todays_client(house: House) -> None:
    """``thread-actors``, then a WebSocket: bytes both ways, and either side's end is the other's."""
    assert house.call("/api/thread-actors", {"threadId": "T-1"}).status == 200
    with upgrade(house) as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 101")
        seen = house.amp.last
        assert seen.all("sec-websocket-protocol") == [PROTOCOLS.format("token")]
        assert seen.all("authorization") == [] and KEY not in str(seen.headers)
        words = bytes(range(256)) * 4096
        writer = threading.Thread(target=client.sendall, args=(words,))
        writer.start()
        assert heard(client, len(words)) == words
        writer.join()
    house.until(lambda: seen.left, 3.0)
    with upgrade(house, "bye") as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 101")
        client.sendall(b"farewell")
        assert heard(client, 1000) == b"farewell"


def test_refused_upgrade(house: House) -> None:
    """ampcode.com's no to an upgrade is an answer, and the connection stays HTTP: nothing slips through behind it."""
    assert house.call("/api/thread-actors", {"threadId": "T-1"}).json["wsToken"] == "token"
    with upgrade(house, "refuse") as client:
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert (answer.status, answer.read()) == (401, b'{"error":"no"}')
        before = len(house.amp.seen)
        client.sendall(f"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {CLIENT_KEY}\r\n\r\n".encode())
        assert b"cliproxy/" in client.recv(4096)
        assert len(house.amp.seen) == before
    with upgrade(house, token="wrong") as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 401")
