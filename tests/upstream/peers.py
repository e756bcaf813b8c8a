"""A client on the network in memory, and peers that say what a test tells them to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.errors import UpstreamFailure
from cliproxy.providers.interface import UpstreamRequest
from cliproxy.upstream.client import Client, Timeouts, UpstreamResponse
from tests.support.network import MemoryReactor

URL = "http://vendor.test/v1/chat"
TIMEOUTS = Timeouts(connect=10, first_byte=60, idle=30)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Peer(Protocol):
    """The far end of a connection.

    :ivar heard: all it received.
    :ivar writes: the same, by piece.
    :ivar gone: why the connection ended; None while it lasts.
    """

    transport: Any

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.gone: Failure | None = None

    @property
    def heard(self) -> bytes:
        return b"".join(self.writes)

    def dataReceived(self, data: bytes) -> None:
        self.writes.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone = reason


class Sink:
    """A body sink that remembers."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ends: list[UpstreamFailure | None] = []

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def received(self, data: bytes) -> None:
        assert data and not self.ends
        self.pieces.append(data)

    def ended(self, failure: UpstreamFailure | None) -> None:
        self.ends.append(failure)


def request(url: str = URL, method: str = "POST", body: bytes = b"{}", **headers: str) -> UpstreamRequest:
    """A request; keyword names become header names."""
    return UpstreamRequest(method, url, [(name.replace("_", "-"), value) for name, value in headers.items()], body)


class NetworkCase(SynchronousTestCase):
    """A client and the peers it connects to. Ends with the client closed and nothing left on the clock.

    :ivar peers: the far ends, in the order of connection.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.peers: list[Peer] = []
        self.listen("vendor.test", 80)
        self.client = Client(self.reactor)
        self.addCleanup(self.at_rest)

    def at_rest(self) -> None:
        closing = Deferred.fromCoroutine(self.client.close())
        self.reactor.flow()
        self.successResultOf(closing)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def listen(self, host: str, port: int, make: Callable[[], Peer] = Peer) -> None:
        """Let ``host`` accept connections on ``port``."""

        def accept() -> Peer:
            peer = make()
            self.peers.append(peer)
            return peer

        self.reactor.servers[host, port] = accept

    def send(self, what: UpstreamRequest | None = None, **options: Any) -> Deferred[UpstreamResponse]:
        """Begin a request and let the network come to rest."""
        options.setdefault("timeouts", TIMEOUTS)
        sending = Deferred.fromCoroutine(self.client.send(what or request(), **options))
        self.reactor.flow()
        return sending

    def say(self, data: bytes, peer: int = -1) -> None:
        """Let a peer (the last) send ``data``."""
        self.peers[peer].transport.write(data)
        self.reactor.flow()

    def hang_up(self, peer: int = -1) -> None:
        """Let a peer close in order."""
        self.peers[peer].transport.loseConnection()
        self.reactor.flow()

    def answered(self, data: bytes = OK, **options: Any) -> UpstreamResponse:
        """Send a request and answer it."""
        sending = self.send(**options)
        self.say(data)
        return self.successResultOf(sending)

    def body_of(self, response: UpstreamResponse, limit: int = 1 << 20) -> bytes:
        """The body, which must be there."""
        return self.successResultOf(Deferred.fromCoroutine(response.read(limit)))

    def failed_soon(self, sending: Deferred[Any]) -> UpstreamFailure:
        """The same, once a name's every address had its turn."""
        self.reactor.advance(0.3)
        self.reactor.flow()
        return self.failed(sending)

    def failed(self, sending: Deferred[Any]) -> UpstreamFailure:
        """The failure ``sending`` must have come to."""
        failure = self.failureResultOf(sending, UpstreamFailure).value
        assert isinstance(failure, UpstreamFailure)
        return failure
