"""Client keys' limits, in a whole daemon."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.settings.client_keys import Budget
from cliproxy.settings.model import ClientKey, Price, Secret
from tests.support.settings import KEY, compat, settings
from tests.support.world import Received, World

PATH = "/v1/chat/completions"
CHAT = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}


def answer(request: Received, tokens: int = 1000) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": tokens // 2, "completion_tokens": tokens - tokens // 2, "total_tokens": tokens}
    request.answer(200, {"id": "c", "object": "chat.completion", "model": "gpt-x", "choices": [choice], "usage": usage})


class Limited(SynchronousTestCase):
    """One key with limits."""

    def build(self, *, prices: tuple[Price, ...] = (), **limits: Any) -> World:
        key = ClientKey(Secret(KEY), name="laptop", **limits)
        self.world = World(
            attrs.evolve(
                settings(), api_keys=(key,), prices=prices, openai_compatibility=(compat(models=("gpt-x", "gpt-pro")),)
            )
        )
        self.addCleanup(self.world.close)
        self.vendor = self.world.vendor("chat.test")
        return self.world

    def test_over_the_rate(self) -> None:
        """429 at once, with a code, a time, and the limits in the client's spelling; no credential is asked."""
        world = self.build(rpm=1)
        self.vendor.script = answer
        first = world.post(PATH, CHAT)
        self.assertEqual((first.status, first.headers["x-ratelimit-remaining-requests"]), (200, "0"))
        second = world.post(PATH, CHAT)
        self.assertEqual((second.status, second.headers["retry-after"]), (429, "60"))
        self.assertEqual(second.json["error"]["code"], "rate_limit_exceeded")
        self.assertEqual(len(self.vendor.requests), 1)
        claude = world.post("/v1/messages", {**CHAT, "max_tokens": 5})
        self.assertEqual((claude.status, claude.json["error"]["type"]), (429, "rate_limit_error"))
        self.assertEqual(claude.headers["anthropic-ratelimit-requests-limit"], "1")

    def test_models(self) -> None:
        """A model that is not allowed is 403 and is not listed."""
        world = self.build(models=("gpt-*",), deny=("*-pro",))
        self.vendor.script = answer
        self.assertEqual(world.post(PATH, CHAT).status, 200)
        for name in ("gpt-pro", "claude-x", "gpt-pro(high)"):
            refused = world.post(PATH, {**CHAT, "model": name})
            self.assertEqual((refused.status, refused.json["error"]["code"]), (403, "model_not_allowed"), name)
        self.assertEqual([model["id"] for model in world.get("/v1/models").json["data"]], ["gpt-x"])
        self.assertEqual(world.get("/v1/models/gpt-pro").status, 404)

    def test_providers(self) -> None:
        """Only credentials of the named providers serve it."""
        world = self.build(providers=("claude",))
        self.assertEqual(world.post(PATH, CHAT).status, 403)
        self.assertEqual([model["id"] for model in world.get("/v1/models").json["data"]], ["claude-x"])

    def test_expired_and_disabled(self) -> None:
        """401, whatever is asked."""
        self.assertEqual(self.build(expires="2026-01-01").post(PATH, CHAT).status, 401)
        self.assertEqual(self.build(disabled=True).get("/v1/models").status, 401)

    def test_a_budget_under_two_hundred_at_once(self) -> None:
        """It is exceeded by no more than one request's estimate, and what came through is what was settled."""
        price = Price("gpt-x", input=1000.0, output=1000.0)
        world = self.build(budgets=(Budget(usd=10.0, per="day"),), prices=(price,))
        calls = [world.post(PATH, {**CHAT, "max_tokens": 1000}) for _ in range(200)]
        for request in list(self.vendor.requests):
            answer(request)
        world.flow()
        served = sum(call.status == 200 for call in calls)
        self.assertEqual(served + sum(call.status == 429 for call in calls), 200)
        self.assertLessEqual(served * 1.0, 11.1)
        self.assertGreaterEqual(served, 9)
        usage = world.get("/v1/usage").json
        self.assertAlmostEqual(usage["total"]["cost_usd"], served * 1.0)
        self.assertAlmostEqual(usage["budgets"][0]["used"], served * 1.0)
        self.assertEqual(usage["budgets"][0]["reserved"], 0)

    def test_a_client_that_leaves_gives_its_place_back(self) -> None:
        """What was reserved for it is free again."""
        world = self.build(max_concurrency=1)
        gone = world.post(PATH, CHAT)
        self.assertEqual(world.post(PATH, CHAT).status, 429)
        gone.leave()
        world.flow()
        self.vendor.script = answer
        self.assertEqual(world.post(PATH, CHAT).status, 200)

    def test_what_an_answer_cost(self) -> None:
        """A whole answer says it."""
        world = self.build(prices=(Price("gpt-x", input=1.0, output=3.0),))
        self.vendor.script = answer
        self.assertEqual(world.post(PATH, CHAT).headers["x-cliproxy-cost-usd"], "0.00200000")


def test_usage_is_ones_own() -> None:
    """One key is not told of another's."""
    keys = (ClientKey(Secret(KEY), name="a"), ClientKey(Secret("sk-b"), name="b"))
    world = World(attrs.evolve(settings(), api_keys=keys))
    world.vendor("chat.test").script = answer
    world.post(PATH, CHAT)
    assert world.get("/v1/usage").json["total"]["requests"] == 1
    assert world.get("/v1/usage", key="sk-b").json["total"]["requests"] == 0
    assert world.get("/v1/usage?since=soon").status == 400
    assert world.get("/v1/usage", key=None).status == 401
    world.close()
