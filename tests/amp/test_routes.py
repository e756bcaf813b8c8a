"""Amp through the daemon: what it serves itself, what it maps, what goes to ampcode.com, and what never goes with it."""

from __future__ import annotations

import gzip
from typing import Any

from cliproxy.jsontypes import dumps
from cliproxy.settings.model import Amp, AmpUpstreamKey, Secret
from tests.support.amps import MESSAGES, Amps
from tests.support.bodies import CLAUDE_ANSWER, GEMINI, GEMINI_ANSWER
from tests.support.world import Call, World


class Decisions(Amps):
    """Local, mapped, credits, nobody."""

    def test_local(self) -> None:
        """A local model is served here, without the beta of Amp's own subscription, and said so."""
        self.build()
        call = self.ask("claude-x", {"Anthropic-Beta": "context-1m-2025-08-07, other-1"})
        self.assertEqual(self.claude.last.headers["anthropic-beta"], "other-1")
        self.claude.last.answer(200, CLAUDE_ANSWER)
        self.world.flow()
        self.assertEqual((call.status, call.json), (200, CLAUDE_ANSWER))
        self.assertEqual(call.headers["x-cliproxy-route"], "LOCAL_PROVIDER")
        self.assertEqual(self.amp.requests, [])

    def test_mapped(self) -> None:
        """A mapped model is asked under its new name; the client sees its own, and no thinking beside a tool call."""
        self.build()
        call = self.ask("claude-opus")
        self.assertEqual(self.claude.last.json["model"], "claude-x")
        content = [
            {"type": "thinking", "thinking": "t", "signature": "s"},
            {"type": "tool_use", "id": "1", "name": "n", "input": {}},
        ]
        self.claude.last.answer(200, {**CLAUDE_ANSWER, "content": content})
        self.world.flow()
        self.assertEqual(call.json["model"], "claude-opus")
        self.assertEqual([block["type"] for block in call.json["content"]], ["tool_use"])
        self.assertEqual(call.headers["x-cliproxy-route"], "MODEL_MAPPING")

    def test_mapped_stream(self) -> None:
        """In a stream the asked name stands in message_start."""
        self.build()
        call = self.ask("claude-opus", stream=True)
        sent = self.claude.last
        sent.begin()
        sent.event({"type": "message_start", "message": {**CLAUDE_ANSWER, "content": []}}, "message_start")
        sent.event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, "a")
        sent.event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}, "b")
        self.world.flow()
        self.assertEqual(call.events[0]["message"]["model"], "claude-opus")

    def test_endless_names(self) -> None:
        """A name that is too long is refused before anything is decided by it, in the body or in the path."""
        self.build()
        self.assertEqual(self.ask("a" * 80_000).status, 400)
        path = f"/api/provider/google/v1beta1/publishers/google/models/{'a' * 8000}:generateContent"
        self.assertEqual(self.world.post(path, GEMINI).status, 400)
        self.assertEqual(self.amp.requests, [])

    def test_google_path(self) -> None:
        """Google's path is routed by the model in it, whichever of the two key headers is right."""
        self.build()
        path = "/api/provider/google/v1beta1/publishers/google/models/gemini-flash:generateContent"
        call = self.world.post(path, GEMINI, {"x-goog-api-key": "placeholder"})
        self.assertEqual(self.gemini.last.target, "/v1beta/models/gemini-x:generateContent")
        self.gemini.last.answer(200, {**GEMINI_ANSWER, "modelVersion": "gemini-x-001"})
        self.world.flow()
        self.assertEqual(call.json["modelVersion"], "gemini-flash")

    def test_credits(self) -> None:
        """Anything else goes to ampcode.com as it is, with the operator's key and not the client's, and is counted."""
        self.build()
        call = self.ask("claude-unknown", {"X-Amp-Thread-Id": "T-1", "Anthropic-Beta": "context-1m-2025-08-07"})
        sent = self.amp.last
        self.assertEqual(sent.target, MESSAGES)
        self.assertEqual(sent.headers["authorization"], "Bearer amp-secret")
        self.assertEqual(sent.headers["x-api-key"], "amp-secret")
        self.assertEqual(sent.headers["x-amp-thread-id"], "T-1")
        self.assertEqual(sent.headers["anthropic-beta"], "context-1m-2025-08-07")
        self.assertNotIn("sk-test", str(sent.headers))
        sent.answer(200, CLAUDE_ANSWER, {"Set-Cookie": "a=1"})
        self.world.flow()
        self.assertEqual(call.json, CLAUDE_ANSWER)
        self.assertEqual(call.headers["x-cliproxy-route"], "AMP_CREDITS")
        self.assertEqual(call.headers["x-cliproxy-amp-credit-requests"], "1")

    def test_denied(self) -> None:
        """With deny-fallback nothing is spent; the dialect's error says so."""
        self.build(Amp(upstream_url="http://amp.test", deny_fallback=True))
        call = self.ask("claude-unknown")
        self.assertEqual((call.status, call.json["type"]), (400, "error"))
        self.assertIn("deny-fallback", call.json["error"]["message"])
        self.assertEqual(call.headers["x-cliproxy-route"], "NO_PROVIDER")
        self.assertEqual(self.amp.requests, [])

    def test_nobody(self) -> None:
        """Without an upstream the route's own error answers."""
        self.build(Amp())
        call = self.ask("claude-unknown")
        self.assertEqual(call.status, 400)
        self.assertIn("unknown provider", call.json["error"]["message"])


