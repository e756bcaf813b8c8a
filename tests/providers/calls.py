"""Short ways to a call and to what becomes of it."""

from typing import Any

import attrs

from cliproxy.jsontypes import JSONObject
from cliproxy.providers.interface import Operation, UpstreamCall, UpstreamRequest
from cliproxy.providers.registry import PROVIDERS
from cliproxy.routing.credential import Credential
from cliproxy.settings.model import Secret

BASES = {
    "gemini": "https://generativelanguage.googleapis.com",
    "vertex": "https://vertex.example",
    "claude": "https://api.anthropic.com",
    "codex": "https://chatgpt.com/backend-api/codex",
    "openai-compatibility": "https://compat.example/v1",
    "demo": "demo:",
    "vertex-gemini": "https://aiplatform.googleapis.com/v1/projects/p/locations/global",
    "vertex-claude": "https://aiplatform.googleapis.com/v1/projects/p/locations/global",
}


def credential(kind: str, **members: Any) -> Credential:
    """One with the key ``k-secret`` at the kind's usual place."""
    made = Credential("id", "label", kind, kind, Secret("k-secret"), BASES[kind])
    return attrs.evolve(made, **members)


def call(body: JSONObject, model: str = "m", **members: Any) -> UpstreamCall:
    """A call by a client of another dialect, unless said otherwise."""
    members.setdefault("stream", False)
    members.setdefault("client_dialect", "foreign")
    return UpstreamCall(model=model, body=body, **members)


def finished(kind: str, body: JSONObject, **members: Any) -> JSONObject:
    """The body as it would be sent."""
    made = call(body, **members)
    PROVIDERS[kind].finish_body(made, credential(kind))
    return made.body


def prepared(
    kind: str, body: JSONObject | None = None, on: Credential | None = None, **members: Any
) -> UpstreamRequest:
    """The request as it would be sent."""
    made = call({} if body is None else body, **members)
    on = on or credential(kind)
    PROVIDERS[kind].finish_body(made, on)
    return PROVIDERS[kind].prepare(made, on)


def header(request: UpstreamRequest, name: str) -> list[str]:
    """Every value of a header."""
    return [value for named, value in request.headers if named.lower() == name]


COUNT, COMPACT, EMBED = Operation.COUNT, Operation.COMPACT, Operation.EMBED
