"""WebSockets: when a connection becomes a tunnel, and what it costs."""

from __future__ import annotations

from typing import Any

from cliproxy.amp import fallback
from tests.support.amps import PATH, UPGRADE, Amps
from tests.support.world import Call

YES = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class Tunnels(Amps):
    """A tunnel's life."""

    def upgrade(self, path: str = PATH, **more: Any) -> Call:
        return self.world.get(path, UPGRADE, **more)

    def open(self) -> Call:
        call = self.upgrade()
        self.amp.last.write(YES)
        self.world.flow()
        self.assertEqual(self.world.service.amp.fallback.tunnels, 1)
        return call

    def assert_none(self) -> None:
        self.world.flow()
        self.assertEqual((self.world.service.amp.fallback.tunnels, self.amp.open), (0, 0))

    def test_first_words(self) -> None:
        """What the upstream says along with its yes, and the client before it, both arrive."""
        self.build()
        call = self.upgrade()
        client: Any = call.transport
        client.write(b"early")
        self.world.flow()
        connection: Any = self.amp.connections[-1]
        self.amp.last.write(YES + b"\x81\x02hi")
        self.world.flow()
        self.assertEqual(call.raw, YES + b"\x81\x02hi")
        self.assertTrue(connection._buffer.endswith(b"early"))

    def test_refusal(self) -> None:
        """A no is an answer: passed on with its body, and the client's next request is answered by us again."""
        self.build()
        call = self.upgrade()
        self.amp.last.write(b"HTTP/1.1 404 No\r\nContent-Length: 4\r\nX-Why: x\r\n\r\nno")
        self.world.flow()
        self.amp.last.write(b"pe")
        self.world.flow()
        self.assertEqual((call.status, call.headers["x-why"], call.body), (404, "x", b"nope"))
        self.assert_none()
        client: Any = call.transport
        client.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-test\r\n\r\n")
        self.world.flow()
        self.assertIn(b'{"status":"ok"}', call.raw)

    def test_refusals_in_every_framing(self) -> None:
        """Chunked, without a length, cut off, and not HTTP at all."""
        self.build()
        for head, rest, status, body in (
            (b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n", b"0\r\n\r\n", 403, b"no"),
            (b"HTTP/1.1 403 No\r\n\r\nall", None, 403, b"all"),
            (b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", b"", 401, b""),
            (b"SSH-2.0 hello\r\n\r\n", b"", 502, None),
            (b"HTTP/1.1 401 No\r\nContent-Length: x\r\n\r\n", b"", 502, None),
        ):
            call = self.upgrade()
            self.amp.last.write(head)
            if rest is None:
                self.amp.last.cut()
            else:
                self.amp.last.write(rest)
            self.world.flow()
            self.assertEqual(call.status, status, head)
            if body is not None:
                self.assertEqual(call.body, body)
            self.assert_none()

    def test_no_answer(self) -> None:
        """An upstream that says nothing, or goes, is 502, and the tunnel no longer counts."""
        self.build(first_byte_timeout_seconds=9)
        call = self.upgrade()
        self.assertEqual(self.world.service.amp.fallback.tunnels, 1)
        self.world.pass_time(9)
        self.assertEqual(call.status, 502)
        self.assert_none()
        call = self.upgrade()
        self.amp.last.cut()
        self.world.flow()
        self.assertEqual(call.status, 502)
        call = self.upgrade()
        call.leave()
        self.assert_none()

    def test_bounded(self) -> None:
        """There are so many at once, and no more."""
        self.patch(fallback, "MAX_TUNNELS", 1)
        self.build()
        call = self.open()
        self.assertEqual(self.upgrade().status, 503)
        call.leave()
        self.assert_none()
        self.open()

    def test_back_pressure(self) -> None:
        """Each side waits for the other."""
        self.build()
        call = self.open()
        client: Any = call.transport
        up: Any = self.amp.connections[-1].transport
        for reader, speaker in ((client, up), (up, client)):
            reader.pauseProducing()
            for _ in range(40):
                speaker.write(bytes(50_000))
                self.world.flow()
            self.assertLess(len(reader.other.outgoing), 300_000)
            self.assertGreater(len(speaker.outgoing), 1_000_000)
            reader.resumeProducing()
            self.world.flow()
            self.assertEqual(len(reader.other.outgoing) + len(speaker.outgoing), 0)

    def test_last_words(self) -> None:
        """What the client says before it leaves still reaches the upstream; one that takes nothing is cut soon after."""
        self.build()
        call = self.open()
        client: Any = call.transport
        connection: Any = self.amp.connections[-1]
        client.write(b"goodbye")
        client.loseConnection()
        self.world.flow()
        self.assertTrue(connection._buffer.endswith(b"goodbye"))
        self.assert_none()
        call = self.open()
        up: Any = self.amp.connections[-1].transport
        up.pauseProducing()
        client = call.transport
        client.write(b"goodbye")
        client.loseConnection()
        self.world.flow()
        self.assertEqual(self.world.service.amp.fallback.tunnels, 1)
        self.world.pass_time(5)
        self.assert_none()

    def test_nothing_after_the_end(self) -> None:
        """The tunnel's end is the connection's: no HTTP is written behind it."""
        self.build()
        call = self.open()
        self.amp.last.write(b"last")
        self.amp.last.cut()
        self.world.flow()
        self.assertEqual((call.raw, call.closed), (YES + b"last", True))
        self.assert_none()

    def test_only_where_it_belongs(self) -> None:
        """Pages and other methods are HTTP whatever their headers ask for."""
        self.build()
        for method, path, key in (("GET", "/threads", None), ("POST", "/api/user", "sk-test")):
            self.world.request(method, path, None, UPGRADE, key=key)
            self.assertNotIn("upgrade", self.amp.last.headers)
            self.assertEqual(self.world.service.amp.fallback.tunnels, 0)

    def test_stopping(self) -> None:
        """A tunnel holds no drain up: with nothing else under way it is closed at once."""
        self.build(drain_seconds=90)
        call = self.open()
        stopped = self.world.service.stopService()
        self.world.flow()
        self.assertEqual((call.closed, stopped.called), (True, True))
        self.assert_none()
