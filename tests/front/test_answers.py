"""How an answer leaves: one head, framed as the client's HTTP version allows, whatever is in it."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.front.site import IDLE_SECONDS
from cliproxy.jsontypes import dumps
from tests.support.settings import compat, settings
from tests.support.world import Received, World

CHAT = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hi"}]}
ANSWER = {
    "id": "c1", "object": "chat.completion", "created": 7, "model": "gpt-x",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
}  # fmt: skip


def answer(request: Received) -> None:
    """A vendor's ordinary answer, streamed where a stream was asked for."""
    if not request.json.get("stream"):
        request.answer(200, ANSWER)
        return
    request.begin()
    for delta, finish in (({"content": "Hello"}, None), ({}, "stop")):
        request.event({"id": "c1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    request.event(b"[DONE]")
    request.end()


def head(body: bytes, version: str = "1.1") -> bytes:
    """A Chat request's head."""
    lines = [f"POST /v1/chat/completions HTTP/{version}", "Host: localhost", "Authorization: Bearer sk-test"]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()


class Answers(SynchronousTestCase):
    """Raw bytes in, raw bytes out."""

    def build(self, **more: Any) -> World:
        self.world = World(settings(**more))
        self.addCleanup(self.world.close)
        self.vendor = self.world.vendor("chat.test")
        self.vendor.script = answer
        return self.world

    def test_sized(self) -> None:
        """A whole answer has its length and no transfer coding, and one of each header."""
        raw = self.build().post("/v1/chat/completions", CHAT).raw
        lines = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        names = [line.partition(b":")[0].lower() for line in lines]
        self.assertIn(b"content-length", names)
        self.assertNotIn(b"transfer-encoding", names)
        self.assertEqual(len(names), len(set(names)))

    def test_chunked(self) -> None:
        """A stream is chunked and ends with the last chunk."""
        call = self.build().post("/v1/chat/completions", {**CHAT, "stream": True})
        self.assertEqual(call.headers["transfer-encoding"], "chunked")
        self.assertTrue(call.ended)
        self.assertEqual(call.events[-1], "[DONE]")

    def test_old_client(self) -> None:
        """To HTTP/1.0 a stream is not chunked: it ends with the connection."""
        body = dumps({**CHAT, "stream": True})
        call = self.build().send(head(body, "1.0") + body)
        self.assertTrue(call.raw.startswith(b"HTTP/1.0 200 "))
        self.assertNotIn("transfer-encoding", call.headers)
        self.assertTrue(call.raw.endswith(b"data: [DONE]\n\n"))
        self.assertTrue(call.closed)

    def test_head(self) -> None:
        """HEAD is answered with the head alone."""
        call = self.build().request("HEAD", "/healthz")
        self.assertEqual(call.status, 200)
        self.assertEqual(call.raw.partition(b"\r\n\r\n")[2], b"")

    def test_line_breaks(self) -> None:
        """A line break in an operator's name does not end a header."""
        named = attrs.evolve(compat(), name="chat\r\nX-Evil: 1")
        call = self.build(openai_compatibility=(named,)).post("/v1/chat/completions", CHAT)
        self.assertEqual(call.status, 200)
        self.assertIn(r"chat\r\nx-evil: 1", call.headers.values())
        self.assertNotIn("x-evil", call.headers)

    def test_together(self) -> None:
        """Requests with large bodies that come in one read are answered in their order."""
        bodies = [dumps({**CHAT, "user": str(number), "padding": "x" * 20_000}) for number in range(3)]
        call = self.build().send(head(bodies[0]) + bodies[0])
        for body in bodies[1:]:
            transport: Any = call.transport
            transport.write(head(body) + body)
            self.world.flow()
        self.assertEqual([request.json["user"] for request in self.vendor.requests], ["0", "1", "2"])
        self.assertEqual(call.raw.count(b"HTTP/1.1 200 "), 3)

    def test_idle(self) -> None:
        """A connection is kept for so many seconds after its last answer, however long that took to come."""
        body = dumps(CHAT)
        self.build(first_byte_timeout_seconds=1000)
        self.vendor.script = None
        call = self.world.send(head(body) + body)
        self.world.pass_time(IDLE_SECONDS * 2.5)
        answer(self.vendor.last)
        self.world.flow()
        self.assertEqual(call.status, 200)
        self.world.pass_time(IDLE_SECONDS - 1)
        self.assertFalse(call.closed)
        self.world.pass_time(2)
        self.assertTrue(call.closed)

    def test_in_use(self) -> None:
        """Each request renews a connection's time."""
        body = dumps(CHAT)
        call = self.build().send(head(body) + body)
        transport: Any = call.transport
        for _ in range(3):
            self.world.pass_time(IDLE_SECONDS - 5)
            transport.write(head(body) + body)
            self.world.flow()
        self.assertEqual(call.raw.count(b"HTTP/1.1 200 "), 4)
        self.world.pass_time(IDLE_SECONDS + 1)
        self.assertTrue(call.closed)

    def test_in_pieces(self) -> None:
        """However a large request is cut into reads, it is the same request."""
        body = dumps({**CHAT, "padding": "x" * 20_000})
        data = head(body) + body
        end = len(head(body))
        self.build()
        for cut in (1, end - 3, end - 2, end - 1, end, end + 1, len(data) - 1):
            call = self.world.send(data[:cut])
            transport: Any = call.transport
            transport.write(data[cut:])
            self.world.flow()
            self.assertEqual(call.status, 200)
            self.assertEqual(self.vendor.last.json["padding"], "x" * 20_000)
