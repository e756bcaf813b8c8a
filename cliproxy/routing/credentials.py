"""Credentials from settings and, in demo mode, from the environment: stable ids, readable labels, what each serves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import attrs

from cliproxy.routing.account import Account, credential_of
from cliproxy.routing.credential import Credential, Served, credential_id
from cliproxy.routing.known_models import CATALOGUE
from cliproxy.routing.provider_credentials import provider_credentials
from cliproxy.routing.serving import named, of_entry, readable, served
from cliproxy.settings.model import NO_SECRET, CompatEntry, CompatKey, KeyEntry, ModelEntry, Secret, Settings
from cliproxy.vendors.preset import Lane, Listing, Preset, plain_base
from cliproxy.vendors.presets import CHAT_ONLY, OF_KIND, PRESETS, at

_GEMINI_URL = "https://generativelanguage.googleapis.com"
_CLAUDE_URL = "https://api.anthropic.com"
_OPENAI_URL = "https://api.openai.com/v1"
_OPENROUTER_URL = "https://openrouter.ai/api/v1"

# Codex-tuned models answer on /responses only, and from gpt-5.4 on tools with reasoning do too; the rest is better asked in
# Chat, where nothing has to be removed from the request.
_OPENAI_CHAT = (
    *("gpt-5", "gpt-5.1", "gpt-5.2", "gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini"),
    *("text-embedding-3-small", "text-embedding-3-large"),
)
_OPENROUTER = (
    *(
        "openrouter/auto",
        "anthropic/claude-sonnet-4.5",
        "anthropic/claude-opus-4.5",
        "openai/gpt-5.2",
        "openai/gpt-5-mini",
    ),
    *("google/gemini-2.5-pro", "google/gemini-3-flash-preview", "deepseek/deepseek-v3.2", "qwen/qwen3-coder"),
)


_DIALECT = {"gemini": "gemini", "vertex": "gemini", "claude": "claude", "codex": "responses"}
#: Responses, except for what OpenAI serves in Chat only, and for embeddings.
_RESPONSES_LANES = (
    Lane("responses", "codex"),
    Lane("openai", "openai-compatibility", only=("text-embedding-*", *CHAT_ONLY)),
)
#: An endpoint that speaks Chat and is not known by its address: it may serve anybody's models.
_ANY_CHAT = Preset("openai-compatibility", "", "", (Lane("openai", "openai-compatibility"),))


def credentials_from(
    settings: Settings, environment: Mapping[str, str] | None = None, accounts: Sequence[Account] = ()
) -> tuple[Credential, ...]:
    """Every credential the settings describe, in the order gemini, claude, codex, openai-compatibility, vertex.

    With ``settings.demo`` the demo credential comes first and the keys found in ``environment`` follow it.
    Entries that cannot work (no key, no base URL where the vendor has no default) give none.
    """
    found: list[Credential] = []
    if settings.demo:
        found += _demo_credentials(environment or {})
    found += _keyed(settings, settings.gemini_api_key, "gemini", _GEMINI_URL)
    found += _keyed(settings, settings.claude_api_key, "claude", _CLAUDE_URL)
    found += _keyed(settings, settings.codex_api_key, "codex", "")
    for entry in settings.openai_compatibility:
        found += _compat(settings, entry)
    found += _keyed(settings, settings.vertex_api_key, "vertex", "", egress_in_id=True)
    for provider in settings.providers:
        found += provider_credentials(settings, provider)
    found += [made for account in accounts if isinstance(made := credential_of(account, settings), Credential)]
    return _distinct(found)


def environment_keys(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the variables demo mode takes keys from, of those that are set: what may be announced."""
    return tuple(name for name in _FROM_ENVIRONMENT if environment.get(name, "").strip())


def auth_index(credential: Credential) -> str:
    """The original's ``auth_index``: 16 hex characters that name a credential to management clients (credentials.md 1)."""
    key = credential.key.reveal()
    named = f"file:{credential.account}" if credential.account else f"api_key:{key}" if key else f"id:{credential.id}"
    return hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _keyed(
    settings: Settings, entries: Iterable[KeyEntry], provider: str, default_url: str, egress_in_id: bool = False
) -> list[Credential]:
    """The credentials of one of the four vendors' key lists."""
    made = []
    for entry in entries:
        key = Secret(entry.api_key.reveal().strip())
        base_url = plain_base(_DIALECT[provider], entry.base_url) or default_url
        if not key or not base_url:
            continue
        preset = PRESETS[OF_KIND[provider]]
        parts = [key.reveal(), entry.base_url, *([entry.proxy_url] if egress_in_id else [])]
        made.append(
            Credential(
                id=credential_id(f"{provider}:apikey", *parts),
                label=f"{provider}-apikey",
                provider=provider,
                channel=provider,
                key=key,
                base_url=base_url,
                serves=served(entry.models, entry.excluded_models, provider),
                weight=entry.weight,
                proxy_url=entry.proxy_url or settings.proxy_url,
                **of_entry(entry),
                lanes=_RESPONSES_LANES if provider == "codex" and at(base_url) is preset else (),
                vendor=preset.vendor,
                families=() if entry.models else preset.families,
                excluded=entry.excluded_models,
                listing=_listing(settings, entry, preset, base_url) if provider != "vertex" else Listing(),
            )
        )
    return made


def _listing(settings: Settings, entry: KeyEntry | CompatEntry, preset: Preset, base_url: str) -> Listing:
    """Where the vendor lists the entry's models, if they are to be asked for. ``base_url`` holds OpenAI's version segment."""
    if entry.models or "off" in (settings.models_discovery, entry.models_discovery):
        return Listing()
    path = preset.listing.path if preset.listing.shape in ("claude", "gemini") else "/models"
    return Listing(preset.listing.shape or "openai", base_url + path)


