"""OpenAI's routes: Chat Completions, legacy Completions, Responses, embeddings, models."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

import attrs

from cliproxy.dialects.openai.completions import chat_request, completion, completion_chunk
from cliproxy.dialects.registry import DIALECTS
from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.front.access import Access
from cliproxy.front.call import Answer, Call
from cliproxy.front.failures import speaker
from cliproxy.front.models import listing
from cliproxy.front.routes import Front, Routes
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
        """The model list, in the caller's shape."""
        return Answer(listing(speaker(call.headers), call.snapshot.catalog.listed(), call.query))

    @app.route("/v1/chat/completions", methods=("POST",), access=Access.CLIENT_KEY)
    def chat(self, call: Call) -> Awaitable[None]:
        """Chat Completions. A Responses body sent here by mistake is read as one (routes.md 5)."""
        body = call.json()
        misplaced = "messages" not in body and ("input" in body or "instructions" in body)
        reader = DIALECTS["responses"] if misplaced else None
        return self.front.complete(call, DIALECTS["openai"], body, reader=reader)

    @app.route("/v1/completions", methods=("POST",), access=Access.CLIENT_KEY)
    def completions(self, call: Call) -> Awaitable[None]:
        """Legacy Completions."""
        body = call.json()
        edit = completion_chunk if body.get("stream") is True else completion
        chat = chat_request(body)
        return self.front.complete(call, DIALECTS["openai"], chat, raw=dumps(chat), edit=edit)

    @app.route("/v1/responses", methods=("POST",), access=Access.CLIENT_KEY)
    def responses(self, call: Call) -> Awaitable[None]:
        """Responses."""
        return self.front.complete(call, DIALECTS["responses"], call.json())

    @app.route("/v1/responses", methods=("GET",), access=Access.CLIENT_KEY)
    def responses_socket(self, call: Call) -> Answer:
        """Codex asks for a WebSocket first; told 426 at once it goes on over HTTP."""
        if call.headers.get("upgrade", "").lower() != "websocket":
            raise RequestFault(ErrorDetail(405, "this path takes POST"), {"Allow": "POST"})
        raise RequestFault.bad("Responses is served over HTTP, not over a WebSocket", status=426)

    @app.route("/v1/responses/input_tokens", methods=("POST",), access=Access.CLIENT_KEY)
    def input_tokens(self, call: Call) -> Awaitable[None]:
        """How many tokens a Responses request would be."""
        return self.front.complete(call, DIALECTS["responses"], call.json(), operation=Operation.COUNT)

    @app.route("/v1/responses/compact", methods=("POST",), access=Access.CLIENT_KEY)
    def compact(self, call: Call) -> Awaitable[None]:
        """Responses compaction: never streamed."""
        body = call.json()
        if body.get("stream") is True:
            raise RequestFault.bad("Streaming not supported for compact responses", param="stream")
        return self.front.complete(call, DIALECTS["responses"], body, operation=Operation.COMPACT)

    @app.route("/v1/embeddings", methods=("POST",), access=Access.CLIENT_KEY)
    def embeddings(self, call: Call) -> Awaitable[None]:
        """Embeddings."""
        return self.front.complete(call, DIALECTS["openai"], call.json(), operation=Operation.EMBED)
