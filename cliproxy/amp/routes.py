"""Amp's provider routes: the same relay as everyone's, behind a decision that is always said.

``/api/provider/{provider}/...`` with and without ``/v1``, Google's in its three spellings. What is not known here goes to
ampcode.com, where the CLI believes it is talking to.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import attrs
from twisted.logger import Logger

from cliproxy.amp.fallback import UNAVAILABLE, AmpFallbackResource
from cliproxy.amp.mapping import Decision, Mappings, RouteType, decide, without_long_context
from cliproxy.amp.rewriting import renamed
from cliproxy.dialects.interface import Dialect
from cliproxy.dialects.openai.completions import chat_request, completion, completion_chunk
from cliproxy.dialects.registry import DIALECTS
from cliproxy.dialects.writing import Edit
from cliproxy.errors import RequestFault
from cliproxy.front.access import Access
from cliproxy.front.gemini import METHODS
from cliproxy.front.models import detail, listing
from cliproxy.front.routes import Answer, Call, Front, Result, Routes
from cliproxy.jsontypes import JSONObject, dumps
from cliproxy.providers.interface import Operation
from cliproxy.routing.route import Route
from cliproxy.routing.snapshot import Snapshot
from cliproxy.routing.thinking import parse_suffix

#: POST paths below the provider, less a leading ``v1/``: dialect and operation.
_POSTS: Final = {
    "chat/completions": ("openai", Operation.GENERATE),
    "responses": ("responses", Operation.GENERATE),
    "messages": ("claude", Operation.GENERATE),
    "messages/count_tokens": ("claude", Operation.COUNT),
}
_SHAPES: Final = {"anthropic": "claude", "google": "gemini"}
_VERSIONS: Final = ("v1/", "v1beta/", "v1beta1/")


@attrs.define(slots=False, eq=False)
class AmpRoutes:
    """What Amp's CLI calls for inference.

    :ivar credits: (day, requests sent to ampcode.com on it), for the one who pays.
    """

    app = Routes()
    front: Front
    fallback: AmpFallbackResource
    now: Callable[[], float]
    credits: tuple[str, int] = ("", 0)
    _compiled: tuple[Snapshot, Mappings] | None = None
    _log = Logger()

    @app.route("/api/provider/<provider>/<path:rest>", methods=("GET",), access=Access.CLIENT_KEY)
    def read(self, call: Call, provider: str, rest: str) -> Result:
        """Model lists and models, in the shape of the provider's own."""
        shape = _SHAPES.get(provider.lower(), "openai")
        path = _unversioned(rest)
        if path == "models":
            return Answer(listing("gemini" if rest == "v1beta/models" else shape, call.snapshot.catalog.listed()))
        if rest.startswith("v1beta/models/"):
            return Answer(detail("gemini", call.listed(path.removeprefix("models/"))))
        return self._upstream(call)

    @app.route("/api/provider/<provider>/<path:rest>", methods=("POST",), access=Access.CLIENT_KEY)
    def post(self, call: Call, provider: str, rest: str) -> Result:
        """A request for inference, decided by its model; anything else goes upstream."""
        path = _unversioned(rest)
        if path in _POSTS:
            name, operation = _POSTS[path]
            return self._infer(call, DIALECTS[name], call.json(), operation=operation)
        if path == "completions":
            return self._complete(call)
        action = rest.rpartition("/models/")[2] if "/models/" in f"/{rest}" else ""
        model, _, method = action.removeprefix("models/").rpartition(":")
        if model and method in METHODS:
            body = call.json()
            stream, alt = method == "streamGenerateContent", call.query.get("alt", call.query.get("$alt", ""))
            return self._infer(
                call, DIALECTS["gemini"], body, METHODS[method], model, stream=stream, alt="" if alt == "sse" else alt
            )
        return self._upstream(call)

    def _complete(self, call: Call) -> Result:
        body = call.json()
        chat = chat_request(body)
        edit = completion_chunk if body.get("stream") is True else completion
        return self._infer(call, DIALECTS["openai"], chat, edit=edit, raw=dumps(chat))

    def _infer(
        self,
        call: Call,
        dialect: Dialect,
        body: JSONObject,
        operation: Operation = Operation.GENERATE,
        model: str | None = None,
        edit: Edit | None = None,
        **more: Any,
    ) -> Result:
        """Decide by the model, say what was decided, and do it."""
        named = body.get("model")
        asked = named if isinstance(named, str) and named else model
        if not asked:
            return self.front.complete(call, dialect, body, operation=operation, model=model, edit=edit, **more)
        decision = self._decide(call, asked)
        self._say(call, decision)
        if decision.route is RouteType.AMP_CREDITS:
            return self._upstream(call)
        if decision.route is RouteType.NO_PROVIDER and call.snapshot.settings.ampcode.deny_fallback:
            sentence = f"unknown provider for model {asked[:200]}; ampcode.deny-fallback keeps it from ampcode.com"
            raise RequestFault.bad(sentence, param="model")
        local = _local(call)
        if decision.route is not RouteType.MODEL_MAPPING:
            return self.front.complete(local, dialect, body, operation=operation, model=model, edit=edit, **more)
        return self.front.complete(
            local,
            dialect,
            body,
            operation=operation,
            model=decision.models[0],
            stream=more.pop("stream", body.get("stream") is True),
            edit=_both(edit, renamed(asked)),
            route=_route(call.snapshot, decision),
            **more,
        )

    def _upstream(self, call: Call) -> Result:
        if not call.snapshot.settings.ampcode.upstream_url:
            return UNAVAILABLE
        return self.fallback.forward(call)

    # -- the decision

    def _decide(self, call: Call, asked: str) -> Decision:
        settings = call.snapshot.settings.ampcode
        upstream = bool(settings.upstream_url) and not settings.deny_fallback
        return decide(
            asked,
            self._mappings(call.snapshot),
            lambda name: bool(call.snapshot.catalog.candidates(name)),
            forced=settings.force_model_mappings,
            upstream=upstream,
        )

    def _mappings(self, snapshot: Snapshot) -> Mappings:
        if self._compiled is None or self._compiled[0] is not snapshot:
            settings, catalog = snapshot.settings, snapshot.catalog
            compiled = Mappings(
                settings.ampcode, lambda name: bool(catalog.candidates(name)), settings.oauth_model_alias
            )
            self._compiled = (snapshot, compiled)
        return self._compiled[1]

    def _say(self, call: Call, decision: Decision) -> None:
        """The decision in the response's headers and, in the start document's fields, in the log."""
        route = decision.route
        call.request.setHeader("X-Cliproxy-Route", route.value)
        fields: dict[str, Any] = {
            "component": "amp-routing",
            "route_type": route.value,
            "requested_model": decision.asked,
            "path": call.request.path.decode("latin-1"),
            "timestamp": datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="seconds"),
        }
        log = self._log.debug
        if route is RouteType.AMP_CREDITS:
            fields |= {
                "cost": "amp_credits",
                "source": "ampcode.com",
                "model_id": decision.asked,
                "today": self._count(),
            }
            call.request.setHeader("X-Cliproxy-Amp-Credit-Requests", str(self.credits[1]))
            log = self._log.warn
        elif route is RouteType.NO_PROVIDER:
            fields |= {"cost": "none", "source": "error", "model_id": decision.asked}
            log = self._log.warn
        else:
            name = decision.models[0] if decision.models else decision.asked
            serving = call.snapshot.catalog.candidates(parse_suffix(name)[0])
            fields |= {"cost": "free", "source": "local_oauth"}
            fields |= {"provider": serving[0].credential.channel} if serving else {}
            if decision.models:
                fields |= {"resolved_model": decision.models[0], "mapping": f"{decision.asked} -> {decision.models[0]}"}
        if log is self._log.warn or call.snapshot.settings.debug:
            log(_SENTENCES[route] + " {fields}", fields=_spelt(fields), model=decision.asked, **fields)

    def _count(self) -> int:
        """One more request that costs credits today."""
        day = datetime.fromtimestamp(self.now(), UTC).date().isoformat()
        self.credits = (day, self.credits[1] + 1 if self.credits[0] == day else 1)
        return self.credits[1]


