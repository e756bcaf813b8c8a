"""Torture on raw sockets: whatever comes in, one right answer or none goes out, and the daemon lives."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from tests.real import raw
from tests.real.house import House, open_house
from tests.support.vendors import script

pytestmark = pytest.mark.real

GOOD = json.dumps({"model": "openai-fake", "messages": [{"role": "user", "content": "scene:plain"}]}).encode()


@pytest.fixture(autouse=True)
def lives(house: House) -> Iterator[None]:
    """After every test the daemon serves, and every vendor has had well-formed requests only."""
    yield
    assert house.daemon.alive
    assert not house.vendor("openai").framing_faults


@attrs.frozen
class Seen:
    """What came back until the other side closed, or until it had been quiet for ``quiet`` seconds."""

    data: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        """The status of each answer."""
        return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3})", self.data)]


def _talk(house: House, *pieces: bytes, quiet: float = 1.0) -> Seen:
    """Send the pieces one after the other and read what comes."""
    with socket.create_connection(("127.0.0.1", house.daemon.port), timeout=5) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:
                break  # it has closed already
        return _listen(connection, quiet)


def _listen(connection: socket.socket, quiet: float) -> Seen:
    data = b""
    connection.settimeout(quiet)
    while True:
        try:
            piece = connection.recv(65536)
        except TimeoutError:
            return Seen(data, False)
        except OSError:
            return Seen(data, True)
        if not piece:
            return Seen(data, True)
        data += piece


def _head(house: House, *lines: str, method: str = "POST", path: str = "/v1/chat/completions") -> bytes:
    """A request's head with the right key, and these lines besides."""
    first = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{house.daemon.port}",
        f"Authorization: Bearer {house.daemon.key}",
    ]
    return "\r\n".join([*first, "Content-Type: application/json", *lines, "", ""]).encode()


def _chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def test_good_requests_pass(house: House) -> None:
    """The torture's own tools are right: a good request is answered 200, with a length and in chunks."""
    with_length = _talk(house, _head(house, f"Content-Length: {len(GOOD)}", "Connection: close"), GOOD)
    assert with_length.statuses == [200] and with_length.closed
    in_chunks = _talk(
        house, _head(house, "Transfer-Encoding: chunked", "Connection: close"), _chunked(GOOD[:9], GOOD[9:])
    )
    assert in_chunks.statuses == [200]


AMBIGUOUS = {
    "negative length": ["Content-Length: -1"],
    "signed length": ["Content-Length: +{n}"],
    "length in hex": ["Content-Length: 0x{n}"],
    "length with a comma": ["Content-Length: {n}, {n}"],
    "length with a blank": ["Content-Length: {n} {n}"],
    "length of letters": ["Content-Length: many"],
    "empty length": ["Content-Length: "],
    "two lengths that differ": ["Content-Length: {n}", "Content-Length: 1"],
    "two equal lengths": ["Content-Length: {n}", "Content-Length: {n}"],
    "length and chunked": ["Content-Length: {n}", "Transfer-Encoding: chunked"],
    "chunked and length": ["Transfer-Encoding: chunked", "Content-Length: {n}"],
    "xchunked": ["Transfer-Encoding: xchunked"],
    "identity": ["Transfer-Encoding: identity"],
    "chunked twice": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    "chunked not last": ["Transfer-Encoding: chunked, gzip"],
    "blank before the colon": ["Content-Length : {n}"],
    "vertical tab in a coding": ["Transfer-Encoding:\x0bchunked"],
    "folded line": ["X-One: a", " Content-Length: {n}"],
    "NUL in a value": ["X-One: a\0b", "Content-Length: {n}"],
    "NUL in a name": ["X-\0One: a", "Content-Length: {n}"],
    "lone CR in a value": ["X-One: a\rContent-Length: 5", "Content-Length: {n}"],
    "line without a colon": ["X-One", "Content-Length: {n}"],
    "empty name": [": a", "Content-Length: {n}"],
}


