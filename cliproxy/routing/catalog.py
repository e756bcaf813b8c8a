"""Which names exist, and who serves them. Built once a snapshot; the lists and the router read the same one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Final

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


#: So many candidates are remembered; more are made anew when their names are asked for.
_MOST_MADE: Final = 250_000


@attrs.frozen(eq=False)
class _Offer:
    """What all candidates of one name and one group have in common; ``named`` is by the configuration."""

    model: str
    suffix: str | None
    alias: str
    info: ModelInfo
    renames: bool = False
    named: bool = False


@attrs.frozen(eq=False)
class _Group:
    """Credentials that offer the same, each with its place in the configuration: thousands of keys of one vendor are one."""

    members: list[tuple[int, Credential]] = attrs.field(factory=list)


class Catalog:
    """An index. Names are found in any case of letters and listed as written; who serves one is put together when it is first
    asked for."""

    def __init__(self, offers: dict[str, list[tuple[_Group, _Offer]]], listed: Sequence[ModelInfo]) -> None:
        self._offers = offers
        self._made: dict[str, tuple[Candidate, ...]] = {}
        self._count = 0
        self._dated: dict[str, list[str]] = {}
        for name in offers:
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
        groups: dict[object, _Group] = {}
        for place, credential in enumerate(credentials):
            groups.setdefault(_kind(credential, learned), _Group()).members.append((place, credential))
        offers: dict[str, list[tuple[_Group, _Offer]]] = {}
        listed: dict[str, ModelInfo] = {}
        for group in sorted(groups.values(), key=lambda group: group.members[-1][0]):
            credential = group.members[-1][1]
            for offer in _offered(credential, now, learned, facts or shipped()):
                for name in _public_names(offer.alias, credential.prefix, settings.force_model_prefix):
                    offers.setdefault(name.lower(), []).append((group, offer))
                    listed[name] = attrs.evolve(offer.info, id=name)
        return cls(offers, list(listed.values()))

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """Who serves ``name`` (a base name, prefix and all), in configuration order; empty when nobody does.

        Each candidate's ``suffix`` is its configured name's own, or None.
        """
        key = name.lower()
        made = self._made.get(key)
        if made is None:
            offers = self._offers.get(key)
            if offers is None:
                return ()
            made = _candidates(offers)
            self._count += len(made)
            if self._count > _MOST_MADE:
                self._made.clear()
                self._count = len(made)
            self._made[key] = made
        return made

    def same_model(self, name: str) -> tuple[Candidate, ...]:
        """Who serves ``name`` under another date, or under none: these are names of one model. The newest date of several."""
        key = name.lower()
        others = [
            other
            for other in self._dated.get(undated(key), ())
            if key in (undated(key), other) or other == undated(key)
        ]
        return self.candidates(max(others)) if others else ()

    def listed(self) -> list[ModelInfo]:
        """Every name that can be asked for, sorted by id."""
        return list(self._listed)

    def newest(self, usable: Callable[[Candidate], bool]) -> str | None:
        """The newest model by ``created`` with a usable candidate, what ``auto`` means; the first listed of equals."""
        for info in self._by_age:
            if any(map(usable, self.candidates(info.id))):
                return info.id
        return None


def _kind(credential: Credential, learned: Learned) -> object:
    """What is equal in credentials that offer the same."""
    listed = learned.listed(credential) if credential.families else None
    return (
        credential.serves,
        credential.families,
        credential.excluded,
        credential.prefix,
        credential.vendor,
        _owner(credential),
        id(listed),
        learned.worked(credential) if credential.families else (),
    )


def _candidates(offers: Sequence[tuple[_Group, _Offer]]) -> tuple[Candidate, ...]:
    found = [
        (place, order, Candidate(credential, o.model, o.suffix, o.alias, o.info, renames=o.renames))
        for order, (group, o) in enumerate(offers)
        for place, credential in group.members
    ]
    found.sort(key=lambda each: each[:2])
    return tuple(candidate for _, _, candidate in found)


def _offered(credential: Credential, now: int, learned: Learned, facts: FactTable) -> Iterator[_Offer]:
    listed = learned.listed(credential) if credential.families else None
    if listed is None:
        yield from _configured(credential, now)
    else:
        yield from (offer for offer in _configured(credential, now) if offer.named)
        for info in listed:
            if not left_out(credential.excluded, info.id):
                yield _Offer(info.id, None, info.id, described(credential, info.id, facts, info))
    known_by_list = {info.id for info in listed or ()}
    for name in learned.worked(credential) if credential.families else ():
        if name not in known_by_list and not left_out(credential.excluded, name):
            yield _Offer(name, None, name, described(credential, name, facts))


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


def _configured(credential: Credential, now: int) -> Iterator[_Offer]:
    for served in credential.serves:
        model, suffix = parse_suffix(served.name)
        info = _info(served, model, _owner(credential), now)
        yield _Offer(model, suffix, served.alias, info, served.renames, served.user_defined)


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
