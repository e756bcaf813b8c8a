"""Plain requests: what their way accepts, twisted.web reads to the same request; all else is handed over with its bytes."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from bench.recorded import NAMES, recorded
from cliproxy.front.call import body_of, header_map, query_map
from cliproxy.front.limits import UNKNOWN_BYTES, Limits
from cliproxy.front.plain_channel import PlainChannel
from cliproxy.front.request import BODY_GRACE_SECONDS
from cliproxy.front.site import IDLE_SECONDS, BoundedSite
from cliproxy.relay.budget import Budget
from cliproxy.wire.plain_head import PlainHeads
from tests.support.bodies import CHAT, CHAT_ANSWER, GEMINI, GEMINI_ANSWER, chunk
from tests.support.network import MemoryReactor
from tests.support.settings import settings
from tests.support.world import Call, World

PATH = b"/v1/messages"
#: Lines that heads are made of: what clients send, and what attackers do.
LINES = [
    b"Host: x", b"Host: y", b"host:x", b"Content-Length: 5", b"Content-Length: 5 ", b"Content-Length: 05",
    b"Content-Length: +5", b"Content-Length: 5, 5", b"Content-Length: 0", b"content-length:5", b"Content-Length : 5",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"transfer-encoding:\tchunked", b"TE: trailers",
    b"Connection: keep-alive", b"Connection: Keep-Alive", b"Connection: close", b"Connection: keep-alive, upgrade",
    b"Expect: 100-continue", b"Upgrade: websocket", b"Trailer: X-A", b"Cookie: a=b", b"Authorization: Bearer sk-test",
    b"X-A: 1", b"X-A:", b"X-A:  two  words\t", b"X-A: \xc3\xa9", b"X-A: \xff", b"X-A: \x00", b"X-A: \x7f", b"X-A: \x0b",
    b"X-A: a\rb", b"X-A: a\nb", b" folded: yes", b"\tfolded", b"X_A: 1", b"X-A 1", b": 1", b"", b"X-\xc3\xa9: 1",
    b"(X): 1", b"X-Forwarded-For: 1, 2", b"X-Api-Key: sk-test",
]  # fmt: skip
FIRST = [
    b"POST /v1/messages HTTP/1.1", b"POST /v1/messages HTTP/1.0", b"POST /v1/messages?x=1 HTTP/1.1",
    b"POST /v1/messages?x=1&x=2&&y HTTP/1.1", b"POST /v1/messages?x=%31 HTTP/1.1", b"POST /v1/messages?x=1;y=2 HTTP/1.1",
    b"POST /v1/messages?x=1?y HTTP/1.1", b"POST /v1/messages? HTTP/1.1", b"POST /v1/messages?x=1#y HTTP/1.1",
    b"POST  /v1/messages HTTP/1.1", b"POST /v1/messages HTTP/1.1 ", b"POST //v1/messages HTTP/1.1", b"POST /v1/messages",
    b"post /v1/messages HTTP/1.1", b"GET /v1/messages HTTP/1.1", b"POST http://x/v1/messages HTTP/1.1",
    b"\r\nPOST /v1/messages HTTP/1.1",
]  # fmt: skip
PLAIN = [FIRST[0], b"Host: x", b"Content-Length: 5"]


class Kept(Resource):
    """Keeps what it was asked."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[bytes, bytes, dict[str, str], dict[str, str], bytes]] = []

    def __contains__(self, path: object) -> bool:
        return path == PATH

    def __call__(self, request: Any) -> None:
        self.seen.append((request.method, request.path, query_map(request), header_map(request), body_of(request)))

    def render(self, request: Any) -> int:
        self(request)
        return NOT_DONE_YET


def read(
    data: bytes, plain: bool, late: int = 0
) -> tuple[list[tuple[bytes, bytes, dict[str, str], dict[str, str], bytes]], bool]:
    """What a site reads of ``data``, of which the last ``late`` bytes come late, and whether the connection was a plain one."""
    reactor, kept = MemoryReactor(), Kept()
    site = BoundedSite(kept, Limits(), reactor, Budget(1 << 30), kept if plain else None)
    site.new_id = lambda: "id"
    channel = site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
    transport = reactor.connect(Call(), channel)
    for piece in filter(None, (data[: len(data) - late], data[len(data) - late :])):
        channel.dataReceived(piece)
    is_plain = channel in site.channels
    transport.abortConnection()
    reactor.flow()
    return kept.seen, is_plain


LINE = st.sampled_from(LINES) | st.binary(max_size=12)
HEADS = st.tuples(st.sampled_from(FIRST[:1] * 9 + FIRST), st.lists(LINE, max_size=6), st.booleans())


