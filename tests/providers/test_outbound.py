"""Payload rules on the whole way from a client's body to the bytes for an upstream."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.dialects.registry import DIALECTS
from cliproxy.jsontypes import JSONObject, dumps, loads
from cliproxy.providers.inbound import Inbound
from cliproxy.providers.interface import Operation
from cliproxy.providers.outbound import prepare
from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.route import Candidate
from cliproxy.settings.model import Payload, PayloadModel, PayloadRule, Settings
from tests.providers.calls import credential

CHAT: JSONObject = {"model": "team/Alias(high)", "messages": [{"role": "user", "content": "hi"}]}


def rule(name: str, protocol: str = "", **params: Any) -> PayloadRule:
    """``__`` in a name stands for the dot of a path."""
    pairs = tuple((path.replace("__", "."), value) for path, value in params.items())
    return PayloadRule((PayloadModel(name, protocol),), pairs)


def sent(kind: str, payload: Payload, body: JSONObject = CHAT, dialect: str = "openai", **members: Any) -> Any:
    """What leaves for an upstream of this kind, whose model ``up`` a client calls ``team/Alias(high)``."""
    inbound = Inbound(DIALECTS[dialect], dumps(body), None, "team/Alias(high)", **members)
    candidate = Candidate(credential(kind), "up", "high", "Alias", ModelInfo("up"))
    outbound = prepare(inbound, DIALECTS[dialect], candidate, Settings(payload=payload), lambda prefix: prefix + "x", 0)
    assert outbound.request is not None
    return loads(outbound.request.body)


@pytest.mark.parametrize("name", ["up", "Alias", "team/Alias", "team/Alias(high)", "team/*"])
def test_a_rule_means_the_upstreams_name_or_the_clients_own(name: str) -> None:
    """The client's own name counts as it wrote it, with its suffix and without."""
    assert sent("openai-compatibility", Payload(override=(rule(name, seed=7),)))["seed"] == 7


@pytest.mark.parametrize("name", ["alias", "team/alias*", "high", ""])
def test_a_rule_for_another_name_does_nothing(name: str) -> None:
    """Case counts, and the whole name."""
    assert "seed" not in sent("openai-compatibility", Payload(override=(rule(name, seed=7),)))


def test_a_default_gives_way_to_the_client_alone() -> None:
    """What the thinking stage put there is overwritten; what the client said, translated, is not."""
    payload = Payload(default=(rule("up", reasoning__effort="low", tools=[]),))
    tools = [{"type": "function", "function": {"name": "f"}}]
    body = sent("codex", payload, {**CHAT, "tools": tools})
    assert (body["reasoning"]["effort"], body["tools"][0]["name"]) == ("low", "f")


def test_the_providers_rules_come_last() -> None:
    """A rule cannot bring back what the endpoint refuses."""
    body = sent("codex", Payload(override=(rule("up", temperature=0.5, text__verbosity="low"),)))
    assert "temperature" not in body
    assert body["text"] == {"verbosity": "low"}


@pytest.mark.parametrize(("protocol", "held"), [("openai-response", True), ("codex", False), ("", True)])
def test_compaction_has_a_protocol_of_its_own(protocol: str, held: bool) -> None:
    """A rule for codex does not touch what is to be compacted."""
    body: JSONObject = {"model": "m", "input": [{"role": "user", "content": "hi"}]}
    payload = Payload(override=(rule("up", protocol, foo=1),))
    assert ("foo" in sent("codex", payload, body, "responses", operation=Operation.COMPACT)) == held
    assert ("foo" in sent("codex", payload, body, "responses")) == (protocol != "openai-response")


def test_compaction_is_asked_for_in_responses_effort_included() -> None:
    """A vendor that otherwise speaks Chat is not told of effort in Chat's words."""
    body: JSONObject = {"model": "m", "input": [{"role": "user", "content": "hi"}]}
    made = sent("openai-compatibility", Payload(), body, "responses", operation=Operation.COMPACT)
    assert made["reasoning"] == {"effort": "high"}
    assert "reasoning_effort" not in made
