"""What lists say beside names, Anthropic's prefix, and facts that were refreshed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cliproxy.discovery.shapes import models
from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.model_facts import facts_path, in_force, shipped
from cliproxy.settings.load import loads
from tests.support.world import World

FILE = """
api-keys: [sk-test, {key: sk-gpt, models: [gpt-*]}]
claude-models-prefix: anthropic/
claude-api-key: [{api-key: a, base-url: http://a.test}]
codex-api-key: [{api-key: o, base-url: http://o.test}]
gemini-api-key: [{api-key: g, base-url: http://g.test}]
openai-compatibility:
- {name: r, base-url: http://r.test, models: [{name: anthropic/own}, {name: plain, input-modalities: [text]}]}
"""
CLAUDE = {"anthropic-version": "2023-06-01"}


@pytest.fixture
def world() -> Any:
    made = World(loads(FILE).settings)
    yield made
    made.close()


def test_anthropics_clients_see_everything_under_the_prefix_and_others_do_not(world: World) -> None:
    plain = [each["id"] for each in world.get("/v1/models").json["data"]]
    listed = world.get("/v1/models", CLAUDE).json
    assert [each["id"] for each in listed["data"]] == [f"anthropic/{name}" for name in plain]
    assert listed["first_id"].startswith("anthropic/")
    behind = world.get(f"/v1/models?limit=2&after_id={listed['data'][3]['id']}", CLAUDE).json["data"]
    assert [each["id"] for each in behind] == [each["id"] for each in listed["data"][4:6]]
    assert not any(name.startswith("anthropic/g") for name in plain)


@pytest.mark.parametrize("name", ["gpt-5.5", "claude-opus-5", "anthropic/own", "gemini-2.5-pro"])
def test_one_listed_model_is_found_by_both_spellings(world: World, name: str) -> None:
    for spelling in (name, f"anthropic/{name}"):
        assert world.get(f"/v1/models/{spelling}", CLAUDE).json["id"] == f"anthropic/{name}"
        assert world.get(f"/v1/models/{spelling}").json["id"] == name


@pytest.mark.parametrize(
    ("asked", "host", "sent"),
    [
        ("anthropic/gpt-5.5", "o.test", "gpt-5.5"),
        ("Anthropic/gpt-5.5(high)", "o.test", "gpt-5.5"),
        ("gpt-5.5", "o.test", "gpt-5.5"),
        ("anthropic/gpt-9", "o.test", "gpt-9"),
        ("anthropic/claude-opus-5", "a.test", "claude-opus-5"),
        ("anthropic/own", "r.test", "anthropic/own"),
        ("anthropic/anthropic/own", "r.test", "anthropic/own"),
    ],
)
def test_a_request_is_understood_with_and_without_it(world: World, asked: str, host: str, sent: str) -> None:
    vendor = world.vendor(host)
    body = {"model": asked, "max_tokens": 3000, "messages": [{"role": "user", "content": "x"}]}
    world.post("/v1/messages", body, CLAUDE).leave()
    assert vendor.last.json["model"] == sent


def test_a_key_of_few_models_uses_them_under_the_prefix_too(world: World) -> None:
    listed = [each["id"] for each in world.get("/v1/models", CLAUDE, key="sk-gpt").json["data"]]
    assert listed and all(name.startswith("anthropic/gpt-") for name in listed)
    vendor = world.vendor("o.test")
    world.post(
        "/v1/messages", {"model": "anthropic/gpt-5.5", "max_tokens": 5, "messages": []}, CLAUDE, key="sk-gpt"
    ).leave()
    assert vendor.last.json["model"] == "gpt-5.5"
    assert world.post("/v1/messages", {"model": "anthropic/claude-opus-5"}, CLAUDE, key="sk-gpt").status == 403


def test_openais_list_says_what_a_model_takes(world: World) -> None:
    listed = {each["id"]: each for each in world.get("/v1/models").json["data"]}
    assert {"tools", "temperature", "reasoning_effort"} <= set(listed["gpt-5.5"]["supported_parameters"])
    assert "temperature" not in listed["claude-opus-5"]["supported_parameters"]
    assert "supported_parameters" not in listed["gemini-embedding-001"]
    assert "supported_parameters" not in listed["plain"]
    assert (listed["plain"]["input_modalities"], listed["claude-opus-5"]["input_modalities"]) == (
        ["text"],
        ["text", "image"],
    )
    assert "audio" in listed["gemini-2.5-pro"]["input_modalities"]


def test_what_a_vendor_lists_of_it_goes_through() -> None:
    entry = {
        "id": "m",
        "supported_parameters": ["tools", 7, "top_k"],
        "architecture": {"input_modalities": ["text", "file"]},
    }
    (info,) = models({"data": [entry]})
    assert (info.takes, info.input_modalities) == (("tools", "top_k"), ("text", "file"))
    assert ModelInfo("m").takes == ()


def test_the_daemon_uses_refreshed_facts(tmp_path: Path) -> None:
    settings = loads(FILE + f"state-file: {tmp_path}/state.json\n").settings
    assert in_force(settings) is shipped()
    fact = {"id": "my-model", "context": 4242, "prices": {"input": 2, "output": 4}}
    facts_path(settings).write_text(json.dumps({"version": 1, "vendors": [{"id": "openai", "models": [fact]}]}))
    world = World(settings)
    (candidate,) = world.service.relay.snapshot.router.resolve("gpt-5.5").candidates
    assert candidate.info.context_length == 400_000
    found = world.service.relay.snapshot.facts.find("my-model", "openai")
    assert found is not None and found.context_length == 4242
    facts_path(settings).write_text("{")
    os.utime(facts_path(settings), ns=(1, 1))
    world.service.apply(settings)
    assert world.service.relay.snapshot.facts is shipped()
    world.close()
