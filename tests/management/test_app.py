"""Management routes: who may, what is cooling, how it is freed, and why a name is served by whom."""

from __future__ import annotations

from typing import Any
from unittest import mock

import bcrypt
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.front.operators import BAN, FORGIVEN
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
        """The fifth wrong secret bans a peer for half an hour, even with the right one; others pass."""
        hashed = bcrypt.hashpw(b"manage-me", bcrypt.gensalt(4)).decode()
        for secret in (hashed, "manage-me"):
            self.build(RemoteManagement(allow_remote=True, secret_key=Secret(secret)))
            right, wrong = {"X-Management-Key": "manage-me"}, {"X-Management-Key": "guess"}
            with mock.patch("bcrypt.checkpw", wraps=bcrypt.checkpw) as computed:
                self.assertEqual(
                    [self.status(wrong, peer="192.0.2.1") for _ in range(20)], [401] * FORGIVEN + [403] * 15
                )
                self.assertEqual([self.status(right, peer="192.0.2.2") for _ in range(9)], [200] * 9)
                self.assertEqual(computed.call_count, FORGIVEN + 1 if secret == hashed else 0)
            self.assertEqual(self.status(right, peer="192.0.2.1"), 403)
            self.world.pass_time(BAN - 1)
            self.assertEqual(self.status(wrong, peer="192.0.2.1"), 403)
            self.world.pass_time(2)
            self.assertEqual(self.status(right, peer="192.0.2.1"), 200)

    def test_a_network_guesses_as_one(self) -> None:
        """Whoever has one address of IPv6 has them all."""
        self.build(RemoteManagement(allow_remote=True, secret_key=Secret("manage-me")))
        wrong = {"X-Management-Key": "guess"}
        peers = [f"2001:db8::{number:x}" for number in range(1, 8)]
        self.assertEqual([self.status(wrong, peer=peer) for peer in peers], [401] * FORGIVEN + [403] * 2)
        self.assertEqual(self.status(wrong, peer="2001:db8:0:1::1"), 401)

    def test_this_machine_waits(self) -> None:
        """Its own processes are not banned, but wait ever longer, with the right secret too, and are free then."""
        self.build()
        right, wrong = {"X-Management-Key": "manage-me"}, {"X-Management-Key": "guess"}
        self.assertEqual([self.status(wrong) for _ in range(7)], [401] * FORGIVEN + [429] * 2)
        self.assertEqual(self.status(right), 429)
        self.world.pass_time(1.1)
        self.assertEqual([self.status(wrong), self.status(right)], [401, 429])
        self.world.pass_time(2.1)
        self.assertEqual([self.status(right), self.status(wrong)], [200, 401])

    def test_a_large_body_does_not_tell_the_secret(self) -> None:
        """Whether a stranger's large body is read depends on the secret, so that a wrong one counts there too."""
        self.build(RemoteManagement(allow_remote=True, secret_key=Secret("manage-me")))

        def status(secret: str) -> int:
            head = f"PUT /v0/management/config.yaml HTTP/1.1\r\nHost: x\r\nX-Management-Key: {secret}\r\n"
            return self.world.send(f"{head}Content-Length: 99999\r\n\r\n".encode(), peer="192.0.2.1").status

        self.assertEqual([status("guess") for _ in range(FORGIVEN)], [401] * FORGIVEN)
        self.assertEqual(status("manage-me"), 401)  # of a banned peer, before its body came
        self.assertEqual(self.status({"X-Management-Key": "manage-me"}, peer="192.0.2.1"), 403)

    def test_every_answer_says_what_it_is(self) -> None:
        """Refusals and paths that are none too; errors have the original's shape."""
        self.build()
        for path, status in ((COOLDOWNS, 401), ("/v0/management/none", 404), ("/v8/management", 404)):
            call = self.world.get(path, key=None)
            self.assertEqual((call.status, call.headers["x-cpa-version"]), (status, "7.2.140+cliproxy"), path)
            self.assertIn("x-cpa-build-date", call.headers)
        self.assertEqual(self.world.get(COOLDOWNS, key=None).json, {"error": "missing management key"})

    def test_pages_elsewhere(self) -> None:
        """A page of a listed origin may ask with every method and read the version; others may not."""
        self.build(cors_origins=("https://panel.test",))
        ask = {"Access-Control-Request-Method": "PATCH", "Origin": "https://panel.test"}
        call = self.world.request("OPTIONS", COOLDOWNS, None, ask, key=None)
        self.assertEqual((call.status, call.headers["x-cpa-version"]), (204, "7.2.140+cliproxy"))
        self.assertIn("PATCH", call.headers["access-control-allow-methods"])
        read = self.world.get(COOLDOWNS, {"X-Management-Key": "manage-me", "Origin": "https://panel.test"}, key=None)
        self.assertEqual(read.status, 200)
        self.assertIn("X-CPA-VERSION", read.headers["access-control-expose-headers"])
        foreign = self.world.get(COOLDOWNS, {"X-Management-Key": "manage-me", "Origin": "https://x.test"}, key=None)
        self.assertEqual(foreign.status, 403)

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
