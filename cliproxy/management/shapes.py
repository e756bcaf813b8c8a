"""Settings as the management API tells them: kebab-case keys, secrets in the clear, as the original does. Pure."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import attrs

from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.settings.model import ClientKey, Secret, Settings
from cliproxy.settings.rules import key_of

_HIDDEN: Final = frozenset({"host", "port", "auth-dir", "remote-management"})


def settings_shape(settings: Settings) -> JSONObject:
    """The whole configuration but for what is not managed over the network (management.md 2.2)."""
    found: JSONObject = {name: value for name, value in shape(settings).items() if name not in _HIDDEN}
    return {**found, "api-keys": [client_key(key) for key in settings.api_keys]}


def client_key(key: ClientKey) -> str:
    """A client key as the original lists it; of one that is kept as a digest only the digest is known."""
    return key.key.reveal() or f"sha256:{key.sha256}"


def shape(value: Any) -> JSON:
    """A value of the model as JSON; maps of pairs are objects, and an entry of a list says only what is no default."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Path):
        return str(value)
    if attrs.has(type(value)):
        return {key_of(field): shape(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, tuple):
        if value and all(isinstance(each, tuple) and len(each) == 2 and isinstance(each[0], str) for each in value):
            return {name: shape(each) for name, each in value}
        return [_entry(each) for each in value]
    return value


def _entry(value: Any) -> JSON:
    if not attrs.has(type(value)) or isinstance(value, Secret):
        return shape(value)
    return {
        key_of(field): shape(getattr(value, field.name))
        for field in attrs.fields(type(value))
        if getattr(value, field.name) != field.default
    }


def setting(settings: Settings, keys: tuple[str, ...]) -> JSON:
    """What is in force at ``keys``."""
    value: Any = settings
    for key in keys:
        value = next(getattr(value, field.name) for field in attrs.fields(type(value)) if key_of(field) == key)
    return shape(value)


def with_index(entries: JSON) -> JSON:
    """Entries with the ``auth-index`` of each key, by which management clients name a credential (credentials.md 1)."""
    if isinstance(entries, list):
        return [with_index(each) for each in entries]
    if not isinstance(entries, dict):
        return entries
    found = {name: with_index(each) if name in ("api-key-entries", "keys") else each for name, each in entries.items()}
    key = entries.get("api-key")
    if isinstance(key, str) and key:
        found["auth-index"] = hashlib.sha256(f"api_key:{key.strip()}".encode("utf-8", "surrogateescape")).hexdigest()[
            :16
        ]
    return found
