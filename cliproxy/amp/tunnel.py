"""A connection that stops being HTTP: bytes both ways until one side ends, each side paced by the other."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure


class End(Protocol):
    """One side. What it hears the other says."""

    transport: Any
    other: End

    def __init__(self) -> None:
        self.done: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        """Pass it on."""
        self.other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the other side too."""
        self.other.transport.unregisterProducer()
        self.other.transport.loseConnection()
        done, self.done = self.done, Deferred()
        done.callback(None)


def end_factory(end: End) -> IProtocolFactory:
    """A factory whose one protocol is ``end``."""
    return Factory.forProtocol(lambda: end)


def join(upstream: End, client: End) -> None:
    """Let two connected ends pace each other."""
    upstream.other, client.other = client, upstream
    upstream.transport.registerProducer(client.transport, True)
    client.transport.registerProducer(upstream.transport, True)
