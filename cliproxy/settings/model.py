"""The configuration as one frozen tree: the only home of options and their defaults.

An attribute is the YAML key with ``-`` as ``_``. Lists are tuples, maps are tuples of pairs or frozen classes. Times are in
seconds, sizes as the key says. What a key allows beyond its type is its field's :mod:`~cliproxy.settings.rules` metadata.
Whoever adds a key adds it to ``etc/config.example.yaml`` too. All keys stand in one module, however many lines it takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from cliproxy.settings.client_keys import ClientKey as ClientKey
from cliproxy.settings.rules import authentication, network, pattern, proxy_address, rule, web_address
from cliproxy.settings.secret import NO_SECRET as NO_SECRET
from cliproxy.settings.secret import Secret as Secret

Headers = tuple[tuple[str, str], ...]


class ClientHeader(str):
    """Among the values of headers: the name of a header of the client's, whose value is sent, if it has sent one."""

    __slots__ = ()


def names_of(headers: Headers) -> str:
    """Headers as a ``repr`` shows them: their values may be keys."""
    return f"<{', '.join(name for name, _ in headers) or 'no headers'}>"


def without_user(url: str) -> str:
    """A proxy's URL as a ``repr`` shows it: without user and password."""
    scheme, mark, rest = url.rpartition("://")
    return repr(scheme + mark + rest.rpartition("@")[2])


DIALECTS = ("openai", "responses", "claude", "gemini")

#: ``routing.strategy``: each word with the other spellings the original takes.
STRATEGIES = {
    "round-robin": ("roundrobin", "rr"),
    "fill-first": ("fillfirst", "ff"),
    "weighted-round-robin": ("weighted",),
    "least-busy": (),
    "soonest-reset": (),
    "most-left": (),
}

#: ``request-scoped-errors[].action``.
ERROR_ACTIONS = ("stop", "stop-and-cooldown", "continue", "continue-and-cooldown")

_NOT_NEGATIVE = rule(floor=0)
_POSITIVE = rule(least=1)
_NOT_BELOW = rule(least=0)
_GRANTS = {"authorization_code": ("authorization-code",), "device_code": ("device", "device-code")}
_GRANTS["client_credentials"] = ("client-credentials",)
_BILLING = rule(choices={"api": (), "subscription": ()})
_WEIGHT = rule(least=0, most=1_000_000)
#: Words that YAML may have made a truth value of.
_AUTO_OR_OFF = {"auto": ("on", "true", "yes"), "off": ("false", "no")}
_DISCOVERY: Any = attrs.field(default="auto", metadata=rule(choices=_AUTO_OR_OFF))


@attrs.frozen
class Tls:
    """The listener's TLS. ``cert`` and ``key`` are PEM files."""

    enable: bool = False
    cert: str = ""
    key: str = ""


@attrs.frozen
class RemoteManagement:
    """The management API's door: an empty secret closes it. ``console_key`` opens the console and nothing else."""

    allow_remote: bool = False
    secret_key: Secret = attrs.field(default=NO_SECRET, metadata=rule(exact=True))
    console_key: Secret = attrs.field(default=NO_SECRET, metadata=rule(exact=True))
    disable_control_panel: bool = False
    panel_github_repository: str = ""


@attrs.frozen
class Tracing:
    """Where spans go (OTLP over HTTP, JSON); without an ``endpoint`` OpenTelemetry's variables say it.

    ``sample`` is the share of the requests that bring no trace of their own.
    """

    endpoint: str = attrs.field(default="", metadata=rule(check=web_address))
    headers: Headers = attrs.field(default=(), repr=names_of)
    sample: float = attrs.field(default=1.0, metadata=rule(least=0, most=1))


@attrs.frozen
class QuotaExceeded:
    """What a 429 does: ``switch_project`` tries the next credential at once, uncounted."""

    switch_project: bool = True
    switch_preview_model: bool = False


@attrs.frozen
class Routing:
    """How a credential is chosen: round-robin, fill-first, weighted-round-robin, least-busy, soonest-reset or most-left.

    ``reserve`` percent of each credential's quota are kept for client keys with a ``priority``.
    """

    strategy: str = attrs.field(default="round-robin", metadata=rule(choices=STRATEGIES))
    reserve: int = attrs.field(default=0, metadata=rule(least=0, most=100))


