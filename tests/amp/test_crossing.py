"""Neither key crosses, and nothing of ampcode.com's holds for this host."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.amp.incoming import KeyMask, presentable
from cliproxy.settings.model import Secret
from tests.support.amps import Amps
from tests.support.settings import KEY

OPERATOR = "amp-secret"


class Crossing(Amps):
    """Requests up, answers down."""

    def test_the_clients_key_goes_nowhere(self) -> None:
        """In a path it is refused; in a body, packed or not, it is masked."""
        self.build()
        call = self.world.get(f"/api/threads/{KEY}")
        self.assertEqual((call.status, self.amp.requests), (400, []))
        self.assertEqual(self.world.get("/api/threads/sk%2Dtest").status, 400)
        self.world.post("/api/telemetry", {"env": f"AMP_API_KEY={KEY}"})
        self.assertEqual(self.amp.last.json, {"env": "AMP_API_KEY=***"})
        packed = gzip.compress(b'{"env":"%b"}' % KEY.encode())
        self.world.post("/api/telemetry", packed, {"Content-Encoding": "gzip"})
        self.assertEqual((self.amp.last.json, "content-encoding" in self.amp.last.headers), ({"env": "***"}, False))
        clean = gzip.compress(b'{"env":1}')
        self.world.post("/api/telemetry", clean, {"Content-Encoding": "gzip"})
        self.assertEqual((self.amp.last.body, self.amp.last.headers["content-encoding"]), (clean, "gzip"))

    def test_the_operators_key_comes_not_back(self) -> None:
        """Quoted in a success, in a header or the body, as it is or as JSON and URLs spell it, whole or in pieces."""
        self.build()
        self.amp.script = lambda request: request.answer(200, {"apiKey": OPERATOR, "ok": True}, {"X-Key": OPERATOR})
        call = self.world.post("/api/internal?getUserInfo", {})
        self.assertEqual((call.json, call.headers["x-key"]), ({"apiKey": "***", "ok": True}, "***"))
        self.assertEqual(self.amp.last.headers["accept-encoding"], "identity")
        self.amp.script = None
        call = self.world.get("/api/stream")
        self.amp.last.begin()
        for piece in (b"data: amp-", b"sec", b"ret!\n\n", b"data: am"):
            self.amp.last.chunk(piece)
            self.world.flow()
        self.assertEqual(call.body, b"data: ***!\n\ndata: ")
        self.amp.last.end()
        self.world.flow()
        self.assertEqual((call.body, call.ended), (b"data: ***!\n\ndata: am", True))

    def test_nothing_holds_for_this_host(self) -> None:
        """No policy a browser would keep, and cookies for this host alone."""
        self.build()
        self.amp.script = lambda request: request.answer(
            200, b"<p>hi", {"Strict-Transport-Security": "max-age=1", "Clear-Site-Data": '"*"', "Alt-Svc": 'h3=":443"',
                           "NEL": "{}", "Set-Cookie": "s=1; Domain=.ampcode.com; Path=/; HttpOnly", "X-Kept": "1"},
        )  # fmt: skip
        for path in ("/threads", "/api/user"):
            headers = self.world.get(path).headers
            self.assertEqual(headers["set-cookie"], "s=1; Path=/; HttpOnly")
            self.assertEqual(headers["x-kept"], "1")
            for gone in ("strict-transport-security", "clear-site-data", "alt-svc", "nel"):
                self.assertNotIn(gone, headers)

    def test_a_page_acts_with_nobodys_key(self) -> None:
        """Where no client key is asked for, a browser's request has none of the operator's either; a client's does."""
        self.build(api_keys=())
        self.amp.script = lambda request: request.answer(200, {})
        own = {"Origin": "http://127.0.0.1:8317"}
        for headers in (own, {"Sec-Fetch-Site": "same-origin"}):
            self.world.post("/api/internal?deleteAll", {}, headers, key=None)
            self.assertNotIn("x-api-key", self.amp.last.headers)
        self.world.post("/api/internal?getUserInfo", {}, key=None)
        self.assertEqual(self.amp.last.headers["x-api-key"], OPERATOR)


@given(
    st.lists(st.sampled_from([b"amp-secret", b"amp-", b"secret", b"a", b" ", b"amp-secre", b"x"]), max_size=12),
    st.data(),
)
def test_however_it_is_cut(words: list[bytes], data: st.DataObject) -> None:
    """The pieces together are the masked whole, and only what may be the key's beginning waits."""
    whole = b" ".join(words)
    mask, place, out = KeyMask(Secret(OPERATOR)), 0, b""
    while place < len(whole):
        size = data.draw(st.integers(1, 12))
        out += mask.feed(whole[place : place + size])
        place += size
        assert OPERATOR.startswith(mask._held.decode()) or not mask._held
    assert out + mask.close() == whole.replace(b"amp-secret", b"***")


@pytest.mark.parametrize(
    ("cookie", "kept"),
    [
        (b"a=1; Domain=ampcode.com", b"a=1"),
        (b"a=domain=x;domain=.x.y;Secure", b"a=domain=x;Secure"),
        (b"a=1; DOMAIN = x ; Path=/", b"a=1; Path=/"),
        (b"a=1; domain; Path=/", b"a=1; Path=/"),
        (b"a=1; Domains=x", b"a=1; Domains=x"),
    ],
)
def test_cookies(cookie: bytes, kept: bytes) -> None:
    """They lose their domain, and nothing else."""
    assert presentable([(b"Set-Cookie", cookie)]) == [(b"Set-Cookie", kept)]
