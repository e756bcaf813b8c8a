"""Quotas in a whole daemon: learnt from answers good and bad, shown, and kept for priority keys."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.settings.load import loads
from tests.support.world import EPOCH, World

FILE = """
api-keys: [sk-test, {key: sk-first, name: boss, priority: 1}]
remote-management: {secret-key: manage}
routing: {strategy: most-left, reserve: 20}
affinity: {enabled: false}
claude-api-key: [{api-key: a, base-url: http://a.test}, {api-key: b, base-url: http://b.test}]
"""
ASK = {"model": "claude-opus-5", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "model": "x", "content": [{"type": "text", "text": "hi"}]}


class Two:
    """A daemon over two vendors, of whose windows so much is left."""

    def __init__(self, left: dict[str, float], status: int = 200) -> None:
        self.world = World(loads(FILE).settings)
        self.served: list[str] = []
        for name in left:
            vendor = self.world.vendor(f"{name}.test")
            vendor.script = lambda request, name=name: self._answer(request, name, left[name], status)  # type: ignore[misc]

    def _answer(self, request: Any, name: str, left: float, status: int) -> None:
        self.served.append(name)
        headers = {
            "anthropic-ratelimit-unified-5h-utilization": str(1 - left),
            "anthropic-ratelimit-unified-5h-reset": str(int(EPOCH) + 3600),
        }
        request.answer(status, MESSAGE if status == 200 else {"type": "error", "error": {"message": "no"}}, headers)

    def ask(self, key: str = "sk-test", **more: Any) -> int:
        call = self.world.post("/v1/messages", {**ASK, **more}, key=key)
        self.world.pass_time(0.1)
        return call.status

    def told(self, path: str) -> Any:
        return self.world.get(f"/v0/management/{path}", key="manage").json


@pytest.mark.parametrize("stream", [False, True])
def test_who_has_most_left_serves(stream: bool) -> None:
    two = Two({"a": 0.3, "b": 0.7})
    for _ in range(4):
        two.ask(stream=stream)
    assert two.served == ["a", "b", "b", "b"]
    two.world.close()


def test_quotas_are_shown_wherever_one_looks() -> None:
    two = Two({"a": 0.3, "b": 0.7})
    two.ask(), two.ask()
    (one, other) = two.told("quota")["quota"]
    assert one == {
        "credential": "claude-apikey",
        "model": None,
        "window": "5h",
        "left": 0.3,
        "remaining": None,
        "limit": None,
        "resets": pytest.approx(EPOCH + 3600, abs=2),
        "seen": pytest.approx(EPOCH, abs=2),
    }
    assert (other["credential"], other["left"]) == ("claude-apikey#2", 0.7)
    assert [each["quota"][0]["left"] for each in two.told("credentials")["credentials"]] == [0.3, 0.7]
    places = two.told("explain?model=claude-opus-5")["candidates"]
    assert [(each["credential"], each["quota_left"]) for each in places] == [
        ("claude-apikey#2", 0.7),
        ("claude-apikey", 0.3),
    ]
    two.world.close()


def test_the_last_fifth_is_kept_for_priority_keys() -> None:
    two = Two({"a": 0.1, "b": 0.15})
    two.ask(), two.ask()
    call = two.world.post("/v1/messages", ASK)
    two.world.pass_time(0.1)
    assert (call.status, call.headers["retry-after"]) == (429, "3600")
    assert two.ask(key="sk-first") == 200
    two.world.pass_time(3600)
    assert two.ask() == 200
    two.world.close()


def test_a_refusal_tells_too() -> None:
    two = Two({"a": 0.0, "b": 0.0}, status=500)
    two.ask()
    two.world.pass_time(60)
    assert {each["left"] for each in two.told("quota")["quota"]} == {0.0}
    two.world.close()
