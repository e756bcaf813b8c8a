"""A credential: one key at one vendor, and what it serves."""

from __future__ import annotations

import hashlib
from typing import Any

import attrs

from cliproxy.routing.capability import Capability
from cliproxy.settings.model import ErrorRule, Headers, Secret, names_of, without_user
from cliproxy.vendors.preset import Endpoint, Lane, Listing, lane_for


@attrs.frozen
class Served:
    """One model a credential serves.

    :ivar alias: the id clients use, as listed.
    :ivar name: the upstream's name; may carry a thinking suffix, which then wins over the client's.
    :ivar user_defined: named in the configuration, so thinking is not validated unless the catalogue knows ``name``.
    :ivar display_name: what the configuration calls it; ``context_length`` and ``thinking`` are its words too.
    :ivar renames: answers name it as the client did.
    """

    alias: str
    name: str
    user_defined: bool = False
    display_name: str = ""
    context_length: int = 0
    thinking: Capability | None = None
    input_modalities: tuple[str, ...] = ()
    renames: bool = False


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
    :ivar request_retry: overrides the global one when not None; so does ``disable_cooling``.
    :ivar subscription: it is paid for by the month: what a request would have cost is saved.
    :ivar auth: how the key is sent; see :data:`cliproxy.vendors.preset.AUTHS`, and ``oauth:NAME``; else the provider's way.
    :ivar lanes: the dialects to choose from for each request; empty when ``provider`` and ``base_url`` are the only way.
    :ivar endpoint: what the endpoint takes that its dialect alone does not say.
    :ivar vendor: whose prices and limits hold, in genai-prices' word.
    :ivar families: globs of the names that may be asked for without being listed; empty where the entry lists its models.
    :ivar excluded: patterns of names that are never asked for here.
    :ivar listing: where the vendor lists its models; without a shape nobody asks.
    :ivar prepared: what was made of it for requests, and is the same for many.
    :ivar account: the file that its tokens come from and go to; empty for a key.
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
    disable_cooling: bool | None = None
    error_rules: tuple[ErrorRule, ...] = ()
    subscription: bool = False
    auth: str = ""
    lanes: tuple[Lane, ...] = ()
    endpoint: Endpoint = Endpoint()
    vendor: str = ""
    families: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    listing: Listing = Listing()
    account: str = ""
    prepared: dict[Any, Any] = attrs.field(factory=dict, init=False, eq=False, repr=False)

    def spoken(self, dialect: str, model: str, *, embeds: bool = False) -> Credential:
        """The credential with the one way in which ``model`` is asked for a client of ``dialect``."""
        if not self.lanes:
            return self
        lane = lane_for(self.lanes, dialect, model, embeds=embeds)
        return attrs.evolve(self, provider=lane.kind, base_url=self.base_url + lane.base, lanes=())


def credential_id(kind: str, *parts: str) -> str:
    """``kind:h12``, the original's id: stable across restarts, and the key cannot be read from it (credentials.md 4)."""
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        digest.update(b"\0" + part.strip().encode())
    return f"{kind}:{digest.hexdigest()[:12]}"
