"""One exchange, whole: the identity lane, the hold, heartbeats, hang-ups, broken upstreams, drain."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.settings.model import KeyEntry, ModelEntry, Routing, Secret, Streaming
from tests.support.bodies import CHAT, CHAT_ANSWER, CLAUDE, CLAUDE_ANSWER, GEMINI, GEMINI_ANSWER, RESPONSES, chunk
from tests.support.settings import compat, settings
from tests.support.world import Call, Received, Vendor, World


class Worlds(SynchronousTestCase):
    """A world with the usual upstreams."""

    def build(self, **more: Any) -> World:
        self.world = World(settings(**more))
        self.addCleanup(self.world.close)
        self.vendors = {
            name: self.world.vendor(f"{name}.test") for name in ("chat", "codex", "claude", "gemini", "vertex")
        }
        return self.world

    def chat(self, stream: bool = False, **more: Any) -> Call:
        return self.world.post("/v1/chat/completions", {**CHAT, "stream": stream, **more})

    @property
    def up(self) -> Vendor:
        return self.vendors["chat"]


class Addresses(Worlds):
    """What is wrong with an upstream's address is said, and not tried again."""

    def test_redirects(self) -> None:
        """A redirect is a 502 that names its target and whose address it is, asked once, blaming nobody."""
        for status in (301, 302, 303, 307, 308):
            self.build(request_retry=2)
            call = self.chat()
            self.up.last.answer(status, b"", {"Location": "https://elsewhere.test/v1?key=up-chat-0"})
            self.world.flow()
            self.assertEqual(call.status, 502)
            self.assertIn("https://elsewhere.test/v1;", call.json["error"]["message"])
            self.assertEqual(len(self.up.requests), 1)
            self.assertEqual(self.world.service.pool.cooldowns(), {})

    def test_queries(self) -> None:
        """A query of the base-url goes behind the path."""
        entry = attrs.evolve(compat(), base_url="http://chat.test/openai/v1?api-version=preview")
        self.build(openai_compatibility=(entry,))
        self.chat()
        self.assertEqual(self.up.last.target, "/openai/v1/chat/completions?api-version=preview")


class Gathering(Worlds):
    """An answer that is gathered for a client that waits is bounded, alone and together with others."""

    def pour(self, megabytes: int) -> None:
        """A vendor streams where it was not asked to."""
        vendor = self.vendors["claude"].last
        vendor.begin()
        for _ in range(megabytes * 4):
            if not vendor.gone:
                vendor.chunk(b": " + b"x" * (256 * 1024 - 4) + b"\n\n")
                self.world.flow()

    def test_endless_answers(self) -> None:
        """An endless stream is cut off, its upstream let go, and nothing stays counted."""
        self.build(request_retry=0)
        call = self.chat(model="claude-x")
        self.pour(70)
        self.assertTrue(self.vendors["claude"].last.gone)
        self.assertEqual(call.status, 502)
        self.assertIn("64 MiB", call.json["error"]["message"])
        self.assertEqual(self.world.service.budget.taken, 0)

    def test_all_together(self) -> None:
        """Where the budget is spent the client is asked to come again."""
        self.build(request_retry=0)
        self.world.service.budget.limit = 1_000_000
        call = self.chat(model="claude-x")
        self.pour(2)
        self.assertEqual((call.status, call.headers["retry-after"]), (503, "2"))
        self.assertEqual(self.world.service.budget.taken, 0)

    def test_our_own_lack_of_room_is_nobodys_fault(self) -> None:
        """Nothing is tried again, no other credential is asked, and none cools down; in both ways."""
        for straight in (True, False):
            self.build(request_retry=3)
            self.world.service.relay.straight = straight
            self.world.service.budget.limit = 1_000_000
            call = self.chat(model="claude-x")
            self.pour(2)
            self.world.pass_time(60)
            self.assertEqual((call.status, call.headers["retry-after"]), (503, "2"))
            self.assertEqual(len(self.vendors["claude"].requests), 1)
            self.assertEqual(self.world.service.pool.cooldowns(), {})
            self.assertEqual(self.world.service.budget.taken, 0)


