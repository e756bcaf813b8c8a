"""Requests beside those of the corpus: what the wire rules say of every row and sentence about them, a case each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cliproxy.dialects.registry import DIALECTS
from cliproxy.errors import RequestFault
from cliproxy.jsontypes import dumps
from cliproxy.providers.inbound import Inbound
from cliproxy.providers.outbound import prepare
from cliproxy.routing import thinking
from cliproxy.routing.route import Candidate
from cliproxy.settings.model import Settings
from tests.corpus.replay import KINDS, NOW, SHORT, credential, judge, load_cases, minter, model_info, run

Case = dict[str, Any]

MORE: list[Case] = [
    json.loads(line) for line in Path(__file__).with_name("more_requests.jsonl").read_text("utf-8").splitlines()
]
#: The daemon also lowers a limit that is over the model's, which is no step of the corpus's format.
LOWERED = {"think-claude-auto-mid"}
REQUESTS = [case for case in load_cases() if case["kind"] == "request" and case["id"] not in LOWERED]
#: What a case of a whole journey says when it says nothing: the upstream's own rules, and a model nobody has a record of.
UNSAID: Case = {"capability": "user_defined"}


def name(case: Case) -> str:
    return str(case["id"])


@pytest.mark.parametrize("case", MORE, ids=name)
def test_case(case: Case) -> None:
    """What the case says of its output is so."""
    assert judge(case, run(case)) == []


@pytest.mark.parametrize("case", MORE + REQUESTS, ids=name)
def test_the_daemon_sends_the_same(case: Case) -> None:
    """All stages at once, as the corpus runs them, make the bytes that leave for the upstream."""
    case = {**UNSAID, "provider": KINDS[case["to"]], **case}
    assert sent(case) == run(case)


def sent(case: Case) -> Any:
    """The body :func:`prepare` gives to the client that sends it upstream, or the refusal."""
    kind = case["provider"].removesuffix("-api-key")
    model, suffix = thinking.parse_suffix(case["model"])
    candidate = Candidate(credential(kind), model, suffix, model, model_info(model, case["capability"]))
    reader = DIALECTS[SHORT[case["from"]]]
    stream = case.get("stream", case["input"].get("stream") is True)
    inbound = Inbound(reader, dumps(case["input"]), None, case["model"], stream=stream)
    try:
        outbound = prepare(inbound, reader, candidate, Settings(), minter(), NOW)
    except RequestFault as fault:
        return {"error": {"status": fault.detail.status, "code": fault.detail.code, "message": fault.detail.message}}
    assert outbound.request is not None
    return json.loads(outbound.request.body)