@given(HEADS, st.sampled_from([b"12345", b"", b"12345GET / HTTP/1.1\r\n\r\n", b"1234"]), st.integers(0, 30))
@example((FIRST[0], [b"Connection: keep-alive", b"X-A:  two  words\t", b"X-A2: \xff"], True), b"12345", 3)
def test_what_is_read_as_plain_is_read_alike_by_twisted(head: Any, body: bytes, late: int) -> None:
    first, lines, whole = head
    data = b"\r\n".join([first, *(PLAIN[1:] if whole else []), *lines, b"", b""]) + body
    assert read(data, True, late)[0] == read(data, False, late)[0]


@pytest.mark.parametrize("line", LINES + FIRST[1:], ids=repr)
def test_one_odd_line_is_read_alike_by_twisted(line: bytes) -> None:
    for lines in (
        [*PLAIN, line],
        [PLAIN[0], line, *PLAIN[1:]],
        [line, *PLAIN[1:]],
        [PLAIN[0], PLAIN[1], line],
        [PLAIN[0], line, PLAIN[2]],
    ):
        data = b"\r\n".join([*lines, b"", b"12345"])
        assert read(data, True)[0] == read(data, False)[0]


def test_heads_of_sdks_are_plain() -> None:
    heads = PlainHeads([PATH])
    sent = b"\r\n".join(
        [
            b"POST /v1/messages?beta=true HTTP/1.1",
            b"Host: x",
            b"Accept-Encoding: gzip, deflate, br",
            b"Connection: keep-alive",
            b"Content-Length: 5",
        ]
    )
    for _ in range(2):  # the lines are known the second time
        assert heads.read(sent) == (
            PATH,
            b"beta=true",
            {"host": "x", "accept-encoding": "gzip, deflate, br", "connection": "keep-alive", "content-length": "5"},
            5,
        )
    assert heads.read(sent + b"\r\nHost: x") is None


@pytest.mark.parametrize("name", NAMES)
def test_requests_that_clients_have_sent_are_plain(name: str) -> None:
    plain: Any = World(settings()).service.resource.plain
    request = recorded(name)
    head = request.head("sk-test", "127.0.0.1:8317", 5).partition(b"\r\n\r\n")[0]
    assert PlainHeads(plain).read(head) is not None


def test_secrets_are_not_kept_from_one_connection_to_another() -> None:
    heads = PlainHeads([PATH])
    for name in (b"Authorization", b"x-api-key", b"X-Goog-Api-Key", b"cookie", b"X-Management-Key"):
        heads.read(b"\r\n".join([FIRST[0], name + b": secret", b"Host: x", b"Content-Length: 5"]))
    for name in (b"key", b"auth_token"):
        heads.read(b"POST /v1/messages?%b=secret HTTP/1.1\r\nHost: x\r\nContent-Length: 5" % name)
    assert "secret" not in repr(vars(heads))