class Bodies(Worlds):
    """What can be read in two ways, and numbers that few readers hold."""

    def test_two_models(self) -> None:
        """The one that decides is the one that is sent: a body with two is refused, whatever its size and spelling."""
        self.build()
        pad = b" " * 5000
        for body in (
            b'{"model":"gpt-x","messages":[],"model":"gpt-y"}',
            b'{"model":"gpt-x","messages":[],"stream":false,"stream":true}',
            b'{"mod\\u0065l":"gpt-x","messages":[],"model":"gpt-y"}',
        ):
            for sent in (body, body + pad):
                call = self.world.post("/v1/chat/completions", sent)
                self.assertEqual(call.status, 400)
                self.assertIn("in two ways", call.json["error"]["message"])
        self.assertEqual(self.up.requests, [])
        call = self.world.post("/v1/messages", b'{"model":"a","model":"b"}')
        self.assertEqual((call.status, call.json["type"]), (400, "error"))

    def test_large_integers(self) -> None:
        """Carried digit for digit: in the client's dialect and in another, edited or not."""
        self.build()
        number = 123456789012345678901234567890
        for pad in ("", "x" * 5000):
            body = b'{"model":"gpt-x","user":"%b","seed":%d,"messages":[{"role":"user","content":"Hi"}]}'
            self.world.post("/v1/chat/completions", body % (pad.encode(), number))
            self.assertIn(b'"seed":%d' % number, self.up.last.body)
            turns = (
                b'{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"t",'
                b'"input":{"wei":%d}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"ok"}]}'
            )
            body = b'{"model":"gpt-x","max_tokens":9,"system":"%b","messages":[%b]}'
            self.world.post("/v1/messages", body % (pad.encode(), turns % number))
            self.assertIn(b"%d" % number, self.up.last.body)