@attrs.frozen
class Streaming:
    """``keepalive_seconds`` 0 is off; ``bootstrap_retries`` are extra counted retries before the first content."""

    keepalive_seconds: int = attrs.field(default=15, metadata=_NOT_NEGATIVE)
    bootstrap_retries: int = attrs.field(default=1, metadata=_NOT_NEGATIVE)


@attrs.frozen
class Affinity:
    """A conversation keeps its credential, as a preference."""

    enabled: bool = True
    ttl_seconds: int = attrs.field(default=3600, metadata=_POSITIVE)
    max_entries: int = attrs.field(default=10000, metadata=_POSITIVE)


@attrs.frozen
class ModelThinking:
    """How a model can be asked to think: by these words, or by so many tokens."""

    levels: tuple[str, ...] = ()
    min: int = attrs.field(default=0, metadata=_NOT_NEGATIVE)
    max: int = attrs.field(default=0, metadata=_NOT_NEGATIVE)


@attrs.frozen
class ModelEntry:
    """One ``models`` item: the upstream's ``name`` and the clients' ``alias`` (the name when empty)."""

    name: str
    alias: str = ""
    fork: bool = False
    """For ``oauth-model-alias`` only: the original name stays listed and routable."""
    display_name: str = ""
    max_context_length: int = attrs.field(default=0, metadata=_NOT_NEGATIVE)
    force_mapping: bool = False
    """Answers name the model as the client did."""
    thinking: ModelThinking | None = None
    input_modalities: tuple[str, ...] = ()


@attrs.frozen
class ErrorRule:
    """One ``request-scoped-errors`` rule: upstream errors with ``status`` (0: any) whose body holds one of ``match`` or
    matches one of ``match_regexr`` get ``action``: stop, stop-and-cooldown, continue or continue-and-cooldown."""

    status: int = attrs.field(default=0, metadata=rule(least=0, most=599))
    match: tuple[str, ...] = ()
    match_regexr: tuple[str, ...] = attrs.field(default=(), metadata=rule(check=pattern))
    action: str = attrs.field(default="stop", metadata=rule(choices=dict.fromkeys(ERROR_ACTIONS, ())))


@attrs.frozen
class KeyEntry:
    """One item of ``gemini-api-key``, ``codex-api-key``, ``claude-api-key`` or ``vertex-api-key``.

    ``weight`` 0 takes it out of weighted-round-robin; ``max_concurrency`` 0 is unlimited; ``request_retry`` and
    ``disable_cooling`` None follow the global ones.
    """

    api_key: Secret = NO_SECRET
    base_url: str = attrs.field(default="", metadata=rule(check=web_address))
    prefix: str = ""
    priority: int = 0
    weight: int = attrs.field(default=1, metadata=_WEIGHT)
    proxy_url: str = attrs.field(default="", repr=without_user, metadata=rule(check=proxy_address))
    headers: Headers = attrs.field(default=(), repr=names_of)
    models: tuple[ModelEntry, ...] = ()
    excluded_models: tuple[str, ...] = ()
    max_concurrency: int = attrs.field(default=0, metadata=_NOT_NEGATIVE)
    request_retry: int | None = attrs.field(default=None, metadata=rule(inherits=True))
    disable_cooling: bool | None = None
    request_scoped_errors: tuple[ErrorRule, ...] = ()
    billing: str = attrs.field(default="api", metadata=_BILLING)
    models_discovery: str = _DISCOVERY


@attrs.frozen
class CompatKey:
    """One of an openai-compatibility entry's ``api-key-entries``."""

    api_key: Secret = NO_SECRET
    proxy_url: str = attrs.field(default="", repr=without_user, metadata=rule(check=proxy_address))
    weight: int = attrs.field(default=1, metadata=_WEIGHT)


