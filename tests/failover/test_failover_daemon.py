"""Failover seen from outside: a whole daemon, its clients and its vendors, in memory."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.settings.model import ClientKey, CompatEntry, CompatKey, ModelEntry, Routing, Secret, Settings
from tests.support.world import Call, Vendor, World

ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
}


class Outside(SynchronousTestCase):
    """Answers, headers and waits as a client sees them."""

    def daemon(self, names: str, **settings: Any) -> dict[str, Vendor]:
        """A daemon over one Chat vendor a letter, each with the model ``m``."""
        entries = tuple(
            CompatEntry(
                name=name,
                base_url=f"http://{name.lower()}.test/v1",
                api_key_entries=(CompatKey(Secret(f"sk-canary-{name}")),),
                models=(ModelEntry("m"),),
            )
            for name in names
        )
        keys = (ClientKey(Secret(World.KEY)),)
        self.world = World(Settings(api_keys=keys, openai_compatibility=entries, **settings))
        self.addCleanup(self.world.close)
        return {name: self.world.vendor(f"{name.lower()}.test") for name in names}

    def ask(self, **headers: str) -> Call:
        """One request that says always the same."""
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        return self.world.post("/v1/chat/completions", body, headers)

    def test_all_cooling(self) -> None:
        """When all are cooling the client gets 429 with code, model, time and Retry-After, and no vendor is asked."""
        vendor = self.daemon("A", max_retry_interval=0)["A"]
        vendor.script = lambda request: request.answer(429, {"error": {"message": "slow"}}, {"Retry-After": "90"})
        self.assertEqual(self.ask().headers["retry-after"], "90")
        again = self.ask()
        self.assertEqual((again.status, again.headers["retry-after"], len(vendor.requests)), (429, "90", 1))
        self.assertEqual(
            again.json["error"],
            {
                "message": "All credentials for model m are cooling down",
                "type": "rate_limit_error",
                "param": None,
                "code": "model_cooldown",
                "model": "m",
                "reset_time": "1m30s",
                "reset_seconds": 90,
            },
        )

    def test_who_served(self) -> None:
        """The answer says who gave it, after how many attempts, and whether the conversation kept its credential."""
        vendors = self.daemon("AB")
        vendors["A"].script = lambda request: request.answer(503, {"error": {"message": "busy"}})
        vendors["B"].script = lambda request: request.answer(200, ANSWER)
        told = self.ask().headers
        self.assertEqual((told["x-cliproxy-attempts"], told["x-cliproxy-affinity"]), ("2", "moved"))
        self.assertEqual((told["x-cliproxy-provider"], told["x-cliproxy-credential"]), ("b", "B"))
        told = self.ask().headers
        self.assertEqual((told["x-cliproxy-attempts"], told["x-cliproxy-affinity"]), ("1", "hit"))

    def test_refused_keys_are_not_the_clients(self) -> None:
        """401 from every credential is a 502 that says so, and quotes no key."""
        vendors = self.daemon("AB")
        for vendor in vendors.values():
            vendor.script = lambda request: request.answer(
                401, {"error": {"message": request.headers["authorization"]}}
            )
        refused = self.ask()
        self.assertEqual((refused.status, refused.json["error"]["code"]), (502, "upstream_credentials_exhausted"))
        self.assertNotIn(b"sk-canary", refused.raw)

    def test_two_suffixes_of_one_model_are_two_candidates(self) -> None:
        """Where an alias stands for ``m(high)`` and ``m(low)``, one's trouble leaves the other to be tried."""
        entry = CompatEntry(
            name="A",
            base_url="http://a.test/v1",
            api_key_entries=(CompatKey(Secret("sk-canary-A")),),
            models=(ModelEntry("m(high)", "both"), ModelEntry("m(low)", "both")),
        )
        world = World(Settings(openai_compatibility=(entry,), api_keys=(ClientKey(Secret(World.KEY)),)))
        self.addCleanup(world.close)
        vendor = world.vendor("a.test")
        vendor.script = lambda request: (
            request.answer(503, {"error": {"message": "busy"}})
            if request.json["reasoning_effort"] == "high"
            else request.answer(200, ANSWER)
        )
        body = {"model": "both", "messages": [{"role": "user", "content": "hello"}]}
        self.assertEqual(world.post("/v1/chat/completions", body).status, 200)
        self.assertEqual([request.json["reasoning_effort"] for request in vendor.requests], ["high", "low"])

    def test_soonest_reset(self) -> None:
        """Under soonest-reset the vendor whose window is renewed first is spent first."""
        vendors = self.daemon("ABC", routing=Routing("soonest-reset"))
        for name, reset in (("A", "6m0s"), ("B", "20s"), ("C", "1h")):
            vendors[name].script = lambda request, reset=reset: request.answer(  # type: ignore[misc]
                200, ANSWER, {"x-ratelimit-reset-tokens": reset}
            )
        for number in range(5):
            self.ask(**{"x-session-id": str(number)})
        self.assertEqual([len(vendor.requests) for vendor in vendors.values()], [1, 3, 1])
