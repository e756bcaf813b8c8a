"""Names: looked up once however many ask, each apart from the others, and as they are written."""

from __future__ import annotations

import socket
import threading
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.upstream.egress import _verifying
from cliproxy.upstream.idle import Idle, most_idle
from cliproxy.upstream.names import NamedEndpoint, Names
from tests.support.network import MemoryReactor

V4 = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]


class Receiver:
    """Who asked."""

    def __init__(self) -> None:
        self.found: list[Any] = []
        self.complete = False

    def resolutionBegan(self, resolution: Any) -> None:
        pass

    def addressResolved(self, address: Any) -> None:
        self.found.append(address)

    def resolutionComplete(self) -> None:
        self.complete = True


class Reactor(MemoryReactor):
    """One that is told from other threads."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Semaphore(0)

    def callFromThread(self, call: Any, *args: Any) -> None:
        super().callFromThread(call, *args)
        self.told.release()


class Look(SynchronousTestCase):
    """A resolver whose system is a function."""

    def test_one_look_up(self) -> None:
        """Twenty who ask for a name wait for one look-up; another name is answered while it hangs."""
        reactor, hang, asked = Reactor(), threading.Event(), []

        def system(name: str, *_: Any, **__: Any) -> Any:
            asked.append(name)
            if name == "slow.test":
                hang.wait(10)
            return V4

        names, slow, fast = Names(reactor), [Receiver() for _ in range(20)], Receiver()
        with mock.patch("socket.getaddrinfo", system):
            for receiver in slow:
                names.resolveHostName(receiver, "slow.test", 80)  # type: ignore[arg-type]
            names.resolveHostName(fast, "my_llm", 81)  # type: ignore[arg-type]
            reactor.told.acquire()
            reactor.advance(0)
            self.assertEqual([(address.host, address.port) for address in fast.found], [("192.0.2.1", 81)])
            self.assertFalse(any(receiver.complete for receiver in slow))
            hang.set()
            reactor.told.acquire()
            reactor.advance(0)
        self.assertEqual(sorted(asked), ["my_llm", "slow.test"])
        self.assertEqual([len(receiver.found) for receiver in slow], [1] * 20)

    def test_names_that_are_none_by_idna(self) -> None:
        """Underscores and odd hyphens go to the resolver and into TLS as they are."""
        for host in ("my_llm", "r3---sn-abc.test", "my_host.test"):
            endpoint = NamedEndpoint(MemoryReactor(), None, host, 80)
            self.assertEqual((endpoint._badHostname, endpoint._hostText), (False, host))
            options: Any = _verifying(host, None)
            self.assertEqual(options._hostnameBytes, host.encode())


class Waiting(SynchronousTestCase):
    """Connections that wait for a request."""

    def test_the_oldest_gives_way(self) -> None:
        """Where few files may be open, few connections wait, whatever their origin."""
        connections: list[Any] = [mock.Mock() for _ in range(6)]
        idle = Idle(4)
        for connection in connections[:5]:
            idle.add(connection)
        idle.discard(connections[1])
        idle.add(connections[5])
        self.assertEqual([c.abort.called for c in connections], [True] + [False] * 5)
        self.assertEqual([most_idle(n) for n in (16, 128, 1024, 1 << 20)], [4, 16, 128, 1024])