@pytest.mark.parametrize("name", list(AMBIGUOUS))
def test_ambiguous_framing(house: House, name: str) -> None:
    """Where a request's length could be read two ways it is refused, and the connection closed: nothing is smuggled."""
    before = len(house.vendor("openai").records)
    lines = [line.replace("{n}", str(len(GOOD))) for line in AMBIGUOUS[name]]
    smuggled = _head(house, "Content-Length: 0", method="GET", path="/healthz")
    seen = _talk(house, _head(house, *lines), GOOD, smuggled)
    # A "length" that is harmless because it repeats itself may be served, once.
    allowed = [[], [400], [200]] if name == "two equal lengths" else [[], [400], [411], [501]]
    assert seen.statuses in allowed, seen
    assert seen.closed or seen.statuses == [200], seen
    assert len(house.vendor("openai").records) - before <= seen.statuses.count(200)


CHUNKS = {
    "negative size": b"-1\r\n",
    "size in 0x": b"0x5\r\nabcde\r\n0\r\n\r\n",
    "size with a plus": b"+5\r\nabcde\r\n0\r\n\r\n",
    "size with an underscore": b"1_0\r\n",
    "no size": b"\r\nabcde\r\n0\r\n\r\n",
    "size of letters": b"zz\r\n",
    "huge size": b"f" * 40 + b"\r\n",
    "endless size line": b"1" * 5000,
    "endless extension": b"5;" + b"x" * 70000,
    "LF in an extension": b"5;a\nb\r\nabcde\r\n0\r\n\r\n",
    "LF after the size": b"5\nabcde\r\n0\r\n\r\n",
    "two bytes after the chunk": b"5\r\nabcdeXX0\r\n\r\n",
    "more than it says": b"3\r\nabcde\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", list(CHUNKS))
def test_odd_chunks(house: House, name: str) -> None:
    """A chunk that is not one is refused, and the connection closed."""
    before = len(house.vendor("openai").records)
    seen = _talk(house, _head(house, "Transfer-Encoding: chunked"), CHUNKS[name], quiet=3.5)
    assert seen.statuses in ([], [400], [413]), seen
    assert seen.closed, seen
    assert len(house.vendor("openai").records) == before


def test_trailers_frame_nothing(house: House) -> None:
    """Trailers that name a length or a key change nothing."""
    trailers = b"0\r\nContent-Length: 5\r\nAuthorization: Bearer nobody\r\n\r\n"
    body = b"%x\r\n%s\r\n" % (len(GOOD), GOOD) + trailers
    seen = _talk(house, _head(house, "Transfer-Encoding: chunked"), body)
    assert seen.statuses in ([200], [400]), seen


LINES = {
    "HTTP/0.9": b"GET /healthz\r\n",
    "HTTP/2.0": b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n",
    "HTTP/1.9": b"GET /healthz HTTP/1.9\r\nHost: x\r\n\r\n",
    "no version": b"GET /healthz \r\n\r\n",
    "four words": b"GET /healthz of HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("16030100a5010000a10303") + b"\0" * 64 + b"\r\n\r\n",
    "h2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "NUL in the path": b"GET /he\0alth HTTP/1.1\r\nHost: x\r\n\r\n",
    "endless line": b"GET /" + b"a" * 100_000,
    "many headers": b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(3000)) + b"\r\n",
    "long header": b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 100_000,
}


@pytest.mark.parametrize("name", list(LINES))
def test_odd_request_lines(house: House, name: str) -> None:
    """What is no HTTP/1.1 request is refused or hung up on, at once or at the header deadline."""
    seen = _talk(house, LINES[name], quiet=3.5)
    assert seen.statuses in ([], [400], [404], [414], [421], [431], [505]), seen
    assert seen.closed or name == "HTTP/1.9", seen


@pytest.mark.parametrize("target", ["http://evil.example/healthz", "evil.example:443", "*", "//evil.example/v1/models"])
def test_foreign_targets(house: House, target: str) -> None:
    """A target in absolute or authority form is never fetched."""
    seen = _talk(house, _head(house, "Content-Length: 0", "Connection: close", method="GET", path=target))
    assert len(seen.statuses) == 1 and seen.statuses[0] in (200, 400, 404, 405, 421), seen
    connect = _talk(house, _head(house, "Connection: close", method="CONNECT", path="evil.example:443"))
    assert connect.statuses and connect.statuses[0] in (400, 404, 405, 501), connect


