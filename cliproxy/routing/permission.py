"""What a client key may use. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

import attrs

from cliproxy.errors import RequestFault
from cliproxy.routing.route import Candidate, Route
from cliproxy.routing.thinking import parse_suffix
from cliproxy.settings.model import ClientKey


def may_ask(key: ClientKey | None, model: str) -> bool:
    """Whether ``key`` may ask for a model, with or without a thinking suffix."""
    if key is None or not (key.models or key.deny):
        return True
    names = {model.lower(), parse_suffix(model)[0].lower()}
    return (not key.models or _matches(key.models, names)) and not _matches(key.deny, names)


def permitted(key: ClientKey | None, route: Route) -> Route:
    """The route without the candidates that ``key`` may not use.

    :raises RequestFault: 403, none is left, or the name is not to be asked for.
    """
    if key is None or not (key.models or key.deny or key.providers):
        return route
    if not may_ask(key, route.requested):
        raise _refused(key, route)
    kept = tuple(candidate for candidate in route.candidates if _may_use(key, candidate))
    if not kept:
        raise _refused(key, route)
    return route if len(kept) == len(route.candidates) else attrs.evolve(route, candidates=kept)


def _may_use(key: ClientKey, candidate: Candidate) -> bool:
    credential = candidate.credential
    names = (credential.label, credential.channel, credential.provider)
    return not (key.providers and not any(name in key.providers for name in names)) and not _matches(
        key.deny, {candidate.model.lower()}
    )


def _refused(key: ClientKey, route: Route) -> RequestFault:
    sentence = f"the API key {key.label} may not use the model {route.requested[:200]}"
    return RequestFault.bad(sentence, status=403, code="model_not_allowed", param="model")


def _matches(globs: Iterable[str], names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob.lower()) for glob in globs for name in names)
