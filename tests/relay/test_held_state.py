"""What a request names and only its vendor keeps: kept where the holder is asked, refused everywhere else."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.settings.model import Affinity, ModelEntry, Routing, Secret
from tests.support.bodies import CLAUDE_ANSWER
from tests.support.settings import compat, keyed, settings
from tests.support.world import World

THREAD = {"model": "gpt-x", "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}]}


class Worlds(SynchronousTestCase):
    """A world with one upstream of each kind."""

    def build(self, **more: Any) -> None:
        self.world = World(settings(**more))
        self.addCleanup(self.world.close)
        names = ("chat", "codex", "claude", "gemini", "vertex")
        self.vendors = {name: self.world.vendor(f"{name}.test") for name in names}


class ElsewhereThanItsHolder(Worlds):
    """Nothing is sent, and the client is told in a way it can act upon."""

    def refusal(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.build()
        call = self.world.post(path, body)
        self.assertEqual([vendor.requests for vendor in self.vendors.values()], [[], [], [], [], []])
        return call.status, call.json

    def test_a_thread_is_created_at_anthropic_only(self) -> None:
        """The SDK goes on without Threads when it is told this code."""
        status, told = self.refusal("/v1/messages", {**THREAD, "thread": {"type": "create"}})
        self.assertEqual((status, told["error"]["type"]), (400, "invalid_request_error"))
        self.assertEqual(told["error"]["details"], {"error_code": "thread_unsupported_request"})

    def test_a_thread_is_continued_at_anthropic_only(self) -> None:
        """The SDK replays everything when it is told this code."""
        thread = {"type": "continue", "previous_message_id": "msg_1"}
        status, told = self.refusal("/v1/messages", {**THREAD, "thread": thread})
        self.assertEqual((status, told["error"]["type"]), (404, "not_found_error"))
        self.assertEqual(told["error"]["details"], {"error_code": "thread_not_found"})

    def test_a_container_is_anthropics(self) -> None:
        """A container's id is refused by name."""
        status, told = self.refusal("/v1/messages", {**THREAD, "container": "container_1"})
        self.assertEqual(status, 400)
        self.assertIn("container", told["error"]["message"])

    def test_an_uploaded_file_is_its_vendors(self) -> None:
        """A file of Anthropic's cannot be read by anyone else."""
        block = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
        status, told = self.refusal("/v1/messages", {**THREAD, "messages": [{"role": "user", "content": [block]}]})
        self.assertEqual(status, 400)
        self.assertIn("file_1", told["error"]["message"])

    def test_an_earlier_answer_is_openais(self) -> None:
        """Responses' own code, on the way to another dialect."""
        status, told = self.refusal(
            "/v1/responses", {"model": "gpt-x", "input": "Hi", "previous_response_id": "resp_1"}
        )
        self.assertEqual((status, told["error"]["code"]), (400, "previous_response_not_found"))
        self.assertEqual(told["error"]["param"], "previous_response_id")

    def test_cached_content_is_googles(self) -> None:
        """Gemini's cache, in Gemini's shape."""
        body = {"contents": [{"parts": [{"text": "Hi"}]}], "cachedContent": "cachedContents/1"}
        status, told = self.refusal("/v1beta/models/gpt-x:generateContent", body)
        self.assertEqual((status, told["error"]["status"]), (400, "INVALID_ARGUMENT"))

    def test_counting_needs_no_thread(self) -> None:
        """There is no conversation to lose in a count."""
        self.build()
        call = self.world.post("/v1/messages/count_tokens", {**THREAD, "thread": {"type": "create"}})
        self.assertEqual(call.status, 200)


class AtItsHolder(Worlds):
    """It passes, and goes to the credential that has it."""

    def test_a_thread_passes_to_claude(self) -> None:
        """The member goes along as it is."""
        self.build()
        self.world.post("/v1/messages", {**THREAD, "model": "claude-x", "thread": {"type": "create"}})
        self.assertEqual(self.vendors["claude"].last.json["thread"], {"type": "create"})

    def test_an_earlier_answer_passes_to_the_platform(self) -> None:
        """OpenAI's platform and compatible servers get what the client sent."""
        self.build()
        sent = {"model": "codex-x", "input": "Hi", "previous_response_id": "resp_1"}
        self.world.post("/v1/responses", sent)
        self.assertEqual(self.vendors["codex"].last.json, sent)

    def test_who_answered_is_asked_to_go_on(self) -> None:
        """Of three Claude credentials the one that gave the message holds its Thread, whatever the turn says."""
        entries = tuple(
            attrs.evolve(keyed("claude", "claude-x"), api_key=Secret(f"key-{number}")) for number in range(3)
        )
        self.build(claude_api_key=entries, routing=Routing("round-robin"), affinity=Affinity(enabled=False))
        vendor = self.vendors["claude"]
        body = {**THREAD, "model": "claude-x"}
        for number in range(3):
            self.world.post("/v1/messages", {**body, "thread": {"type": "create"}})
            vendor.last.answer(200, {**CLAUDE_ANSWER, "id": f"msg_{number}"})
            self.world.flow()
        givers = [request.headers["authorization"] for request in vendor.requests]
        self.assertEqual(len(set(givers)), 3)
        newest = ["msg_0", "msg_1", "msg_2"]
        for turn, number in enumerate((2, 0, 1, 1, 0)):
            thread = {"type": "continue", "previous_message_id": newest[number]}
            self.world.post("/v1/messages", {**body, "thread": thread})
            self.assertEqual(vendor.last.headers["authorization"], givers[number])
            newest[number] = f"msg_of_turn_{turn}"
            vendor.last.answer(200, {**CLAUDE_ANSWER, "id": newest[number]})
            self.world.flow()

    def test_only_the_upstreams_that_can_hold_it_are_asked(self) -> None:
        """Where one name is served by several kinds, state goes to the right kind."""
        chat = attrs.evolve(compat(), models=(ModelEntry("gpt-x", "shared"),))
        claude = attrs.evolve(keyed("claude", "claude-x"), models=(ModelEntry("claude-x", "shared"),))
        self.build(openai_compatibility=(chat,), claude_api_key=(claude,), routing=Routing("round-robin"))
        for _ in range(3):
            self.world.post("/v1/messages", {**THREAD, "model": "shared", "thread": {"type": "create"}})
        self.assertEqual((len(self.vendors["claude"].requests), len(self.vendors["chat"].requests)), (3, 0))
