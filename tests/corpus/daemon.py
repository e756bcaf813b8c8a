"""A case of an answer through the whole daemon: its client asks, a vendor at the far end answers with the case's input."""

from __future__ import annotations

import base64
from typing import Any

from cliproxy.dialects.registry import DIALECTS
from cliproxy.jsontypes import JSONObject
from cliproxy.settings.model import Settings
from tests.corpus.replay import SHORT, Case, framed
from tests.support.settings import compat, keyed, settings
from tests.support.world import Call, Received, World

#: The least that a client of each dialect can say.
ASKED: dict[str, JSONObject] = {
    "openai": {"messages": [{"role": "user", "content": "Hi"}]},
    "openai-response": {"input": "Hi"},
    "claude": {
        "max_tokens": 2048,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [{"role": "user", "content": "Hi"}],
    },
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
}
_PATHS = {"openai": "/v1/chat/completions", "openai-response": "/v1/responses", "claude": "/v1/messages"}


def ask(case: Case, path: str = "") -> Call:
    """The client's call, ended; to the usual path for what the case wants, or another."""
    world = World(_settings(case["from"], case["model"]))
    try:
        world.vendor("up.test").script = lambda request: _answer(case, request)
        call = world.post(path or _path(case), _body(case))
        world.pass_time(60)
        return call
    finally:
        world.close()


def _settings(upstream: str, model: str) -> Settings:
    """One upstream of the case's kind, asked once."""
    none: dict[str, Any] = {
        f"{name}_api_key": () for name in ("codex", "claude", "gemini", "vertex")
    } | {"openai_compatibility": (), "request_retry": 0}  # fmt: skip
    if upstream == "openai":
        return settings(**none | {"openai_compatibility": (compat("up", models=(model,)),)})
    kind = "codex" if upstream == "openai-response" else upstream
    return settings(**none | {f"{kind}_api_key": (keyed("up", model),)})


def _path(case: Case) -> str:
    if case["to"] != "gemini":
        return _PATHS[case["to"]]
    method = "streamGenerateContent?alt=sse" if case["kind"] == "stream" else "generateContent"
    return f"/v1beta/models/{case['model']}:{method}"


def _body(case: Case) -> JSONObject:
    body: JSONObject = ASKED[case["to"]] | case.get("request", {})
    if case["to"] == "gemini":
        return body
    return body | {"model": case["model"], "stream": case["kind"] == "stream"}


def _answer(case: Case, request: Received) -> None:
    said, input_is = case["input"], case.get("input_is")
    if input_is == "error":
        request.answer(case["status"], said.encode() if isinstance(said, str) else said, case.get("headers"))
    elif input_is == "body" or (input_is is None and case["kind"] == "response"):
        request.answer(200, said)
    else:
        request.begin()
        chunks = [base64.b64decode(chunk) for chunk in said] if input_is == "bytes" else None
        for chunk in framed(DIALECTS[SHORT[case["from"]]], said) if chunks is None else chunks:
            request.chunk(chunk)
        request.end()