@attrs.frozen
class CompatEntry:
    """One ``openai-compatibility`` provider. No keys means one keyless credential."""

    name: str = ""
    base_url: str = attrs.field(default="", metadata=rule(check=web_address))
    prefix: str = ""
    priority: int = 0
    headers: Headers = attrs.field(default=(), repr=names_of)
    api_key_entries: tuple[CompatKey, ...] = ()
    models: tuple[ModelEntry, ...] = ()
    disabled: bool = False
    max_concurrency: int = attrs.field(default=0, metadata=_NOT_NEGATIVE)
    request_retry: int | None = attrs.field(default=None, metadata=rule(inherits=True))
    disable_cooling: bool | None = None
    request_scoped_errors: tuple[ErrorRule, ...] = ()
    billing: str = attrs.field(default="api", metadata=_BILLING)
    models_discovery: str = _DISCOVERY


@attrs.frozen
class ProviderKey:
    """One of a ``providers`` entry's ``keys``: an API key, or a Google service account's file with its project and location."""

    api_key: Secret = attrs.field(default=NO_SECRET, metadata=rule(environment=True))
    service_account: str = ""
    project: str = ""
    location: str = ""
    proxy_url: str = attrs.field(default="", repr=without_user, metadata=rule(check=proxy_address))
    weight: int = attrs.field(default=1, metadata=_WEIGHT)


@attrs.frozen
class ProviderEntry:
    """One ``providers`` entry: a vendor by its preset, or any endpoint by its dialect and address.

    ``resource``, ``region``, ``project`` and ``location`` stand for themselves in the preset's address. ``paths`` are by
    operation (generate, embed, count, compact); ``strip`` are body members the endpoint refuses,
    ``chat_tools`` the vendors' own tools that its Chat takes.
    """

    name: str = ""
    preset: str = ""
    dialect: tuple[str, ...] = attrs.field(
        default=(), metadata=rule(choices=dict.fromkeys(DIALECTS, ()), one_for_list=True)
    )
    base_url: str = attrs.field(default="", metadata=rule(check=web_address))
    auth: str = attrs.field(default="", metadata=rule(check=authentication))
    resource: str = ""
    region: str = ""
    project: str = ""
    location: str = ""
    keys: tuple[ProviderKey, ...] = attrs.field(default=(), metadata=rule(shorthand="api-key"))
    paths: Headers = ()
    query: Headers = ()
    strip: tuple[str, ...] = ()
    chat_tools: tuple[str, ...] = ()
    prefix: str = ""
    priority: int = 0
    headers: Headers = attrs.field(default=(), repr=names_of)
    models: tuple[ModelEntry, ...] = ()
    excluded_models: tuple[str, ...] = ()
    disabled: bool = False
    max_concurrency: int = attrs.field(default=0, metadata=_NOT_NEGATIVE)
    request_retry: int | None = attrs.field(default=None, metadata=rule(inherits=True))
    disable_cooling: bool | None = None
    request_scoped_errors: tuple[ErrorRule, ...] = ()
    billing: str = attrs.field(default="api", metadata=_BILLING)
    models_discovery: str = _DISCOVERY


@attrs.frozen
class PayloadModel:
    """Which requests a payload rule touches: a case-sensitive glob, and whatever else is said has to hold too.

    :ivar protocol: the upstream's dialect word; ``from_protocol`` the client's.
    :ivar headers: the client's; a value is a glob.
    :ivar match: of each mapping, every path of the body holds that value; ``not_match``: none does.
    :ivar exist: paths that hold something other than null; ``not_exist``: paths that do not.
    """

    name: str
    protocol: str = ""
    from_protocol: str = ""
    headers: Headers = attrs.field(default=(), repr=names_of)
    match: tuple[tuple[tuple[str, Any], ...], ...] = ()
    not_match: tuple[tuple[tuple[str, Any], ...], ...] = ()
    exist: tuple[str, ...] = ()
    not_exist: tuple[str, ...] = ()


@attrs.frozen
class PayloadRule:
    """Members to set: (path, value) pairs. In the raw lists values are parsed JSON already."""

    models: tuple[PayloadModel, ...]
    params: tuple[tuple[str, Any], ...]