class IdentityLane(Worlds):
    """Same dialect at both ends: nothing is lost on the way."""

    def test_chat(self) -> None:
        """A Chat request keeps its unknown members, carries the upstream's key, and its answer comes back byte for byte."""
        self.build()
        call = self.world.post(
            "/v1/chat/completions", CHAT, {"Cookie": "a=b", "X-Api-Key": "sk-test", "User-Agent": "x/1"}
        )
        sent = self.up.last
        self.assertEqual((sent.method, sent.target), ("POST", "/v1/chat/completions"))
        self.assertEqual(sent.json, CHAT)
        self.assertEqual(sent.headers["authorization"], "Bearer up-chat-0")
        self.assertTrue(sent.headers["user-agent"].startswith("cliproxy/"))
        self.assertFalse({"cookie", "x-api-key"} & set(sent.headers))
        sent.answer(200, CHAT_ANSWER)
        self.world.flow()
        self.assertEqual((call.status, call.json), (200, CHAT_ANSWER))
        self.assertEqual(call.headers["x-cliproxy-provider"], "chat")
        self.assertEqual(call.headers["x-cliproxy-attempts"], "1")
        self.assertRegex(call.headers["x-request-id"], "^[0-9a-f]{8}$")
        self.assertIn("x-cliproxy-overhead-ms", call.headers)
        self.assertNotIn("up-chat", str(call.headers))

    def test_claude(self) -> None:
        """Anthropic's route: version and betas of the client go on, the body keeps its unknown members."""
        self.build()
        call = self.world.post(
            "/v1/messages?beta=true", CLAUDE, {"Anthropic-Version": "2023-06-01", "Anthropic-Beta": "b-1"}
        )
        sent = self.vendors["claude"].last
        self.assertEqual(sent.target, "/v1/messages")
        self.assertEqual(sent.json["unknown_member"], 1)
        self.assertEqual((sent.headers["anthropic-version"], sent.headers["anthropic-beta"]), ("2023-06-01", "b-1"))
        sent.answer(200, CLAUDE_ANSWER)
        self.world.flow()
        self.assertEqual(call.json, CLAUDE_ANSWER)

    def test_attempts_do_not_mix(self) -> None:
        """What one attempt made of the body does not reach the next: it has the client's members and its own model."""
        entries = tuple(
            attrs.evolve(compat(name), models=(ModelEntry(f"{name}-own", "gpt-x"),)) for name in ("chat", "other")
        )
        self.build(openai_compatibility=entries, routing=Routing("fill-first"))
        other = self.world.vendor("other.test")
        self.chat(stream=True, stream_options={"odd": 1})
        self.up.last.answer(500, {"error": {"message": "no"}})
        self.world.pass_time(5)
        sent, again = self.up.last.json, other.last.json
        self.assertEqual((sent.pop("model"), again.pop("model")), ("chat-own", "other-own"))
        self.assertEqual(sent, again)
        self.assertEqual(again["unknown_member"], CHAT["unknown_member"])
        self.assertEqual(again["stream_options"], {"odd": 1, "include_usage": True})

    def test_gemini_and_vertex(self) -> None:
        """Google's routes, in all their prefixes, reach the upstream's own."""
        self.build()
        for path, vendor, target in (
            ("/v1beta/models/gemini-x", "gemini", "/v1beta/models/gemini-x"),
            ("/v1/models/gemini-x", "gemini", "/v1beta/models/gemini-x"),
            ("/v1beta1/publishers/google/models/vertex-x", "vertex", "/v1/publishers/google/models/vertex-x"),
        ):
            call = self.world.post(f"{path}:generateContent", GEMINI, {"x-goog-api-key": "sk-test"}, key=None)
            sent = self.vendors[vendor].last
            self.assertEqual(sent.target, f"{target}:generateContent")
            self.assertEqual(sent.json["unknownMember"], {"kept": True})
            self.assertEqual(sent.headers["x-goog-api-key"], f"up-{vendor}")
            sent.answer(200, GEMINI_ANSWER)
            self.world.flow()
            self.assertEqual(call.json, GEMINI_ANSWER)

    def test_codex(self) -> None:
        """A Responses client that does not stream gets the terminal event's object from an upstream that streams unasked."""
        self.build()
        call = self.world.post("/v1/responses", RESPONSES)
        sent = self.vendors["codex"].last
        self.assertEqual(sent.json, RESPONSES)
        self.assertEqual(sent.target, "/responses")
        response = {"id": "resp_1", "object": "response", "status": "completed", "model": "codex-x", "new_member": 1,
                    "output": [{"type": "message", "id": "m", "role": "assistant", "status": "completed",
                                "content": [{"type": "output_text", "text": "Hello", "annotations": []}]}]}  # fmt: skip
        sent.begin()
        sent.event({"type": "response.created", "sequence_number": 0, "response": {**response, "output": []}})
        sent.event({"type": "response.completed", "sequence_number": 1, "response": response})
        sent.end()
        self.world.flow()
        self.assertEqual(call.json, response)

    def test_stream_is_untouched(self) -> None:
        """A stream's bytes pass as they came, whole frames only, whatever the chunks they came in."""
        self.build()
        call = self.chat(stream=True, stream_options={"include_usage": True})
        frames = [
            b": hello\n\n",
            b'data: {"choices":[{"index":0,"delta":{"content":"H"}}], "odd": 1.50}\n\n',
            b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\r\n\r\n',
            b"data: [DONE]\n\n",
        ]
        sent = self.up.last
        sent.begin()
        data = b"".join(frames)
        for start in range(0, len(data), 7):
            sent.chunk(data[start : start + 7])
            self.world.flow()
            self.assertIn(len(call.body), [len(b"".join(frames[:count])) for count in range(len(frames) + 1)])
        sent.end()
        self.world.flow()
        self.assertEqual(call.body, data)
        self.assertTrue(call.ended)
        self.assertEqual(call.headers["content-type"], "text/event-stream")

    def test_usage_is_withheld(self) -> None:
        """A Chat client that did not ask for usage does not get the chunk we asked for."""
        self.build()
        call = self.chat(stream=True)
        sent = self.up.last
        self.assertTrue(sent.json["stream_options"]["include_usage"])
        sent.begin()
        for payload in (chunk("Hi"), chunk(finish="stop"), {**chunk(), "choices": [], "usage": CHAT_ANSWER["usage"]}):
            sent.event(payload)
        sent.event(b"[DONE]")
        sent.end()
        self.world.flow()
        self.assertEqual([event for event in call.events if "usage" in str(event)], [])
        self.assertEqual(call.events[-1], "[DONE]")

    def test_error_body_is_verbatim(self) -> None:
        """An upstream's refusal of the request reaches a client of its dialect as it is, with our secrets masked."""
        self.build()
        call = self.chat()
        error = {"error": {"message": "no: up-chat-0 is odd", "type": "t", "param": "p", "code": "c", "extra": 1}}
        self.up.last.answer(400, error)
        self.world.flow()
        self.assertEqual(call.status, 400)
        self.assertEqual(call.json["error"]["extra"], 1)
        self.assertNotIn(b"up-chat-0", call.raw)
        self.assertEqual(len(self.up.requests), 1)


