"""OpenAI's routes: Chat Completions, legacy Completions, Responses, embeddings, models."""

from __future__ import annotations

from typing import Final

import attrs

from cliproxy.dialects.openai.completions import chat_request, completion, completion_chunk
from cliproxy.dialects.registry import DIALECTS
from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.front.access import Access
from cliproxy.front.call import Answer, Call, Relayed
from cliproxy.front.codex_catalog import codex_catalog
from cliproxy.front.failures import speaker
from cliproxy.front.models import listing
from cliproxy.front.routes import Front, Routes
from cliproxy.front.wanted import Wanted, wanted
from cliproxy.jsontypes import dumps
from cliproxy.providers.interface import Operation

GREETING: Final = {
    "message": "cliproxy",
    "endpoints": [
        "POST /v1/chat/completions",
        "POST /v1/completions",
        "POST /v1/responses",
        "POST /v1/messages",
        "GET /v1/models",
    ],
}


def chat(call: Call) -> Wanted:
    """A Chat Completions request. A Responses body sent there by mistake is read as one (routes.md 5)."""
    asked, body = wanted(call, DIALECTS["openai"]), call.json()
    misplaced = "messages" not in body and ("input" in body or "instructions" in body)
    return attrs.evolve(asked, reader=DIALECTS["responses"]) if misplaced else asked


def completions(call: Call) -> Wanted:
    """A legacy Completions request, as the Chat request that it is served by."""
    body = chat_request(call.json())
    asked = wanted(call, DIALECTS["openai"])
    return attrs.evolve(asked, body=body, raw=dumps(body), edit=completion_chunk if asked.stream else completion)


def responses(call: Call) -> Wanted:
    """A Responses request."""
    return wanted(call, DIALECTS["responses"])


@attrs.define(slots=False, eq=False)
class OpenAIRoutes:
    """What OpenAI's SDKs, Codex and everything that imitates them call."""

    app = Routes()
    front: Front

    @app.route("/", methods=("GET",), access=Access.OPEN)
    def greet(self, call: Call) -> Answer:
        """Say what this is."""
        return Answer(GREETING)

    @app.route("/healthz", methods=("GET",), access=Access.OPEN)
    def healthz(self, call: Call) -> Answer:
        """Alive."""
        return Answer({"status": "ok"})

    @app.route("/readyz", methods=("GET",), access=Access.OPEN)
    def readyz(self, call: Call) -> Answer:
        """Whether requests can be served: 503 with the reason while draining, or with nothing to serve."""
        reason = self.front.not_ready()
        return Answer({"status": "ok"}) if reason is None else Answer({"status": reason}, status=503)

    @app.route("/v1/models", methods=("GET",), access=Access.CLIENT_KEY)
    def models(self, call: Call) -> Answer:
        """The model list, in the caller's shape; Codex's own catalogue for who says its ``client_version``."""
        if "client_version" in call.query:
            return Answer(codex_catalog(call.models()))
        return Answer(
            listing(speaker(call.headers), call.models(), call.query, call.snapshot.settings.claude_models_prefix)
        )

    @app.route("/v1/chat/completions", methods=("POST",), access=Access.CLIENT_KEY)
    def chat(self, call: Call) -> Relayed:
        """Chat Completions."""
        return self.front.complete(call, chat(call))

    @app.route("/v1/completions", methods=("POST",), access=Access.CLIENT_KEY)
    def completions(self, call: Call) -> Relayed:
        """Legacy Completions."""
        return self.front.complete(call, completions(call))

    @app.route("/v1/responses", methods=("POST",), access=Access.CLIENT_KEY)
    def responses(self, call: Call) -> Relayed:
        """Responses."""
        return self.front.complete(call, responses(call))

    @app.route("/v1/responses", methods=("GET",), access=Access.CLIENT_KEY)
    def responses_socket(self, call: Call) -> Answer:
        """Codex asks for a WebSocket first; told 426 at once it goes on over HTTP."""
        if call.headers.get("upgrade", "").lower() != "websocket":
            raise RequestFault(ErrorDetail(405, "this path takes POST"), {"Allow": "POST"})
        raise RequestFault.bad("Responses is served over HTTP, not over a WebSocket", status=426)

    @app.route("/v1/responses/input_tokens", methods=("POST",), access=Access.CLIENT_KEY)
    def input_tokens(self, call: Call) -> Relayed:
        """How many tokens a Responses request would be."""
        return self.front.complete(call, wanted(call, DIALECTS["responses"], Operation.COUNT))

    @app.route("/v1/responses/compact", methods=("POST",), access=Access.CLIENT_KEY)
    def compact(self, call: Call) -> Relayed:
        """Responses compaction: never streamed."""
        if call.json().get("stream") is True:
            raise RequestFault.bad("Streaming not supported for compact responses", param="stream")
        return self.front.complete(call, wanted(call, DIALECTS["responses"], Operation.COMPACT))

    @app.route("/v1/embeddings", methods=("POST",), access=Access.CLIENT_KEY)
    def embeddings(self, call: Call) -> Relayed:
        """Embeddings."""
        return self.front.complete(call, wanted(call, DIALECTS["openai"], Operation.EMBED))