class ControlPlane(Amps):
    """Threads, telemetry, login: passed through, the operator's key with admitted clients only."""

    def test_relayed(self) -> None:
        """Path, query, body coding and repeated headers pass; hop-by-hop and the client's key do not."""
        self.build()
        body = gzip.compress(dumps({"method": "x"}))
        call = self.world.post(
            "/api/internal?uploadThread&key=sk-test&other=1",
            body,
            {"Content-Encoding": "gzip", "Connection": "close, X-Hop", "X-Hop": "1", "Cookie": "s=1"},
        )
        sent = self.amp.last
        self.assertEqual(sent.target, "/api/internal?uploadThread&other=1")
        self.assertEqual((sent.body, sent.headers["content-encoding"]), (body, "gzip"))
        self.assertNotIn("x-hop", sent.headers)
        sent.answer(201, {"ok": True}, {"X-Twice": "1\r\nX-Twice: 2", "Keep-Alive": "timeout=5"})
        self.world.flow()
        self.assertEqual((call.status, call.json), (201, {"ok": True}))
        self.assertEqual(call.headers["x-twice"], "1, 2")
        self.assertNotIn("keep-alive", call.headers)

    def test_no_key_no_way(self) -> None:
        """Without a client key the control plane is a 401 and ampcode.com sees nothing."""
        self.build()
        for path in (
            "/api/internal",
            "/api/threads/find?q=x",
            "/api/thread-actors",
            "/actors/gateway/x",
            "/api/unheard-of",
        ):
            self.assertEqual(self.world.post(path, {}, key=None).status, 401, path)
        self.assertEqual(self.amp.requests, [])

    def test_login_pages(self) -> None:
        """Login pages pass without a client key, and then without the operator's."""
        self.build()
        for path in ("/auth/cli-login?authToken=t", "/threads", "/docs/x", "/settings", "/threads.rss", "/news.rss"):
            self.world.get(path, key=None)
            self.assertEqual(self.amp.last.target, path)
            self.assertNotIn("amp-secret", str(self.amp.last.headers))
        self.world.get("/threads")
        self.assertEqual(self.amp.last.headers["x-api-key"], "amp-secret")

    def test_guards(self) -> None:
        """No upstream is a 503, CORS is off, and the loopback restriction goes by the TCP peer."""
        self.build(Amp())
        call = self.world.post("/api/user", {})
        self.assertEqual((call.status, call.json), (503, {"error": "amp upstream proxy not available"}))
        self.build(Amp(upstream_url="http://amp.test", restrict_management_to_localhost=True))
        self.assertEqual(self.world.request("OPTIONS", "/api/user").status, 403)
        head = (
            b"GET /api/user HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-test\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"
        )
        call = self.world.send(head, peer="192.0.2.7")
        self.assertEqual((call.status, self.amp.requests), (403, []))

    def test_keys_per_client(self) -> None:
        """A client's own Amp key goes before the common one; AMP_API_KEY comes after both."""
        mapped = AmpUpstreamKey(Secret("amp-mine"), (Secret("sk-test"),))
        self.build(Amp("http://amp.test", Secret("amp-common"), (mapped,)))
        self.world.post("/api/user", {})
        self.assertEqual(self.amp.last.headers["x-api-key"], "amp-mine")

    def test_unmarked_gzip(self) -> None:
        """A gzip body that does not say so is unpacked, errors too; a damaged one passes as it is."""
        self.build()
        for status, body, seen in (
            (200, gzip.compress(b'{"a":1}'), b'{"a":1}'),
            (500, gzip.compress(b"oops"), b"oops"),
            (200, b"\x1f\x8bnot really", b"\x1f\x8bnot really"),
        ):
            call = self.world.post("/api/user", {})
            self.amp.last.answer(status, body)
            self.world.flow()
            self.assertEqual((call.status, call.body), (status, seen))

    def test_redirects_pass(self) -> None:
        """A redirect is the client's to follow."""
        self.build()
        call = self.world.get("/threads")
        self.amp.last.answer(302, b"", {"Location": "http://elsewhere.test/"})
        self.world.flow()
        self.assertEqual((call.status, call.headers["location"]), (302, "http://elsewhere.test/"))
        self.assertEqual(len(self.amp.requests), 1)

    def test_unreachable(self) -> None:
        """An upstream that cannot be reached is a 502 that says so."""
        self.build(Amp(upstream_url="http://nowhere.test"))
        call = self.world.post("/api/user", {})
        self.world.pass_time(1)
        self.assertEqual(call.status, 502)
        self.assertEqual(call.json["error"], "amp_upstream_proxy_error")

    def test_hang_up(self) -> None:
        """A client that leaves closes the upstream."""
        self.build()
        call = self.world.post("/api/user", {})
        self.amp.last.begin(headers={"Content-Type": "text/plain"})
        self.amp.last.chunk(b"x" * 10)
        self.world.flow()
        self.assertEqual(call.body, b"x" * 10)
        call.leave()
        self.world.flow()
        self.assertTrue(self.amp.last.gone)

    def test_back_pressure(self) -> None:
        """A large answer waits for a client that does not read."""
        self.build()
        call = self.world.post("/api/user", {})
        client: Any = call.transport
        self.amp.last.begin(headers={"Content-Type": "text/plain"})
        self.world.flow()
        client.pauseProducing()
        for _ in range(40):
            self.amp.last.chunk(b"x" * 50_000)
            self.world.flow()
        self.assertLess(len(client.other.outgoing), 300_000)
        client.resumeProducing()
        self.amp.last.end()
        self.world.flow()
        self.assertEqual(len(call.body), 2_000_000)