class Hold(Worlds):
    """Before the first content nothing is promised to the client."""

    def test_error_in_a_200_fails_over(self) -> None:
        """An error event before content moves the request to the next credential; the client sees one clean stream."""
        self.build(openai_compatibility=(compat(keys=2),), routing=Routing("fill-first"))

        def script(request: Received) -> None:
            request.begin()
            if request.headers["authorization"].endswith("-0"):
                request.event({"id": "c1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
                request.event({"error": {"message": "overloaded", "type": "server_error", "code": None}})
            else:
                request.event(chunk("Hi"))
                request.event(chunk(finish="stop"))
                request.event(b"[DONE]")
            request.end()

        self.up.script = script
        call = self.chat(stream=True)
        self.assertEqual(call.status, 200)
        self.assertEqual([event["choices"][0]["delta"].get("content") for event in call.events[:-1]], ["Hi", None])
        self.assertEqual(call.headers["x-cliproxy-attempts"], "2")
        self.assertEqual([request.headers["authorization"][-1] for request in self.up.requests], ["0", "1"])

    def test_empty_and_foreign_200(self) -> None:
        """An empty 200 and an HTML 200 are failures: 502 when nothing else is left, never a clean end."""
        for answer in (b"", b"<html>hello</html>"):
            self.build(request_retry=0, streaming=Streaming(bootstrap_retries=0))
            self.up.script = lambda request, answer=answer: request.answer(200, answer, {"Content-Type": "text/html"})
            for stream in (False, True):
                call = self.chat(stream=stream)
                self.world.pass_time(5)
                self.assertEqual((call.status, stream), (502, stream))
                self.assertEqual(call.json["error"]["type"], "server_error")

    def test_after_content_the_error_is_told(self) -> None:
        """After content a cut is the dialect's terminal error, never [DONE] and never a second attempt."""
        self.build(openai_compatibility=(compat(keys=2),))
        call = self.chat(stream=True)
        sent = self.up.last
        sent.begin()
        sent.event(chunk("Hi"))
        self.world.flow()
        self.assertEqual(len(call.events), 1)
        sent.cut()
        self.world.flow()
        self.assertIn("error", call.events[-1])
        self.assertNotIn(b"[DONE]", call.body)
        self.assertEqual(len(self.up.requests), 1)

    def test_silence_after_content(self) -> None:
        """A stream that falls silent for stream-idle-seconds ends in the dialect's error, and its connection is closed."""
        self.build(stream_idle_seconds=30)
        call = self.world.post("/v1/messages", {**CLAUDE, "stream": True})
        sent = self.vendors["claude"].last
        sent.begin()
        sent.event({"type": "message_start", "message": {**CLAUDE_ANSWER, "content": []}}, "message_start")
        sent.event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, "x")
        sent.event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}, "y")
        self.world.flow()
        self.world.pass_time(29)
        self.assertNotIn(b"event: error", call.body)
        self.world.pass_time(2)
        self.assertEqual(call.events[-1]["type"], "error")
        self.assertTrue(sent.gone)


