"""The straight way decides nothing by itself: whatever happens, both ways send, answer and record the same."""

from __future__ import annotations

from random import Random
from typing import Any

import attrs
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as some

from cliproxy.relay.record import Record, plain
from cliproxy.settings.model import Affinity, ClientKey, KeyEntry, ModelEntry, Routing, Secret, Settings, Streaming
from cliproxy.usage.rows import attempt_rows, hour_row, request_row
from tests.support.bodies import CHAT, CLAUDE, GEMINI, RESPONSES
from tests.support.good_answers import frames, streams, whole
from tests.support.settings import compat, keyed, settings
from tests.support.world import Call, Received, World

_MODELS = ("gpt-x", "gpt-x(high)", "codex-x", "claude-x", "claude-x(1024)", "gemini-x", "both", "gpt-5", "nobody")


def made(random: Random) -> Settings:
    """A configuration: several credentials, tiers, known models, limits, heartbeats, thinking."""
    both = tuple(
        attrs.evolve(
            compat(name, keys=random.randint(1, 3), models=("gpt-x", "gpt-5")),
            max_concurrency=random.choice((0, 0, 1, 2)),
            priority=random.choice((0, 0, 1)),
        )
        for name in ("chat", "other")
    )
    both = tuple(attrs.evolve(one, models=(*one.models, ModelEntry(f"{one.name}-own", "both"))) for one in both)
    claudes: tuple[KeyEntry, ...] = (keyed("claude", "claude-x"),)
    claudes += (attrs.evolve(keyed("anthropic", "claude-x"), models=(ModelEntry("claude-x"), ModelEntry("c", "both"))),)
    key = ClientKey(Secret("sk-test"), rpm=random.choice((0, 0, 6)), deny=random.choice(((), ("gpt-5",))))
    return settings(
        api_keys=(key,),
        openai_compatibility=both,
        claude_api_key=claudes,
        routing=Routing(random.choice(("round-robin", "fill-first", "least-busy", "weighted-round-robin"))),
        affinity=Affinity(enabled=random.random() < 0.8),
        request_retry=random.choice((0, 1, 3)),
        max_retry_credentials=random.choice((0, 5)),
        streaming=Streaming(keepalive_seconds=random.choice((0, 2))),
        nonstream_keepalive_interval=random.choice((0, 0, 2)),
        strict_translation=random.random() < 0.1,
        fallback_models=random.choice(((), (("gpt-x", ("claude-x",)),))),
    )


def asked(world: World, random: Random) -> Call:
    """A request in one of the dialects, for any of the models."""
    model, stream = random.choice(_MODELS), random.random() < 0.5
    headers = random.choice(
        (
            {},
            {},
            {"X-Session-Id": random.choice("ab")},
            {"Anthropic-Beta": "b-1,b-2"},
            {"Anthropic-Version": "2024-01-01"},
        )
    )
    more: dict[str, Any] = random.choice(
        ({}, {}, {"temperature": 0.5}, {"metadata": {"user_id": "u"}}, {"n": 2}, {"pad": "x" * 5000})
    )
    match random.randint(0, 3):
        case 0:
            more |= random.choice(({}, {"reasoning_effort": "low"}, {"stream_options": {"include_usage": True}}))
            return world.post("/v1/chat/completions", {**CHAT, **more, "model": model, "stream": stream}, headers)
        case 1:
            more |= random.choice(({}, {"thinking": {"type": "enabled", "budget_tokens": 100}}, {"betas": ["b-3"]}))
            return world.post("/v1/messages", {**CLAUDE, **more, "model": model, "stream": stream}, headers)
        case 2:
            return world.post("/v1/responses", {**RESPONSES, **more, "model": model, "stream": stream}, headers)
        case _:
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return world.post(f"/v1beta/models/{model}:{method}", GEMINI, headers)


