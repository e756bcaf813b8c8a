"""Where an Amp request goes: a local model, a mapped one, or ampcode.com. Pure; the decision is a value that explains itself.

The order (amp.md 3): local, mapping, upstream, nothing; with ``force-model-mappings`` mapping first.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

import attrs

from cliproxy.errors import RequestFault
from cliproxy.routing.route import Candidate
from cliproxy.routing.snapshot import Snapshot
from cliproxy.routing.thinking import parse_suffix
from cliproxy.settings.model import Amp, ModelEntry
from cliproxy.wire.expressions import MOST_OF_A_NAME, found

#: Whether something here serves a model of this name, with or without a suffix.
Serves = Callable[[str], bool]


class RouteType(enum.Enum):
    """What became of a request; logs and ``X-Cliproxy-Route`` say it."""

    LOCAL_PROVIDER = "LOCAL_PROVIDER"
    MODEL_MAPPING = "MODEL_MAPPING"
    AMP_CREDITS = "AMP_CREDITS"
    NO_PROVIDER = "NO_PROVIDER"


@attrs.frozen
class Decision:
    """Where one request goes.

    :ivar asked: the name as the client wrote it.
    :ivar models: for a mapping the names to serve it by, best first; else empty.
    :ivar unserved: the target of a mapping that was passed over, because nobody here serves it; else empty.
    """

    route: RouteType
    asked: str
    models: tuple[str, ...] = ()
    unserved: str = ""


class Mappings:
    """``ampcode.model-mappings``, compiled. Exact rules are looked up first, later duplicates win; then expressions in order.

    :ivar serves: what counts as servable.
    :param aliases: ``oauth-model-alias``, channel by channel: other names of a target that nobody serves directly.
    """

    def __init__(
        self, settings: Amp, serves: Serves, aliases: Sequence[tuple[str, tuple[ModelEntry, ...]]] = ()
    ) -> None:
        self.serves = serves
        self._aliases = [entry for _, entries in aliases for entry in entries]
        self._exact: dict[str, str] = {}
        self._patterns: list[tuple[str, str]] = []
        for mapping in settings.model_mappings:
            if mapping.regex:
                self._patterns.append((mapping.source, mapping.to))
            else:
                self._exact[mapping.source.strip().lower()] = mapping.to

    def targets(self, asked: str) -> tuple[str, ...]:
        """The names to serve ``asked`` by; empty when no rule fits, or nobody serves what it names.

        A target keeps its own suffix, else gets the asked one.
        """
        target = self.rule(asked)
        if target is None:
            return ()
        suffix = parse_suffix(asked)[1]
        return tuple(_suffixed(model, suffix) for model in self._servable(target))

    def rule(self, asked: str) -> str | None:
        """The target of the rule for ``asked``, served or not. The name counts as it was asked, then without its suffix."""
        names = tuple(dict.fromkeys((asked, parse_suffix(asked)[0])))
        for name in names:
            exact = self._exact.get(name.strip().lower())
            if exact is not None:
                return exact
        return next((to for pattern, to in self._patterns if any(_fits(pattern, name) for name in names)), None)

    def _servable(self, target: str) -> tuple[str, ...]:
        if self.serves(target):
            return (target,)
        base, _ = parse_suffix(target)
        others = (entry.alias for entry in self._aliases if entry.name.lower() == base.lower())
        return tuple(dict.fromkeys(alias for alias in others if self.serves(alias)))


def _fits(pattern: str, name: str) -> bool:
    return found(pattern, name, most=MOST_OF_A_NAME, ignore_case=True)


def _suffixed(model: str, suffix: str | None) -> str:
    if suffix is None or parse_suffix(model)[1] is not None:
        return model
    return f"{model}({suffix})"


def decide(asked: str, mappings: Mappings, serves: Serves, *, forced: bool, upstream: bool) -> Decision:
    """Where a request for ``asked`` goes.

    :param forced: ``force-model-mappings``.
    :param upstream: ampcode.com may be asked: it is configured, and falling back to it is not denied.
    """
    local = serves(asked)
    unserved = ""
    if forced or not local:
        targets = mappings.targets(asked)
        if targets:
            return Decision(RouteType.MODEL_MAPPING, asked, targets)
        unserved = mappings.rule(asked) or ""
    if local:
        return Decision(RouteType.LOCAL_PROVIDER, asked, unserved=unserved)
    return Decision(RouteType.AMP_CREDITS if upstream else RouteType.NO_PROVIDER, asked, unserved=unserved)


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
