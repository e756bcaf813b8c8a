"""A request from the client's bytes to the vendor's own judgement, in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import attrs

from cliproxy.dialects.registry import DIALECTS
from cliproxy.errors import RequestFault
from cliproxy.jsontypes import dumps, loads
from cliproxy.providers.inbound import Inbound
from cliproxy.providers.outbound import prepare
from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.credential import Credential
from cliproxy.routing.known_models import known
from cliproxy.routing.route import Candidate
from cliproxy.settings.model import Secret, Settings
from cliproxy.vendors.presets import PRESETS
from tests.strict.features import ACROSS, FEATURES, body
from tests.support.vendors import anthropic, chat, documents, gemini, responses
from tests.support.vendors.strict import Refusal
from tests.support.vendors.wire import Record

#: Each vendor's dialect, with the provider that asks it, its preset, a model whose rules are strict, and its base.
VENDORS = {
    "openai": ("openai-compatibility", "openai", "gpt-5.4", "https://api.openai.com/v1"),
    "responses": ("codex", "openai", "gpt-5.4", "https://api.openai.com/v1"),
    "claude": ("claude", "anthropic", "claude-opus-4-7", "https://api.anthropic.com"),
    "gemini": ("gemini", "gemini", "gemini-3-pro", "https://generativelanguage.googleapis.com"),
}


@attrs.frozen
class Asked:
    """One request of a client's: its dialect, its features, the vendor it goes to."""

    client: str
    vendor: str
    features: tuple[str, ...]


def every() -> Iterator[Asked]:
    """No feature, each one, and each pair, for every client and vendor. What only makes sense across dialects stays there."""
    sets = [(), *((one,) for one in FEATURES), *itertools.combinations(FEATURES, 2)]
    for client, vendor, features in itertools.product(DIALECTS, VENDORS, sets):
        if client != vendor or ACROSS.isdisjoint(features):
            yield Asked(client, vendor, features)


def sent(asked: Asked) -> tuple[Any, list[tuple[str, str]]]:
    """The body and headers that leave for the vendor.

    :raises RequestFault: nothing leaves.
    """
    kind, preset, model, base = VENDORS[asked.vendor]
    client = DIALECTS[asked.client]
    stated = body(asked.client, asked.features)
    inbound = Inbound(client, dumps(stated), None, "alias", stream="stream" in asked.features)
    credential = Credential("id", "label", kind, kind, Secret("k"), base, endpoint=PRESETS[preset].endpoint)
    candidate = Candidate(credential, model, None, "alias", known(model) or ModelInfo(model))
    count = itertools.count()
    outbound = prepare(inbound, client, candidate, Settings(), lambda prefix: f"{prefix}{next(count):024d}", 0)
    assert outbound.request is not None
    return loads(outbound.request.body), outbound.request.headers


def judged(asked: Asked) -> list[str]:
    """Every reason for which the vendor would answer 400; none as a rule. A clear refusal of ours is no 400 of the vendor's."""
    try:
        given, headers = sent(asked)
    except RequestFault:
        return []
    found = documents.refusals(asked.vendor, given)
    try:
        check(asked.vendor, given, headers)
    except Refusal as refusal:
        found.append(str(refusal))
    return found


def check(vendor: str, given: Any, headers: list[tuple[str, str]]) -> None:
    """The vendor's own reading.

    :raises Refusal: it would answer 400.
    """
    if vendor == "claude":
        named = [(name.lower(), value) for name, value in headers]
        anthropic.check(given, Record("POST", "/v1/messages", {}, named, dumps(given), 0.0))
    elif vendor == "gemini":
        gemini.check(given, VENDORS["gemini"][2], False)
    elif vendor == "openai":
        chat.check(given)
    else:
        responses.check(given)