class PlainConnections(SynchronousTestCase):
    """A daemon and a vendor."""

    def setUp(self) -> None:
        self.world = World(settings(max_body_mb=1))
        self.addCleanup(self.world.close)
        self.chat = self.world.vendor("chat.test")
        self.site = self.world.service.site
        self.site.plain = self.world.service.resource.plain

    def channel(self) -> Any:
        (only,) = self.site.channels
        return only

    def head(self, length: int, *lines: str) -> bytes:
        return "\r\n".join(
            ["POST /v1/chat/completions HTTP/1.1", "Host: x", *lines, f"Content-Length: {length}", "", ""]
        ).encode()

    def test_plain_paths_are_rules_of_kleins_that_want_a_key(self) -> None:
        plain: Any = self.world.service.resource.plain
        names = ("gemini-2.5-pro:generateContent", "a:streamGenerateContent")
        for path in ("/v1/messages", "/v1/responses", *(f"/v1beta/models/{name}" for name in names)):
            self.assertIn(path.encode(), plain)
            self.assertEqual(self.world.post(path, {}, key="sk-wrong").status, 401)
        for path in (
            "/v1/models",
            "/",
            "/v1beta/models/",
            "/v1beta/models/..",
            "/v1beta/models/a/b:c",
            "/v1beta/models/a%2fb:c",
        ):
            self.assertNotIn(path.encode(), plain)
        for path in (
            "/v0/management/api-keys",
            "/api/provider/openai/v1/chat/completions",
            "/v1beta//models/a:generateContent",
        ):
            self.assertNotIn(path.encode(), plain)

    def test_a_models_name_and_method_in_the_path(self) -> None:
        vendor = self.world.vendor("gemini.test")
        call = self.world.post("/v1beta/models/gemini-x:generateContent?alt=json", GEMINI)
        self.assertIsInstance(self.channel(), PlainChannel)
        vendor.last.answer(200, GEMINI_ANSWER)
        self.world.flow()
        self.assertEqual(call.status, 200)

    def test_a_connection_stays_plain_from_one_request_to_the_next(self) -> None:
        call = self.world.post("/v1/chat/completions", CHAT)
        for _ in range(3):
            self.assertIsInstance(self.channel(), PlainChannel)
            self.chat.last.answer(200, CHAT_ANSWER)
            self.world.flow()
            self.assertEqual((call.status, call.json), (200, CHAT_ANSWER))
            sent, call.raw = call.raw, b""
            data = b'{"model":"gpt-x","messages":[]}'
            call.transport.write(self.head(len(data), "X-Api-Key: sk-test") + data)  # type: ignore[union-attr]
            self.world.flow()
        self.assertIn(b"X-Request-Id", sent)

    def test_another_request_takes_the_connection_to_twisted(self) -> None:
        call = self.world.post("/v1/chat/completions", CHAT)
        self.chat.last.answer(200, CHAT_ANSWER)
        self.world.flow()
        call.raw = b""
        call.transport.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # type: ignore[union-attr]
        self.world.flow()
        self.assertEqual(call.json, {"status": "ok"})
        self.assertNotIsInstance(self.channel(), PlainChannel)
        self.assertTrue(self.channel().known)

    def test_what_comes_before_the_answer_is_whole_waits_for_it(self) -> None:
        call = self.world.post("/v1/chat/completions", CHAT)
        call.transport.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # type: ignore[union-attr]
        self.world.flow()
        self.assertEqual(call.raw, b"")
        self.chat.last.answer(200, CHAT_ANSWER)
        self.world.flow()
        self.assertEqual(call.raw.count(b"HTTP/1.1 200"), 2)
        self.assertTrue(call.raw.endswith(b'{"status":"ok"}'))

    def test_too_much_before_the_answer_ends_the_connection(self) -> None:
        call = self.world.post("/v1/chat/completions", CHAT)
        for _ in range(3):
            call.transport.write(b"x" * 8192)  # type: ignore[union-attr]
            self.world.flow()
        self.assertTrue(call.closed)

    def test_a_body_in_pieces_is_whole(self) -> None:
        body = b'{"model":"gpt-x","messages":[{"role":"user","content":"%b"}]}' % (b"x" * 200_000)
        call = self.world.send(self.head(len(body), "X-Api-Key: sk-test") + body[:1000])
        for start in range(1000, len(body), 50_000):
            call.transport.write(body[start : start + 50_000])  # type: ignore[union-attr]
            self.world.flow()
        self.assertIsInstance(self.channel(), PlainChannel)
        self.assertEqual(self.chat.last.body, body)
        self.assertGreater(self.world.service.budget.taken, 200_000)
        self.chat.last.answer(200, CHAT_ANSWER)
        self.world.flow()
        self.assertEqual((call.status, self.world.service.budget.taken), (200, 0))

    def test_a_body_that_trickles_in_is_a_408(self) -> None:
        call = self.world.send(self.head(2000, "X-Api-Key: sk-test") + b"{")
        self.world.pass_time(BODY_GRACE_SECONDS)
        self.assertEqual((call.status, self.world.service.budget.taken), (408, 0))

    def test_a_head_that_trickles_in_is_a_408(self) -> None:
        call = self.world.send(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\n")
        self.world.pass_time(self.site.limits.header_seconds)
        self.assertEqual(call.status, 408)

    def test_an_idle_connection_is_closed(self) -> None:
        call = self.world.post("/v1/chat/completions", CHAT)
        self.world.pass_time(IDLE_SECONDS * 2)
        self.assertFalse(call.closed)
        self.chat.last.answer(200, CHAT_ANSWER)
        self.world.flow()
        self.world.pass_time(IDLE_SECONDS)
        self.assertTrue(call.closed)
        self.assertEqual(self.site.channels, {})

    def test_bodies_over_the_budget_are_a_503(self) -> None:
        self.world.service.budget.limit = 10
        call = self.world.post("/v1/chat/completions", CHAT)
        self.assertEqual((call.status, self.world.service.budget.taken), (503, 0))

    def test_a_strangers_large_body_is_a_401(self) -> None:
        call = self.world.send(self.head(UNKNOWN_BYTES + 1))
        self.assertEqual(call.status, 401)

    def test_a_reader_that_does_not_read_is_cut_off(self) -> None:
        self.site.limits = attrs.evolve(self.site.limits, stall_seconds=30)
        call = self.world.post("/v1/chat/completions", {**CHAT, "stream": True})
        self.chat.last.begin()
        self.chat.last.event(chunk("Hello"))
        self.world.flow()
        transport: Any = call.transport
        transport.paused = True
        for _ in range(9):
            self.chat.last.event(chunk("x" * 20_000))
        self.world.flow()
        self.world.pass_time(31)
        self.assertTrue(self.chat.last.gone)
        self.assertEqual(self.world.service.relay.open, 0)

    def test_who_leaves_ends_what_it_asked_for(self) -> None:
        call = self.world.post("/v1/chat/completions", CHAT)
        call.leave()
        self.world.flow()
        self.assertTrue(self.chat.last.gone)
        self.assertEqual((self.world.service.relay.open, self.world.service.budget.taken), (0, 0))
