"""Drop and dedupe rules: what the original leaves out of a list without a word, left out here with a warning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import attrs

from cliproxy.jsontypes import InvalidJSON, loads
from cliproxy.settings.model import (
    Amp,
    AmpMapping,
    AmpUpstreamKey,
    ClientKey,
    CompatEntry,
    KeyEntry,
    ModelEntry,
    Payload,
    PayloadRule,
    ProviderEntry,
    Secret,
    Settings,
)
from cliproxy.settings.problems import Report, Severity
from cliproxy.settings.provider_checks import provider_problem
from cliproxy.settings.rules import pattern
from cliproxy.settings.startup_checks import is_sample_key
from cliproxy.wire.addresses import unbracketed

#: What is copied from a vendor's example, and comes behind a base URL.
_ENDPOINT = re.compile(r"/(?:chat/completions|responses|messages|completions|embeddings|models/[^/]+:\w+)/?$")

_Entry = TypeVar("_Entry", KeyEntry, CompatEntry, ProviderEntry)
_Value = TypeVar("_Value")


def tidy(settings: Settings, report: Report, environ: Mapping[str, str]) -> Settings:
    """The settings as they are used. Paths in warnings count the entries as they stand in the file.

    :param environ: holds the client keys that are named by a variable.
    """
    return attrs.evolve(
        settings,
        api_keys=_client_keys(settings.api_keys, report, environ),
        gemini_api_key=_gemini(settings.gemini_api_key, report),
        codex_api_key=tuple(_key_entries("codex-api-key", settings.codex_api_key, report, needs_url=True)),
        claude_api_key=tuple(_key_entries("claude-api-key", settings.claude_api_key, report)),
        vertex_api_key=_vertex(settings.vertex_api_key, report),
        openai_compatibility=_compatibility(settings.openai_compatibility, report),
        providers=tuple(_providers(settings.providers, report)),
        oauth_excluded_models=tuple(_exclusions(settings.oauth_excluded_models)),
        oauth_model_alias=tuple(_aliases(settings.oauth_model_alias, report)),
        payload=_payload(settings.payload, report),
        ampcode=_amp(settings.ampcode, report),
        oauth_providers=_whole("oauth-providers", settings.oauth_providers, report),
        host=unbracketed(settings.host),
        allowed_hosts=_words(settings.allowed_hosts),
        cors_origins=_words(settings.cors_origins),
        trusted_proxies=_words(settings.trusted_proxies),
        prices=tuple(price for price in settings.prices if price.model),
        fallback_models=tuple(
            (name, names) for name, listed in settings.fallback_models if (names := _words(listed)) and name
        ),
    )


def _client_keys(keys: tuple[ClientKey, ...], report: Report, environ: Mapping[str, str]) -> tuple[ClientKey, ...]:
    """Empty keys open nothing. A list of nothing else would lock everybody out, so it is an error."""
    given = [_client_key(key, f"api-keys[{index}]", report, environ) for index, key in enumerate(keys)]
    kept = _first_of_each((key for key in given if key.sha256), lambda key: key.sha256)
    if keys and not kept:
        report.add("api-keys", "holds only empty keys, so that every request would be refused")
    names = [key.name for key in kept if key.name]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        report.add("api-keys", f"gives the name {name} to several keys, so that nobody could tell them apart")
    return kept


def _client_key(key: ClientKey, path: str, report: Report, environ: Mapping[str, str]) -> ClientKey:
    if is_sample_key(key.key.reveal()):
        report.warn(path, "is a sample key that everyone knows")
    if sum(map(bool, (key.key, key.key_sha256, key.env))) > 1:
        report.add(path, "says more than one of key, key-sha256 and env")
    for index, budget in enumerate(key.budgets):
        if (budget.usd, budget.tokens, budget.requests).count(None) != 2:
            report.add(f"{path}.budgets[{index}]", "is to say one of usd, tokens and requests")
    if not key.env:
        return key
    if not environ.get(key.env):
        report.add(f"{path}.env", f"names the environment variable {key.env}, which is not set")
    return attrs.evolve(key, key=Secret(environ.get(key.env, "")))


def _gemini(entries: tuple[KeyEntry, ...], report: Report) -> tuple[KeyEntry, ...]:
    seen: set[Secret] = set()
    kept = []
    for path, entry in _used("gemini-api-key", entries, report):
        if not entry.api_key:
            report.warn(path, "has no api-key and is left out")
        elif entry.api_key in seen:
            report.warn(path, "repeats an api-key that stands above and is left out")
        else:
            seen.add(entry.api_key)
            kept.append(_key_entry(entry, path, report))
    return tuple(kept)


def _vertex(entries: tuple[KeyEntry, ...], report: Report) -> tuple[KeyEntry, ...]:
    seen: set[tuple[Secret, str]] = set()
    kept = []
    for path, entry in _used("vertex-api-key", entries, report):
        if not entry.api_key or not entry.base_url:
            report.warn(path, f"has no {'base-url' if entry.api_key else 'api-key'} and is left out")
        elif (entry.api_key, entry.base_url) in seen:
            report.warn(path, "repeats an api-key and base-url that stand above and is left out")
        else:
            seen.add((entry.api_key, entry.base_url))
            kept.append(_key_entry(entry, path, report, needs_alias=True))
    return tuple(kept)


def _key_entries(
    key: str, entries: tuple[KeyEntry, ...], report: Report, *, needs_url: bool = False
) -> Iterator[KeyEntry]:
    for path, entry in _used(key, entries, report):
        if needs_url and not entry.base_url:
            report.warn(path, "has no base-url and is left out")
            continue
        if not entry.api_key:
            report.warn(path, "has no api-key, so that no credential is made of it")
        yield _key_entry(entry, path, report)


def _compatibility(entries: tuple[CompatEntry, ...], report: Report) -> tuple[CompatEntry, ...]:
    kept = []
    for path, entry in _used("openai-compatibility", entries, report):
        keys = tuple(key for _, key in _used(f"{path}.api-key-entries", entry.api_key_entries, report))
        if not entry.base_url:
            report.warn(path, "has no base-url and is left out")
        elif keys or not entry.api_key_entries:  # an entry that has lost all of its keys is not one that asks for none
            kept.append(_normal(entry, path, report, api_key_entries=keys))
    return tuple(kept)


def _providers(entries: tuple[ProviderEntry, ...], report: Report) -> Iterator[ProviderEntry]:
    """An entry that cannot work costs itself only: the daemon serves on with the others."""
    for path, entry in _used("providers", entries, report):
        keys = tuple(key for _, key in _used(f"{path}.keys", entry.keys, report))
        if entry.keys and not keys:
            continue
        auth = entry.auth if entry.auth.startswith("oauth:") else entry.auth.lower()
        normal = _normal(entry, path, report, keys=keys, auth=auth, excluded_models=_patterns(entry.excluded_models))
        problem = provider_problem(normal)
        if problem:
            report.add(f"{path}{problem[0]}", f"{problem[1]}; the entry is left out", Severity.SKIPPED)
        else:
            yield normal


def _used(path: str, entries: tuple[_Value, ...], report: Report) -> Iterator[tuple[str, _Value]]:
    """The entries at ``path`` that nothing has cost yet, each with its own path."""
    for index, entry in enumerate(entries):
        if f"{path}[{index}]" not in report.left_out:
            yield f"{path}[{index}]", entry


def _key_entry(entry: KeyEntry, path: str, report: Report, *, needs_alias: bool = False) -> KeyEntry:
    return _normal(entry, path, report, needs_alias=needs_alias, excluded_models=_patterns(entry.excluded_models))


def _normal(entry: _Entry, path: str, report: Report, *, needs_alias: bool = False, **more: Any) -> _Entry:
    """What holds for entries of every kind, and ``more`` that its own kind has found: made at once, for there are thousands."""
    ending = _ENDPOINT.search(entry.base_url)
    if ending is not None:
        report.warn(f"{path}.base-url", f"ends with an endpoint, which is added to it: leave out {ending[0]}")
    prefix = entry.prefix.strip("/")
    if "/" in prefix:
        report.warn(f"{path}.prefix", "holds a / and is not used")
        prefix = ""
    models = tuple(_models(entry.models, f"{path}.models", report, needs_alias=needs_alias))
    more = {
        name: value
        for name, value in {**more, "prefix": prefix, "models": models}.items()
        if value != getattr(entry, name)
    }
    return attrs.evolve(entry, **more) if more else entry


def _models(
    models: tuple[ModelEntry, ...], path: str, report: Report, *, needs_alias: bool = False
) -> Iterator[ModelEntry]:
    for index, model in enumerate(models):
        if not model.name and not (model.alias and not needs_alias):
            report.warn(f"{path}[{index}]", "has no name and is left out")
        elif needs_alias and not model.alias:
            report.warn(f"{path}[{index}]", "has no alias and is left out")
        else:
            yield model if model.name else attrs.evolve(model, name=model.alias)


def _exclusions(channels: tuple[tuple[str, tuple[str, ...]], ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for channel, patterns in channels:
        normal = _patterns(patterns)
        if channel and normal:
            yield channel.lower(), normal


def _aliases(
    channels: tuple[tuple[str, tuple[ModelEntry, ...]], ...], report: Report
) -> Iterator[tuple[str, tuple[ModelEntry, ...]]]:
    for channel, entries in channels:
        kept: dict[str, ModelEntry] = {}
        for index, entry in enumerate(entries):
            path = f"oauth-model-alias.{channel}[{index}]"
            if not entry.name or not entry.alias:
                report.warn(path, f"has no {'alias' if entry.name else 'name'} and is left out")
            elif entry.name.lower() == entry.alias.lower():
                report.warn(path, "gives a model its own name and is left out")
            elif entry.alias.lower() in kept:
                report.warn(path, f"repeats the alias {entry.alias} and is left out")
            else:
                kept[entry.alias.lower()] = entry
        if channel and kept:
            yield channel.lower(), tuple(kept.values())


def _payload(payload: Payload, report: Report) -> Payload:
    """A rule with a condition that nobody here knows would do more than was meant: it does nothing."""
    return attrs.evolve(
        payload,
        default=_whole("payload.default", payload.default, report),
        override=_whole("payload.override", payload.override, report),
        filter=_whole("payload.filter", payload.filter, report),
        default_raw=tuple(_raw_rules("payload.default-raw", payload.default_raw, report)),
        override_raw=tuple(_raw_rules("payload.override-raw", payload.override_raw, report)),
    )


def _whole(path: str, rules: tuple[_Value, ...], report: Report) -> tuple[_Value, ...]:
    return tuple(rule for _, rule in _used(path, rules, report))


def _raw_rules(path: str, rules: tuple[PayloadRule, ...], report: Report) -> Iterator[PayloadRule]:
    """A text is JSON and is parsed; one that cannot be parsed takes its whole rule with it."""
    for index, rule in enumerate(rules):
        if f"{path}[{index}]" in report.left_out:
            continue
        params = []
        for name, value in rule.params:
            try:
                params.append((name, loads(value) if isinstance(value, str) else value))
            except InvalidJSON:
                report.warn(f"{path}[{index}]", f"rule {index + 1} is left out: {name} is not JSON")
                break
        else:
            if params:
                yield attrs.evolve(rule, params=tuple(params))


def _amp(amp: Amp, report: Report) -> Amp:
    return attrs.evolve(
        amp,
        upstream_api_keys=tuple(_amp_keys(amp.upstream_api_keys, report)),
        model_mappings=tuple(_mappings(amp.model_mappings, report)),
    )


def _amp_keys(entries: tuple[AmpUpstreamKey, ...], report: Report) -> Iterator[AmpUpstreamKey]:
    seen: set[Secret] = set()
    for path, entry in _used("ampcode.upstream-api-keys", entries, report):
        keys = tuple(key for key in entry.api_keys if key)
        if seen.intersection(keys):
            report.warn(path, "names a client key that an entry above names; the first one counts")
        mine = tuple(key for key in keys if key not in seen)
        seen.update(mine)
        if entry.upstream_api_key:
            yield attrs.evolve(entry, api_keys=mine)
        else:
            report.warn(path, "has no upstream-api-key and is left out")


def _mappings(mappings: tuple[AmpMapping, ...], report: Report) -> Iterator[AmpMapping]:
    """A broken expression costs its own mapping only: the daemon serves on with the others."""
    for index, mapping in enumerate(mappings):
        path = f"ampcode.model-mappings[{index}]"
        broken = pattern(mapping.source) if mapping.regex else None
        if not mapping.source or not mapping.to:
            report.warn(path, f"has no {'to' if mapping.source else 'from'} and is left out")
        elif broken:
            report.add(f"{path}.from", f"{broken}; the mapping is left out", Severity.SKIPPED)
        else:
            yield mapping


def _patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    return _words(tuple(text.lower() for text in patterns))


def _words(words: tuple[str, ...]) -> tuple[str, ...]:
    """Each word once, the empty ones gone."""
    return _first_of_each((word for word in words if word), lambda word: word)


def _first_of_each(values: Iterator[_Value], key: Callable[[_Value], object]) -> tuple[_Value, ...]:
    kept: dict[object, _Value] = {}
    for value in values:
        kept.setdefault(key(value), value)
    return tuple(kept.values())