@attrs.frozen
class PayloadFilter:
    """Members to take away."""

    models: tuple[PayloadModel, ...]
    params: tuple[str, ...]


@attrs.frozen
class Payload:
    """The payload rules, in their order of application."""

    default: tuple[PayloadRule, ...] = ()
    default_raw: tuple[PayloadRule, ...] = ()
    override: tuple[PayloadRule, ...] = ()
    override_raw: tuple[PayloadRule, ...] = ()
    filter: tuple[PayloadFilter, ...] = ()


@attrs.frozen
class AmpMapping:
    """``from`` (``source`` here) to ``to``; ``regex`` searches, case-insensitively."""

    source: str = attrs.field(metadata=rule(key="from"))
    to: str
    regex: bool = False


@attrs.frozen
class AmpUpstreamKey:
    """The Amp key that goes upstream for these client keys."""

    upstream_api_key: Secret
    api_keys: tuple[Secret, ...] = attrs.field(default=(), metadata=rule(exact=True))


@attrs.frozen
class Amp:
    """``ampcode``: the way to ampcode.com and the mappings before it."""

    upstream_url: str = attrs.field(default="", metadata=rule(check=web_address))
    upstream_api_key: Secret = NO_SECRET
    upstream_api_keys: tuple[AmpUpstreamKey, ...] = ()
    restrict_management_to_localhost: bool = False
    model_mappings: tuple[AmpMapping, ...] = ()
    force_model_mappings: bool = False
    deny_fallback: bool = False


@attrs.frozen
class OAuthProvider:
    """One ``oauth-providers`` entry: the operator's own OAuth client and what it serves.

    Without ``grant`` it is the authorization code where there is an ``authorize_url``, the device grant where there is only a
    ``device_url``, else the client's own credentials.
    """

    name: str = attrs.field(metadata=rule(required=True))
    dialect: str = attrs.field(metadata=rule(required=True, choices=dict.fromkeys(DIALECTS, ())))
    base_url: str = attrs.field(metadata=rule(required=True, check=web_address))
    authorize_url: str = attrs.field(default="", metadata=rule(check=web_address))
    device_url: str = attrs.field(default="", metadata=rule(check=web_address))
    token_url: str = attrs.field(default="", metadata=rule(check=web_address))
    client_id: str = ""
    client_secret: Secret = attrs.field(default=NO_SECRET, metadata=rule(environment=True))
    grant: str = attrs.field(default="", metadata=rule(choices=_GRANTS))
    scopes: tuple[str, ...] = ()
    headers: Headers = attrs.field(default=(), repr=names_of)
    refresh_lead_seconds: int = attrs.field(default=300, metadata=_NOT_NEGATIVE)
    models: tuple[ModelEntry, ...] = ()

    @property
    def way(self) -> str:
        """The grant in force: authorization_code, device_code or client_credentials."""
        if self.grant or self.authorize_url:
            return self.grant or "authorization_code"
        return "device_code" if self.device_url else "client_credentials"


@attrs.frozen
class Price:
    """What the models of a glob cost, in US dollars a million tokens; ``per_request`` in dollars a request.

    A price that is not said is the input's (of the cache), or none.
    """

    model: str = attrs.field(metadata=rule(required=True))
    input: float = attrs.field(default=0.0, metadata=_NOT_BELOW)
    output: float = attrs.field(default=0.0, metadata=_NOT_BELOW)
    cache_read: float | None = attrs.field(default=None, metadata=_NOT_BELOW)
    cache_write: float | None = attrs.field(default=None, metadata=_NOT_BELOW)
    per_request: float = attrs.field(default=0.0, metadata=_NOT_BELOW)
    credential: str = ""
    """Only for the credential of this label."""


def _default_auth_dir() -> Path:
    """In the user's home; in the working directory for a user who has none (a container's number without a name)."""
    try:
        return Path("~/.cli-proxy-api").expanduser()
    except RuntimeError:
        return Path(".cli-proxy-api").absolute()


