"""Bad input: the right status in the client's dialect, a sentence that says what is wrong, and a daemon that lives on."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.settings import settings
from tests.support.world import Call, World

ROUTES = {
    "openai": "/v1/chat/completions",
    "responses": "/v1/responses",
    "claude": "/v1/messages",
    "gemini": "/v1beta/models/gemini-x:generateContent",
}


def sentence(dialect: str, body: Any) -> str:
    """The message of an error body that is in ``dialect``'s shape; the shape is checked."""
    if dialect == "claude":
        assert body["type"] == "error" and body["error"]["type"]
    elif dialect == "gemini":
        assert isinstance(body["error"]["code"], int) and body["error"]["status"]
    else:
        assert set(body["error"]) >= {"message", "type", "code", "param"}
    message = body["error"]["message"]
    assert isinstance(message, str)
    return message


class BadInput(SynchronousTestCase):
    """One world for all; nothing may reach a vendor."""

    def setUp(self) -> None:
        self.world = World(settings(max_body_mb=1))
        self.vendors = [self.world.vendor(f"{name}.test") for name in ("chat", "codex", "claude", "gemini", "vertex")]
        self.addCleanup(self.world.close)

    def refused(self, call: Call, dialect: str, status: int, *words: str) -> None:
        self.assertEqual(call.status, status, call.raw)
        said = sentence(dialect, call.json)
        for word in words:
            self.assertIn(word, said)
        self.assertEqual(sum(len(vendor.requests) for vendor in self.vendors), 0)

    def test_not_json(self) -> None:
        """A body that is not JSON is a 400 that says where it stops being so."""
        for dialect, path in ROUTES.items():
            for body in (b"", b"{", b'{"model": "gpt-x"', b"\x00", b'{"a": NaN}', b"\xff\xfe{}"):
                self.refused(self.world.post(path, body), dialect, 400, "JSON")

    def test_not_an_object(self) -> None:
        """JSON that is no object is a 400."""
        for dialect, path in ROUTES.items():
            for body in (b"[]", b'"text"', b"null", b"7"):
                self.refused(self.world.post(path, body), dialect, 400, "object")

    def test_model(self) -> None:
        """A model that is missing, of a wrong type, endless, unprintable or unknown is a 400 that names it."""
        for dialect, path in list(ROUTES.items())[:3]:
            for model, word in (
                (None, "required"), ("", "required"), (7, "string"), ("m" * 10_000, "256"), ("a\x00b", "printed"),
                ("nobody-serves-this", "unknown provider for model nobody-serves-this"),
            ):  # fmt: skip
                body = {"model": model, "messages": [{"role": "user", "content": "x"}], "input": "x", "max_tokens": 1}
                self.refused(self.world.post(path, body), dialect, 400, word)

    def test_unreadable_messages(self) -> None:
        """What cannot be read as the dialect is a 400 that names the JSON path, where it must be translated."""
        body = {"model": "claude-x", "messages": [{"role": "user", "content": "x"}, 7]}
        self.refused(self.world.post(ROUTES["openai"], body), "openai", 400, "messages[1]")

    def test_unknown_route(self) -> None:
        """An unknown route is a 404, and an unknown Gemini method one that lists the methods."""
        self.refused(self.world.get("/v1/nothing"), "openai", 404)
        self.refused(self.world.post("/v1beta/models/gemini-x:dance", {}), "gemini", 404, "generateContent")
        self.refused(self.world.post("/v1beta/models/gemini-x", {}), "gemini", 404)

    def test_wrong_method(self) -> None:
        """A wrong method is a 405 with Allow, in the dialect of the path."""
        for dialect, path in ROUTES.items():
            if dialect != "gemini":
                call = self.world.request("DELETE", path)
                self.refused(call, dialect, 405)
                self.assertIn("POST", call.headers["allow"])

    def test_ambiguous_paths(self) -> None:
        """Paths that can be read in two ways are a 400."""
        for path in (
            "//v1/models",
            "/v1/../v1/models",
            "/v1/models%2fx",
            "/v1/models/%00",
            "/v1\\models",
            "/v1/./models",
        ):
            self.assertEqual(self.world.get(path).status, 400, path)

    def test_too_large(self) -> None:
        """A body over the limit is a 413 in the dialect, whether its length is declared or not."""
        large = b'{"model": "' + b"x" * (1024 * 1024) + b'"}'
        for dialect, path in ROUTES.items():
            self.refused(self.world.post(path, large), dialect, 413, "max-body-mb")
        chunks = b"".join(b"10000\r\n" + b"x" * 0x10000 + b"\r\n" for _ in range(17))
        head = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nX-Api-Key: sk-test\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.refused(self.world.send(head + chunks), "claude", 413, "max-body-mb")

    def test_keys(self) -> None:
        """No key and a wrong key are a 401 in the dialect, and the wrong key is not repeated."""
        for dialect, path in ROUTES.items():
            self.refused(self.world.post(path, {}, key=None), dialect, 401, "Missing API key")
            call = self.world.post(path, {}, key="sk-wrong-wrong")
            self.refused(call, dialect, 401, "Invalid API key")
            self.assertNotIn(b"sk-wrong", call.raw)

    def test_foreign_origin(self) -> None:
        """A foreign web page is refused before its key is looked at; nothing allows it in the headers."""
        call = self.world.post(ROUTES["openai"], {}, {"Origin": "https://evil.example"})
        self.refused(call, "openai", 403, "cors-origins")
        self.assertNotIn("access-control-allow-origin", call.headers)

    def test_websocket(self) -> None:
        """A WebSocket upgrade on Responses is answered 426 at once."""
        call = self.world.get("/v1/responses", {"Connection": "Upgrade", "Upgrade": "websocket"})
        self.refused(call, "responses", 426)

    def test_lives_on(self) -> None:
        """After all of that the daemon serves."""
        self.assertEqual(self.world.get("/healthz", key=None).status, 200)
        self.assertEqual(self.world.get("/v1/models").status, 200)


