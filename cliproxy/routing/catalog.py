"""Which names exist, and who serves them. Built once a snapshot; the lists and the router read the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import attrs

from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.credential import Credential, Served
from cliproxy.routing.known_models import known
from cliproxy.routing.route import Candidate
from cliproxy.routing.thinking import parse_suffix
from cliproxy.settings.model import Settings

_OWNERS = {"gemini": "google", "vertex": "google", "claude": "anthropic", "codex": "openai", "demo": "cliproxy"}


class Catalog:
    """An immutable index. Names are found in any case of letters and listed as written."""

    def __init__(self, candidates: dict[str, tuple[Candidate, ...]], listed: Sequence[ModelInfo]) -> None:
        self._candidates = candidates
        self._listed = sorted(listed, key=lambda info: info.id)
        self._by_age = sorted(listed, key=lambda info: -info.created)

    @classmethod
    def build(cls, settings: Settings, credentials: Sequence[Credential], now: int = 0) -> Catalog:
        """Index what ``credentials`` serve.

        :param now: Unix seconds: the ``created`` of models named in the configuration (models.md 2).
        """
        by_name: dict[str, list[Candidate]] = {}
        listed: dict[str, ModelInfo] = {}
        for credential in credentials:
            for candidate in _offers(credential, now):
                for name in _public_names(candidate.alias, credential.prefix, settings.force_model_prefix):
                    by_name.setdefault(name.lower(), []).append(candidate)
                    listed[name] = attrs.evolve(candidate.info, id=name)
        return cls({name: tuple(found) for name, found in by_name.items()}, list(listed.values()))

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """Who serves ``name`` (a base name, prefix and all), in configuration order; empty when nobody does.

        Each candidate's ``suffix`` is its configured name's own, or None.
        """
        return self._candidates.get(name.lower(), ())

    def listed(self) -> list[ModelInfo]:
        """Every name that can be asked for, sorted by id."""
        return list(self._listed)

    def newest(self, usable: Callable[[Candidate], bool]) -> str | None:
        """The newest model by ``created`` with a usable candidate, what ``auto`` means; the first listed of equals."""
        for info in self._by_age:
            if any(map(usable, self.candidates(info.id))):
                return info.id
        return None


def _offers(credential: Credential, now: int) -> Iterator[Candidate]:
    user_defined = {served.alias.lower() for served in credential.serves if served.user_defined}
    for served in credential.serves:
        model, suffix = parse_suffix(served.name)
        info = _info(served, model, credential, now, model.lower() not in user_defined)
        yield Candidate(credential, model, suffix, served.alias, info)


def _info(served: Served, model: str, credential: Credential, now: int, validated: bool) -> ModelInfo:
    """What is known of a served model.

    The look-up key is the upstream's name (thinking.md 4): first among what the entry itself registers, where a configured
    id equal to it hides the catalogue (``validated`` False), then in the catalogue.
    """
    record = known(model)
    if not served.user_defined:
        return attrs.evolve(record, id=served.alias) if record else ModelInfo(served.alias, owned_by=_owner(credential))
    return attrs.evolve(
        record or ModelInfo(served.alias),
        id=served.alias,
        known=record is not None and validated,
        created=now,
        owned_by=_owner(credential),
        display_name=model,
    )


def _owner(credential: Credential) -> str:
    return _OWNERS.get(credential.provider, credential.channel)


def _public_names(alias: str, prefix: str, force: bool) -> tuple[str, ...]:
    if not prefix:
        return (alias,)
    if force and alias != prefix:
        return (f"{prefix}/{alias}",)
    return (alias, f"{prefix}/{alias}")
