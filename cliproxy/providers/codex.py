"""OpenAI's Responses API, at OpenAI itself, at ChatGPT's backend or at anyone compatible (providers.md 6, reports.md 10)."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from typing import Final
from urllib.parse import urlsplit

from cliproxy.ir.loss import Loss
from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.providers.common import Headers, Vendor, refuse, say_stream
from cliproxy.providers.interface import Operation, UpstreamCall
from cliproxy.routing.credential import Credential

#: What ChatGPT's backend refuses, and whether the request means something else without it.
_REFUSED: Final = {
    "max_output_tokens": True,
    "max_completion_tokens": True,
    "max_tool_calls": True,
    "temperature": True,
    "top_p": True,
    "top_logprobs": True,
    "truncation": True,
    "background": True,
    "service_tier": True,
    "metadata": False,
    "prompt_cache_retention": False,
    "safety_identifier": False,
    "user": False,
}
_INCLUDED: Final = "reasoning.encrypted_content"


class Codex(Vendor):
    """Responses. What ChatGPT's backend refuses is removed there, each a loss, and what it insists on is set; everyone else
    gets what the client sent."""

    kind = "codex"
    dialect = "responses"
    protocol = "codex"

    def streams(self, call_stream: bool, client_dialect: str, base_url: str) -> bool:
        """Always at ChatGPT's backend, and for clients of other dialects, because long answers time out otherwise."""
        return call_stream or client_dialect != "responses" or is_chatgpt(base_url)

    def keeps_state(self, credential: Credential) -> bool:
        """ChatGPT's backend stores nothing."""
        return not is_chatgpt(credential.base_url)

    def finish_body(self, call: UpstreamCall, credential: Credential) -> None:
        """See :meth:`Provider.finish_body <cliproxy.providers.interface.Provider.finish_body>`."""
        if call.operation is Operation.EMBED:
            raise refuse("/embeddings not supported")
        body = call.body
        body["model"] = call.model
        if call.client_dialect == "claude" and call.claude_user_id and call.operation is Operation.GENERATE:
            body["prompt_cache_key"] = _cache_key(credential.id, call.model, call.claude_user_id)
        if is_chatgpt(credential.base_url):
            _fit_for_chatgpt(call)
        if call.operation is Operation.COMPACT:
            body.pop("stream", None)
        else:
            say_stream(body, self.asks_for_stream(call, credential.base_url))

    def url(self, call: UpstreamCall, base_url: str) -> str:
        """``base_url`` already holds the version segment."""
        return base_url + ("/responses/compact" if call.operation is Operation.COMPACT else "/responses")

    def said(self, call: UpstreamCall) -> tuple[Hashable, ...]:
        """The client's ``OpenAI-Beta``."""
        return (call.client_headers.get("openai-beta"),)

    def headers(self, call: UpstreamCall, credential: Credential) -> Headers:
        """The client's ``OpenAI-Beta``."""
        if beta := call.client_headers.get("openai-beta"):
            yield "OpenAI-Beta", beta

    def urls(self, credential: Credential, model: str) -> list[tuple[str, str]]:
        """See :meth:`Provider.urls <cliproxy.providers.interface.Provider.urls>`."""
        return [
            ("generate, stream", f"{credential.base_url}/responses"),
            ("compact", f"{credential.base_url}/responses/compact"),
        ]


def is_chatgpt(base_url: str) -> bool:
    """Whether this is the endpoint that serves Codex to ChatGPT's subscribers, or a mirror of it: its path ends so."""
    target = urlsplit(base_url)
    host = target.hostname or ""
    return host == "chatgpt.com" or host.endswith(".chatgpt.com") or target.path.rstrip("/").endswith("/codex")


def _fit_for_chatgpt(call: UpstreamCall) -> None:
    """Remove what the backend refuses and set what it insists on. Every wish of the client's that goes is a loss."""
    body = call.body
    for name, meaning in _REFUSED.items():
        said = body.pop(name, None)
        if said is not None and not _is_default(name, said):
            call.losses.append(Loss(f"responses.{name}: the endpoint refuses it", name, meaning))
    if body.get("instructions") is None:
        body["instructions"] = ""
    if "input" in body:
        body["input"] = _input_items(body["input"])
    if call.operation is Operation.COMPACT:
        return
    if body.get("store") is True:
        call.losses.append(Loss("responses.store: the endpoint stores nothing", "store"))
    body["store"] = False
    body.setdefault("parallel_tool_calls", True)
    include = body.get("include")
    for wish in include if isinstance(include, list) else ():
        if wish != _INCLUDED:
            call.losses.append(Loss(f"responses.include {wish}: the endpoint refuses it", "include"))
    body["include"] = [_INCLUDED]


def _is_default(name: str, value: JSON) -> bool:
    """Whether the member said only what holds without it."""
    return (name, value) in (("background", False), ("truncation", "disabled"), ("service_tier", "auto"))


def _input_items(value: JSON) -> JSON:
    """Plain text as one user message; system messages under the role the endpoint knows."""
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": value}]}]
    if not isinstance(value, list):
        return value
    return [_as_developer(item) if isinstance(item, dict) and item.get("role") == "system" else item for item in value]


def _as_developer(item: JSONObject) -> JSONObject:
    return {**item, "role": "developer"}


def _cache_key(*parts: str) -> str:
    """A key in UUID's clothes, the same for the same user and model, from which the user cannot be read.

    The original drew a random one and remembered it for an hour; a digest needs no memory and survives a restart.
    """
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
