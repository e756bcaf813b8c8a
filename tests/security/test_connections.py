"""What connections may cost: how many there are, what strangers may send, and that nothing follows a refusal."""

from __future__ import annotations

import resource
from typing import Any

import attrs
import pytest
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.front.channel import MOST_IN_TURN
from cliproxy.front.limits import MOST_CONNECTIONS, UNKNOWN_BYTES, most_connections
from tests.support.bodies import CHAT, CHAT_ANSWER
from tests.support.settings import settings
from tests.support.world import Call, World

HEAD = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"


class Connections(SynchronousTestCase):
    """One world, small limits."""

    def setUp(self) -> None:
        self.world = World(settings(max_body_mb=1))
        self.addCleanup(self.world.close)
        self.chat = self.world.vendor("chat.test")
        self.site = self.world.service.site
        self.site.limits = attrs.evolve(self.site.limits, connections=8)

    def test_ten_thousand_idle_ones(self) -> None:
        """However many connect and say nothing, few stay, the newest; and whoever asks is served."""
        for _ in range(10_000):
            self.world.send(b"")
        self.assertEqual(len(self.site.channels), 8)
        self.assertEqual(self.world.get("/v1/models").status, 200)
        self.assertEqual(len(self.site.channels), 8)

    def test_those_at_work_stay(self) -> None:
        """An idle connection goes before one with a part of a request, and that before one at work: then the new one goes."""
        at_work = [self.world.post("/v1/chat/completions", CHAT) for _ in range(6)]
        begun = self.world.send(b"GET /healthz HTT")
        idle = self.world.send(b"")
        self.assertEqual(self.world.get("/healthz", {"Connection": "close"}).status, 200)
        self.assertTrue(idle.closed)
        self.world.send(b"GET /healthz HTT")
        self.assertIsNotNone(self.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1)))
        self.world.flow()
        self.assertTrue(begun.closed)
        at_work += [self.world.post("/v1/chat/completions", CHAT) for _ in range(2)]
        self.assertIsNone(self.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1)))
        self.assertIsNotNone(self.site.owners(UNIXAddress(b"")))
        for request in self.chat.requests:
            request.answer(200, CHAT_ANSWER)
        self.world.flow()
        self.assertEqual([call.status for call in at_work], [200] * 8)

    def test_holders_of_keys_stay(self) -> None:
        """Strangers go before an idle client that has shown a key, and the oldest of them first."""
        known = self.world.get("/v1/models")
        strangers = [self.world.send(b"POST /v1/messages HTTP/1.1\r\n") for _ in range(20)]
        self.assertFalse(known.closed)
        self.assertEqual([call.closed for call in strangers], [True] * 13 + [False] * 7)

    def test_one_address(self) -> None:
        """Strangers from one address hold half of the places, so that those from elsewhere are not turned away."""
        self.site.limits = attrs.evolve(self.site.limits, connections=256)
        other = self.world.send(b"POST /", peer="192.0.2.2")
        flood = [self.world.send(b"POST /", peer="192.0.2.1") for _ in range(200)]
        self.assertEqual(sum(not call.closed for call in flood), 128)
        self.assertFalse(other.closed)

    def test_strangers_bodies(self) -> None:
        """A client that shows no right key may not make the daemon hold much, declared or in chunks; one with a key may."""
        large = b"x" * (2 * UNKNOWN_BYTES)
        chunks = b"".join(b"10000\r\n" + b"x" * 0x10000 + b"\r\n" for _ in range(8))
        for line in ("", "Authorization: Bearer sk-wrong\r\n"):
            call = self.world.send(
                f"{HEAD}{line}Content-Length: {len(large)}\r\n\r\n".encode() + large[: UNKNOWN_BYTES + 9]
            )
            self.assertEqual((call.status, call.json["error"]["type"]), (401, "authentication_error"))
            self.assertEqual(
                self.world.send(f"{HEAD}{line}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks).status, 401
            )
        for line, target in (("X-Api-Key: sk-test\r\n", ""), ("", "?key=sk-test")):
            head = HEAD.replace("completions", f"completions{target}")
            call = self.world.send(f"{head}{line}Content-Length: {len(large)}\r\n\r\n".encode() + large)
            self.assertEqual((call.status, "JSON" in call.json["error"]["message"]), (400, True))

    def test_refused_at_the_head(self) -> None:
        """What a stranger's head declares beyond 32 KiB is refused before a byte of it comes; the owner's socket may."""
        for line in ("", "Authorization: Bearer sk-wrong\r\n"):
            call = self.world.send(f"{HEAD}{line}Content-Length: {UNKNOWN_BYTES + 1}\r\n\r\n".encode())
            self.assertEqual((call.status, call.headers["connection"]), (401, "close"))

    def test_pipelined(self) -> None:
        """Of requests that come together a few are answered in one turn; sixty are answered, hundreds are an attack."""
        one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        call = Call()
        transport = self.world.reactor.connect(call, self.site.buildProtocol(None))
        call.transport.write(one * 60)  # type: ignore[union-attr]
        transport.flow()
        transport.other.flow()
        self.assertEqual(call.raw.count(b"HTTP/1.1 200"), MOST_IN_TURN)
        self.world.flow()
        self.assertEqual(call.raw.count(b"HTTP/1.1 200"), 60)
        self.assertTrue(self.world.send(one * 100).closed)
        self.assertTrue(self.world.send(one * 2000).closed)

    def test_stalled_readers(self) -> None:
        """Who does not read what it is sent is cut off, and the upstream is let go; who reads in time is served."""
        for reads in (False, True):
            call = self.world.post("/v1/chat/completions", {**CHAT, "stream": True})
            vendor = self.chat.last
            vendor.begin()
            transport: Any = call.transport
            transport.paused = True
            for _ in range(40):
                vendor.event({"id": "c", "choices": [{"index": 0, "delta": {"content": "x" * 9000}}]})
            self.world.flow()
            self.world.pass_time(100)
            self.assertFalse(vendor.gone)
            transport.paused = not reads
            self.world.flow()
            self.world.pass_time(30)
            self.assertEqual(vendor.gone, not reads)
            call.leave()
            self.world.flow()

    def test_budget(self) -> None:
        """Bodies have a budget together; beyond it a request is asked to come again, and what is answered is given back."""
        self.world.service.budget.limit = 100_000
        body = {**CHAT, "messages": [{"role": "user", "content": "x" * 60_000}]}
        first = self.world.post("/v1/chat/completions", body)
        second = self.world.post("/v1/chat/completions", body)
        self.assertEqual((second.status, second.headers["retry-after"]), (503, "2"))
        self.chat.last.answer(200, CHAT_ANSWER)
        self.world.flow()
        self.assertEqual(first.status, 200)
        third = self.world.post("/v1/chat/completions", body)
        third.leave()
        self.world.flow()
        self.assertEqual(self.world.service.budget.taken, 0)

    def test_heads_in_doubt(self) -> None:
        """A head that could be read in two ways, or is absurd, gets its status in JSON, and the connection ends."""
        for head, status in (
            ("GET /healthz HTTP/1.1\r\nX: y", 400),
            ("GET http://127.0.0.1/healthz HTTP/1.1\r\nHost: 127.0.0.1", 400),
            ("CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443", 400),
            ("POST /v1/messages HTTP/1.0\r\nTransfer-Encoding: chunked", 400),
            (f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: {'9' * 5000}", 413),
            ("POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1e3", 400),
            (f"GET /{'x' * 20_000} HTTP/1.1\r\nHost: x", 414),
            (f"GET /{'x' * 200_000} HTTP/1.1\r\nHost: x", 414),
            (f"GET /healthz HTTP/1.1\r\nHost: x\r\nX: {'x' * 20_000}", 431),
            ("GET /healthz HTTP/1.1\r\nHost: x\r\n" + "X: y\r\n" * 400 + f"X: {'x' * 15_000}", 431),
            ("nonsense", 400),
        ):
            call = self.world.send(f"{head}\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            self.assertEqual((call.status, call.headers["connection"]), (status, "close"), head[:60])
            self.assertTrue(call.json["error"]["message"], head[:60])
            self.assertEqual(call.raw.count(b"HTTP/1.1 "), 1, head[:60])
            call.leave()
        for lead in (b"\r\n", b""):
            self.assertEqual(self.world.send(lead + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status, 200)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_nothing_after_a_refusal(self) -> None:
        """After a request refused for its head no other of that connection is answered, and no body is asked for."""
        healthy = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        for lines in (
            "Host: y\r\n",
            "Host: y\r\nContent-Length: 0\r\n",
            "Host: y\r\nContent-Length: 5\r\n",
            "Host: y\r\nTransfer-Encoding: chunked\r\n",
            "Host: y\r\nExpect: 100-continue\r\nContent-Length: 5\r\n",
            "Expect: 100-continue\r\nContent-Length: 99999999\r\n",
        ):
            for split in (False, True):
                call = self.world.send(f"{HEAD}{lines}\r\n".encode() + (b"" if split else healthy))
                if split:
                    transport: Any = call.transport
                    transport.write(healthy)
                    self.world.flow()
                self.assertEqual(call.raw.count(b"HTTP/1.1"), 1, lines)
                self.assertIn(call.status, (400, 413), lines)
                call.leave()
                self.world.flow()

    def test_old_clients(self) -> None:
        """HTTP/1.0 clients get an unchunked answer that ends with the connection."""
        call = self.world.send(b"GET /v1/models HTTP/1.0\r\nX-Api-Key: sk-test\r\n\r\n")
        self.assertEqual((call.status, call.closed), (200, True))
        self.assertNotIn("transfer-encoding", call.headers)

    def test_bodies_that_no_answer_has(self) -> None:
        """HEAD is answered without a body on every path, right or wrong, and the connection serves on after each."""
        for path in ("/healthz", "/v1/models", "/v1/nothing", "/v1/chat/completions", "/v1//models", "/api/user"):
            head = f"HEAD {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: sk-test\r\n\r\n"
            call = self.world.send((head + head.replace("HEAD", "GET").replace(path, "/healthz")).encode())
            first, _, rest = call.raw.partition(b"\r\n\r\n")
            self.assertTrue(rest.startswith(b"HTTP/1.1 200"), (path, call.raw))

    def test_kept_after_errors(self) -> None:
        """A connection is kept after an error of the request, and what follows is not mixed up with it."""
        bad = f"{HEAD}X-Api-Key: sk-test\r\nContent-Length: 1\r\n\r\n{{".encode()
        call = self.world.send(bad + bad + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        statuses = [piece[:3] for piece in call.raw.split(b"HTTP/1.1 ")[1:]]
        self.assertEqual(statuses, [b"400", b"400", b"200"])


@pytest.mark.parametrize(
    ("descriptors", "most"),
    [(0, 16), (256, 96), (1024, 480), (65536, 32736), (resource.RLIM_INFINITY, MOST_CONNECTIONS)],
)
def test_most_connections(descriptors: int, most: int) -> None:
    """Each client may need an upstream connection, and some files are nobody's."""
    assert most_connections(descriptors) == most
