"""A storm of reloads: no open stream notices, and no request is served by halves of two configurations."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.settings.model import ClientKey, CompatEntry, CompatKey, ModelEntry, Secret, Settings
from tests.support.bodies import CHAT, CHAT_ANSWER, chunk
from tests.support.settings import settings
from tests.support.world import Received, World

STREAMS = 50
RELOADS = 100


def numbered(number: int) -> Settings:
    """A configuration whose client key, upstream, upstream key and upstream model all bear its number."""
    entry = CompatEntry(
        name=f"n{number}",
        base_url=f"http://n{number}.test/v1",
        api_key_entries=(CompatKey(Secret(f"up-{number}")),),
        headers=(("X-Number", str(number)),),
        models=(ModelEntry(f"model-{number}", "gpt-x"),),
    )
    keys = (ClientKey(Secret("sk-test")), ClientKey(Secret(f"sk-{number}")))
    return settings(api_keys=keys, openai_compatibility=(entry,), request_retry=0)


class Storm(SynchronousTestCase):
    """Fifty streams open, a hundred reloads, some of them refused."""

    def test_storm(self) -> None:
        """Streams end as they began; each new request is of one configuration, the newest that was good."""
        world = World(numbered(0))
        self.addCleanup(world.close)
        vendors = [world.vendor(f"n{number}.test") for number in range(RELOADS + 1)]
        streams = [world.post("/v1/chat/completions", {**CHAT, "stream": True}) for _ in range(STREAMS)]
        requests = list(vendors[0].requests)
        for request in requests:
            request.begin()
            request.event(chunk("a"))
        world.flow()
        for number in range(1, RELOADS + 1):
            with self.assertRaises(TypeError):
                world.service.apply(attrs.evolve(numbered(-1), fallback_models=None))  # type: ignore[arg-type]
            world.service.apply(numbered(number))
            vendors[number].script = lambda request: request.answer(200, CHAT_ANSWER)
            self.assertEqual(world.post("/v1/chat/completions", CHAT, key=f"sk-{number}").status, 200)
            self.assertEqual(world.get("/v1/models", key=f"sk-{number - 1}").status, 401)
            self.assertEqual(self.seen(vendors[number].last), {str(number)})
            request = requests[number % STREAMS]
            request.event(chunk("b"))
        for request in requests:
            request.event(chunk(finish="stop"))
            request.event(b"[DONE]")
            request.end()
        world.flow()
        for call in streams:
            self.assertTrue(call.ended)
            self.assertEqual(
                [event["choices"][0]["delta"].get("content") for event in call.events[:-1]], ["a", "b", "b", None]
            )
        self.assertEqual(sum(len(vendor.requests) for vendor in vendors), STREAMS + RELOADS)

    def test_a_retry_keeps_its_configuration(self) -> None:
        """An attempt that fails after a reload is followed by one of the configuration the request began with."""
        world = World(attrs.evolve(numbered(0), request_retry=1))
        self.addCleanup(world.close)
        old, new = world.vendor("n0.test"), world.vendor("n1.test")
        call = world.post("/v1/chat/completions", CHAT)
        world.service.apply(numbered(1))
        old.last.answer(503, {"error": {"message": "busy"}})
        world.flow()
        world.pass_time(10)
        self.assertEqual((len(old.requests), len(new.requests)), (2, 0))
        self.assertEqual(self.seen(old.last), {"0"})
        old.last.answer(200, CHAT_ANSWER)
        world.flow()
        self.assertEqual(call.status, 200)

    def seen(self, request: Received) -> set[str]:
        """The numbers a request bears."""
        headers = request.headers
        texts = (headers["host"], headers["authorization"], headers["x-number"], request.json["model"])
        return {"".join(letter for letter in text if letter.isdigit()) for text in texts}
