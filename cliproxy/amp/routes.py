"""Amp's provider routes: the same relay as everyone's, behind a decision that is always said.

``/api/provider/{provider}/...`` with and without ``/v1``, Google's in its three spellings. What is not known here goes to
ampcode.com, whom the CLI believes it is talking to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import attrs
from twisted.logger import Logger

from cliproxy.amp.credits import Credits
from cliproxy.amp.decision_log import decision_fields, decision_sentence, rendered
from cliproxy.amp.fallback import AmpFallbackResource
from cliproxy.amp.mapping import Decision, Mappings, RouteType, decision_for, mappings_of, serving
from cliproxy.amp.rewriting import declared_tools, renamed, without_long_context
from cliproxy.dialects.writers import Edit
from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.front.access import Access
from cliproxy.front.call import Answer, Call, Result
from cliproxy.front.claude import count, messages
from cliproxy.front.gemini import generation
from cliproxy.front.models import detail, listing
from cliproxy.front.openai import chat, completions, responses
from cliproxy.front.routes import Front, Routes
from cliproxy.front.wanted import LONGEST_MODEL_NAME, Wanted, model_name
from cliproxy.jsontypes import JSONObject
from cliproxy.routing.route import Route
from cliproxy.routing.snapshot import Snapshot

#: POST paths below the provider, less a leading ``v1/``, and what they ask for.
_POSTS: Final[Mapping[str, Callable[[Call], Wanted]]] = {
    "chat/completions": chat,
    "completions": completions,
    "responses": responses,
    "messages": messages,
    "messages/count_tokens": count,
}
_SHAPES: Final = {"anthropic": "claude", "google": "gemini"}
_PATH: Final = "/api/provider/<provider>/<path:rest>"


@attrs.define(slots=False, eq=False)
class AmpRoutes:
    """What Amp's CLI calls for inference.

    :ivar now: Unix seconds.
    :ivar credits: the day's requests sent to ampcode.com, for the one who pays.
    """

    app = Routes()
    front: Front
    fallback: AmpFallbackResource
    now: Callable[[], float]
    credits: Credits
    _compiled: tuple[Snapshot, Mappings] | None = None
    _log = Logger()

    @app.route(_PATH, methods=("GET",), access=Access.CLIENT_KEY)
    def read(self, call: Call, provider: str, rest: str) -> Result:
        """Model lists and models, in the shape of the provider's own."""
        path = rest.removeprefix("v1/")
        models = call.models()
        if path == "models":
            return Answer(listing(_SHAPES.get(provider.lower(), "openai"), models, call.query))
        if rest == "v1beta/models":
            return Answer(listing("gemini", models, call.query))
        if rest.startswith("v1beta/models/"):
            return Answer(detail("gemini", call.listed(rest.removeprefix("v1beta/models/"))))
        return self._elsewhere(call, path)

    @app.route(_PATH, methods=("PUT", "PATCH", "DELETE"), access=Access.CLIENT_KEY)
    def change(self, call: Call, provider: str, rest: str) -> Result:
        """Nothing of ours, perhaps something of ampcode.com's."""
        return self._elsewhere(call, rest.removeprefix("v1/"))

    @app.route(_PATH, methods=("POST",), access=Access.CLIENT_KEY)
    def post(self, call: Call, provider: str, rest: str) -> Result:
        """A request for inference, decided by its model; anything else goes upstream."""
        path = rest.removeprefix("v1/")
        if path in _POSTS:
            return self._route(call, _name(call.json()), _POSTS[path])
        action = f"/{rest}".rpartition("/models/")[2] if "/models/" in f"/{rest}" else ""
        action = action.removeprefix("models/")
        model, colon, _ = action.rpartition(":")
        if model and colon:  # the body's own ``model`` decides first, as everywhere
            return self._route(call, _name(call.json()) or model, partial(generation, action=action))
        if path == "models" or rest.startswith("v1beta/models"):
            raise RequestFault(ErrorDetail(405, "this path takes GET"), {"Allow": "GET"})
        if provider.lower() == "google" and rest.startswith("v1beta1/"):
            return self._elsewhere(call, path)
        return self._unserved(call, path)

    # -- the decision

    def _route(self, call: Call, name: str | None, read: Callable[[Call], Wanted]) -> Result:
        """Decide by the model, say what was decided, and do it.

        :param name: the model's; None where the request has none.
        :param read: reads the request, where it is served here.
        """
        decision = self._decide(call, model_name(name)) if name else None
        if decision is not None:
            self._say(call, decision)
            if decision.route is RouteType.AMP_CREDITS:
                return self._spend(call)
            if decision.route is RouteType.NO_PROVIDER and call.snapshot.settings.ampcode.deny_fallback:
                sentence = f"unknown provider for model {decision.asked[:200]}; ampcode.deny-fallback keeps it from ampcode.com"
                raise RequestFault.bad(sentence, param="model")
        call = _local(call)
        wanted, route = read(call), None
        if decision is not None and decision.models:
            edit = _both(wanted.edit, renamed(decision.asked, declared_tools(wanted.body)))
            wanted, route = attrs.evolve(wanted, model=decision.models[0], edit=edit), _route(call.snapshot, decision)
        return self.front.complete(call, wanted, route)

    def _decide(self, call: Call, asked: str) -> Decision:
        snapshot = call.snapshot
        if self._compiled is None or self._compiled[0] is not snapshot:
            self._compiled = (snapshot, mappings_of(snapshot))
        return decision_for(asked, snapshot, self._compiled[1])

    def _say(self, call: Call, decision: Decision) -> None:
        """The decision in the response's headers and, in the log with the original's fields (amp.md 4)."""
        route, debug = decision.route, call.snapshot.settings.debug
        request: Any = call.request
        request.amp = (route.value, decision.asked[:200])
        call.request.setHeader("X-Cliproxy-Route", route.value)
        costly = route in (RouteType.AMP_CREDITS, RouteType.NO_PROVIDER)
        if not costly and not debug:
            return
        served_by = () if costly else serving(call.snapshot, decision.models[0] if decision.models else decision.asked)
        fields = decision_fields(
            decision,
            path=call.request.path.decode("latin-1"),
            timestamp=datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="seconds"),
            provider=served_by[0].credential.channel if served_by else "",
        )
        say = self._log.warn if costly else self._log.debug
        say(
            "[{id}] {sentence} | {line}",
            id=call.id,
            sentence=decision_sentence(decision),
            line=rendered(fields),
            **fields,
        )
        if decision.unserved and debug:
            self._log.debug(
                "[{id}] amp: a mapping is passed over, nobody serves {to}", id=call.id, to=decision.unserved
            )

    # -- ampcode.com

    def _spend(self, call: Call) -> Result:
        """Send it to ampcode.com; it counts once it has really left."""
        counted: list[int] = []

        def sent() -> None:
            if not counted:
                counted.append(self.credits.add())
                call.request.setHeader("X-Cliproxy-Amp-Credit-Requests", str(counted[0]))

        return self.fallback.relay(call, sent)

    def _unserved(self, call: Call, path: str) -> Result:
        """A provider's path that nothing here serves: ampcode.com's, with its credits, if they may be spent."""
        try:
            asked = model_name(_name(call.json()) or path)
        except RequestFault:
            asked = path[:LONGEST_MODEL_NAME]
        settings = call.snapshot.settings.ampcode
        if settings.upstream_url and not settings.deny_fallback:
            self._say(call, Decision(RouteType.AMP_CREDITS, asked))
            return self._spend(call)
        self._say(call, Decision(RouteType.NO_PROVIDER, asked))
        raise RequestFault.bad(f"{path[:200]} is not served here", status=404)

    def _elsewhere(self, call: Call, path: str) -> Result:
        """What asks for no inference goes to ampcode.com as the control plane does.

        :raises RequestFault: the path is ours, and not to be had this way.
        """
        if path == "responses" and call.headers.get("upgrade", "").lower() == "websocket":
            raise RequestFault.bad("Responses is served over HTTP, not over a WebSocket", status=426)
        if path in _POSTS:
            raise RequestFault(ErrorDetail(405, "this path takes POST"), {"Allow": "POST"})
        refusal = self.fallback.refusal(call.request)
        return refusal if refusal is not None else self.fallback.relay(call)


def _name(body: JSONObject) -> str | None:
    named = body.get("model")
    return named if isinstance(named, str) and named else None


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