class Heartbeats(Worlds):
    """An idle client is kept, and a failure after a heartbeat is told in-band."""

    def test_from_the_moment_of_acceptance(self) -> None:
        """A comment every 15 seconds, from before the upstream has answered at all."""
        self.build()
        call = self.chat(stream=True)
        self.world.pass_time(46)
        self.assertEqual(call.status, 200)
        self.assertEqual(call.body.count(b": "), 3)
        sent = self.up.last
        sent.begin()
        sent.event(chunk("Hi"))
        sent.event(chunk(finish="stop"))
        sent.event(b"[DONE]")
        sent.end()
        self.world.flow()
        self.assertEqual(call.events[-1], "[DONE]")

    def test_never_on_gemini(self) -> None:
        """Google's clients reject comments, so they get none."""
        self.build()
        call = self.world.post("/v1beta/models/gemini-x:streamGenerateContent?alt=sse", GEMINI)
        self.world.pass_time(60)
        self.assertEqual(call.raw, b"")

    def test_failure_after_a_heartbeat(self) -> None:
        """Once a heartbeat has fixed the status, the last failure is the dialect's error event."""
        self.build(request_retry=0, streaming=Streaming(bootstrap_retries=0))
        call = self.world.post("/v1/messages", {**CLAUDE, "stream": True})
        self.world.pass_time(16)
        self.vendors["claude"].last.answer(500, {"type": "error", "error": {"type": "api_error", "message": "oops"}})
        self.world.pass_time(10)
        self.assertEqual(call.status, 200)
        self.assertEqual(call.events[-1], {"type": "error", "error": {"type": "api_error", "message": "oops"}})
        self.assertTrue(call.ended)

    def test_non_stream(self) -> None:
        """With nonstream-keepalive-interval a newline keeps a client that waits for one body."""
        self.build(nonstream_keepalive_interval=5)
        call = self.chat()
        self.world.pass_time(11)
        self.assertEqual(call.body, b"\n\n")
        self.up.last.answer(200, CHAT_ANSWER)
        self.world.flow()
        self.assertEqual(call.json, CHAT_ANSWER)
        self.assertTrue(call.ended)