def test_slow_headers(house: House) -> None:
    """Headers that come a byte at a time are cut off at the deadline, however busy the line is."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", house.daemon.port), timeout=5) as connection:
        connection.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        connection.settimeout(0.2)
        closed = False
        while not closed and time.monotonic() - began < 8:
            try:
                connection.sendall(b"a")
                closed = not connection.recv(4096) or closed
            except TimeoutError:
                continue
            except OSError:
                closed = True
    assert closed, "eight seconds of headers, and still listened to (the deadline is two)"


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_body_too_large(house: House, declared: bool) -> None:
    """A body above the limit is 413 in the client's dialect, and not read to its end."""
    size = 3 * 1024 * 1024
    if declared:
        seen = _talk(house, _head(house, f"Content-Length: {size}", path="/v1/messages"), b"x" * 1000)
    else:
        chunk = b"x" * 65536
        head = _head(house, "Transfer-Encoding: chunked", path="/v1/messages")
        seen = _talk(house, head, *[b"%x\r\n%s\r\n" % (len(chunk), chunk) for _ in range(size // len(chunk))])
    assert seen.statuses == [413], seen.data[:300]
    assert seen.closed
    body = json.loads(seen.data.partition(b"\r\n\r\n")[2])
    assert body["error"]["type"] == "request_too_large"


def test_nothing_after_a_refusal(house: House) -> None:
    """A second request in the pipeline after one whose framing was refused gets nothing."""
    first = _head(house, "Content-Length: -5")
    second = _head(house, "Content-Length: 0", method="GET", path="/healthz")
    seen = _talk(house, first + second)
    assert len(seen.statuses) <= 1, seen
    assert seen.closed


def test_pipelined_in_order(house: House) -> None:
    """Good requests in a pipeline are answered in their order, whatever each takes."""
    slow = _head(house, f"Content-Length: {len(GOOD)}") + GOOD
    quick = _head(house, "Content-Length: 0", "Connection: close", method="GET", path="/healthz")
    seen = _talk(house, slow + quick, quiet=5)
    assert seen.statuses == [200, 200], seen
    assert seen.data.index(b"chat.completion") < seen.data.rindex(b"HTTP/1.1 200")


def test_expect_continue(house: House) -> None:
    """A client that waits for 100 Continue gets it, or at least its answer."""
    with socket.create_connection(("127.0.0.1", house.daemon.port), timeout=5) as connection:
        connection.sendall(_head(house, f"Content-Length: {len(GOOD)}", "Expect: 100-continue", "Connection: close"))
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
        connection.sendall(GOOD)
        assert _listen(connection, 5).statuses == [200]


ERRORS: dict[str, Callable[[Any], bool]] = {
    "/v1/chat/completions": lambda error: {"message", "type", "param", "code"} <= set(error["error"]),
    "/v1/responses": lambda error: {"message", "type", "param", "code"} <= set(error["error"]),
    "/v1/messages": lambda error: error["type"] == "error" and {"type", "message"} <= set(error["error"]),
    "/v1beta/models/gemini-fake:generateContent": lambda error: {"code", "message", "status"} <= set(error["error"]),
}
BODIES = {
    "not JSON": b'{"model": "openai-fake", "messages": [',
    "nothing": b"",
    "an array": b"[]",
    "a string": b'"hello"',
    "NaN": b'{"model": NaN}',
    "NUL bytes": b'{"model": "a\0b"}',
    "bad UTF-8": b'{"model": "\xff\xfe"}',
    "deep": b'{"model":' + b"[" * 100_000,
    "a lone surrogate": b'{"model": "openai-fake", "messages": [{"role": "user", "content": "\\ud800"}]',
    "messages of a wrong type": b'{"model": "openai-fake", "messages": 7, "input": 7, "contents": 7}',
    "messages missing": b'{"model": "openai-fake"}',
    "a message of a wrong type": b'{"model": "openai-fake", "messages": [7], "input": [7], "contents": [7]}',
}


@pytest.mark.parametrize("path", list(ERRORS))
@pytest.mark.parametrize("name", list(BODIES))
def test_bad_bodies(house: House, path: str, name: str) -> None:
    """A body that cannot be read is a 400 in the client's dialect with a sentence, and reaches no vendor as a success."""
    answer = raw.call(house.daemon.url + path, BODIES[name], {"Authorization": f"Bearer {house.daemon.key}"})
    assert answer.status == 400, answer.body
    assert answer.headers["content-type"].startswith("application/json")
    error = answer.json
    assert ERRORS[path](error), error
    assert len(error["error"]["message"]) > 10


@pytest.mark.parametrize("path", list(ERRORS)[:3])
@pytest.mark.parametrize(
    "model", ["", "x" * 10_240, None, 7, ["openai-fake"], "openai-fake\0", "../../etc/passwd", "a\r\nX: b"]
)
def test_bad_models(house: House, path: str, model: object) -> None:
    """A model that is missing, huge or no name is a 400 in the client's dialect that does not repeat ten kilobytes."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "input": "hi", "max_tokens": 9}
    answer = raw.call(house.daemon.url + path, body, {"Authorization": f"Bearer {house.daemon.key}"})
    assert answer.status == 400, answer.body[:300]
    assert ERRORS[path](answer.json)
    assert len(answer.body) < 2000


def test_bad_models_in_a_path(house: House) -> None:
    """The same in a Gemini path, and an unknown method is a 404 in Gemini's shape."""
    headers = {"x-goog-api-key": house.daemon.key}
    body = {"contents": [{"parts": [{"text": "hi"}]}]}
    huge = raw.call(f"{house.daemon.url}/v1beta/models/{'x' * 10_000}:generateContent", body, headers)
    assert huge.status in (400, 404, 414), huge.body[:200]
    assert len(huge.body) < 2000
    for method in ("", ":", ":noSuchMethod", ":generateContent:generateContent"):
        answer = raw.call(f"{house.daemon.url}/v1beta/models/gemini-fake{method}", body, headers)
        # ``a:b`` could be a model's name; whatever it is taken for, it is no success.
        assert answer.status in (400, 404, 405), (method, answer.body)
        assert "status" in answer.json["error"], (method, answer.body)


@pytest.mark.parametrize(
    "path", [*ERRORS, "/v1/models", "/v1/messages/count_tokens", "/v1/embeddings", "/v1beta/models"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "POST"])
def test_wrong_methods(house: House, path: str, method: str) -> None:
    """A wrong method is 405 with Allow, in the shape of the route's dialect."""
    right = "GET" if path.endswith("/models") else "POST"
    if method == right:
        return
    answer = raw.call(house.daemon.url + path, headers={"Authorization": f"Bearer {house.daemon.key}"}, method=method)
    assert answer.status == 405, (answer.status, answer.body)
    assert right in answer.headers["allow"]
    assert isinstance(answer.json["error"], dict)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1/nowhere", "/v1beta/nowhere", "/v1internal:generateContent", "/v1/ws"]
)
def test_unknown_routes(house: House, path: str) -> None:
    """An unknown route is a 404 with a JSON error."""
    answer = raw.call(house.daemon.url + path, {}, {"Authorization": f"Bearer {house.daemon.key}"})
    assert answer.status == 404, (answer.status, answer.body)
    assert isinstance(answer.json["error"], dict)


@pytest.mark.parametrize(
    "path", ["/v1//models", "/v1/./models", "/v1/x/../models", "/v1%2fmodels", "/v1/models%00", "/v1\\models"]
)
def test_twisted_paths(house: House, path: str) -> None:
    """A path that is not in its plain form is refused."""
    seen = _talk(house, _head(house, "Content-Length: 0", "Connection: close", method="GET", path=path))
    assert seen.statuses in ([400], [404]), seen


@pytest.mark.parametrize(
    "path", [*ERRORS, "/v1/models", "/v1beta/models", "/v1/messages/count_tokens", "/v1/embeddings"]
)
def test_every_route_asks_for_a_key(house: House, path: str) -> None:
    """Without a key nothing but health is served: 401 in the route's dialect."""
    method = "GET" if path.endswith("/models") else "POST"
    answer = raw.call(house.daemon.url + path, GOOD if method == "POST" else None, method=method)
    assert answer.status == 401, answer.body
    assert answer.json["error"]
    assert raw.call(f"{house.daemon.url}/healthz").status == 200


@pytest.mark.parametrize("path", list(ERRORS))
def test_foreign_origin(house: House, path: str) -> None:
    """A page of another site cannot make its visitor's browser use the daemon, key or no key."""
    for headers in ({}, {"Authorization": f"Bearer {house.daemon.key}"}):
        answer = raw.call(house.daemon.url + path, GOOD, {"Origin": "https://evil.example", **headers})
        assert answer.status in (401, 403), answer.body
        assert "access-control-allow-origin" not in answer.headers
    preflight = raw.call(
        house.daemon.url + path,
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
        method="OPTIONS",
    )
    assert "access-control-allow-origin" not in preflight.headers


@contextmanager
def _keyless() -> Iterator[House]:
    with open_house(lambda settings: settings.update({"api-keys": [], "allowed-hosts": ["cliproxy.lan"]})) as house:
        yield house


def test_foreign_host_without_keys() -> None:
    """A daemon without keys answers 421 to a Host it does not know: a rebound name reaches nothing."""
    with _keyless() as house:
        for host, status in (
            ("evil.example", 421),
            (f"evil.example:{house.daemon.port}", 421),
            ("127.0.0.1.evil.example", 421),
            (f"127.0.0.1:{house.daemon.port}", 200),
            (f"localhost:{house.daemon.port}", 200),
            ("cliproxy.lan", 200),
        ):
            answer = raw.call(f"{house.daemon.url}/v1/chat/completions", GOOD, {"Host": host})
            assert answer.status == status, (host, answer.status, answer.body)
        assert raw.call(f"{house.daemon.url}/v1/models", headers={"Host": "evil.example"}).status == 421


def test_vanishing_clients(house: House) -> None:
    """Clients that leave in every phase leave nothing behind: the vendor's connections go, and the daemon serves on."""
    vendor = house.vendor("openai")
    body = GOOD.replace(b"scene:plain", b"scene:endless").replace(b'"messages"', b'"stream": true, "messages"')
    head = _head(house, f"Content-Length: {len(body)}")
    for cut in (5, len(head) // 2, len(head), len(head) + 10, len(head) + len(body)):
        with socket.create_connection(("127.0.0.1", house.daemon.port), timeout=5) as connection:
            connection.sendall((head + body)[:cut])
    before = len(vendor.records)
    with socket.create_connection(("127.0.0.1", house.daemon.port), timeout=5) as connection:
        connection.sendall(head + body)
        vendor.until(lambda: len(vendor.records) > before)
        connection.recv(100)
    vendor.until(lambda: all(record.done or record.left for record in vendor.records), 3.0)


def test_half_closed_client(house: House) -> None:
    """A client that has sent all and closed its sending half either gets its answer or is taken for gone."""
    with socket.create_connection(("127.0.0.1", house.daemon.port), timeout=5) as connection:
        connection.sendall(_head(house, f"Content-Length: {len(GOOD)}") + GOOD)
        connection.shutdown(socket.SHUT_WR)
        seen = _listen(connection, 5)
    assert seen.closed
    assert seen.statuses in ([], [200])


def test_slow_readers_cost_little(house: House) -> None:
    """Twenty readers that do not read, before a vendor that never stops, make the daemon hold its vendors, not memory."""
    vendor = house.vendor("openai")
    body = GOOD.replace(b"scene:plain", b"scene:flood").replace(b'"messages"', b'"stream": true, "messages"')
    head = _head(house, f"Content-Length: {len(body)}")
    before, records = house.daemon.memory(), len(vendor.records)
    connections = []
    try:
        for _ in range(20):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            connection.connect(("127.0.0.1", house.daemon.port))
            connection.sendall(head + body)
            connections.append(connection)
        vendor.until(lambda: len(vendor.records) == records + 20)
        # Every vendor thread stands still when nobody takes what it says.
        vendor.until(lambda: all(record.stalled for record in vendor.records[records:]), 10.0)
        assert house.daemon.memory() - before < 10 * 1024 * 1024
    finally:
        for connection in connections:
            connection.close()
    vendor.until(lambda: all(record.left for record in vendor.records[records:]), 5.0)


def test_words_after_everything(house: House) -> None:
    """After all this a client is served as ever."""
    client = house.clients["openai"]
    assert client.ask("openai-fake", client.begin("scene:plain"), stream=True).text == script.PLAIN
