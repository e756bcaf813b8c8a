"""The decision as a snapshot's settings and catalogue make it. Pure; the routes and ``explain`` ask the same."""

from __future__ import annotations

from cliproxy.amp.mapping import Decision, Mappings, decide
from cliproxy.errors import RequestFault
from cliproxy.routing.route import Candidate
from cliproxy.routing.snapshot import Snapshot


def serving(snapshot: Snapshot, name: str) -> tuple[Candidate, ...]:
    """Who serves ``name`` in any reading of it that the router knows; empty when nobody does."""
    try:
        return snapshot.router.resolve(name).candidates
    except RequestFault:
        return ()


def mappings_of(snapshot: Snapshot) -> Mappings:
    """The snapshot's mappings, compiled."""
    settings = snapshot.settings
    return Mappings(settings.ampcode, lambda name: bool(serving(snapshot, name)), settings.oauth_model_alias)


def decision_for(asked: str, snapshot: Snapshot, mappings: Mappings) -> Decision:
    """Where a request for ``asked`` goes; ``mappings`` are the snapshot's."""
    settings = snapshot.settings.ampcode
    upstream = bool(settings.upstream_url) and not settings.deny_fallback
    return decide(asked, mappings, mappings.serves, forced=settings.force_model_mappings, upstream=upstream)
