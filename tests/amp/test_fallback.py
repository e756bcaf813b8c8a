"""The way to ampcode.com: what passes, what stays behind, at whose pace, and how it ends."""

from __future__ import annotations

import gzip
import random
from types import SimpleNamespace
from typing import Any

import attrs
from twisted.internet.address import UNIXAddress
from twisted.logger import LogLevel, globalLogPublisher
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Site

from cliproxy.amp import pipe
from cliproxy.amp.pipe import HOLD
from cliproxy.settings.model import Amp, ClientKey, Secret
from tests.support.amps import AMP, MESSAGES, Amps
from tests.support.bodies import CLAUDE, CLAUDE_ANSWER
from tests.support.settings import KEY
from tests.support.world import World


class Credentials(Amps):
    """The client's stay here; the operator's go with an admitted client's requests only."""

    def test_headers(self) -> None:
        """None of the client's key headers leaves, nor a header that holds the key somewhere."""
        self.build()
        self.world.post(
            "/api/user",
            {},
            {
                "X-Api-Key": "a",
                "X-Goog-Api-Key": "b",
                "Referer": f"http://x/?key={KEY}",
                "X-Other": KEY,
                "Cookie": "c=1",
            },
        )
        sent = self.amp.last.headers
        self.assertEqual(
            (sent["x-api-key"], sent["authorization"], sent["cookie"]), ("amp-secret", "Bearer amp-secret", "c=1")
        )
        self.assertEqual({"x-goog-api-key", "referer", "x-other"} & set(sent), set())

    def test_query(self) -> None:
        """``key`` and ``auth_token`` go when they hold a client key, however it is spelled; everything else stays as it is."""
        self.build(api_keys=(ClientKey(Secret(KEY)), ClientKey(Secret("other-key"))))
        for query, kept in (
            (f"a=1&key={KEY}&auth_token={KEY}&b=%20x&c", "a=1&b=%20x&c"),
            (f"key=sk%2Dtest&k%65y={KEY}", ""),
            ("key=other-key&x=other-key&y=1", "y=1"),
            (f"state=a{KEY}b&token={KEY}&{KEY}=1&z", "z"),
            ("q=%2573k-test&r=sk%252Dtest&a=1;b=sk-test&s=2", "s=2"),
            ("key=mine&auth_token=yours&authToken=t", "key=mine&auth_token=yours&authToken=t"),
            ("getUserInfo", "getUserInfo"),
        ):
            self.world.post(f"/api/internal?{query}", {})
            self.assertEqual(self.amp.last.target, f"/api/internal?{kept}" if kept else "/api/internal")
        self.world.post(f"/api/internal?auth_token={KEY}", {}, key=None)
        self.assertEqual(self.amp.last.target, "/api/internal")

    def test_keyless(self) -> None:
        """Without client keys this machine's clients are served with the operator's key; a foreign Host is not."""
        self.build(api_keys=())
        self.world.post("/api/user?key=theirs", {}, {"Authorization": "Bearer theirs"}, key=None)
        self.assertEqual(self.amp.last.headers["authorization"], "Bearer amp-secret")
        self.assertEqual(self.world.post("/api/user", {}, {"Host": "evil.example"}, key=None).status, 421)
        self.world.get("/threads", key=None)
        self.assertNotIn("x-api-key", self.amp.last.headers)

    def test_pages(self) -> None:
        """Pages are read; only the log-in is posted to. A wrong key counts as none."""
        self.build()
        call = self.world.post("/threads", {}, key=None)
        self.assertEqual((call.status, call.headers["allow"]), (405, "GET, HEAD"))
        for method, path in (("POST", "/auth/cli-login"), ("HEAD", "/docs"), ("GET", "/settings/x")):
            self.world.request(method, path, key="wrong")
            self.assertEqual((self.amp.last.method, self.amp.last.target), (method, path))
            self.assertNotIn("amp-secret", str(self.amp.last.headers))
            self.assertNotIn("wrong", str(self.amp.last.headers))

    def test_no_key(self) -> None:
        """Without an Amp key requests go without one, and the log says it once a configuration."""
        warnings: list[Any] = []

        def observe(event: Any) -> None:
            if event.get("log_level") is LogLevel.warn and "no Amp key" in event["log_format"]:
                warnings.append(event)

        observer: Any = observe
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.build(Amp(upstream_url="http://amp.test"))
        for _ in range(3):
            self.world.post("/api/user", {})
            self.assertEqual({"x-api-key", "authorization"} & set(self.amp.last.headers), set())
        self.assertLessEqual(len(warnings), 1)

    def test_owners_socket(self) -> None:
        """Over the daemon's UNIX socket the loopback restriction is met."""
        self.build(attrs.evolve(AMP, restrict_management_to_localhost=True))
        request: Any = SimpleNamespace(getClientAddress=lambda: UNIXAddress(None), requestHeaders=Headers())
        self.assertIsNone(self.world.service.amp.fallback.refusal(request))