class HangUps(Worlds):
    """A client that leaves is noticed in every phase: its upstream is closed, and no attempt follows."""

    def leave(self, call: Call) -> None:
        call.leave()
        self.world.flow()

    def test_before_the_head(self) -> None:
        """While the upstream has not answered."""
        for stream in (False, True):
            self.build(openai_compatibility=(compat(keys=3),))
            call = self.chat(stream=stream)
            self.leave(call)
            self.assertTrue(self.up.last.gone)
            self.world.pass_time(60)
            self.assertEqual(len(self.up.requests), 1)

    def test_while_connecting(self) -> None:
        """While the connection is not even made."""
        self.build()
        self.world.reactor.black_holes.add("chat.test")
        call = self.chat()
        self.leave(call)
        self.world.pass_time(60)
        self.assertEqual(self.up.requests, [])

    def test_while_held(self) -> None:
        """While a stream has shown no content."""
        self.build()
        call = self.chat(stream=True)
        self.up.last.begin()
        self.up.last.event({"id": "c1", "choices": [{"index": 0, "delta": {"role": "assistant"}}]})
        self.world.flow()
        self.leave(call)
        self.assertTrue(self.up.last.gone)

    def test_mid_stream(self) -> None:
        """While the answer flows."""
        self.build()
        call = self.chat(stream=True)
        self.up.last.begin()
        self.up.last.event(chunk("Hi"))
        self.world.flow()
        self.assertTrue(call.body)
        self.leave(call)
        self.assertTrue(self.up.last.gone)

    def test_in_a_whole_body(self) -> None:
        """While a body that is not streamed comes in."""
        self.build()
        call = self.chat()
        self.up.last.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        self.world.flow()
        self.leave(call)
        self.assertTrue(self.up.last.gone)

    def test_while_an_error_body_comes(self) -> None:
        """While the body of a refusal comes in; the next credential is not spent."""
        self.build(openai_compatibility=(compat(keys=2),))
        call = self.chat()
        self.up.last.write(b"HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nhalf")
        self.world.flow()
        self.leave(call)
        self.assertTrue(self.up.last.gone)
        self.world.pass_time(60)
        self.assertEqual(len(self.up.requests), 1)

    def test_during_a_backoff(self) -> None:
        """While a retry is waited for."""
        self.build()
        call = self.chat()
        self.up.last.answer(503, {"error": {"message": "later"}})
        self.world.flow()
        self.leave(call)
        self.world.pass_time(60)
        self.assertEqual(len(self.up.requests), 1)


class BackPressure(Worlds):
    """A slow reader pauses its upstream."""

    def test_the_upstream_waits(self) -> None:
        """While the client does not read, little is buffered; when it reads again, all of it comes."""
        self.build()
        call = self.chat(stream=True)
        client: Any = call.transport
        sent = self.up.last
        sent.begin()
        sent.event(chunk("first"))
        self.world.flow()
        client.pauseProducing()
        for _ in range(100):
            sent.event(chunk("x" * 10_000))
            self.world.flow()
        vendor_side: Any = sent._connection.transport
        self.assertGreater(len(vendor_side.outgoing), 500_000)
        self.assertLess(len(client.other.outgoing), 300_000)
        self.world.pass_time(100)  # no heartbeat is added to what the client does not read
        client.resumeProducing()
        sent.event(chunk(finish="stop"))
        sent.event(b"[DONE]")
        sent.end()
        self.world.flow()
        self.assertEqual(len(call.events), 103)
        self.assertNotIn(b": keep", call.body)


class Snapshots(Worlds):
    """A reload between two requests, and during one."""

    def test_a_request_keeps_its_snapshot(self) -> None:
        """A stream does not notice that its credential is gone from the configuration; the next request does."""
        world = self.build()
        call = self.chat(stream=True)
        self.up.last.begin()
        self.up.last.event(chunk("Hi"))
        world.flow()
        world.service.apply(attrs.evolve(settings(), openai_compatibility=()))
        self.up.last.event(chunk(finish="stop"))
        self.up.last.event(b"[DONE]")
        self.up.last.end()
        world.flow()
        self.assertEqual(call.events[-1], "[DONE]")
        self.assertEqual(self.chat().status, 400)


class Shutdown(Worlds):
    """Drain, then cut with an error."""

    def test_drain(self) -> None:
        """A stream may finish while new requests are refused; readiness is off."""
        world = self.build()
        call = self.chat(stream=True)
        self.up.last.begin()
        self.up.last.event(chunk("Hi"))
        world.flow()
        stopped = world.service.stopService()
        self.assertEqual(world.get("/readyz", key=None).status, 503)
        self.assertEqual(self.chat().status, 503)
        self.up.last.event(chunk(finish="stop"))
        self.up.last.event(b"[DONE]")
        self.up.last.end()
        world.flow()
        self.assertEqual(call.events[-1], "[DONE]")
        world.pass_time(1)
        self.assertTrue(stopped.called)

    def test_cut(self) -> None:
        """What still runs when drain time is over ends in its dialect's error, streaming or not."""
        world = self.build(drain_seconds=5)
        stream, whole = self.chat(stream=True), self.chat()
        self.up.requests[0].begin()
        self.up.requests[0].event(chunk("Hi"))
        world.flow()
        world.service.stopService()
        world.pass_time(6)
        self.assertIn("error", stream.events[-1])
        self.assertEqual(whole.status, 503)


