"""Where an Amp request goes: a local model, a mapped one, or ampcode.com. Pure; the decision is a value that explains itself.

The order is the start document's: local, mapping, upstream, nothing; with ``force-model-mappings`` mapping first.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence

import attrs

from cliproxy.routing.thinking import parse_suffix
from cliproxy.settings.model import Amp, ModelEntry

#: Whether something here serves a model of this name (without suffix).
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
    """

    route: RouteType
    asked: str
    models: tuple[str, ...] = ()


class Mappings:
    """``ampcode.model-mappings``, compiled. Exact rules are looked up first, later duplicates win; then expressions in order.

    :param serves: what counts as servable.
    :param aliases: ``oauth-model-alias``, channel by channel: other names of a target that nobody serves directly.
    """

    def __init__(
        self, settings: Amp, serves: Serves, aliases: Sequence[tuple[str, tuple[ModelEntry, ...]]] = ()
    ) -> None:
        self._serves = serves
        self._aliases = [entry for _, entries in aliases for entry in entries]
        self._exact: dict[str, str] = {}
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        for mapping in settings.model_mappings:
            if mapping.regex:
                self._patterns.append((re.compile(mapping.source, re.IGNORECASE), mapping.to))
            else:
                self._exact[mapping.source.strip().lower()] = mapping.to

    def targets(self, asked: str) -> tuple[str, ...]:
        """The names to serve ``asked`` by; empty when no rule fits, or nobody serves what it names.

        A target keeps its own suffix, else gets the asked one.
        """
        base, suffix = parse_suffix(asked)
        for name in (asked, base):
            target = self._rule(name)
            if target is not None and (found := self._servable(target)):
                return tuple(_suffixed(model, suffix) for model in found)
        return ()

    def _rule(self, name: str) -> str | None:
        exact = self._exact.get(name.strip().lower())
        if exact is not None:
            return exact
        return next((to for pattern, to in self._patterns if pattern.search(name)), None)

    def _servable(self, target: str) -> tuple[str, ...]:
        base, _ = parse_suffix(target)
        if self._serves(base):
            return (target,)
        others = (entry.alias for entry in self._aliases if entry.name.lower() == base.lower())
        return tuple(dict.fromkeys(alias for alias in others if self._serves(alias)))


def _suffixed(model: str, suffix: str | None) -> str:
    if suffix is None or parse_suffix(model)[1] is not None:
        return model
    return f"{model}({suffix})"


def decide(asked: str, mappings: Mappings, serves: Serves, *, forced: bool, upstream: bool) -> Decision:
    """Where a request for ``asked`` goes.

    :param forced: ``force-model-mappings``.
    :param upstream: ampcode.com may be asked: it is configured, and falling back to it is not denied.
    """
    base, _ = parse_suffix(asked)
    local = serves(base) or serves(asked)
    targets = mappings.targets(asked) if forced or not local else ()
    if targets:
        return Decision(RouteType.MODEL_MAPPING, asked, targets)
    if local:
        return Decision(RouteType.LOCAL_PROVIDER, asked)
    return Decision(RouteType.AMP_CREDITS if upstream else RouteType.NO_PROVIDER, asked)


def without_long_context(beta: str) -> str:
    """An ``Anthropic-Beta`` list without the feature that needs a special subscription; empty when nothing is left."""
    kept = [name.strip() for name in beta.split(",")]
    return ",".join(name for name in kept if name and name != "context-1m-2025-08-07")