class Answers(Amps):
    """What comes back."""

    def test_headers(self) -> None:
        """Upstream's headers pass; not its CORS, not its word on our route, and nothing of its hop."""
        self.build()
        call = self.ask("unknown")
        self.amp.last.answer(
            200,
            CLAUDE_ANSWER,
            {
                "X-Request-Id": "theirs",
                "X-Cliproxy-Route": "LOCAL_PROVIDER",
                "Access-Control-Allow-Origin": "*",
                "Connection": "X-Hop",
                "X-Hop": "1",
                "Server": "amp",
            },
        )
        self.world.flow()
        self.assertEqual(call.headers["x-cliproxy-route"], "AMP_CREDITS")
        self.assertEqual((call.headers["x-request-id"], call.headers["server"]), ("theirs", "amp"))
        self.assertEqual({"access-control-allow-origin", "x-hop", "connection"} & set(call.headers), set())
        self.assertEqual(len(call.headers["x-cliproxy-request-id"]), 8)

    def test_without_bodies(self) -> None:
        """HEAD, 204 and 304 have no body, and the connection goes on."""
        self.build()
        call = self.world.request("HEAD", "/api/user")
        self.amp.last.write(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")
        self.world.flow()
        self.assertEqual((call.status, call.headers["content-length"], call.body), (200, "12", b""))
        for status in (204, 304):
            call = self.world.get("/api/user")
            self.amp.last.write(b"HTTP/1.1 %d X\r\nETag: x\r\n\r\n" % status)
            self.world.flow()
            self.assertEqual((call.status, call.headers["etag"], call.body), (status, "x", b""))
            self.assertNotIn("transfer-encoding", call.headers)

    def test_head_goes_first(self) -> None:
        """A stream whose first word is long in coming still shows its head."""
        self.build()
        call = self.world.get("/api/threads/1")
        self.amp.last.begin()
        self.world.flow()
        self.assertEqual((call.status, call.headers["content-type"]), (200, "text/event-stream"))

    def test_timeouts(self) -> None:
        """An upstream that is not there, or never answers, is 502 within its time."""
        self.build(connect_timeout_seconds=3, first_byte_timeout_seconds=7)
        self.world.reactor.black_holes.add("hole.test")
        self.world.service.apply(attrs.evolve(self.world.service.settings, ampcode=Amp("http://hole.test")))
        call = self.world.get("/api/user")
        self.world.pass_time(3)
        self.assertEqual(call.status, 502)
        self.world.service.apply(attrs.evolve(self.world.service.settings, ampcode=AMP))
        call = self.world.get("/api/user")
        self.world.pass_time(7)
        self.assertEqual((call.status, call.json["message"]), (502, "Failed to reach Amp upstream"))

    def test_dies_quietly(self) -> None:
        """An upstream that dies in the middle ends the answer without a clean end, and without a word above debug."""
        loud: list[Any] = []

        def observe(event: Any) -> None:
            if event.get("log_level", LogLevel.debug) > LogLevel.info:
                loud.append(event)

        observer: Any = observe
        self.build()
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        call = self.world.get("/api/threads/1")
        self.amp.last.begin()
        self.amp.last.chunk(b"data: one\n\n")
        self.world.flow()
        self.amp.last.cut()
        self.world.flow()
        self.assertEqual((call.body, call.ended, call.closed), (b"data: one\n\n", False, True))
        self.assertEqual(loud, [])

    def test_mounted(self) -> None:
        """Below somebody else's prefix the path that goes upstream is our own; WebSockets need our own listener."""
        self.build()
        root = Resource()
        root.putChild(b"llm", self.world.service.resource)
        site = Site(root, reactor=self.world.reactor)
        for path in ("/api/internal?getUserInfo", MESSAGES, "/threads/1"):
            method, body = ("GET", None) if "threads" in path else ("POST", {**CLAUDE, "model": "unknown"})
            self.world.request(method, f"/llm{path}", body, site=site)
            self.assertEqual(self.amp.last.target, path)
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
        self.assertEqual(self.world.get("/llm/actors/x", upgrade, site=site).status, 501)


class Gzip(Amps):
    """gzip that no header announces."""

    def answer(self, body: bytes, *, piece: int = 1 << 30, headers: dict[str, str] | None = None) -> Any:
        call = self.world.get("/api/user")
        self.amp.last.begin(headers={"Content-Type": "application/json", **(headers or {})})
        for at in range(0, len(body), piece):
            self.amp.last.chunk(body[at : at + piece])
            self.world.flow()
        self.amp.last.end()
        self.world.flow()
        return call

    def test_in_pieces(self) -> None:
        """However it is cut, a small one is unpacked whole and has its right length."""
        self.build()
        plain = b'{"a":1}' * 100
        for piece in (1, 2, 3, 50):
            call = self.answer(gzip.compress(plain), piece=piece)
            self.assertEqual((call.body, call.headers["content-length"]), (plain, str(len(plain))))

    def test_large(self) -> None:
        """One too large to be held is unpacked as it comes."""
        self.build()
        plain = random.Random(7).randbytes(3 * HOLD)
        call = self.answer(gzip.compress(plain), piece=100_000)
        self.assertEqual((call.body, call.headers["transfer-encoding"], call.ended), (plain, "chunked", True))

    def test_bomb(self) -> None:
        """What unpacks to very much is unpacked at the client's pace, never held whole."""
        self.patch(pipe, "_MEASURED", 1024 * 1024)
        self.build()
        size = 4 * 1024 * 1024
        packed = gzip.compress(bytes(size))
        call = self.world.get("/api/user")
        client: Any = call.transport
        client.pauseProducing()
        self.amp.last.answer(200, packed)
        self.world.flow()
        self.assertLess(len(client.other.outgoing), 300_000)
        client.resumeProducing()
        self.world.flow()
        self.assertEqual((call.body == bytes(size), call.headers["transfer-encoding"]), (True, "chunked"))

    def test_what_is_none(self) -> None:
        """Damaged, cut short, announced, a stream of events, or a part of a body: bytes that pass as they are."""
        self.build()
        packed = gzip.compress(b"x" * 1000)
        self.assertEqual(self.answer(packed[:-4]).body, packed[:-4])
        self.assertEqual(self.answer(packed, headers={"Content-Encoding": "gzip"}).body, packed)
        self.assertEqual(self.answer(packed, headers={"Content-Type": "text/event-stream"}).body, packed)
        self.assertEqual(self.answer(b"\x1f").body, b"\x1f")
        self.assertEqual(self.answer(b"").body, b"")

    def test_damaged_late(self) -> None:
        """One that turns out damaged after its beginning has gone ends without a clean end."""
        self.build()
        packed = bytearray(gzip.compress(random.Random(7).randbytes(2 * HOLD)))
        packed[-20:] = bytes(20)
        call = self.answer(bytes(packed), piece=100_000)
        self.assertEqual((call.ended, call.closed), (False, True))


class Uploads(Amps):
    """Large requests."""

    def test_back_pressure(self) -> None:
        """A large body waits for an upstream that does not read."""
        self.build()
        self.world.get("/api/user")
        self.amp.last.answer(200, {})
        self.world.flow()
        up: Any = self.amp.connections[-1].transport
        up.pauseProducing()
        self.world.post("/api/internal?uploadThread", bytes(8_000_000))
        self.assertLess(len(up.other.outgoing), 500_000)
        up.resumeProducing()
        self.world.flow()
        self.assertEqual(len(self.amp.last.body), 8_000_000)


class Drain(Amps):
    """The daemon stops."""

    def stop(self) -> Any:
        stopped = self.world.service.stopService()
        self.world.flow()
        return stopped

    def test_waited_for(self) -> None:
        """What is on its way may finish within the drain time."""
        self.build(drain_seconds=20)
        call = self.world.get("/api/threads/1")
        self.amp.last.begin()
        self.world.flow()
        stopped = self.stop()
        self.world.pass_time(19)
        self.assertFalse(stopped.called)
        self.amp.last.chunk(b"the end")
        self.amp.last.end()
        self.world.flow()
        self.assertEqual((call.body, call.ended, stopped.called), (b"the end", True, True))

    def test_cut(self) -> None:
        """Then a stream breaks off, and what had no answer yet is told why."""
        self.build(drain_seconds=20)
        stream = self.world.get("/api/threads/1")
        self.amp.last.begin()
        waiting = self.world.get("/api/threads/2")
        self.world.flow()
        stopped = self.stop()
        self.world.pass_time(20)
        self.assertEqual((stream.ended, stream.closed), (False, True))
        self.assertEqual((waiting.status, waiting.json), (503, {"error": "cliproxy is shutting down"}))
        self.assertTrue(stopped.called)
        self.assertEqual(self.amp.open, 0)


class Empty(Amps):
    """The world without ampcode.com."""

    def test_unknown_paths(self) -> None:
        """Without an upstream every path of the control plane is 503, whatever it is called."""
        self.world = World(attrs.evolve(self.build(Amp()).service.settings))
        self.addCleanup(self.world.close)
        for path in ("/api/anything", "/api/tab/x", "/api/otel", "/actors/x", "/threads", "/news.rss"):
            self.assertEqual(self.world.get(path).status, 503, path)
        self.assertEqual(self.world.get("/threadsandmore").status, 404)