class Log(Worlds):
    """What a request leaves in the log."""

    def test_no_secret(self) -> None:
        """Neither client keys nor upstream keys are logged, whatever happens."""
        lines: list[str] = []
        from twisted.logger import formatEvent, globalLogPublisher

        def observe(event: Any) -> None:
            lines.append(formatEvent(event) + str(event.get("log_failure", "")))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.build(debug=True, request_retry=1)
        self.up.script = lambda request: request.answer(
            500, {"error": {"message": f"bad {request.headers['authorization']}"}}
        )
        self.world.post("/v1/chat/completions?key=sk-test&auth_token=sk-test", CHAT)
        self.world.pass_time(30)
        self.assertTrue(lines)
        for line in lines:
            self.assertNotIn("sk-test", line)
            self.assertNotIn("up-chat-0", line)


class Counting(Worlds):
    """Token counts: the vendor's where it has one, ours otherwise, and then marked."""

    def test_vendors(self) -> None:
        """Anthropic and Google count themselves, also for each other's clients."""
        self.build()
        call = self.world.post("/v1/messages/count_tokens", CLAUDE)
        self.assertEqual(self.vendors["claude"].last.target, "/v1/messages/count_tokens")
        self.vendors["claude"].last.answer(200, {"input_tokens": 11})
        crossed = self.world.post("/v1beta/models/claude-x:countTokens", GEMINI)
        self.vendors["claude"].last.answer(200, {"input_tokens": 12})
        self.world.flow()
        self.assertEqual(call.json, {"input_tokens": 11})
        self.assertEqual(crossed.json["totalTokens"], 12)
        self.assertNotIn("x-cliproxy-estimate", call.headers)

    def test_estimate(self) -> None:
        """Chat upstreams do not count; and a vendor that has no such call after all is not blamed for it."""
        self.build()
        call = self.world.post("/v1/messages/count_tokens", {**CLAUDE, "model": "gpt-x"})
        self.assertGreater(call.json["input_tokens"], 0)
        self.assertEqual(call.headers["x-cliproxy-estimate"], "true")
        self.assertEqual(self.up.requests, [])
        call = self.world.post("/v1/messages/count_tokens", CLAUDE)
        self.vendors["claude"].last.answer(
            404, {"type": "error", "error": {"type": "not_found_error", "message": "no"}}
        )
        self.world.flow()
        self.assertGreater(call.json["input_tokens"], 0)
        self.assertEqual(call.headers["x-cliproxy-estimate"], "true")
        self.assertEqual(self.world.service.pool.cooldowns(), {})


