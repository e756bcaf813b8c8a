"""Where the daemon listens, on real sockets of this machine: it moves, and renews its certificate, and nobody is refused."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from cliproxy.front.listener import BACKLOG, Listener
from cliproxy.front.tls import Certificates
from cliproxy.settings.model import Settings, Tls
from tests.support.certificates import Issued
from tests.support.scratch import scratch

reactor: Any = the_reactor
pytestmark = pytest.mark.real


class Page(Resource):
    """Answers every GET."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"here"


def ask(connection: http.client.HTTPConnection) -> bytes:
    connection.request("GET", "/")
    return connection.getresponse().read()


class Moves(TestCase):
    """A listener in front of a page."""

    def setUp(self) -> None:
        self.said: list[str] = []
        observer = lambda event: self.said.append(str(event.get("log_format")))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def listener(self, settings: Settings, inherited: tuple[int, ...] = ()) -> Listener:
        listener = Listener(Site(Page()), reactor, settings, lambda settings, host: None, inherited)
        listener.startService()
        self.addCleanup(listener.stopService)
        return listener

    def ask(self, port: int | None, host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> Deferred[bytes]:
        """The page's text, over a connection of its own."""
        assert port is not None
        if context is None:
            connection = http.client.HTTPConnection(host, port, timeout=20)
        else:
            connection = http.client.HTTPSConnection(host, port, timeout=20, context=context)
        self.addCleanup(connection.close)
        return deferToThread(ask, connection)

    async def moves(self) -> None:
        listener = self.listener(Settings(port=0))
        first = listener.port
        connection = http.client.HTTPConnection("127.0.0.1", first or 0, timeout=20)
        self.addCleanup(connection.close)
        self.assertEqual(await deferToThread(ask, connection), b"here")
        listener.move(Settings(port=0, host="localhost"))
        self.assertNotEqual(listener.port, first)
        self.assertEqual(await self.ask(listener.port), b"here")
        self.assertEqual(await deferToThread(ask, connection), b"here")
        connection.close()
        with self.assertRaises(ConnectionRefusedError):
            await self.ask(first)

    def test_moves(self) -> Deferred[None]:
        """The new place answers, the old one does not, and a connection that was made there is kept."""
        return Deferred.fromCoroutine(self.moves())

    async def widens(self) -> None:
        listener = self.listener(Settings(port=0))
        port = listener.port
        assert port is not None
        before = listener.ports[0].socket
        waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]  # in the old one's backlog
        for host in ("0.0.0.0", "127.0.0.1", "::", "127.0.0.1"):
            listener.move(Settings(port=port, host=host))
            self.assertEqual(listener.hosts, [host])
            self.assertEqual(await self.ask(port, "::1" if host == "::" else "127.0.0.1"), b"here")
        self.assertEqual(before.fileno(), -1)
        for connection in waiting:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertIn(b"here", await deferToThread(self.all_of, connection))
        with self.assertRaises(OSError), socket.create_server(("127.0.0.1", port)):
            self.fail("another program shares the port")

    @staticmethod
    def all_of(connection: socket.socket) -> bytes:
        got = b""
        with connection:
            while part := connection.recv(4096):
                got += part
        return got

    def test_widens(self) -> Deferred[None]:
        """From one address of a port to all of them and back: whoever knocked meanwhile is let in; another daemon is not."""
        return Deferred.fromCoroutine(self.widens())

    async def stays(self) -> None:
        listener = self.listener(Settings(port=0))
        first = listener.port
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listener.move(Settings(port=taken.getsockname()[1]))
        listener.move(Settings(port=first or 0, tls=Tls(True, "/no/cert", "/no/key")))
        listener.move(Settings(port=first or 0, host="203.0.113.7"))
        self.assertEqual(listener.port, first)
        self.assertEqual(await self.ask(first), b"here")
        self.assertEqual(len([line for line in self.said if "the listener stays" in line]), 3)
        listener.move(Settings(port=first or 0))
        self.assertEqual(await self.ask(first), b"here")

    def test_stays(self) -> Deferred[None]:
        """A place that cannot be had, and files that cannot be used, leave it where it is; the log says so."""
        return Deferred.fromCoroutine(self.stays())

    async def turns(self) -> None:
        files = Issued(Path(scratch(self)))
        plain = Settings(port=0)
        listener = self.listener(plain)
        port = listener.port
        secure = attrs.evolve(plain, tls=Tls(True, str(files.cert), str(files.key)))
        for _ in range(2):
            listener.move(secure)
            self.assertEqual(await self.ask(port, "localhost", files.trusting()), b"here")
            listener.move(plain)
            self.assertEqual(await self.ask(port), b"here")
        self.assertEqual(listener.port, port)

    def test_turns(self) -> Deferred[None]:
        """TLS is turned on and off at the same port; a client that trusts the root alone is shown the whole chain."""
        return Deferred.fromCoroutine(self.turns())

    async def adopts(self) -> None:
        folder = scratch(self)
        families: list[tuple[Any, Any]] = [(socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET6, ("::1", 0))]
        sockets = [socket.socket(family) for family, _ in families] + [socket.socket(socket.AF_UNIX)]
        for one, where in zip(sockets, [*(where for _, where in families), str(folder / "s")], strict=True):
            one.bind(where)
            one.listen()
        ports = [one.getsockname()[1] for one in sockets[:2]]
        listener = self.listener(Settings(port=1), tuple(one.detach() for one in sockets))
        self.assertEqual(listener.hosts, ["127.0.0.1", "::1"])
        self.assertEqual(await self.ask(ports[0]), b"here")
        self.assertEqual(await self.ask(ports[1], "::1"), b"here")
        connection = http.client.HTTPConnection("localhost", timeout=20)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(folder / "s"))
        self.addCleanup(connection.close)
        self.assertEqual(await deferToThread(ask, connection), b"here")
        listener.move(Settings(port=2))
        self.assertEqual(listener.port, ports[0])

    def test_adopts(self) -> Deferred[None]:
        """Sockets that were handed over are listened on, of every family, whatever the settings say."""
        return Deferred.fromCoroutine(self.adopts())

    def test_backlog(self) -> Deferred[None]:
        """Two hundred clients that come at once, before any is accepted, are all connected."""
        listener = self.listener(Settings(port=0))
        self.assertGreaterEqual(BACKLOG, 1024)
        connections = [socket.create_connection(("127.0.0.1", listener.port or 0), 20) for _ in range(200)]
        for connection in connections:
            connection.close()
        return succeed(None)


def test_a_renewed_certificate(tmp_path: Path) -> None:
    """It is used for the next connection; half of a renewal, and rubbish, leave what was there."""
    files, now = Issued(tmp_path), [0.0]
    certificates = Certificates(Tls(True, str(files.cert), str(files.key)), lambda: now[0])
    first = certificates.getContext()
    now[0] = 10
    assert certificates.getContext() is first
    old = files.cert.read_bytes()
    files.renew()
    new = files.cert.read_bytes()
    for content in (old, b"", b"rubbish"):  # beside the new key
        files.cert.write_bytes(content)
        now[0] += 10
        assert certificates.getContext() is first
    files.cert.write_bytes(new)
    assert certificates.getContext() is first, "the files are looked at once a second"
    now[0] += 10
    second = certificates.getContext()
    assert second is not first
    files.key.unlink()
    now[0] += 10
    assert certificates.getContext() is second
