"""A network in memory: a reactor whose time and sockets are values. Nothing here sleeps and nothing touches a socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionRefusedError, DNSLookupError
from twisted.internet.interfaces import (
    IConsumer,
    IHostnameResolver,
    IHostResolution,
    IPushProducer,
    IReactorPluggableNameResolver,
    IReactorTCP,
    ITCPTransport,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

#: A transport asks its producer to stop above this many unread bytes, like a socket's send buffer.
WINDOW = 64 * 1024


@implementer(ITCPTransport, IConsumer, IPushProducer)
class Transport:
    """One end of a connection in memory. What is written waits in ``outgoing`` until the wire is pumped."""

    def __init__(self, host: IPv4Address, peer: IPv4Address) -> None:
        self._host, self._peer = host, peer
        self.protocol: Any = None
        self.other: Transport
        self.outgoing = bytearray()
        self.written = 0
        self.paused = False
        self.producer: Any = None
        self.disconnecting = self.disconnected = self.aborted = self.half_closed = False
        self._throttled = False

    def write(self, data: bytes) -> None:
        if not (self.disconnecting or self.disconnected or self.half_closed):
            self.outgoing += data
            self.written += len(data)
            self._check_producer()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def _check_producer(self) -> None:
        if self.producer is not None and not self._throttled and len(self.outgoing) > WINDOW:
            self._throttled = True
            self.producer.pauseProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert self.producer is None, "a producer is registered already"
        self.producer = producer
        self._throttled = False
        if self.disconnected:
            producer.stopProducing()
        else:
            self._check_producer()

    def unregisterProducer(self) -> None:
        self.producer = None

    def loseConnection(self) -> None:
        self.disconnecting = True

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.disconnecting = self.aborted = True
        self.outgoing.clear()

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def stopProducing(self) -> None:
        self.loseConnection()

    def getPeer(self) -> IPv4Address:
        return self._peer

    def getHost(self) -> IPv4Address:
        return self._host

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def getTcpNoDelay(self) -> bool:
        return True

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

    def getTcpKeepAlive(self) -> bool:
        return True

    def getHandle(self) -> None:
        return None

    # -- the wire's side

    def flow(self, most: int = 1 << 30) -> bool:
        """Move bytes, and then the end of the connection, to the other end, unless it does not read."""
        other = self.other
        if self.outgoing and not other.paused and not other.disconnected:
            data = bytes(self.outgoing[:most])
            del self.outgoing[:most]
            if self._throttled and not self.outgoing:
                self._throttled = False
                if self.producer is not None:
                    self.producer.resumeProducing()
            other.protocol.dataReceived(data)
            return True
        if self.disconnecting and not self.disconnected and not self.outgoing:
            self._end(ConnectionAborted() if self.aborted else ConnectionDone())
            other.cut(ConnectionAborted() if self.aborted else ConnectionDone())
            return True
        return False

    def cut(self, reason: Exception) -> None:
        """The other end is gone."""
        if not self.disconnected:
            self._end(reason)

    def _end(self, reason: Exception) -> None:
        self.disconnected = self.disconnecting = True
        self.outgoing.clear()
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self.protocol.connectionLost(Failure(reason))


@implementer(IHostnameResolver)
class _Resolver:
    """Every name is its own address, but those that do not exist."""

    def __init__(self, reactor: MemoryReactor) -> None:
        self._reactor = reactor

    def resolveHostName(self, receiver: Any, hostName: str, portNumber: int = 0, *args: Any, **kwargs: Any) -> Any:
        @implementer(IHostResolution)
        class Resolution:
            name = hostName

            def cancel(self) -> None:
                pass

        receiver.resolutionBegan(Resolution())
        if hostName not in self._reactor.unresolvable:
            receiver.addressResolved(IPv4Address("TCP", hostName, portNumber))
        receiver.resolutionComplete()
        return receiver


@implementer(IReactorTCP, IReactorPluggableNameResolver)
class MemoryReactor(Clock):
    """Time that is told to pass, and connections between protocols of one process.

    :ivar servers: (host, port) -> what makes the protocol of a connection to it; a missing one refuses.
    :ivar black_holes: hosts that never answer a connection attempt.
    """

    def __init__(self) -> None:
        super().__init__()
        self.servers: dict[tuple[str, int], Callable[[], Any]] = {}
        self.unresolvable: set[str] = set()
        self.black_holes: set[str] = set()
        self.transports: list[Transport] = []
        self.nameResolver = _Resolver(self)
        self._client_ports = 40000

    def installNameResolver(self, resolver: Any) -> Any:
        self.nameResolver = resolver

    def getDelayedCalls(self) -> list[Any]:
        return list(self.calls)

    def listenTCP(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("connections are made with connect()")

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None) -> Any:
        return _Connector(self, host, port, factory)

    def connect(
        self, client: Any, server: Any, host: str = "127.0.0.1", port: int = 8317, peer: str = "127.0.0.1"
    ) -> Any:
        """Join two protocols; gives the client's transport."""
        self._client_ports += 1
        here = IPv4Address("TCP", peer, self._client_ports)
        there = IPv4Address("TCP", host, port)
        near, far = Transport(here, there), Transport(there, here)
        near.other, far.other = far, near
        near.protocol, far.protocol = client, server
        self.transports += [near, far]
        server.makeConnection(far)
        client.makeConnection(near)
        return near

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        self.callLater(0, call, *args)

    def flow(self, most: int = 1 << 30) -> None:
        """Let everything that can move, move, until nothing does. Time stands still."""
        for _ in range(100_000):
            self.advance(0)
            moved = [transport.flow(most) for transport in list(self.transports)]
            if not any(moved) and not any(call.getTime() <= self.seconds() for call in self.calls):
                break
        else:
            raise AssertionError("the network never comes to rest")
        self.transports = [transport for transport in self.transports if not transport.disconnected]


class _Connector:
    """A connection attempt under way."""

    def __init__(self, reactor: MemoryReactor, host: str, port: int, factory: Any) -> None:
        self._reactor, self._host, self._port, self._factory = reactor, host, port, factory
        self._near: Transport | None = None
        factory.doStart()
        factory.startedConnecting(self)
        self._call = None if host in reactor.black_holes else reactor.callLater(0, self._connect)

    def _connect(self) -> None:
        self._call = None
        make = self._reactor.servers.get((self._host, self._port))
        if make is None:
            self._factory.clientConnectionFailed(self, Failure(ConnectionRefusedError()))
            return
        client = self._factory.buildProtocol(IPv4Address("TCP", self._host, self._port))
        self._near = self._reactor.connect(client, make(), self._host, self._port)

    def stopConnecting(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._factory.clientConnectionFailed(self, Failure(DNSLookupError("stopped")))

    def disconnect(self) -> None:
        if self._near is None:
            self.stopConnecting()
        else:
            self._near.loseConnection()

    def getDestination(self) -> IPv4Address:
        return IPv4Address("TCP", self._host, self._port)
