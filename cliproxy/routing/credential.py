"""A credential: one key at one vendor, and what it serves."""

from __future__ import annotations

import attrs

from cliproxy.settings.model import ErrorRule, Headers, Secret, names_of, without_user


@attrs.frozen
class Served:
    """One model a credential serves.

    :ivar alias: the id clients use, as listed.
    :ivar name: the upstream's name; may carry a thinking suffix, which then wins over the client's.
    :ivar user_defined: named in the configuration, so thinking is not validated unless the catalogue knows ``name``.
    """

    alias: str
    name: str
    user_defined: bool = False


@attrs.frozen
class Credential:
    """Immutable; its health lives in the pool under ``id``, so it survives reloads.

    :ivar id: stable across reloads and restarts (credentials.md 4); holds no secret.
    :ivar label: what people and response headers are shown; never the key.
    :ivar provider: the provider's registered kind: gemini, vertex, claude, codex, openai-compatibility, demo.
    :ivar channel: the provider key of routing and logs (for openai-compatibility the entry's lower-cased name).
    :ivar base_url: without a trailing slash; the vendor's default already filled in.
    :ivar proxy_url: the egress: this entry's or the global one, ``direct``, or "" for the environment's.
    :ivar weight: for weighted-round-robin.
    :ivar max_concurrency: requests at once; 0 is unlimited.
    :ivar request_retry: overrides the global one when not None.
    :ivar subscription: it is paid for by the month: what a request would have cost is saved.
    """

    id: str
    label: str
    provider: str
    channel: str
    key: Secret
    base_url: str
    serves: tuple[Served, ...] = ()
    prefix: str = ""
    priority: int = 0
    weight: int = 1
    proxy_url: str = attrs.field(default="", repr=without_user)
    headers: Headers = attrs.field(default=(), repr=names_of)
    max_concurrency: int = 0
    request_retry: int | None = None
    disable_cooling: bool = False
    error_rules: tuple[ErrorRule, ...] = ()
    subscription: bool = False
