"""Public reports as cases: each goes through the whole daemon, from the client's bytes to the vendor's and back.

``tests/corpus/reports/*.json``: what the client sends (``request``, or its ``raw_body``), what the upstream answers
(``upstream_response``: a body, SSE texts, or ``bytes_base64``; an ordinary answer where only the request matters) and what is
right (``expect``):

``sent``, ``answer``
    patterns of what the vendor got, and of what the client got (a stream's events folded into the body they say). An object has
    at least the pattern's members, an array exactly its elements.
``events``
    patterns that the stream's events match, in this order.
``never``
    texts the client does not get.
``unsent``
    members the vendor does not get, at any depth.
``status``, ``failed``
    the answer's status, and words of the error that ends it.
``losses``
    the number in ``X-Cliproxy-Losses``.

Every stream is answered in small pieces too: chopping changes nothing.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from cliproxy.dialects.registry import DIALECTS
from cliproxy.ir.grammar import CUT
from cliproxy.settings.model import CompatEntry, KeyEntry, ModelEntry, Settings
from tests.corpus.replay import SHORT
from tests.corpus.told import told
from tests.support.settings import compat, keyed, settings
from tests.support.world import Call, Received, World

Case = dict[str, Any]
FOLDER = Path(__file__).parent / "reports"
PATHS = {"openai": "/v1/chat/completions", "openai-response": "/v1/responses", "claude": "/v1/messages"}
#: The least a vendor of each dialect answers.
ORDINARY: dict[str, dict[str, Any]] = {
    "openai": {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
    },
    "openai-response": {
        "id": "resp_1", "object": "response", "status": "completed", "model": "m",
        "output": [{"id": "m1", "type": "message", "content": [{"type": "output_text", "text": "ok"}]}],
    },
    "claude": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "ok"}], "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    "gemini": {"candidates": [{"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP"}]},
}  # fmt: skip


def case_named(name: str) -> Case:
    case: Case = json.loads((FOLDER / f"{name}.json").read_text())
    return case


NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def served(case: Case) -> Settings:
    """The one upstream that the case's model names."""
    none: dict[str, Any] = {f"{kind}_api_key": () for kind in ("codex", "claude", "gemini", "vertex")}
    none |= {"openai_compatibility": (), "request_retry": 0}
    upstream, alias = case["upstream_dialect"], case["model"].partition("(")[0]
    name = case.get("upstream_model", alias)
    if upstream == "openai":
        entry: CompatEntry | KeyEntry = attrs.evolve(compat("up"), models=(ModelEntry(name, alias),))
        return settings(**none | {"openai_compatibility": (entry,)})
    kind = "codex" if upstream == "openai-response" else upstream
    entry = attrs.evolve(keyed("up", alias), models=(ModelEntry(name, alias),))
    return settings(**none | {f"{kind}_api_key": (entry,)})


def answer(case: Case, request: Received, size: int) -> None:
    """The vendor's answer, in pieces of so many bytes."""
    said = case.get("upstream_response", ORDINARY[case["upstream_dialect"]])
    if isinstance(said, dict) and "bytes_base64" in said:
        request.answer(200, base64.b64decode(said["bytes_base64"]), said.get("headers"))
    elif isinstance(said, dict):
        request.answer(200, said)
    else:
        stream = "".join(said).encode()
        request.begin()
        for start in range(0, len(stream), size):
            request.chunk(stream[start : start + size])
        request.end()


def played(case: Case, size: int = 1 << 20) -> tuple[Call, Any]:
    """The client's call, ended, and what the vendor got."""
    world = World(served(case))
    try:
        vendor = world.vendor("up.test")
        vendor.script = lambda request: answer(case, request, size)
        call = world.post(path_of(case), body_of(case))
        world.pass_time(60)
        return call, vendor.last.json if vendor.requests else None
    finally:
        world.close()


def path_of(case: Case) -> str:
    if case["client_dialect"] != "gemini":
        return PATHS[case["client_dialect"]]
    method = "streamGenerateContent?alt=sse" if case["stream"] else "generateContent"
    return f"/v1beta/models/{case['model']}:{method}"


def body_of(case: Case) -> Any:
    raw = case["request"].get("raw_body")
    return case["request"] if raw is None else raw.encode()


def matches(pattern: Any, value: Any) -> bool:
    """Whether an object has at least the pattern's members, and an array exactly its elements."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            key in value and matches(wanted, value[key]) for key, wanted in pattern.items()
        )
    if isinstance(pattern, list):
        return isinstance(value, list) and len(value) == len(pattern) and all(map(matches, pattern, value))
    return bool(pattern == value)


def said(case: Case, call: Call) -> Any:
    """The client's answer as one body, streamed or not."""
    return told(case["client_dialect"], call.events) if case["stream"] else call.json


def plays() -> list[tuple[str, int]]:
    """Every case; streams also in small pieces."""
    return [(name, size) for name in NAMES for size in (1 << 20, 7) if size > 7 or case_named(name)["stream"]]


@pytest.mark.parametrize(("name", "size"), plays())
def test_the_report_is_answered(name: str, size: int) -> None:
    """What a public report says went wrong goes right."""
    case = case_named(name)
    expect = case["expect"]
    call, sent = played(case, size)
    assert call.status == expect.get("status", 200), call.body
    if "sent" in expect:
        assert matches(expect["sent"], sent), sent
    for name_ in expect.get("unsent", ()):
        assert f'"{name_}"' not in json.dumps(sent)
    if "failed" in expect:
        assert expect["failed"] in call.body.decode()
        assert b"message_stop" not in call.body
    if "answer" in expect:
        assert matches(expect["answer"], said(case, call)), call.body
    waited = list(expect.get("events", ()))
    for event in call.events if waited else ():
        if waited and matches(waited[0], event):
            del waited[0]
    assert not waited, call.body
    for text in expect.get("never", ()):
        assert text.encode() not in call.body
    if "losses" in expect:
        assert int(call.headers.get("x-cliproxy-losses", "0")) == expect["losses"]


def test_an_answer_that_is_cut_is_not_taken_for_whole() -> None:
    """The runner's own eye: a stream that stops is no answer."""
    case = case_named("01-half-surrogates-in-two-chunks")
    cut = {**case, "upstream_response": case["upstream_response"][:2]}
    call, _ = played(cut)
    assert CUT.message in call.body.decode()


def test_each_case_says_what_is_right() -> None:
    """No case without an expectation; every dialect is known."""
    for name in NAMES:
        case = case_named(name)
        assert case["expect"]
        assert {SHORT[case["client_dialect"]], SHORT[case["upstream_dialect"]]} <= set(DIALECTS)
