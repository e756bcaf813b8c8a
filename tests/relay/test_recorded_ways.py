"""Requests that clients have sent go the straight way, all of them, in their own dialect and translated."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from bench.recorded import NAMES, recorded
from cliproxy.jsontypes import dumps
from cliproxy.relay.record import Record
from cliproxy.usage.metrics import Metrics
from tests.support.good_answers import frames, streams, whole
from tests.support.settings import settings
from tests.support.world import Received, World

MODELS = {"chat": "gpt-x", "codex": "codex-x", "claude": "claude-x", "gemini": "gemini-x"}


def way(name: str, upstream: str) -> Record:
    """What became of a client's request at that upstream, which answers well."""
    world, request = World(settings()), recorded(name)
    path, body = request.path, dict(request.body)
    if "model" in body:
        body["model"] = MODELS[upstream]
    else:
        path = f"/v1beta/models/{MODELS[upstream]}:{path.rpartition(':')[2]}"
    kept: list[Record] = []
    account = world.service.relay.account
    world.service.relay.account = lambda record, exchange: (kept.append(record), account(record, exchange))

    def answer(received: Received) -> None:
        if streams(received):
            received.begin()
            for name, payload in frames(received):
                received.event(payload, name)
            received.end()
        else:
            received.answer(200, whole(received))

    for host in (*MODELS, "vertex"):
        world.vendor(f"{host}.test").script = answer
    data = dumps(body)
    call: Any = world.send(request.head(World.KEY, "127.0.0.1:8317", len(data), path) + data)
    assert call.status == 200, call.raw
    world.close()
    return kept[0]


@pytest.mark.parametrize("upstream", MODELS)
@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_request_goes_straight(name: str, upstream: str) -> None:
    assert way(name, upstream).straight


def test_metrics_say_which_way_requests_went() -> None:
    metrics = Metrics()
    metrics.count(
        [attrs.evolve(way("openai-python-chat", "chat"), straight=straight) for straight in (True, True, False)]
    )
    for name, number in (("straight", 2.0), ("loop", 1.0)):
        assert metrics.registry.get_sample_value("cliproxy_ways_total", {"way": name}) == number