def _compat(settings: Settings, entry: CompatEntry) -> list[Credential]:
    """One credential a key; a keyless one when the entry has none."""
    preset = at(entry.base_url) or _ANY_CHAT
    base_url = _chat_base(preset, entry.base_url)
    if entry.disabled or not base_url:
        return []
    channel = entry.name.strip().lower() or "openai-compatibility"
    kind = f"openai-compatibility:{channel}"
    offered = _compat_served(entry.models)
    return [
        Credential(
            id=credential_id(kind, *_compat_parts(entry, key)),
            label=readable(entry.name.strip()) or "openai-compatibility",
            provider="openai-compatibility",
            channel=channel,
            key=Secret(key.api_key.reveal().strip()),
            base_url=base_url,
            serves=offered,
            weight=key.weight,
            proxy_url=key.proxy_url or settings.proxy_url,
            **of_entry(entry),
            lanes=_chat_lanes(preset),
            vendor=preset.vendor,
            families=() if entry.models else preset.families,
            listing=_listing(settings, entry, preset, base_url),
        )
        for key in entry.api_key_entries or (CompatKey(),)
    ]


def _chat_base(preset: Preset, base_url: str) -> str:
    """The address with its version segment: as it is written, or, of a vendor that is known, what it must be."""
    lane = next((lane for lane in preset.lanes if lane.dialect == "openai"), None)
    return (
        plain_base("openai", base_url) if lane is None or preset is _ANY_CHAT else preset.root_of(base_url) + lane.base
    )


def _chat_lanes(preset: Preset) -> tuple[Lane, ...]:
    """Chat, except for the models that the vendor answers for on /responses only."""
    only = [lane for lane in preset.lanes if lane.only and lane.dialect == "responses"]
    chat = Lane("openai", "openai-compatibility")
    return (chat, *(attrs.evolve(lane, base="") for lane in only)) if only and preset.name == "openai" else ()


def _compat_parts(entry: CompatEntry, key: CompatKey) -> tuple[str, ...]:
    if not entry.api_key_entries:
        return (entry.base_url,)
    return (key.api_key.reveal(), entry.base_url, key.proxy_url)


def _compat_served(entries: Sequence[ModelEntry]) -> tuple[Served, ...]:
    """An alias may repeat: its upstream models are then a pool, tried in order."""
    return tuple(dict.fromkeys(named(entry) for entry in entries if entry.name))


def _distinct(credentials: Iterable[Credential]) -> tuple[Credential, ...]:
    """Tell repeated ids (``-1``, ``-2``) and repeated labels (``#2``, ``#3``) apart; the first of each keeps its name, so
    a key added at the end renames nothing."""
    ids, labels = _Names("-", 1), _Names("#", 2)
    return tuple(
        attrs.evolve(credential, id=ids.unused(credential.id), label=labels.unused(credential.label))
        for credential in credentials
    )


@attrs.define
class _Names:
    """Names of which none is given twice, in any case of letters."""

    mark: str
    first: int
    taken: set[str] = attrs.field(factory=set)
    following: dict[str, int] = attrs.field(factory=dict)

    def unused(self, name: str) -> str:
        """The name itself, or with the first number that nobody has."""
        fresh, number = name, self.following.get(name.lower(), self.first)
        while fresh.lower() in self.taken:
            fresh = f"{name}{self.mark}{number}"
            number += 1
        self.following[name.lower()] = number
        self.taken.add(fresh.lower())
        return fresh


def _demo_credentials(environment: Mapping[str, str]) -> list[Credential]:
    demo = Credential(
        id="demo:builtin",
        label="demo",
        provider="demo",
        channel="demo",
        key=NO_SECRET,
        base_url="demo:",
        serves=served((), (), "demo"),
    )
    made = [demo]
    for name in environment_keys(environment):
        key = Secret(environment[name].strip())
        for provider, base_url, models in _FROM_ENVIRONMENT[name]:
            channel = name.removesuffix("_API_KEY").lower() if provider == "openai-compatibility" else provider
            made.append(
                Credential(
                    id=credential_id(f"env:{provider}", key.reveal(), base_url),
                    label=f"env-{name}",
                    provider=provider,
                    channel=channel,
                    key=key,
                    base_url=base_url,
                    serves=tuple(Served(model, model) for model in models),
                    vendor=_ENVIRONMENT_PRESETS[name].vendor,
                    families=_ENVIRONMENT_PRESETS[name].families,
                )
            )
    return made


def _ids(provider: str) -> tuple[str, ...]:
    return tuple(info.id for info in CATALOGUE[provider])


_ENVIRONMENT_PRESETS = {
    "OPENAI_API_KEY": PRESETS["openai"],
    "ANTHROPIC_API_KEY": PRESETS["anthropic"],
    "GEMINI_API_KEY": PRESETS["gemini"],
    "OPENROUTER_API_KEY": PRESETS["openrouter"],
}
# Variable -> (provider, base URL, models), one a credential.
_FROM_ENVIRONMENT: Mapping[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "OPENAI_API_KEY": (
        ("openai-compatibility", _OPENAI_URL, _OPENAI_CHAT),
        ("codex", _OPENAI_URL, tuple(id for id in _ids("codex") if id not in _OPENAI_CHAT)),
    ),
    "ANTHROPIC_API_KEY": (("claude", _CLAUDE_URL, _ids("claude")),),
    "GEMINI_API_KEY": (("gemini", _GEMINI_URL, _ids("gemini")),),
    "OPENROUTER_API_KEY": (("openai-compatibility", _OPENROUTER_URL, _OPENROUTER),),
}
