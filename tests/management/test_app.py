"""Management routes: who may, what is cooling, how it is freed, and why a name is served by whom."""

from __future__ import annotations

from typing import Any
from unittest import mock

import bcrypt
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.front.operators import FORGIVEN
from cliproxy.settings.model import Amp, AmpMapping, RemoteManagement, Secret
from tests.support.bodies import CHAT
from tests.support.settings import compat, settings
from tests.support.world import World

MANAGED = RemoteManagement(secret_key=Secret("manage-me"))
COOLDOWNS = "/v0/management/cooldowns"


class Managed(SynchronousTestCase):
    """A world that can be managed."""

    def build(self, management: RemoteManagement = MANAGED, **more: Any) -> World:
        self.world = World(settings(remote_management=management, **more))
        self.addCleanup(self.world.close)
        self.chat = self.world.vendor("chat.test")
        return self.world


class Doors(Managed):
    """The secret, and nothing else, over TCP."""

    def status(self, headers: dict[str, str] | None = None, peer: str = "127.0.0.1") -> int:
        head = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        return self.world.send(f"GET {COOLDOWNS} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode(), peer=peer).status

    def test_without_a_secret(self) -> None:
        """Without a configured secret there is no such route, whatever is sent."""
        self.build(RemoteManagement())
        self.assertEqual(self.status(), 404)
        self.assertEqual(self.status({"Authorization": "Bearer "}), 404)
        self.assertEqual(self.status({"Authorization": "Bearer sk-test"}), 404)

    def test_keys(self) -> None:
        """The secret opens, in either header; a client key does not."""
        self.build()
        self.assertEqual(self.status(), 401)
        self.assertEqual(self.status({"Authorization": "Bearer sk-test"}), 401)
        self.assertEqual(self.status({"Authorization": "Bearer manage-me"}), 200)
        self.assertEqual(self.status({"X-Management-Key": "manage-me"}), 200)

    def test_hashed(self) -> None:
        """A secret that the original has hashed still opens."""
        hashed = bcrypt.hashpw(b"manage-me", bcrypt.gensalt(4)).decode()
        self.build(RemoteManagement(secret_key=Secret(hashed)))
        self.assertEqual(self.status({"X-Management-Key": "manage-me"}), 200)
        self.assertEqual(self.status({"X-Management-Key": hashed}), 401)

    def test_guesses(self) -> None:
        """From the fifth wrong secret on, a peer waits, ever longer, and computes nothing; others do not, nor who is right."""
        hashed = bcrypt.hashpw(b"manage-me", bcrypt.gensalt(4)).decode()
        self.build(RemoteManagement(allow_remote=True, secret_key=Secret(hashed)))
        right, wrong = {"X-Management-Key": "manage-me"}, {"X-Management-Key": "guess"}
        with mock.patch("bcrypt.checkpw", wraps=bcrypt.checkpw) as computed:
            self.assertEqual(
                [self.status(wrong, peer="192.0.2.1") for _ in range(40)], [401] * FORGIVEN + [429] * (40 - FORGIVEN)
            )
            self.assertEqual(computed.call_count, FORGIVEN)
            self.assertEqual([self.status(right, peer="192.0.2.2") for _ in range(9)], [200] * 9)
            self.assertEqual(computed.call_count, FORGIVEN + 1)
        self.world.pass_time(1.1)
        self.assertEqual([self.status(wrong, peer="192.0.2.1") for _ in range(2)], [401, 429])
        self.assertEqual([self.status(wrong) for _ in range(9)], [401] * 9)
        self.world.pass_time(2.1)
        self.assertEqual(self.status(right, peer="192.0.2.1"), 200)

    def test_remote(self) -> None:
        """From elsewhere only where that is allowed; a forwarded address changes nothing."""
        self.build()
        headers = {"X-Management-Key": "manage-me", "X-Forwarded-For": "127.0.0.1"}
        self.assertEqual(self.status(headers, peer="192.0.2.1"), 403)
        self.build(RemoteManagement(allow_remote=True, secret_key=Secret("manage-me")))
        self.assertEqual(self.status(headers, peer="192.0.2.1"), 200)


class Cooling(Managed):
    """What a request finds cooling can be seen and freed."""

    HEADERS = {"X-Management-Key": "manage-me"}

    def test_shown_and_freed(self) -> None:
        """A 429 with a long hint cools for ten minutes at most, is shown, and is freed at once by DELETE."""
        self.build(openai_compatibility=(compat(),), max_retry_interval=0)
        self.chat.script = lambda request: request.answer(
            429, {"error": {"message": "later"}}, {"Retry-After": "518400"}
        )
        self.assertEqual(self.world.post("/v1/chat/completions", CHAT).status, 429)
        found = self.world.get(COOLDOWNS, self.HEADERS, key=None).json["cooldowns"]
        self.assertEqual(
            [(entry["credential"], entry["model"], entry["status"]) for entry in found], [("chat", "gpt-x", 429)]
        )
        asked = len(self.chat.requests)
        self.assertEqual(self.world.post("/v1/chat/completions", CHAT).status, 429)
        self.assertEqual(len(self.chat.requests), asked)
        cleared = self.world.request("DELETE", COOLDOWNS, None, self.HEADERS, key=None)
        self.assertEqual(cleared.json["cleared"], 1)
        self.world.post("/v1/chat/completions", CHAT)
        self.assertEqual(len(self.chat.requests), asked + 1)

    def test_probed(self) -> None:
        """Without any operator, a hint of six days is probed by a real request within ten minutes."""
        self.build(openai_compatibility=(compat(),), max_retry_interval=0)
        self.chat.script = lambda request: request.answer(
            429, {"error": {"message": "later"}}, {"Retry-After": "518400"}
        )
        self.world.post("/v1/chat/completions", CHAT)
        self.world.pass_time(601)
        self.world.post("/v1/chat/completions", CHAT)
        self.assertEqual(len(self.chat.requests), 2)

    def test_unknown_label(self) -> None:
        """A label nobody has is said."""
        self.build()
        call = self.world.request("DELETE", f"{COOLDOWNS}?credential=nobody", None, self.HEADERS, key=None)
        self.assertEqual(call.status, 404)

    def test_explain(self) -> None:
        """Explain names the suffix, the mapping, the candidates in order with their URLs, and why one is not available."""
        amp = Amp(model_mappings=(AmpMapping("asked", "gpt-x"),))
        self.build(openai_compatibility=(compat(keys=2),), ampcode=amp, max_retry_interval=0)
        self.chat.script = lambda request: request.answer(401, {"error": {"message": "no"}})
        self.world.post("/v1/chat/completions", CHAT)
        path = "/v0/management/explain?model=gpt-x(high)&dialect=claude&client-key=sk-test"
        told = self.world.get(path, self.HEADERS, key=None).json
        self.assertEqual((told["base"], told["suffix"], told["client"]["known"]), ("gpt-x", "high", True))
        self.assertEqual([candidate["state"] for candidate in told["candidates"]], ["cooling", "cooling"])
        self.assertEqual(told["amp"], {"route": "LOCAL_PROVIDER", "models": []})
        first = told["candidates"][0]
        self.assertIn("401", first["why"])
        self.assertIn("http://chat.test/v1/chat/completions", [url["url"] for url in first["urls"]])
        self.assertEqual(first["lane"], "translated to openai")
        mapped = self.world.get("/v0/management/explain?model=asked", self.HEADERS, key=None).json
        self.assertEqual(mapped["amp"], {"route": "MODEL_MAPPING", "models": ["gpt-x"]})
        self.assertIn("unknown provider", mapped["error"])