class Edges(SynchronousTestCase):
    """What twisted.web leaves open."""

    def setUp(self) -> None:
        self.world = World(settings())
        self.addCleanup(self.world.close)

    def test_slow_head(self) -> None:
        """A request head that is not complete after its deadline is refused, however it trickles."""
        call = self.world.send(b"POST /v1/messages HTTP/1.1\r\n")
        transport: Any = call.transport
        for _ in range(9):
            transport.write(b"X-Slow: 1\r\n")
            self.world.pass_time(1)
        self.assertEqual(call.raw, b"")
        self.world.pass_time(1.5)
        self.assertEqual(call.status, 408)

    def test_slow_body(self) -> None:
        """A body that comes at under 1 KB a second is refused after 20 seconds of grace."""
        call = self.world.send(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n")
        transport: Any = call.transport
        for _ in range(19):
            transport.write(b"x" * 100)
            self.world.pass_time(1)
        self.assertEqual(call.raw, b"")
        self.world.pass_time(3)
        self.assertEqual(call.status, 408)
        self.assertEqual(call.json["error"]["type"], "timeout_error")

    def test_steady_body(self) -> None:
        """A large body that keeps coming is waited for."""
        call = self.world.send(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n")
        transport: Any = call.transport
        for _ in range(50):
            transport.write(b"x" * 4000)
            self.world.pass_time(1)
        self.assertEqual(call.status, 401)

    def test_pipelining(self) -> None:
        """A client that sends more than a little ahead of its answer is cut off."""
        vendor = self.world.vendor("chat.test")
        call = self.world.post(
            "/v1/chat/completions", {"model": "gpt-x", "messages": [{"role": "user", "content": "x"}]}
        )
        transport: Any = call.transport
        transport.write(b"x" * 20_000)
        self.world.flow()
        self.assertTrue(call.closed)
        self.assertTrue(vendor.last.gone)

    def test_idle_connections_close(self) -> None:
        """A kept connection is closed after its idle time."""
        call = self.world.get("/healthz")
        self.assertFalse(call.closed)
        self.world.pass_time(80)
        self.assertTrue(call.closed)
