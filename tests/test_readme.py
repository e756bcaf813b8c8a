"""README.rst and the pages of docs keep their promises."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path
from typing import Any

import twisted.internet
import twisted.internet.reactor
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from cliproxy import jsontypes
from cliproxy.cli import main as cli

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


def commands(page: str) -> list[list[str]]:
    """Every ``cliproxy ...`` of a page: lines of its literal blocks, split at ``&&``, and what stands in the text."""
    lines = [part for line in re.findall(r"(?m)^ {2,}(.*cliproxy .*)$", page) for part in line.split("&&")]
    inline = re.findall(r"``([^`]*)``", page.replace("\n", " "))
    found = []
    for line in [*lines, *inline]:
        match = re.match(r"\s*(?:\S*/)?cliproxy ([a-z].*)", line)
        if match:
            found.append(shlex.split(match[1], comments=True))
    return found


class Commands(SynchronousTestCase):
    """What the pages have a user type is understood: the command is one, and has these options."""

    def test_commands_and_options(self) -> None:
        """Words behind ``--`` are a client's."""
        known = {name: make for name, _, make, _ in cli.Cliproxy.subCommands}
        seen = set()
        for name, *words in (command for page in PAGES for command in commands(page)):
            with self.subTest(" ".join([name, *words])):
                self.assertIn(name, known)
                seen.add(name)
                options = known[name]()
                longs = {option.rstrip("=") for option in options.longOpt}
                longs |= {
                    option.rstrip("=") for row in getattr(options, "subCommands", ()) for option in row[2]().longOpt
                }
                ours = words[: words.index("--")] if "--" in words else words
                named = [word.removeprefix("--").split("=")[0] for word in ours if word.startswith("--")]
                self.assertEqual([option for option in named if option not in longs], [])
        self.assertGreaterEqual(seen, {"run", "init", "check", "connect", "explain", "cooldowns", "keys", "replay"})


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
