"""Discovery in a whole daemon, with fake vendors and a clock that is told to pass."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from cliproxy.discovery.discovery import AT_ONCE, Discovery
from cliproxy.routing.credential import Credential
from cliproxy.settings.load import loads
from tests.support.world import Received, Vendor, World

CHAT = "api-keys: [sk-test]\nopenai-compatibility: [{name: v, base-url: http://v.test/v1, api-key-entries: [{api-key: k}]}]\n"


async def as_it_is(credential: Credential) -> Credential:
    return credential


def started(text: str, path: Path | None = None) -> tuple[World, Vendor, Discovery]:
    world = World(loads(text).settings)
    vendor = world.vendor("v.test")
    service = world.service
    discovery = Discovery(
        lambda: service.relay.snapshot, service.learned, service.client, world.reactor, random.Random(1), as_it_is, path
    )
    discovery.setServiceParent(service)
    world.flow()
    return world, vendor, discovery


def ids(world: World) -> list[str]:
    return [each["id"] for each in world.get("/v1/models").json["data"]]


def test_an_entry_without_models_serves_what_its_vendor_lists() -> None:
    world, vendor, _ = started(CHAT)
    assert (vendor.last.method, vendor.last.target) == ("GET", "/v1/models")
    assert vendor.last.headers["authorization"] == "Bearer k"
    assert vendor.last.headers["user-agent"].startswith("cliproxy/")
    vendor.last.answer(200, {"data": [{"id": "llama-9"}, {"id": "bad name"}]})
    world.flow()
    world.pass_time(1)
    assert ids(world) == ["llama-9"]
    world.pass_time(21_600 * 1.1)
    assert len(vendor.requests) == 2
    world.close()


def test_pages_are_followed() -> None:
    world, vendor, _ = started("api-keys: [sk-test]\nclaude-api-key: [{api-key: k, base-url: http://v.test}]")
    vendor.last.answer(200, {"data": [{"id": "claude-a"}], "has_more": True, "last_id": "claude-a"})
    world.flow()
    assert vendor.last.target == "/v1/models?limit=1000&after_id=claude-a"
    assert vendor.last.headers["anthropic-version"] == "2023-06-01"
    vendor.last.answer(200, {"data": [{"id": "claude-b"}], "has_more": False})
    world.flow()
    world.pass_time(1)
    assert ids(world) == ["claude-a", "claude-b"]
    world.close()


@pytest.mark.parametrize(
    "answer",
    [
        (500, b"no"),
        (404, b"{}"),
        (200, b"<html>"),
        (200, b"{}"),
        (200, b"7"),
        (302, b""),
        (200, b'{"data":' + b"[" * 5000),
    ],
)
def test_a_vendor_that_gives_no_list_changes_nothing_for_requests(answer: Any) -> None:
    world, vendor, _ = started(CHAT)
    vendor.last.answer(*answer)
    world.flow()
    call = world.post("/v1/chat/completions", {"model": "anything", "messages": [{"role": "user", "content": "x"}]})
    assert vendor.last.json["model"] == "anything"
    vendor.last.answer(200, {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}}]})
    world.flow()
    assert call.status == 200
    assert world.service.pool.cooldowns() == {}
    world.close()


def test_a_vendor_that_is_silent_is_waited_for_by_nobody() -> None:
    world, vendor, _ = started(CHAT)
    assert world.get("/v1/models").status == 200
    world.pass_time(31)
    assert vendor.requests[0].gone
    world.close()


def test_a_list_that_never_ends_is_given_up() -> None:
    world, vendor, _ = started(CHAT)
    vendor.last.begin()
    vendor.last.chunk(b'{"data": [')
    world.flow()
    world.pass_time(31)
    assert vendor.requests[0].gone
    world.close()


def test_models_discovery_off_asks_nobody() -> None:
    for more in ("models-discovery: off\n", "models-discovery: false\n"):
        world, vendor, _ = started(CHAT + more)
        world.pass_time(60)
        assert vendor.requests == []
        world.close()


def test_one_key_of_an_address_is_asked_first_and_its_list_holds_for_the_others() -> None:
    keys = ", ".join(f"{{api-key: k{number}}}" for number in range(40))
    world, vendor, _ = started(CHAT.replace("{api-key: k}", keys))
    assert len(vendor.requests) == 1
    vendor.script = lambda request: request.answer(200, {"data": [{"id": "m"}]})
    vendor.last.answer(200, {"data": [{"id": "m"}]})
    world.flow()
    world.pass_time(1)
    assert len(world.service.relay.snapshot.router.resolve("m").candidates) == 40
    world.pass_time(21_600)
    assert len({request.headers["authorization"] for request in vendor.requests}) == 40
    world.close()


def test_no_more_than_sixteen_are_asked_at_once() -> None:
    entries = ", ".join(f"{{name: v{n}, base-url: 'http://v.test/{n}'}}" for n in range(40))
    world, vendor, _ = started(f"api-keys: [sk-test]\nopenai-compatibility: [{entries}]")
    assert len(vendor.requests) == AT_ONCE
    world.close()


def test_lists_are_kept_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    world, vendor, _ = started(CHAT, path)
    vendor.last.answer(200, {"data": [{"id": "llama-9", "context_window": 7}]})
    world.flow()
    world.close()
    assert path.stat().st_mode & 0o777 == 0o600
    world, vendor, _ = started(CHAT, path)
    vendor.script = lambda request: request.cut()
    world.pass_time(1)
    assert ids(world) == ["llama-9"]
    assert world.service.relay.snapshot.catalog.listed()[0].context_length == 7
    world.close()
    path.write_bytes(b"{")
    world, vendor, _ = started(CHAT, path)
    world.close()


def test_a_hostile_list_lists_no_name_that_is_none(tmp_path: Path) -> None:
    def hostile(request: Received) -> None:
        request.answer(200, {"data": [{"id": "a\r\nb"}, {"id": ["x"]}, {"id": "x" * 5000}, 7, None, {"id": "ok"}]})

    world, vendor, _ = started(CHAT)
    hostile(vendor.last)
    world.flow()
    world.pass_time(1)
    assert ids(world) == ["ok"]
    world.close()