class Played:
    """One course of events in a world, and what came of it."""

    def __init__(self, seed: int, straight: bool) -> None:
        random = Random(seed)
        self.world = world = World(made(random))
        world.service.relay.straight = straight
        self.records: list[Record] = []
        account = world.service.relay.account
        world.service.relay.account = lambda record, exchange: (self.records.append(record), account(record, exchange))
        self.vendors = [
            world.vendor(f"{name}.test") for name in ("chat", "other", "codex", "claude", "anthropic", "gemini")
        ]
        self.open: list[Received] = []
        self.begun: dict[int, list[tuple[str, Any]]] = {}
        for vendor in self.vendors:
            vendor.script = self.open.append
        self.calls: list[Call] = []
        self.states: list[Any] = []
        for _ in range(random.randint(4, 16)):
            self.step(random)
        world.pass_time(400)
        for request in list(self.open):
            self.well(request)
        world.pass_time(400)
        for call in self.calls:
            call.leave()
        world.flow()
        self.sent = [[(r.method, r.target, r.headers, r.body) for r in vendor.requests] for vendor in self.vendors]
        world.close()

    def step(self, random: Random) -> None:
        """Something happens: the same in every play of the seed, as long as the same has come of it."""
        kind, where, more = random.random(), random.randrange(1 << 30), Random(random.randrange(1 << 30))
        if kind < 0.4 or not self.open:
            self.calls.append(asked(self.world, more))
        elif kind < 0.82:
            self.happen(self.open[where % len(self.open)], more)
        elif kind < 0.95:
            waiting = [call for call in self.calls if not call.ended and not call.closed] or self.calls
            waiting[where % len(waiting)].leave()
        else:
            self.world.pass_time(more.choice((0.5, 3.0, 40.0)))
        self.world.flow()
        service = self.world.service
        self.states.append(
            (
                [vendor.open for vendor in self.vendors],
                dict(service.pool._in_flight),
                {key: attrs.asdict(health) for key, health in service.pool.cooldowns().items()},
                (service.budget.taken, service.relay.open, service.relay.failover._leases.in_flight),
                [transport.producer is not None for transport in self.world.reactor.transports],
            )
        )

    def happen(self, request: Received, random: Random) -> None:
        match random.randint(0, 12):
            case 0:
                self.close(request)
                status = random.choice((400, 401, 403, 404, 429, 500, 503, 529, 302))
                headers = random.choice(({}, {"Retry-After": "2"}, {"Location": "https://else.test/?k=1"}))
                request.answer(status, {"error": {"message": "no model x up-chat-0", "type": "e"}}, headers)
            case 1:
                self.close(request)
                request.cut()
            case 2:
                self.close(request)
                request.answer(200, random.choice((b"", b"<html>", b"{}", b'{"error":{"message":"busy"}}')))
            case 3:
                self.close(request)
                if id(request) not in self.begun:
                    request.begin()
                request.event(random.choice((b"{broken", b'{"error":{"message":"overloaded"}}', b'{"type":"error"}')))
                self.world.flow()
                request.cut()
            case 4 | 5 | 6 | 7 | 8 if streams(request):
                left = self.begun.get(id(request))
                if left is None:
                    request.begin()
                    left = self.begun[id(request)] = frames(request)
                for _ in range(random.randint(1, 2)):
                    if left:
                        name, payload = left.pop(0)
                        request.event(payload, name)
                if not left:
                    self.close(request)
                    request.end()
            case _:
                self.well(request)

    def well(self, request: Received) -> None:
        """All that is missing of a good answer."""
        self.close(request)
        if not streams(request):
            request.answer(200, whole(request), {"anthropic-ratelimit-requests-reset": "2026-02-02T02:40:00Z"})
            return
        if id(request) not in self.begun:
            request.begin()
        for name, payload in self.begun.get(id(request), frames(request)):
            request.event(payload, name)
        request.end()

    def close(self, request: Received) -> None:
        self.open.remove(request)


def comparable(record: Record) -> Any:
    return (
        plain(record),
        attrs.asdict(attrs.evolve(record, straight=False)),
        request_row(record),
        attempt_rows(record),
        hour_row(record),
    )


@given(some.integers(0, 1 << 48))
@examples(max_examples=60)
def test_both_ways_send_answer_and_record_the_same(seed: int) -> None:
    straight, loop = Played(seed, True), Played(seed, False)
    assert straight.sent == loop.sent
    assert straight.states == loop.states
    assert [call.raw for call in straight.calls] == [call.raw for call in loop.calls]
    assert list(map(comparable, straight.records)) == list(map(comparable, loop.records))
    assert not any(record.straight for record in loop.records)


def test_most_requests_that_are_answered_well_went_straight() -> None:
    records = [record for seed in range(40) for record in Played(seed, True).records]
    well = [record for record in records if record.status == 200 and not record.failure and len(record.attempts) == 1]
    assert sum(record.straight for record in well) > 0.9 * len(well) > 30
