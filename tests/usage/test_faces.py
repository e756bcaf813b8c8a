"""Counts are exact: what the vendor billed is what client, ledger, /v1/usage, /metrics, console and events say."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.front.operators import LONGEST_WAIT
from cliproxy.settings.model import ClientKey, Price, RemoteManagement, Secret
from tests.support.settings import KEY, settings
from tests.support.world import Received, World

SECRET = {"X-Management-Key": "manage-me"}
CLIENTS = {
    "openai": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
    "responses": ("/v1/responses", {"input": "hi"}),
    "claude": ("/v1/messages", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}),
    "gemini": ("/v1beta/models/{model}:{method}", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
}
UPSTREAMS = {"openai": ("gpt-x", "chat"), "responses": ("codex-x", "codex"), "claude": ("claude-x", "claude")}
UPSTREAMS["gemini"] = ("gemini-x", "gemini")
#: input (cached among it), cached, output (reasoning among it), reasoning
BILL = {
    "openai": (120, 40, 33, 9),
    "responses": (120, 40, 33, 9),
    "claude": (120, 40, 33, 0),
    "gemini": (120, 40, 33, 9),
}


def chat(request: Received) -> None:
    given, cached, output, reasoning = BILL["openai"]
    usage = {
        "prompt_tokens": given,
        "completion_tokens": output,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    head = {"id": "c", "model": "gpt-x", "created": 1}
    if not request.json.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
        request.answer(200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage})
        return
    request.begin()
    head["object"] = "chat.completion.chunk"
    request.event({**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "yes"}}]})
    request.event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    request.event({**head, "choices": [], "usage": usage})
    request.event(b"[DONE]")
    request.end()


def responses(request: Received) -> None:
    given, cached, output, reasoning = BILL["responses"]
    usage = {
        "input_tokens": given,
        "output_tokens": output,
        "total_tokens": given + output,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens_details": {"reasoning_tokens": reasoning},
    }
    content = {"type": "output_text", "text": "yes", "annotations": []}
    item = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [content]}
    whole = {
        "id": "r",
        "object": "response",
        "status": "completed",
        "model": "codex-x",
        "output": [item],
        "usage": usage,
    }
    if not request.json.get("stream"):
        request.answer(200, whole)
        return
    request.begin()
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    steps: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", "output_index": 0, "content_index": 0, "item_id": "m", "part": content},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "m", "delta": "yes"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    for number, step in enumerate(steps):
        request.event({**step, "sequence_number": number}, step["type"])
    request.end()


def claude(request: Received) -> None:
    given, cached, output, _ = BILL["claude"]
    usage = {"input_tokens": given - cached, "cache_read_input_tokens": cached, "output_tokens": output}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude-x", "stop_sequence": None}
    if not request.json.get("stream"):
        content = [{"type": "text", "text": "yes"}]
        request.answer(200, {**message, "content": content, "stop_reason": "end_turn", "usage": usage})
        return
    request.begin()
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    steps: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "yes"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": output}},
        {"type": "message_stop"},
    ]
    for step in steps:
        request.event(step, step["type"])
    request.end()


def gemini(request: Received) -> None:
    given, cached, output, reasoning = BILL["gemini"]
    usage = {
        "promptTokenCount": given,
        "cachedContentTokenCount": cached,
        "candidatesTokenCount": output - reasoning,
        "thoughtsTokenCount": reasoning,
        "totalTokenCount": given + output,
    }
    candidate = {"content": {"role": "model", "parts": [{"text": "yes"}]}, "finishReason": "STOP", "index": 0}
    answer = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-x", "responseId": "g"}
    if ":stream" not in request.target:
        request.answer(200, answer)
        return
    request.begin()
    request.event(answer)
    request.end()


VENDORS = {"openai": chat, "responses": responses, "claude": claude, "gemini": gemini}


def build() -> World:
    world = World(
        attrs.evolve(
            settings(),
            api_keys=(ClientKey(Secret(KEY), name="laptop"),),
            prices=(Price("*", input=1.0, output=10.0, cache_read=0.5),),
            remote_management=RemoteManagement(secret_key=Secret("manage-me")),
        )
    )
    for dialect, script in VENDORS.items():
        world.vendor(f"{UPSTREAMS[dialect][1]}.test").script = script
    return world


def ask(world: World, client: str, upstream: str, stream: bool) -> Any:
    path, body = CLIENTS[client]
    model = UPSTREAMS[upstream][0]
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    if client != "gemini":
        body = {**body, "model": model, "stream": stream}
    return world.post(path.format(model=model, method=method), body)


def metric(text: str, name: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{name}{{"))


def console(world: World) -> dict[str, list[float]]:
    """What the console shows: the last hour's sums, the ledger's, and the newest request's counts."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    entered = world.request("POST", "/console", b"key=manage-me", form, key=None)
    cookie = {"Cookie": entered.headers["set-cookie"].partition(";")[0]}
    watching = world.get("/console/events", cookie, key=None)
    (told,) = watching.events
    watching.leave()
    usage = world.get("/console/usage", cookie, key=None).json["total"]
    return {
        "minutes": [sum(minute[name] for minute in told["minutes"]) for name in ("input", "cached", "output")],
        "usage": [usage[name] for name in ("input", "cached", "output", "reasoning", "cost_usd")],
        "ended": [told["ended"][-1][name] or 0 for name in ("input", "cached", "output", "reasoning")],
    }


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", CLIENTS)
def test_every_face_says_what_the_vendor_billed(client: str, upstream: str) -> None:
    """Streamed and whole, to the token."""
    given, cached, output, reasoning = BILL[upstream]
    world = build()
    for times, stream in enumerate((False, True), 1):
        call = ask(world, client, upstream, stream)
        assert call.status == 200, call.raw
        rows = world.get("/v0/management/usage/requests", SECRET, key=None).json["requests"]
        counts = [rows[0][name] or 0 for name in ("input", "cached", "output", "reasoning")]
        assert counts == [given, cached, output, reasoning]
        assert rows[0]["cost_usd"] == pytest.approx((80 * 1.0 + 40 * 0.5 + 33 * 10.0) / 1e6)
        assert (rows[0]["dialect_in"], rows[0]["dialect_out"], rows[0]["outcome"]) == (client, upstream, "ok")
        mine = world.get("/v1/usage").json["total"]
        text = world.get("/metrics", SECRET, key=None).body.decode()
        old = world.get("/v0/management/usage", SECRET, key=None).json["usage"]
        assert mine["input"] == metric(text, "gen_ai_client_inference_usage_input_tokens_total") == times * given
        assert mine["output"] == metric(text, "gen_ai_client_inference_usage_output_tokens_total") == times * output
        assert old["total_tokens"] == mine["tokens"] == times * (given + output)
        assert metric(text, "cliproxy_cost_usd_total") == pytest.approx(mine["cost_usd"])
        shown = console(world)
        assert shown["minutes"] == [times * given, times * cached, times * output]
        assert shown["usage"] == [mine[name] for name in ("input", "cached", "output", "reasoning", "cost_usd")]
        assert shown["ended"] == counts
    world.close()


