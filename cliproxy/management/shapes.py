"""Settings as the management API tells them: kebab-case keys, secrets in the clear, as the original does. Pure."""

from __future__ import annotations

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
    """A value of the model as JSON; maps of pairs are objects."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Path):
        return str(value)
    if attrs.has(type(value)):
        return {key_of(field): shape(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, tuple):
        if value and all(isinstance(each, tuple) and len(each) == 2 and isinstance(each[0], str) for each in value):
            return {name: shape(each) for name, each in value}
        return [shape(each) for each in value]
    return value