@attrs.frozen
class Settings:
    """Everything. Instances are snapshots: a request keeps the one it began with."""

    host: str = "127.0.0.1"
    port: int = attrs.field(default=8317, metadata=rule(least=0, most=65535))
    auth_dir: Path = attrs.field(factory=_default_auth_dir)
    api_keys: tuple[ClientKey, ...] = attrs.field(default=(), metadata=rule(shorthand="key"))
    debug: bool = False
    commercial_mode: bool = False
    logging_to_file: bool = False
    log_format: str = attrs.field(default="auto", metadata=rule(choices={"auto": (), "plain": (), "json": ()}))
    logs_max_total_size_mb: int = attrs.field(default=0, metadata=_NOT_NEGATIVE)
    usage_statistics_enabled: bool = False
    usage_retention_days: int = attrs.field(default=90, metadata=_POSITIVE)
    prices: tuple[Price, ...] = ()
    request_log: bool = False
    error_logs_max_files: int = 10
    record_dir: Path | None = None
    disable_cooling: bool = False
    request_retry: int = attrs.field(default=3, metadata=_NOT_NEGATIVE)
    max_retry_interval: int = attrs.field(default=30, metadata=_NOT_NEGATIVE)
    proxy_url: str = attrs.field(default="", repr=without_user, metadata=rule(check=proxy_address))
    force_model_prefix: bool = False
    ws_auth: bool = False
    nonstream_keepalive_interval: int = attrs.field(default=0, metadata=_NOT_NEGATIVE)
    tls: Tls = Tls()
    remote_management: RemoteManagement = RemoteManagement()
    quota_exceeded: QuotaExceeded = QuotaExceeded()
    routing: Routing = Routing()
    streaming: Streaming = Streaming()
    gemini_api_key: tuple[KeyEntry, ...] = ()
    codex_api_key: tuple[KeyEntry, ...] = ()
    claude_api_key: tuple[KeyEntry, ...] = ()
    vertex_api_key: tuple[KeyEntry, ...] = ()
    openai_compatibility: tuple[CompatEntry, ...] = ()
    providers: tuple[ProviderEntry, ...] = ()
    unknown_models: str = attrs.field(default="pass", metadata=rule(choices={"pass": (), "refuse": ()}))
    """A name that no credential lists is passed to whose vendor owns its family, or refused."""
    claude_models_prefix: str = ""
    """Before every name in Anthropic's shape of the list, so that Claude Code's picker shows it; requests may leave it out."""
    models_discovery: str = attrs.field(default="auto", metadata=rule(choices=_AUTO_OR_OFF))
    discovery_interval_seconds: int = attrs.field(default=21_600, metadata=rule(least=60))
    oauth_excluded_models: tuple[tuple[str, tuple[str, ...]], ...] = ()
    oauth_model_alias: tuple[tuple[str, tuple[ModelEntry, ...]], ...] = ()
    payload: Payload = Payload()
    ampcode: Amp = Amp()
    tracing: Tracing = Tracing()

    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = attrs.field(default=(), metadata=rule(check=network))
    max_body_mb: int = attrs.field(default=64, metadata=_POSITIVE)
    max_bodies_mb: int = attrs.field(default=512, metadata=_POSITIVE)
    client_stall_seconds: int = attrs.field(default=120, metadata=_POSITIVE)
    header_timeout_seconds: int = attrs.field(default=10, metadata=_POSITIVE)
    connect_timeout_seconds: int = attrs.field(default=10, metadata=_POSITIVE)
    first_byte_timeout_seconds: int = attrs.field(default=600, metadata=_POSITIVE)
    stream_idle_seconds: int = attrs.field(default=300, metadata=_POSITIVE)
    drain_seconds: int = attrs.field(default=90, metadata=_NOT_NEGATIVE)
    max_retry_credentials: int = attrs.field(default=5, metadata=rule(least=0))
    """Credentials one request tries at most; 0 is all of them."""
    strict_translation: bool = False
    fallback_models: tuple[tuple[str, tuple[str, ...]], ...] = ()
    affinity: Affinity = Affinity()
    oauth_providers: tuple[OAuthProvider, ...] = ()
    state_file: Path | None = None
    demo: bool = False
    """The built-in demo provider: on when the daemon runs with no configuration file."""
