"""Google's routes. The model and the method stand in the path, and three prefixes mean the same."""

from __future__ import annotations

from typing import Final

import attrs

from cliproxy.dialects.registry import DIALECTS
from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.front.access import Access
from cliproxy.front.call import Answer, Call, Relayed
from cliproxy.front.failures import speaker
from cliproxy.front.models import detail, listing
from cliproxy.front.routes import Front, Routes
from cliproxy.front.wanted import Wanted, model_name
from cliproxy.providers.interface import Operation

METHODS: Final = {
    "generateContent": Operation.GENERATE,
    "streamGenerateContent": Operation.GENERATE,
    "countTokens": Operation.COUNT,
    "embedContent": Operation.EMBED,
    "batchEmbedContents": Operation.EMBED,
}
_MODELS: Final = ("/v1beta/models", "/v1/models", "/v1beta1/publishers/google/models", "/v1/publishers/google/models")


def generation(call: Call, action: str) -> Wanted:
    """What ``{model}:{method}`` asks for.

    :raises RequestFault: 404 for a path that is not of this form or names an unknown method.
    """
    model, _, method = action.rpartition(":")
    operation = METHODS.get(method)
    if not model or operation is None:
        known = ", ".join(METHODS)
        raise RequestFault.bad(f"{action[:200]} not found; the methods are {known}", status=404)
    dialect, alt = DIALECTS["gemini"], call.query.get("alt", call.query.get("$alt", ""))
    stream = method == "streamGenerateContent"
    body = call.json()
    return Wanted(dialect, dialect, body, call.raw(), model_name(model), stream, operation, "" if alt == "sse" else alt)


@attrs.define(slots=False, eq=False)
class GeminiRoutes:
    """What google-genai, gemini-cli and Amp's Google tools call."""

    app = Routes()
    front: Front

    @app.route(_MODELS[0], methods=("GET",), access=Access.CLIENT_KEY)
    def models(self, call: Call) -> Answer:
        """The model list."""
        return Answer(listing("gemini", call.models(), call.query))

    @app.route(f"{_MODELS[0]}/<path:name>", methods=("GET",), access=Access.CLIENT_KEY)
    def model(self, call: Call, name: str) -> Answer:
        """One model."""
        _refuse_method(name)
        return Answer(detail("gemini", call.listed(name)))

    @app.route(f"{_MODELS[1]}/<path:name>", methods=("GET",), access=Access.CLIENT_KEY)
    def anyones_model(self, call: Call, name: str) -> Answer:
        """One model, where three vendors' SDKs ask for it: in the caller's shape."""
        _refuse_method(name)
        return Answer(detail(speaker(call.headers), call.listed(name), call.snapshot.settings.claude_models_prefix))

    @app.route(f"{_MODELS[0]}/<path:action>", methods=("POST",), access=Access.CLIENT_KEY)
    def beta(self, call: Call, action: str) -> Relayed:
        """``{model}:{method}`` of the Gemini API."""
        return self.front.complete(call, generation(call, action))

    @app.route(f"{_MODELS[1]}/<path:action>", methods=("POST",), access=Access.CLIENT_KEY)
    def stable(self, call: Call, action: str) -> Relayed:
        """The same, where today's google-genai calls it."""
        return self.front.complete(call, generation(call, action))

    @app.route(f"{_MODELS[2]}/<path:action>", methods=("POST",), access=Access.CLIENT_KEY)
    def vertex_beta(self, call: Call, action: str) -> Relayed:
        """The same in Vertex's spelling."""
        return self.front.complete(call, generation(call, action))

    @app.route(f"{_MODELS[3]}/<path:action>", methods=("POST",), access=Access.CLIENT_KEY)
    def vertex_stable(self, call: Call, action: str) -> Relayed:
        """The same in Vertex's stable spelling."""
        return self.front.complete(call, generation(call, action))


def _refuse_method(name: str) -> None:
    """A model's name with a method behind it was meant for POST.

    :raises RequestFault: 405.
    """
    if name.rpartition(":")[2] in METHODS:
        raise RequestFault(ErrorDetail(405, "this path takes POST"), {"Allow": "POST"})
