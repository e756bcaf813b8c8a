"""What crosses the daemon and what does not: credentials, cookies, hop-by-hop headers, redirects, upstreams' own headers."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.settings.model import Amp, ClientKey, Secret
from tests.support.bodies import CHAT, CHAT_ANSWER, CLAUDE, CLAUDE_ANSWER, GEMINI, GEMINI_ANSWER, RESPONSES
from tests.support.settings import settings
from tests.support.world import Vendor, World

KEY = "sk-client-key-0001"
OTHER = "sk-client-key-0002"
#: Where a client may put a key, a cookie, or a wish about the connection.
SENT = {
    "Authorization": f"Bearer {KEY}",
    "X-Api-Key": KEY,
    "X-Goog-Api-Key": OTHER,
    "Cookie": "session=client-cookie",
    "Proxy-Authorization": "Basic client-proxy",
    "Referer": f"http://127.0.0.1/?key={KEY}",
    "X-Custom": KEY,
    "Connection": "keep-alive, X-Nominated, X-Api-Key, Authorization, Host, Content-Length",
    "X-Nominated": "nominated",
    "Keep-Alive": "timeout=9",
    "TE": "trailers",
    "Trailer": "X-T",
    "Upgrade": "h2c",
    "Proxy-Connection": "keep-alive",
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": "evil.example",
    "X-Base-Url": "http://evil.example",
}
ASKED = {
    "/v1/chat/completions": (CHAT, "chat", "authorization", "Bearer up-chat-0", CHAT_ANSWER),
    "/v1/messages": (CLAUDE, "claude", "authorization", "up-claude", CLAUDE_ANSWER),
    "/v1/responses": (RESPONSES, "codex", "authorization", "Bearer up-codex", CHAT_ANSWER),
    "/v1beta/models/gemini-x:generateContent": (GEMINI, "gemini", "x-goog-api-key", "up-gemini", GEMINI_ANSWER),
    "/v1beta/models/vertex-x:generateContent": (GEMINI, "vertex", "x-goog-api-key", "up-vertex", GEMINI_ANSWER),
}


class Crossing(SynchronousTestCase):
    """Everything a request can carry, and everything an answer can."""

    def setUp(self) -> None:
        keys = (ClientKey(Secret(KEY)), ClientKey(Secret(OTHER)))
        amp = Amp(upstream_url="http://amp.test", upstream_api_key=Secret("amp-operator-key"))
        self.world = World(settings(api_keys=keys, ampcode=amp, request_retry=0))
        self.addCleanup(self.world.close)
        names = ("chat", "claude", "codex", "gemini", "vertex", "amp", "evil")
        self.vendors: dict[str, Vendor] = {name: self.world.vendor(f"{name}.test") for name in names}

    def test_requests_to_vendors(self) -> None:
        """A vendor gets exactly one credential, ours, and of the client's headers none it was not to get."""
        for path, (body, name, header, value, answer) in ASKED.items():
            vendor = self.vendors[name]
            vendor.script = lambda request, answer=answer: request.answer(200, answer)
            self.world.post(f"{path}?key={KEY}&auth_token={OTHER}", body, SENT, key=None)
            got = vendor.last
            text = f"{got.target} {got.headers}"
            for never in (
                KEY,
                OTHER,
                "client-cookie",
                "client-proxy",
                "nominated",
                "evil.example",
                "203.0.113.9",
                "h2c",
            ):
                self.assertNotIn(never, text, path)
            found = [
                got.headers[name] for name in ("authorization", "x-api-key", "x-goog-api-key") if name in got.headers
            ]
            self.assertEqual(len(found), 1, path)
            self.assertIn(value.removeprefix("Bearer "), found[0], (path, header))
            self.assertEqual(got.headers["host"], f"{name}.test")

    def test_requests_to_ampcode(self) -> None:
        """ampcode.com gets the operator's key in both places and no client's, and nothing that belongs to a hop."""
        amp = self.vendors["amp"]
        amp.script = lambda request: request.answer(200, {})
        for path in ("/api/user", "/api/internal", "/api/provider/openai/v1/files"):
            self.assertEqual(
                self.world.post(f"{path}?key={KEY}&x=1&auth_token={OTHER}", {}, SENT, key=None).status, 200
            )
            text = f"{amp.last.target} {amp.last.headers} {amp.last.body!r}"
            for never in (KEY, OTHER, "client-proxy", "nominated", "h2c", "timeout=9"):
                self.assertNotIn(never, text, path)
            self.assertEqual(amp.last.target, f"{path}?x=1")
            self.assertEqual(amp.last.headers["authorization"], "Bearer amp-operator-key")
            self.assertEqual(amp.last.headers["x-api-key"], "amp-operator-key")
            self.assertEqual(amp.last.headers["host"], "amp.test")
            for hop in (
                "connection",
                "keep-alive",
                "te",
                "trailer",
                "upgrade",
                "proxy-connection",
                "proxy-authorization",
            ):
                self.assertNotIn(hop, amp.last.headers)

    def test_bodies_choose_no_upstream(self) -> None:
        """No member of a body, no header and no parameter chooses where the credential goes."""
        self.vendors["chat"].script = lambda request: request.answer(200, CHAT_ANSWER)
        wishes = dict.fromkeys(
            ("base_url", "api_base", "base-url", "url", "endpoint", "proxy", "host"), "http://evil.test"
        )
        query = "base_url=http://evil.test&url=http://evil.test&proxy=http://evil.test"
        headers = {"X-Base-Url": "http://evil.test", "Host": "evil.test", "X-Forwarded-Host": "evil.test"}
        call = self.world.post(f"/v1/chat/completions?{query}", {**CHAT, **wishes}, headers, key=KEY)
        self.assertEqual(call.status, 200)
        self.assertEqual(
            (self.vendors["chat"].last.target, self.vendors["evil"].connections), ("/v1/chat/completions", [])
        )

    def test_redirects(self) -> None:
        """No redirect is followed, whatever its status and target; the client gets a 502 that names the target
        (reports.md 14) without its query, and nothing of the redirect's own head."""
        for status in (300, 301, 302, 303, 304, 305, 307, 308):
            for place in (
                "http://evil.test/",
                "//evil.test/x",
                "/v1/other",
                "http://169.254.169.254/",
                "file:///etc/passwd",
            ):
                headers = {"Location": f"{place}?key=up-chat-0", "Refresh": f"0;url={place}"}
                for path, (body, name, *_) in ASKED.items():
                    vendor = self.vendors[name]
                    vendor.script = lambda request, status=status, headers=headers: request.answer(status, {}, headers)
                    before = len(vendor.requests)
                    call = self.world.post(path, body, key=KEY)
                    self.assertEqual((call.status, len(vendor.requests) - before), (502, 1), (status, path))
                    for never in ("location", "refresh"):
                        self.assertNotIn(never, call.headers)
                    self.assertNotIn(b"?key", call.raw)
                    self.assertNotIn(b"up-chat-0", call.raw)
                    self.world.service.clear_cooldowns()
        self.assertEqual(self.vendors["evil"].connections, [])

    def test_answers(self) -> None:
        """Of a vendor's headers a client gets none: no cookie, no CORS, no framing, no name of ours."""
        leak = {
            "Set-Cookie": "session=vendor",
            "Access-Control-Allow-Origin": "*",
            "Server": "vendor",
            "X-Cliproxy-Credential": "forged",
            "X-Request-Id": "vendor",
            "Www-Authenticate": "Basic",
            "Clear-Site-Data": "*",
            "Alt-Svc": "h3",
            "Connection": "close, Content-Type",
            "Content-Type": "text/html",
        }
        for status in (200, 400, 401, 429, 500):
            for path, (body, name, _, _, answer) in ASKED.items():
                content = answer if status == 200 else {"error": {"message": "no"}}
                self.vendors[name].script = lambda request, status=status, content=content: request.answer(
                    status, content, leak
                )
                call = self.world.post(path, body, key=KEY)
                for header in (
                    "set-cookie",
                    "access-control-allow-origin",
                    "www-authenticate",
                    "clear-site-data",
                    "alt-svc",
                ):
                    self.assertNotIn(header, call.headers, (status, path))
                self.assertEqual(call.headers["content-type"], "application/json")
                self.assertTrue(call.headers["server"].startswith("cliproxy/"))
                self.assertNotIn("forged", str(call.headers))
                self.assertNotIn("connection", call.headers)
                self.world.service.clear_cooldowns()

    def test_answers_of_ampcode(self) -> None:
        """ampcode.com's own headers pass, but none that belongs to a hop, opens the answer to pages, or speaks for us."""
        leak: dict[str, Any] = {
            "Connection": "keep-alive, X-Nominated",
            "X-Nominated": "nominated",
            "Keep-Alive": "timeout=5",
            "Proxy-Authenticate": "Basic",
            "Access-Control-Allow-Origin": "*",
            "X-Cliproxy-Route": "FORGED",
            "X-Own": "kept",
        }
        self.vendors["amp"].script = lambda request: request.answer(200, {}, leak)
        call = self.world.get("/api/user", key=KEY)
        self.assertEqual(call.headers["x-own"], "kept")
        for never in ("nominated", "timeout=5", "FORGED", "Basic"):
            self.assertNotIn(never, str(call.headers))
        self.assertNotIn("access-control-allow-origin", call.headers)
