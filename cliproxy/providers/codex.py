"""A Responses endpoint that only streams (providers.md 6)."""

from __future__ import annotations

import hashlib

from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.providers.common import Headers, Vendor, refuse
from cliproxy.providers.interface import Operation, UpstreamCall
from cliproxy.routing.credential import Credential

_REMOVED = (
    *("previous_response_id", "prompt_cache_retention", "safety_identifier", "user", "max_output_tokens"),
    *("max_completion_tokens", "temperature", "top_p", "service_tier"),
)


class Codex(Vendor):
    """Responses, always streamed; what the endpoint refuses is removed and what it insists on is set."""

    kind = "codex"
    dialect = "responses"
    protocol = "codex"

    def streams(self, call_stream: bool, client_dialect: str) -> bool:
        """Always."""
        return True

    def finish_body(self, call: UpstreamCall, credential: Credential) -> None:
        """See :meth:`Provider.finish_body <cliproxy.providers.interface.Provider.finish_body>`."""
        if call.operation is Operation.EMBED:
            raise refuse("/embeddings not supported")
        body = call.body
        for name in _REMOVED:
            body.pop(name, None)
        body["model"] = call.model
        if body.get("instructions") is None:
            body["instructions"] = ""
        if "input" in body:
            body["input"] = _input_items(body["input"])
        if call.operation is Operation.COMPACT:
            body.pop("stream", None)
            return
        body["stream"] = True
        body["store"] = False
        body["parallel_tool_calls"] = True
        body["include"] = ["reasoning.encrypted_content"]
        if call.client_dialect == "claude" and call.claude_user_id:
            body["prompt_cache_key"] = _cache_key(credential.id, call.model, call.claude_user_id)

    def url(self, call: UpstreamCall, base_url: str) -> str:
        """``base_url`` already holds the version segment."""
        return base_url + ("/responses/compact" if call.operation is Operation.COMPACT else "/responses")

    def headers(self, call: UpstreamCall, credential: Credential) -> Headers:
        """Bearer, and the client's ``OpenAI-Beta``."""
        if credential.key:
            yield "Authorization", f"Bearer {credential.key.reveal()}"
        if beta := call.client_headers.get("openai-beta"):
            yield "OpenAI-Beta", beta

    def urls(self, credential: Credential, model: str) -> list[tuple[str, str]]:
        """See :meth:`Provider.urls <cliproxy.providers.interface.Provider.urls>`."""
        return [
            ("generate, stream", f"{credential.base_url}/responses"),
            ("compact", f"{credential.base_url}/responses/compact"),
        ]


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
