"""A world with an ampcode.com in it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.settings.model import Amp, AmpMapping, Secret
from tests.support.bodies import CLAUDE
from tests.support.settings import settings
from tests.support.world import Call, Vendor, World

#: How Amp's client opens its WebSocket.
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "k", "Sec-WebSocket-Protocol": "rivet"}
PATH = "/actors/gateway/threadActor/websocket/?rvt-namespace=default&rvt-key=1"

AMP = Amp(
    upstream_url="http://amp.test",
    upstream_api_key=Secret("amp-secret"),
    model_mappings=(AmpMapping("claude-opus", "claude-x"), AmpMapping("gemini-flash", "gemini-x")),
)
MESSAGES = "/api/provider/anthropic/v1/messages"


class Amps(SynchronousTestCase):
    """A world with an ampcode.com."""

    def build(self, amp: Amp = AMP, **more: Any) -> World:
        self.world = World(settings(ampcode=amp, **more))
        self.addCleanup(self.world.close)
        self.amp: Vendor = self.world.vendor("amp.test")
        self.claude = self.world.vendor("claude.test")
        self.gemini = self.world.vendor("gemini.test")
        return self.world

    def ask(self, model: str, headers: dict[str, str] | None = None, **more: Any) -> Call:
        return self.world.post(MESSAGES, {**CLAUDE, "model": model, **more}, headers)
