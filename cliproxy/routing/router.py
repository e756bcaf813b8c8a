"""From a requested name to a route: suffix, literal names, ``auto``, fallbacks (models.md 5, thinking.md 9)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

import attrs

from cliproxy.errors import RequestFault
from cliproxy.routing.catalog import Catalog
from cliproxy.routing.credential import Credential
from cliproxy.routing.known_models import known
from cliproxy.routing.learned import Learned
from cliproxy.routing.model_facts import FactTable, shipped
from cliproxy.routing.route import Candidate, Route
from cliproxy.routing.thinking import parse_effort, parse_suffix
from cliproxy.routing.unlisted import Unlisted
from cliproxy.settings.model import Settings

_LONGEST_QUOTE = 200
#: To find near names takes time: so much of a name is compared, with so many.
_LONGEST_COMPARED = 64
_MOST_COMPARED = 1000
#: So many names are remembered with their routes.
_MOST_RESOLVED = 4096


def _always(candidate: Candidate) -> bool:
    return True


class Router:
    """One snapshot's catalogue and settings; it knows nothing of health."""

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        credentials: Sequence[Credential] = (),
        learned: Learned | None = None,
        facts: FactTable | None = None,
    ) -> None:
        """:param credentials: to whom names that nobody lists are passed, unless ``settings`` refuse them."""
        self._catalog = catalog
        self._unlisted = Unlisted(
            credentials if settings.unknown_models == "pass" else (), settings, learned or Learned(), facts or shipped()
        )
        self._prefix = settings.claude_models_prefix.lower()
        self._resolved: dict[str, Route] = {}
        self._fallbacks = {name.strip().lower(): names for name, names in settings.fallback_models}

    def resolve(self, name: str, usable: Callable[[Candidate], bool] = _always) -> Route:
        """Where ``name`` leads.

        :param usable: whether a candidate may be chosen for ``auto`` now; asked for nothing else.
        :raises RequestFault: 400, nobody serves the name.
        """
        name = self._meant(name)
        known = self._resolved.get(name)
        if known is not None and usable is _always:
            return known
        base, suffix, candidates = self._find(name, usable)
        if not candidates:
            return self._instead(name, base, suffix, usable)
        if suffix is not None:
            candidates = tuple(
                candidate if candidate.suffix is not None else attrs.evolve(candidate, suffix=suffix)
                for candidate in candidates
            )
        route = Route(name, base, suffix, candidates, self._fallbacks_of(name, base, suffix))
        if usable is _always and all(candidate.listed for candidate in candidates):  # of the others more may be learnt
            if len(self._resolved) >= _MOST_RESOLVED:
                self._resolved.clear()
            self._resolved[name] = route
        return route

    def _instead(self, name: str, base: str, suffix: str | None, usable: Callable[[Candidate], bool]) -> Route:
        """Nobody serves ``name``: the first of its fallbacks that somebody serves stands in for it.

        :raises RequestFault: 400, there is none either.
        """
        names = self._fallbacks_of(name, base, suffix)
        for index, other in enumerate(names):
            if self._find(other, usable)[2]:
                route = self.resolve(other, usable)
                return attrs.evolve(route, requested=name, fallbacks=(*names[index + 1 :], *route.fallbacks))
        quoted = name if len(name) <= _LONGEST_QUOTE else name[:_LONGEST_QUOTE] + "..."
        sentence = f"unknown provider for model {quoted}{self._served(name)}"
        raise RequestFault.bad(sentence, param="model", code="model_not_found")

    def _served(self, name: str) -> str:
        """What is served, for who asked for something else: the names near ``name``, and how many there are."""
        served = [info.id for info in self._catalog.listed()]
        near = difflib.get_close_matches(name[:_LONGEST_COMPARED], served[:_MOST_COMPARED], n=3, cutoff=0.7)
        meant = f"; did you mean {' or '.join(near)}?" if near else ";"
        return f"{meant} {len(served)} models are served, GET /v1/models lists them"

    def serves(self, name: str) -> bool:
        """Whether somebody serves ``name`` itself, fallbacks apart."""
        return bool(self._find(self._meant(name), _always)[2])

    def _meant(self, name: str) -> str:
        """The name without ``claude-models-prefix``, under which Anthropic's clients see everything listed."""
        if not self._prefix or not name.lower().startswith(self._prefix):
            return name
        known = any(map(self._catalog.candidates, (name, parse_suffix(name)[0])))
        return name if known else name[len(self._prefix) :]

    def _find(self, name: str, usable: Callable[[Candidate], bool]) -> tuple[str, str | None, tuple[Candidate, ...]]:
        """(base, suffix, candidates), by the readings of a name in their order; no candidates when none fits."""
        base, suffix = parse_suffix(name)
        if base == "auto":
            base = self._catalog.newest(usable) or base
        readings: list[tuple[str, str | None]] = [(base, suffix)]
        if suffix is not None:
            readings.append((name, None))
        elif known(name) is None and (effort := parse_effort(name)):
            readings.append(effort)
        for model, value in readings:
            if candidates := self._catalog.candidates(model):
                return model, value, candidates
        for model, value in readings:
            if candidates := self._catalog.same_model(model):
                return model, value, candidates
        if base != "auto" and (candidates := self._unlisted.candidates(base)):
            return base, suffix, candidates
        return base, suffix, ()

    def _fallbacks_of(self, name: str, base: str, suffix: str | None) -> tuple[str, ...]:
        """The ``fallback-models`` of the full name, else of the base. The client's suffix goes along to names without one."""
        names = self._fallbacks.get(name.lower()) or self._fallbacks.get(base.lower(), ())
        if suffix is None:
            return names
        return tuple(other if parse_suffix(other)[1] is not None else f"{other}({suffix})" for other in names)
