"""The dashboard asks for metrics that there are, by labels that they have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cliproxy.jsontypes import loads
from cliproxy.settings.model import Price, RemoteManagement, Secret
from tests.support.bodies import CHAT, CHAT_ANSWER, CLAUDE
from tests.support.settings import compat, settings
from tests.support.world import World

DASHBOARD = Path(__file__).parents[2] / "etc" / "grafana" / "cliproxy.json"
NAME = re.compile(r"\b((?:cliproxy|gen_ai)_[a-z_]+)")


def test_every_query_has_its_metrics() -> None:
    """All that a daemon tells after an answer, a failure and a vendor's limits; and nothing asks for anything else."""
    world = World(
        settings(
            openai_compatibility=(compat(keys=2),),
            remote_management=RemoteManagement(secret_key=Secret("manage-me")),
            prices=(Price("*", input=1.0, output=1.0),),
        )
    )
    limits = {
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": "40",
        "x-ratelimit-reset-requests": "60s",
    }
    answers = [429, 200, 200]
    world.vendor("chat.test").script = lambda request: request.answer(answers.pop(0), CHAT_ANSWER, limits)
    assert world.post("/v1/chat/completions", CHAT).status == 200
    assert world.post("/v1/messages", {**CLAUDE, "model": "gpt-x", "top_k": 3}).status == 200
    text = world.get("/metrics", {"X-Management-Key": "manage-me"}, key=None).body.decode()
    told = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)) | set(NAME.findall(text))
    labels = set(re.findall(r"([a-z_]+)=\"", text))
    panels: list[Any] = loads(DASHBOARD.read_bytes())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(queries) > 15
    for query in queries:
        for name in NAME.findall(re.sub(r"by \([^)]*\)", "", query)):
            assert name in told, query
        for group in re.findall(r"by \(([^)]*)\)", query):
            assert {word.strip() for word in group.split(",")} <= labels, query
    assert 'cliproxy_quota_remaining_ratio{credential="chat' in text
    assert 'cliproxy_cooldowns{credential="chat' in text
    secret = {"X-Management-Key": "manage-me"}
    listed = world.get("/v0/management/openai-compatibility", secret, key=None).json["openai-compatibility"]
    found = []
    for entry in listed[0]["api-key-entries"]:
        body = {"auth_index": entry["auth-index"]}
        found += world.request("POST", "/v0/management/quota/fetch", body, secret, key=None).json["groups"]
    assert found[0]["buckets"][0]["remainingFraction"] == 0.4
    assert world.request("POST", "/v0/management/quota/fetch", {"auth_index": "x"}, secret, key=None).status == 404
    world.close()
