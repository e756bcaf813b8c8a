"""A credential's changes of state, in the log."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.settings.model import Affinity
from tests.support.bodies import CHAT, CHAT_ANSWER
from tests.support.settings import compat, settings
from tests.support.world import World


class Standings(SynchronousTestCase):
    """One daemon with two keys at one vendor."""

    def setUp(self) -> None:
        self.said: list[tuple[LogLevel, str]] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)
        self.world = World(settings(openai_compatibility=(compat(keys=2),), affinity=Affinity(enabled=False)))
        self.addCleanup(self.world.close)
        self.refused = True
        self.world.vendor("chat.test").script = self.answer

    def observe(self, event: dict[str, Any]) -> None:
        if event.get("log_namespace") == "cliproxy.failover.standing.Standing":
            self.said.append((event["log_level"], formatEvent(event)))

    def answer(self, request: Any) -> None:
        if self.refused and request.headers["authorization"].endswith("-0"):
            request.answer(401, {"error": {"message": "the key up-chat-0 is revoked"}})
        else:
            request.answer(200, CHAT_ANSWER)

    def ask(self) -> None:
        self.assertEqual(self.world.post("/v1/chat/completions", CHAT).status, 200)

    def test_once_and_back(self) -> None:
        """Said once, masked, with what is affected and until when; and once when it serves again."""
        for _ in range(4):
            self.ask()
        self.assertEqual(len(self.said), 1, self.said)
        level, sentence = self.said[0]
        self.assertEqual(level, LogLevel.warn)
        self.assertRegex(
            sentence, r"is not used until \d{4}-\d\d-\d\dT[\d:+]+, for all its models: credential \(401\): "
        )
        self.assertIn("the key *** is revoked", sentence)
        self.refused = False
        self.world.pass_time(1801)
        for _ in range(4):
            self.ask()
        self.assertEqual([text.partition(" is ")[2] for _, text in self.said[1:]], ["back, for all its models"])

    def test_cleared(self) -> None:
        """What the operator freed is said again when it fails again."""
        self.ask()
        self.ask()
        self.world.service.clear_cooldowns()
        self.ask()
        self.ask()
        self.assertEqual(len(self.said), 2)
