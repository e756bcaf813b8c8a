"""What connections may cost: how many there are, what strangers may send, and that nothing follows a refusal."""

from __future__ import annotations

import resource
from typing import Any

import attrs
import pytest
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.front.site import MOST_CONNECTIONS, UNKNOWN_BYTES, most_connections
from tests.support.bodies import CHAT, CHAT_ANSWER
from tests.support.settings import settings
from tests.support.world import World

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
        """An idle connection goes before one with a request, or with a part of one; where none is idle, the new one goes."""
        at_work = [self.world.post("/v1/chat/completions", CHAT) for _ in range(6)]
        begun = self.world.send(b"GET /healthz HTT")
        idle = self.world.send(b"")
        self.assertEqual(self.world.get("/healthz", {"Connection": "close"}).status, 200)
        self.assertTrue(idle.closed)
        self.world.send(b"GET /healthz HTT")
        self.assertIsNone(self.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1)))
        self.assertIsNotNone(self.site.buildProtocol(UNIXAddress(b"")))
        for request in self.chat.requests:
            request.answer(200, CHAT_ANSWER)
        self.world.flow()
        self.assertEqual([call.status for call in at_work], [200] * 6)
        self.assertFalse(begun.closed)

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