class Embeddings(Worlds):
    """Embeddings pass through, and are translated to and from Google's."""

    def test_passed_through(self) -> None:
        """An OpenAI upstream gets the request as it is, encoding included."""
        self.build()
        body = {"model": "gpt-x", "input": ["a", "b"], "encoding_format": "base64"}
        call = self.world.post("/v1/embeddings", body)
        self.assertEqual((self.up.last.target, self.up.last.json), ("/v1/embeddings", body))
        answer = {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": "AAAA"}],
            "model": "gpt-x",
        }
        self.up.last.answer(200, answer)
        self.world.flow()
        self.assertEqual(call.json, answer)

    def test_to_gemini(self) -> None:
        """Google's batch answers an OpenAI client, as floats or as base64."""
        self.build()
        for encoding, vector in (("float", [1.0, -2.0]), ("base64", "AACAPwAAAMA=")):
            call = self.world.post("/v1/embeddings", {"model": "gemini-x", "input": "a", "encoding_format": encoding})
            sent = self.vendors["gemini"].last
            self.assertEqual(sent.target, "/v1beta/models/gemini-x:batchEmbedContents")
            self.assertEqual(sent.json["requests"][0]["content"], {"parts": [{"text": "a"}]})
            sent.answer(200, {"embeddings": [{"values": [1.0, -2.0]}]})
            self.world.flow()
            self.assertEqual(call.json["data"][0]["embedding"], vector)

    def test_to_openai(self) -> None:
        """A Google client is answered by an OpenAI upstream, one content or a batch."""
        self.build()
        call = self.world.post("/v1beta/models/gpt-x:embedContent", {"content": {"parts": [{"text": "a"}]}})
        self.up.last.answer(200, {"data": [{"index": 0, "embedding": [0.5]}], "model": "m", "usage": {}})
        self.world.flow()
        self.assertEqual(call.json["embedding"]["values"], [0.5])

    def test_nobody(self) -> None:
        """A provider without embeddings is a 501 that says so."""
        self.build()
        self.assertEqual(self.world.post("/v1/embeddings", {"model": "claude-x", "input": "a"}).status, 501)


class Strict(Worlds):
    """Losses are said; with strict-translation those of meaning are refused."""

    BODY = {
        "model": "claude-x", "seed": 7, "messages": [{"role": "user", "content": [
            {"type": "text", "text": "x"}, {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]}],
    }  # fmt: skip

    def test_counted(self) -> None:
        """A lossy request goes on, and its answer says how many losses there were."""
        self.build()
        call = self.world.post("/v1/chat/completions", self.BODY)
        sent = self.vendors["claude"].last
        sent.begin()
        sent.event({"type": "message_start", "message": {**CLAUDE_ANSWER, "content": []}})
        sent.event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}})
        sent.event({"type": "message_stop"})
        sent.end()
        self.world.flow()
        self.assertEqual(call.status, 200)
        self.assertGreaterEqual(int(call.headers["x-cliproxy-losses"]), 2)

    def test_refused(self) -> None:
        """Strictly, it is a 400 that names what cannot be said, and nothing is sent."""
        self.build(strict_translation=True)
        call = self.world.post("/v1/chat/completions", self.BODY)
        self.assertEqual(call.status, 400)
        self.assertIn("audio", call.json["error"]["message"])
        self.assertEqual(self.vendors["claude"].requests, [])


class Sampling(Worlds):
    """A model that is not sampled."""

    def test_what_a_model_does_not_take_is_left_out_and_counted(self) -> None:
        """Claude Opus 4.7 refuses a temperature: it is not sent, and the answer says that something was lost."""
        self.build(claude_api_key=(KeyEntry(api_key=Secret("k"), base_url="http://claude.test"),))
        call = self.world.post("/v1/chat/completions", {**CHAT, "model": "claude-opus-4-7", "temperature": 0.2})
        sent = self.vendors["claude"].last
        self.assertNotIn("temperature", sent.json)
        sent.answer(200, {**CLAUDE_ANSWER, "model": "claude-opus-4-7"})
        self.world.flow()
        self.assertGreaterEqual(int(call.headers.get("x-cliproxy-losses", 0)), 1)

    def test_a_limit_over_the_models_is_lowered(self) -> None:
        """Today's Claude Code asks for 128,000 tokens of every model; one that gives fewer is asked for what it gives."""
        self.build(claude_api_key=(KeyEntry(api_key=Secret("k"), base_url="http://claude.test"),))
        self.world.post("/v1/messages", {**CLAUDE, "model": "claude-sonnet-4-5", "max_tokens": 128_000})
        self.assertEqual(self.vendors["claude"].last.json["max_tokens"], 64_000)