class Tunnels(Amps):
    """WebSockets are bytes both ways, after authentication."""

    def upgrade(self, key: str | None = World.KEY) -> Call:
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": "k",
            "Sec-WebSocket-Protocol": "rivet",
        }
        return self.world.get("/actors/gateway/x/websocket/?rvt-key=1", headers, key=key)

    def test_both_ways(self) -> None:
        """The upgrade goes up with the operator's key; what follows passes byte for byte, and either end ends both."""
        self.build()
        call = self.upgrade()
        sent = self.amp.last
        self.assertEqual(sent.target, "/actors/gateway/x/websocket/?rvt-key=1")
        self.assertEqual((sent.headers["upgrade"], sent.headers["sec-websocket-protocol"]), ("websocket", "rivet"))
        self.assertEqual(sent.headers["x-api-key"], "amp-secret")
        sent.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02hi")
        self.world.flow()
        self.assertTrue(call.raw.endswith(b"\x81\x02hi"))
        self.assertEqual(self.world.service.amp.fallback.tunnels, 1)
        sent.cut()
        self.world.flow()
        self.assertTrue(call.closed)
        self.assertEqual(self.world.service.amp.fallback.tunnels, 0)

    def test_client_leaves(self) -> None:
        """The client's end closes the upstream's."""
        self.build()
        call = self.upgrade()
        call.leave()
        self.world.flow()
        self.assertTrue(self.amp.last.gone)
        self.assertEqual(self.world.service.amp.fallback.tunnels, 0)

    def test_needs_a_key(self) -> None:
        """Without a client key there is no tunnel."""
        self.build()
        self.assertEqual(self.upgrade(key=None).status, 401)
        self.assertEqual(self.amp.requests, [])
