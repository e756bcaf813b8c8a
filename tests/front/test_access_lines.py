"""Nothing happens unseen: every answer has one record and an ``X-Request-Id``."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.front.access import Client
from cliproxy.relay.record import Record
from cliproxy.settings.model import Amp, RemoteManagement, Secret
from tests.support.settings import settings
from tests.support.world import World

CHAT = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hi"}]}


class EveryAnswer(SynchronousTestCase):
    """The whole daemon, and what it records."""

    def build(self, **more: Any) -> World:
        self.world = World(settings(**more))
        self.records: list[Record] = []
        self.world.service.relay.journal.write = lambda record, more=True: self.records.append(record)  # type: ignore[method-assign]
        self.addCleanup(self.world.close)
        return self.world

    def only(self, call: Any, status: int) -> Record:
        """The one record of the one answer."""
        self.assertEqual(call.status, status, call.raw[:300])
        self.assertEqual(len(self.records), 1, self.records)
        record = self.records.pop()
        self.assertEqual(record.status, status)
        self.assertEqual(call.headers["x-request-id"], record.id)
        return record

    def test_refused(self) -> None:
        """401, 403, 404, 405, 400: one record each, of a stranger where no key was right."""
        world = self.build()
        record = self.only(world.post("/v1/chat/completions", CHAT, key=None), 401)
        self.assertEqual(
            (record.path, record.known, record.failure), ("/v1/chat/completions", False, "Missing API key")
        )
        self.only(world.post("/v1/chat/completions", CHAT, {"Origin": "https://evil.test"}), 403)
        self.only(world.get("/nowhere"), 404)
        self.only(world.get("/v1/chat/completions"), 405)
        self.only(world.get("/a//b"), 400)
        self.only(world.send(b"get / HTTP/1.1\r\nHost: a\r\n\r\n"), 501)
        record = self.only(world.post("/v1/chat/completions", b"{"), 400)
        self.assertTrue(record.known)

    def test_foreign_host(self) -> None:
        """421."""
        world = self.build(api_keys=())
        self.only(world.get("/v1/models", {"Host": "evil.test"}, key=None), 421)

    def test_early(self) -> None:
        """What is refused before it is whole: 413, 408, and what is not HTTP."""
        world = self.build(max_body_mb=1)
        call = world.send(b"POST /v1/messages?key=sk-test HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n")
        record = self.only(call, 413)
        self.assertEqual((record.method, record.path), ("POST", "/v1/messages"))
        self.only(world.send(b"POST /v1/messages HTTP/1.1\r\nno header\r\n\r\n"), 400)
        slow = world.send(b"GET / HTT")
        world.pass_time(30)
        self.only(slow, 408)

    def test_ours(self) -> None:
        """Model lists, the greeting, management; health checks only when they fail."""
        world = self.build(remote_management=RemoteManagement(secret_key=Secret("s")))
        self.assertEqual(
            self.only(world.get("/v1/models"), 200).client, Client("", world.service.settings.api_keys[0]).label
        )
        self.only(world.get("/"), 200)
        self.only(world.get("/v0/management/cooldowns", key="s"), 200)
        self.only(world.get("/v0/management/cooldowns", key="wrong"), 401)
        call = world.get("/healthz")
        self.assertEqual((call.status, self.records), (200, []))
        self.assertIn("x-request-id", call.headers)

    def test_amp(self) -> None:
        """What ampcode.com answers, and what is refused on the way there."""
        world = self.build(ampcode=Amp(upstream_url="http://amp.test"))
        world.vendor("amp.test").script = lambda request: request.answer(200, {})
        self.only(world.get("/api/user"), 200)
        self.only(world.get("/api/user", key="wrong"), 401)

    def test_exchange(self) -> None:
        """An exchange is recorded by the relay, once, with the caller's address."""
        world = self.build()
        vendor = world.vendor("chat.test")
        vendor.script = lambda request: request.answer(400, {"error": {"message": "no"}})
        record = self.only(world.post("/v1/chat/completions", CHAT), 400)
        self.assertEqual((record.dialect, record.model, record.peer), ("openai", "gpt-x", "127.0.0.1"))
        self.only(world.post("/v1/chat/completions", {**CHAT, "model": "nobody"}), 400)

    def test_client_left(self) -> None:
        """A client that leaves before the answer has a record too."""
        world = self.build(ampcode=Amp(upstream_url="http://amp.test"))
        world.vendor("amp.test")
        world.get("/api/user").leave()
        world.flow()
        self.assertEqual([(record.path, record.status) for record in self.records], [("/api/user", 0)])
