"""Every answer of the corpus, streamed or whole, into every other dialect: the result is one the vendor's own SDK accepts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.corpus.replay import SHORT, feed, is_streamed, load_cases, payloads_of, start_answer
from tests.real.grammar import check_stream, check_whole

Case = dict[str, Any]


def answers() -> list[Case]:
    """Each answer once for every dialect it is not in, as a stream and as a body."""
    found: list[Case] = []
    for case in load_cases():
        if case["kind"] == "request" or case.get("input_is") == "error":
            continue
        for target in SHORT:
            for kind in ("stream", "response"):
                found.append({**case, "to": target, "kind": kind, "input_is": input_is(case, kind), "request": None})
    return [case for case in found if case["from"] != case["to"]]


def input_is(case: Case, kind: str) -> str | None:
    """What the case's input is called when its output is to be of this kind."""
    if case.get("input_is") == "bytes":
        return "bytes"
    if is_streamed(case):
        return None if kind == "stream" else "stream"
    return "body" if kind == "stream" else None


def name(case: Case) -> str:
    return f"{case['id']}-{case['to']}-{case['kind']}"


@pytest.mark.parametrize("case", answers(), ids=name)
def test_the_sdk_accepts_it(case: Case) -> None:
    """A whole answer has the grammar and the types of its new dialect; one that is not whole fails."""
    transcoder, chunks = start_answer({key: value for key, value in case.items() if value is not None})
    out = feed(transcoder, chunks)
    target = SHORT[case["to"]]
    if transcoder.failed is not None:
        assert transcoder.finish is None
        assert any(word in case["id"] for word in ("error", "failed", "cut"))
    elif case["kind"] == "stream":
        payloads = payloads_of(out)
        if target == "responses":
            settle(payloads[-1]["response"])
        if target != "gemini" or transcoder.usage is not None:
            check_stream(target, payloads)
    else:
        body = json.loads(out)
        if target == "responses":
            settle(body)
        check_whole(target, body)


def settle(response: dict[str, Any]) -> None:
    """What the oracle is stricter about than the service: cache writes nobody counted are left out, which only the newest types
    mind."""
    response["usage"]["input_tokens_details"].setdefault("cache_write_tokens", 0)
