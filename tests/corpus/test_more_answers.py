"""Answers, streams and errors beside those of the corpus: what the wire rules say of every row and sentence about them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from cliproxy.jsontypes import dumps
from tests.corpus.daemon import ask
from tests.corpus.replay import judge, load_cases, payloads_of, run

Case = dict[str, Any]

MORE: list[Case] = [
    json.loads(line) for line in Path(__file__).with_name("more_answers.jsonl").read_text("utf-8").splitlines()
]
ANSWERS = [case for case in load_cases() if case["kind"] != "request"]
#: The client's own key was fine: these become a 502 of the daemon's own.
REFUSALS = (401, 402, 403)


def name(case: Case) -> str:
    return str(case["id"])


def reaches_the_client(case: Case) -> bool:
    return case.get("status") not in REFUSALS


@pytest.mark.parametrize("case", MORE, ids=name)
def test_case(case: Case) -> None:
    """What the case says of its output is so."""
    assert judge(case, run(case)) == []


@pytest.mark.parametrize("case", [case for case in MORE + ANSWERS if reaches_the_client(case)], ids=name)
def test_the_daemon_answers_the_same(case: Case) -> None:
    """A vendor that answers so over HTTP gives the client the same; a stream that fails before content is an HTTP error."""
    call = ask(case)
    assert call.ended
    if case["kind"] == "stream" and call.status == 200:
        assert judge(case, payloads_of(call.body)) == []
    elif case["kind"] == "stream":
        assert call.status >= 400
        assert "error" in call.json
        assert len(run(case)) <= 3, "there was content"
    elif case.get("input_is") == "error":
        headers = {"Retry-After": call.headers.get("retry-after")}
        assert judge(case, {"status": call.status, "headers": headers, "body": call.json}) == []
    elif call.status == 200:
        assert judge(case, call.json) == []
    else:
        assert judge(case, {"error": {"status": call.status, **call.json["error"]}}) == []


OVERLOADED = b'{"error":{"message":"M","type":"server_error","param":null,"code":"internal_server_error"}}'


@pytest.mark.parametrize(
    ("client", "tail"),
    [
        ("openai", b"data: " + OVERLOADED + b"\n\n"),
        ("claude", b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"M"}}\n\n'),
        ("gemini", b'data: {"error":{"code":529,"message":"M","status":"UNAVAILABLE"}}\n\n'),
    ],
)
def test_the_bytes_of_a_late_error(client: str, tail: bytes) -> None:
    """After content the stream ends in exactly the bytes that the client's SDK raises its error for."""
    upstream = "claude" if client != "claude" else "openai"
    call = ask({"from": upstream, "to": client, "kind": "stream", "model": "m", "input": FAILING[upstream]})
    assert (call.status, call.ended) == (200, True)
    assert call.body.endswith(b"\n\n" + tail)
    assert b"DONE" not in call.body
    assert (b"event:" in call.body) == (client == "claude")


def test_every_block_of_anthropics_names_its_event() -> None:
    """Anthropic's SDK passes over blocks that do not, so a server that leaves the names out gets them."""
    frames = b"".join(b"data: %b\n\n" % dumps(payload) for payload in FAILING["claude"])
    call = ask({**SAME, "input": [base64.b64encode(frames).decode()], "input_is": "bytes"})
    named = [
        f"event: {payload['type']}\ndata: {json.dumps(payload, separators=(',', ':'))}" for payload in FAILING["claude"]
    ]
    assert call.body.decode().split("\n\n") == [*named, ""]


@pytest.mark.parametrize("upstream", ["claude", "gemini"])
def test_a_client_of_arrays_gets_one(upstream: str) -> None:
    """``alt=json`` is one JSON array, whoever answers and in whatever framing."""
    case = {"from": upstream, "to": "gemini", "kind": "stream", "model": "m", "input": WHOLE[upstream]}
    call = ask(case, "/v1beta/models/m:streamGenerateContent?alt=json")
    assert call.headers["content-type"] == "application/json"
    assert [said["candidates"][0]["content"]["parts"] for said in call.json] == [[{"text": "Par"}], [{"text": ""}]]


SAME: Case = {"from": "claude", "to": "claude", "kind": "stream", "model": "m"}
FAILING: dict[str, list[Any]] = {
    "claude": [
        {"type": "message_start", "message": {"id": "a", "model": "m", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Par"}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "M"}},
    ],
    "openai": [
        {"id": "a", "model": "m", "choices": [{"index": 0, "delta": {"content": "Par"}}]},
        {"error": {"type": "overloaded_error", "message": "M"}},
    ],
}
WHOLE: dict[str, list[Any]] = {
    "claude": [
        *FAILING["claude"][:-1],
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ],
    "gemini": [{"candidates": [{"content": {"role": "model", "parts": [{"text": "Par"}]}, "finishReason": "STOP"}]}],
}