class Watching(SynchronousTestCase):
    """Events as they happen."""

    def setUp(self) -> None:
        self.world = build()
        self.addCleanup(self.world.close)

    def kinds(self, call: Any) -> list[str]:
        return [line[7:].decode() for line in call.body.split(b"\n") if line.startswith(b"event: ")]

    def test_a_request_is_followed(self) -> None:
        """From its start over each attempt to its end, with the counts of its record."""
        watching = self.world.get("/v0/management/events", SECRET, key=None)
        ask(self.world, "openai", "claude", True)
        self.assertEqual(self.kinds(watching), ["hello", "started", "attempt", "first", "finished"])
        finished = watching.events[-1]
        self.assertEqual(
            (finished["key"], finished["input"], finished["tries"][0]["credential"]), ("laptop", 120, "claude-apikey")
        )
        self.assertNotIn(KEY.encode(), watching.raw)

    def test_who_leaves_is_forgotten(self) -> None:
        """Nothing is made for nobody."""
        watching = self.world.get("/v0/management/events", SECRET, key=None)
        self.assertTrue(self.world.service.relay.events.watched)
        watching.leave()
        self.world.flow()
        self.assertFalse(self.world.service.relay.events.watched)

    def test_a_changed_secret_ends_it(self) -> None:
        """Who knew the old one sees nothing more; another reload ends nobody's."""
        watching = self.world.get("/v0/management/events", SECRET, key=None)
        service = self.world.service
        service.apply(attrs.evolve(service.settings, request_retry=1))
        self.world.flow()
        self.assertEqual((watching.ended, self.kinds(watching)), (False, ["hello", "reloaded"]))
        service.apply(attrs.evolve(service.settings, remote_management=RemoteManagement(secret_key=Secret("new"))))
        self.world.flow()
        self.assertEqual((watching.ended, self.kinds(watching)), (True, ["hello", "reloaded"]))
        self.assertFalse(service.relay.events.watched)

    def test_only_with_the_key(self) -> None:
        """Not with a client key, not without one."""
        for path in ("events", "usage", "usage/summary", "usage/requests", "usage/export", "keys", "credentials"):
            self.assertEqual(self.world.get(f"/v0/management/{path}").status, 401, path)
            self.world.pass_time(LONGEST_WAIT)
        self.assertEqual(self.world.get("/metrics").status, 401)

    def test_a_cancelled_stream_is_billed_by_what_was_sent(self) -> None:
        """A client that leaves before the counts came has its request estimated."""

        def half(request: Received) -> None:
            request.begin()
            for _ in range(7):
                chunk = {"id": "c", "object": "chat.completion.chunk", "model": "gpt-x", "created": 1}
                request.event({**chunk, "choices": [{"index": 0, "delta": {"content": "word "}}]})

        self.world.reactor.servers["chat.test", 80] = (vendor := self.world.vendor("chat.test")).connect
        vendor.script = half
        call = ask(self.world, "openai", "openai", True)
        call.leave()
        self.world.flow()
        row = self.world.get("/v0/management/usage/requests", SECRET, key=None).json["requests"][0]
        self.assertEqual((row["outcome"], row["output"]), ("cancelled", 7))
        self.assertGreater(row["input"], 10)
        total = self.world.get("/v1/usage").json["total"]
        self.assertAlmostEqual(total["lost_usd"], row["cost_usd"])