_SENTENCES: Final = {
    RouteType.LOCAL_PROVIDER: "amp using local provider for model: {model}",
    RouteType.MODEL_MAPPING: "amp model mapping: {mapping}",
    RouteType.AMP_CREDITS: (
        "forwarding to ampcode.com (uses amp credits) - model_id: {model} | To use a local model, add to the configuration: "
        'ampcode.model-mappings: [{{from: "{model}", to: "<your-local-model>"}}]'
    ),
    RouteType.NO_PROVIDER: "no provider available for model_id: {model}",
}


def _spelt(fields: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in fields.items())


def _unversioned(rest: str) -> str:
    for version in _VERSIONS:
        if rest.startswith(version):
            return rest.removeprefix(version)
    return rest


def _local(call: Call) -> Call:
    """The call as it is served here: without the beta that needs Amp's own subscription."""
    beta = call.headers.get("anthropic-beta")
    if beta is None:
        return call
    headers = {name: value for name, value in call.headers.items() if name != "anthropic-beta"}
    kept = without_long_context(beta)
    return attrs.evolve(call, headers=headers | ({"anthropic-beta": kept} if kept else {}))


def _route(snapshot: Snapshot, decision: Decision) -> Route:
    """The first mapped name's route, the others its fallbacks."""
    first, *others = decision.models
    route = snapshot.router.resolve(first)
    return attrs.evolve(route, fallbacks=(*others, *route.fallbacks))


def _both(first: Edit | None, then: Callable[[JSONObject], JSONObject]) -> Edit:
    if first is None:
        return then

    def edit(payload: JSONObject) -> JSONObject | None:
        changed = first(payload)
        return None if changed is None else then(changed)

    return edit
