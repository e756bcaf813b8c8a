"""Writing at once: order is kept, and what the socket does not take goes the transport's own way."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.upstream.eager import write_now


class Writers(Clock):
    """A reactor that only remembers who wants to write."""

    def __init__(self) -> None:
        super().__init__()
        self.writers: set[Any] = set()

    def addWriter(self, writer: Any) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: Any) -> None:
        self.writers.discard(writer)

    def removeReader(self, reader: Any) -> None:
        pass


class Eager(SynchronousTestCase):
    def setUp(self) -> None:
        near, self.far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(self.far.close)
        near.setblocking(False)
        self.far.setblocking(False)
        self.reactor = Writers()
        self.transport = Connection(near, Protocol(), self.reactor)
        self.transport.connected = True

    def received(self) -> bytes:
        pieces = []
        while True:
            try:
                pieces.append(self.far.recv(1 << 20))
            except BlockingIOError:
                return b"".join(pieces)

    def test_what_the_socket_takes_is_gone_at_once(self) -> None:
        """The reactor is not asked."""
        write_now(self.transport, b"hello")
        self.assertEqual(self.received(), b"hello")
        self.assertEqual(self.reactor.writers, set())

    def test_what_it_does_not_take_follows(self) -> None:
        """Nothing is lost or repeated when the socket is full."""
        data = bytes(range(256)) * 20_000
        write_now(self.transport, data)
        self.assertEqual(self.reactor.writers, {self.transport})
        got = self.received()
        self.assertTrue(0 < len(got) < len(data))
        while self.reactor.writers:
            self.transport.doWrite()
            got += self.received()
        self.assertEqual(got, data)

    def test_nothing_overtakes_what_is_queued(self) -> None:
        """Behind a queued write the next one queues too."""
        self.transport.write(b"one ")
        write_now(self.transport, b"two ")
        self.assertEqual(self.received(), b"")
        self.transport.doWrite()
        self.assertEqual(self.received(), b"one two ")

    def test_a_dead_socket_is_left_to_the_transport(self) -> None:
        """Its error is the reactor's to report."""
        self.far.close()
        write_now(self.transport, b"hello")
        self.assertEqual(self.reactor.writers, {self.transport})

    def test_a_closing_transport_takes_nothing(self) -> None:
        """After loseConnection nothing is sent behind the transport's back."""
        self.transport.disconnecting = True
        write_now(self.transport, b"hello")
        self.assertEqual(self.received(), b"")

    def test_other_transports_are_written_to(self) -> None:
        """TLS and in-memory transports have their own way."""
        transport = StringTransport()
        write_now(transport, b"hello")
        self.assertEqual(transport.value(), b"hello")
