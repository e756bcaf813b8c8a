"""Anything that speaks OpenAI's Chat dialect under a base URL of the operator's (providers.md 7)."""

from __future__ import annotations

import re
from typing import Final

from cliproxy.providers.common import Headers, Vendor, say_stream, take_out
from cliproxy.providers.interface import Operation, UpstreamCall
from cliproxy.routing.credential import Credential

#: OpenAI's reasoning families, which refuse ``max_tokens`` (reports.md 8).
_REASONING: Final = re.compile(r"o\d|gpt-[5-9]", re.IGNORECASE)
#: OpenAI's models, and members that they refuse wherever they are served, of which clients of other dialects know nothing.
_OPENAIS: Final = re.compile(r"o\d|gpt-\d|chatgpt-", re.IGNORECASE)
_REFUSED: Final = ("top_k", "messages[].reasoning_content")
_PATHS = {
    Operation.GENERATE: "/chat/completions",
    Operation.COUNT: "/chat/completions",
    Operation.COMPACT: "/responses/compact",
    Operation.EMBED: "/embeddings",
}


class OpenAICompatibility(Vendor):
    """Chat completions; tokens are counted here, compaction is asked for in the Responses dialect."""

    kind = "openai-compatibility"
    dialect = "openai"
    protocol = "openai"

    def finish_body(self, call: UpstreamCall, credential: Credential) -> None:
        """Name the model; a stream must report its usage."""
        body = call.body
        body["model"] = call.model
        if call.operation is Operation.COMPACT:
            body.pop("stream", None)
        if call.operation is not Operation.GENERATE:
            return
        if "max_tokens" in body and _REASONING.match(call.model.rpartition("/")[2]):
            limit = body.pop("max_tokens")
            body.setdefault("max_completion_tokens", limit)
        if call.client_dialect != self.dialect and _OPENAIS.match(call.model.rpartition("/")[2]):
            take_out(call, _REFUSED)
        say_stream(body, call.stream)
        if call.stream:
            options = body.get("stream_options")
            body["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}

    def url(self, call: UpstreamCall, base_url: str) -> str:
        """``base_url`` already holds the version segment."""
        return base_url + _PATHS[call.operation]

    def headers(self, call: UpstreamCall, credential: Credential) -> Headers:
        """A stream is not to be cached."""
        if self.asks_for_stream(call, credential.base_url):
            yield "Cache-Control", "no-cache"

    def urls(self, credential: Credential, model: str) -> list[tuple[str, str]]:
        """See :meth:`Provider.urls <cliproxy.providers.interface.Provider.urls>`."""
        return [
            ("generate, stream", credential.base_url + _PATHS[Operation.GENERATE]),
            ("embed", credential.base_url + _PATHS[Operation.EMBED]),
            ("compact", credential.base_url + _PATHS[Operation.COMPACT]),
        ]
