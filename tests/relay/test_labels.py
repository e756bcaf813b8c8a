"""What an upstream's answer is, its bytes say; the label is a hint (docs/spec/reports.md 15)."""

from __future__ import annotations

import json
from itertools import cycle, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.dialects.labelled import is_stream
from cliproxy.jsontypes import dumps
from tests.support.answers import streamed, whole
from tests.support.bodies import chunk
from tests.support.settings import settings
from tests.support.world import Call, World

#: Model, and where the fake vendor that serves it is reached, by the dialect it speaks.
UPSTREAMS = {
    "openai": ("gpt-x", "chat.test"),
    "responses": ("codex-x", "codex.test"),
    "claude": ("claude-x", "claude.test"),
    "gemini": ("gemini-x", "gemini.test"),
}
LABELS = (
    "text/event-stream",
    "application/json",
    "Application/JSON; charset=utf-8",
    "application/x-ndjson",
    "text/plain",
    "",
)
TEXT = "Hello, wörld"


def bodies(dialect: str) -> dict[str, bytes]:
    """The same answer in every shape that an upstream may send it in."""
    frames = b"".join(
        (f"event: {name}\n" if name else "").encode() + b"data: " + dumps(payload) + b"\n\n"
        for name, payload in streamed(dialect, ["Hello, ", "wörld"])
    )
    answer = whole(dialect, TEXT)
    return {
        "events": frames,
        "events behind a comment": b": hello\n\n" + frames,
        "events behind a BOM and blank lines": b"\xef\xbb\xbf\n\n" + frames,
        "an object": dumps(answer),
        "an object in lines": json.dumps(answer, indent=2, ensure_ascii=False).encode(),
        "an object behind a BOM and blanks": b"\xef\xbb\xbf\r\n  " + json.dumps(answer, indent=2).encode(),
    }


def ask(world: World, dialect: str, model: str, stream: bool) -> Call:
    if dialect in ("gemini", "gemini array"):
        method = "generateContent"
        if stream:
            method = "streamGenerateContent" + ("?alt=sse" if dialect == "gemini" else "")
        return world.post(
            f"/v1beta/models/{model}:{method}", {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
        )
    body: dict[str, Any] = {"model": model, "stream": stream}
    if dialect == "responses":
        return world.post("/v1/responses", {**body, "input": "x"})
    path = "/v1/messages" if dialect == "claude" else "/v1/chat/completions"
    return world.post(path, {**body, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]})


def heard(call: Call) -> str:
    """All text of an answer, whole or streamed, in whatever dialect."""
    said: list[str] = []

    def look(value: Any, name: str = "") -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                look(inner, key)
        elif isinstance(value, list):
            for inner in value:
                look(inner, name)
        elif isinstance(value, str) and (name in ("text", "content") or name == "delta"):
            said.append(value)

    for event in call.events or (call.json if isinstance(call.json, list) else [call.json]):
        if not isinstance(event, dict) or event.get("type", "").endswith((".done", ".completed")):
            continue
        look(event)
    return "".join(said)


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", [*UPSTREAMS, "gemini array"])
@pytest.mark.parametrize("stream", [False, True])
def test_bytes_decide(upstream: str, client: str, stream: bool) -> None:
    """Whatever the label says, and wherever the wire cuts, the answer is read as what it is."""
    model, host = UPSTREAMS[upstream]
    world = World(settings(request_retry=0, disable_cooling=True))
    vendor = world.vendor(host)
    cuts = cycle((0, 1, 3, 60))
    wrong = []
    for label, (shape, body) in product(LABELS, bodies(upstream).items()):
        call, cut = ask(world, client, model, stream), next(cuts)
        vendor.last.begin(200, {"Content-Type": label})
        for piece in filter(None, (body[:cut], body[cut:])):
            vendor.last.chunk(piece)
            world.flow()
        vendor.last.end()
        world.flow()
        if call.status != 200 or not call.ended or heard(call) != TEXT:
            wrong.append((label, shape, cut, call.status, call.body[:160]))
        call.leave()
    world.close()
    assert wrong == []


def test_a_stream_under_a_json_label_is_not_held() -> None:
    """Its first event is with the client before the second one comes."""
    world = World(settings())
    vendor = world.vendor("chat.test")
    call = ask(world, "openai", "gpt-x", True)
    vendor.last.begin(200, {"Content-Type": "application/json"})
    vendor.last.event(chunk("a"))
    world.flow()
    assert [event["choices"][0]["delta"]["content"] for event in call.events] == ["a"]
    call.leave()
    world.close()


@given(st.binary(max_size=40))
def test_any_opening(opening: bytes) -> None:
    """Bytes that could still become either are waited for, and what is told once stays told."""
    try:
        told = is_stream(opening)
    except ValueError:
        return
    if told is not None:
        assert is_stream(opening + b"x") is told
