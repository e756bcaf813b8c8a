"""README.rst and the pages of docs keep their promises."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import twisted.internet
import twisted.internet.reactor
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from cliproxy import jsontypes

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.rst").read_text()
PAGES = [README, *(page.read_text() for page in sorted((ROOT / "docs").glob("*.rst")))]
EMBEDDING = (ROOT / "docs" / "embedding.rst").read_text()


class Reactor(MemoryReactorClock):
    """A reactor that returns from ``run`` at once, with everything still listening."""

    def run(self, installSignalHandlers: bool = True) -> None:
        pass


class Embedding(SynchronousTestCase):
    """The example of the section "In your own process"."""

    def setUp(self) -> None:
        found = re.search(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", EMBEDDING)
        assert found
        self.code = textwrap.dedent(found[1]).strip()

    def test_ten_lines(self) -> None:
        """It is no longer than it says it is."""
        self.assertLessEqual(len([line for line in self.code.splitlines() if line]), 10)

    def test_it_serves(self) -> None:
        """Run as it stands, it answers a client."""
        reactor = Reactor()
        self.patch(twisted.internet, "reactor", reactor)  # what the example's own import finds
        exec(self.code, {})
        ((port, site, *_),) = reactor.tcpServers
        self.assertEqual(port, 8080)

        head, body = self._ask(reactor, site)
        self.assertIn(b" 200 OK", head.splitlines()[0])
        answer = jsontypes.loads(body)
        self.assertEqual(answer["object"], "chat.completion")
        self.assertTrue(answer["choices"][0]["message"]["content"])

    def _ask(self, reactor: Reactor, site: Any) -> tuple[bytes, bytes]:
        question = jsontypes.dumps({"model": "demo", "messages": [{"role": "user", "content": "Hello"}]})
        transport = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 4321))
        site.startFactory()
        channel = site.buildProtocol(transport.getPeer())
        channel.makeConnection(transport)
        channel.dataReceived(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer my-own-key\r\n"
            b"Connection: close\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(question), question)
        )
        for _ in range(100):
            reactor.advance(0.1)
        head, _, body = transport.value().partition(b"\r\n\r\n")
        return head, body


class Names(SynchronousTestCase):
    """What README and the pages point to is there."""

    def test_files(self) -> None:
        """Every file it names exists."""
        for name in re.findall(r"``((?:etc|docs|scripts|\.ci)/[\w./-]+)``", "\n".join(PAGES)):
            with self.subTest(name):
                self.assertTrue((ROOT / name).exists(), name)

    def test_make_goals(self) -> None:
        """Every goal of make it names is one."""
        goals = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
        named = set(re.findall(r"(?:``|(?m:^)    )make ([a-z-]+)", "\n".join(PAGES)))
        self.assertEqual(named - goals, set())
        self.assertIn("run", named)
