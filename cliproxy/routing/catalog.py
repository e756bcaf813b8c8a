"""Which names exist, and who serves them. Built once a snapshot; the lists and the router read the same one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import attrs

from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.credential import Credential, Served
from cliproxy.routing.known_models import known
from cliproxy.routing.learned import Learned, undated
from cliproxy.routing.model_facts import FactTable, shipped
from cliproxy.routing.route import Candidate
from cliproxy.routing.serving import left_out
from cliproxy.routing.thinking import parse_suffix
from cliproxy.settings.model import Settings

_NOTHING = Learned()
_OWNERS = {"gemini": "google", "vertex": "google", "claude": "anthropic", "codex": "openai", "demo": "cliproxy"}


class Catalog:
    """An immutable index. Names are found in any case of letters and listed as written."""

    def __init__(self, candidates: dict[str, tuple[Candidate, ...]], listed: Sequence[ModelInfo]) -> None:
        self._candidates = candidates
        self._dated: dict[str, list[str]] = {}
        for name in candidates:
            self._dated.setdefault(undated(name), []).append(name)
        self._listed = sorted(listed, key=lambda info: info.id)
        self._by_age = sorted(listed, key=lambda info: -info.created)

    @classmethod
    def build(
        cls,
        settings: Settings,
        credentials: Sequence[Credential],
        now: int = 0,
        learned: Learned = _NOTHING,
        facts: FactTable | None = None,
    ) -> Catalog:
        """Index what ``credentials`` serve: what their entries name, else what their vendors list, else what is known here.

        :param facts: context windows; those that are shipped when None.
        :param now: Unix seconds: the ``created`` of models named in the configuration (models.md 2).
        """
        by_name: dict[str, list[Candidate]] = {}
        listed: dict[str, ModelInfo] = {}
        for credential in credentials:
            for candidate in _offers(credential, now, learned, facts or shipped()):
                for name in _public_names(candidate.alias, credential.prefix, settings.force_model_prefix):
                    by_name.setdefault(name.lower(), []).append(candidate)
                    listed[name] = attrs.evolve(candidate.info, id=name)
        return cls({name: tuple(found) for name, found in by_name.items()}, list(listed.values()))

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """Who serves ``name`` (a base name, prefix and all), in configuration order; empty when nobody does.

        Each candidate's ``suffix`` is its configured name's own, or None.
        """
        return self._candidates.get(name.lower(), ())

    def same_model(self, name: str) -> tuple[Candidate, ...]:
        """Who serves ``name`` under another date, or under none: these are names of one model. The newest date of several."""
        key = name.lower()
        others = [
            other
            for other in self._dated.get(undated(key), ())
            if key in (undated(key), other) or other == undated(key)
        ]
        return self._candidates[max(others)] if others else ()

    def listed(self) -> list[ModelInfo]:
        """Every name that can be asked for, sorted by id."""
        return list(self._listed)

    def newest(self, usable: Callable[[Candidate], bool]) -> str | None:
        """The newest model by ``created`` with a usable candidate, what ``auto`` means; the first listed of equals."""
        for info in self._by_age:
            if any(map(usable, self.candidates(info.id))):
                return info.id
        return None


def _offers(credential: Credential, now: int, learned: Learned, facts: FactTable) -> Iterator[Candidate]:
    listed = learned.listed(credential) if credential.families else None
    if listed is None:
        yield from _configured(credential, now)
    else:
        for info in listed:
            if not left_out(credential.excluded, info.id):
                yield Candidate(credential, info.id, None, info.id, described(credential, info.id, facts, info))
    known_by_list = {info.id for info in listed or ()}
    for name in learned.worked(credential) if credential.families else ():
        if name not in known_by_list and not left_out(credential.excluded, name):
            yield Candidate(credential, name, None, name, described(credential, name, facts))


def described(credential: Credential, name: str, facts: FactTable, listed: ModelInfo | None = None) -> ModelInfo:
    """What is known of a vendor's model that no entry names: from its list, from the catalogue, from the kept facts."""
    return _described(_owner(credential), credential.vendor, name, facts, listed)


@functools.lru_cache(maxsize=8192)  # thousands of credentials serve the same models
def _described(owner: str, vendor: str, name: str, table: FactTable, listed: ModelInfo | None) -> ModelInfo:
    record = known(name) or ModelInfo(name)
    facts = table.find(name, vendor)
    told = listed or ModelInfo(name)
    return attrs.evolve(
        record,
        id=name,
        created=told.created or record.created,
        owned_by=told.owned_by or record.owned_by or owner,
        display_name=told.display_name or record.display_name or (facts.name if facts else ""),
        context_length=told.context_length or record.context_length or (facts.context_length if facts else 0),
        max_completion_tokens=told.max_completion_tokens or record.max_completion_tokens,
        methods=told.methods or record.methods,
        parameters=told.parameters or record.parameters,
        input_modalities=told.input_modalities or record.input_modalities,
    )


def _configured(credential: Credential, now: int) -> Iterator[Candidate]:
    for served in credential.serves:
        model, suffix = parse_suffix(served.name)
        info = _info(served, model, _owner(credential), now)
        yield Candidate(credential, model, suffix, served.alias, info, renames=served.renames)


@functools.lru_cache(maxsize=8192)
def _info(served: Served, model: str, owner: str, now: int) -> ModelInfo:
    """What is known of a served model.

    The look-up key is the upstream's name (thinking.md 4): an alias keeps the catalogue's facts, one that equals the name
    too (reports.md 7).
    """
    record = known(model)
    if not served.user_defined:
        return attrs.evolve(record, id=served.alias) if record else ModelInfo(served.alias, owned_by=owner)
    record = record or ModelInfo(served.alias)
    return attrs.evolve(
        record,
        id=served.alias,
        known=record.known or served.thinking is not None,
        thinking=served.thinking or record.thinking,
        created=now,
        owned_by=owner,
        display_name=served.display_name or model,
        context_length=served.context_length or record.context_length,
        input_modalities=served.input_modalities or record.input_modalities,
    )


def _owner(credential: Credential) -> str:
    return _OWNERS.get(credential.provider, credential.channel)


def _public_names(alias: str, prefix: str, force: bool) -> tuple[str, ...]:
    if not prefix:
        return (alias,)
    if force and alias != prefix:
        return (f"{prefix}/{alias}",)
    return (alias, f"{prefix}/{alias}")
