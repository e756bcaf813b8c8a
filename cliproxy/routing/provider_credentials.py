"""Credentials of ``providers`` entries: a preset, or a dialect and an address, made whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cliproxy.routing.credential import Credential, credential_id
from cliproxy.routing.serving import of_entry, readable, served
from cliproxy.settings.model import ProviderEntry, ProviderKey, Secret, Settings
from cliproxy.settings.provider_checks import words
from cliproxy.vendors.preset import Endpoint, Lane, Listing, Preset, filled, plain_base
from cliproxy.vendors.presets import OF_KIND, PRESETS

#: The provider that speaks a dialect at an address of the operator's, and where such endpoints list their models.
_PLAIN: Final = {
    "openai": (Lane("openai", "openai-compatibility"), Listing("openai", "/models")),
    "responses": (Lane("responses", "codex"), Listing("openai", "/models")),
    "claude": (Lane("claude", "claude"), Listing("claude", "/v1/models")),
    "gemini": (Lane("gemini", "gemini"), Listing("gemini", "/v1beta/models")),
}
#: What is listed of a vendor until its own list has come.
_CATALOGUES: Final = {preset: kind for kind, preset in OF_KIND.items()}


def provider_credentials(settings: Settings, entry: ProviderEntry) -> Iterator[Credential]:
    """One credential a key; one without a key where none is asked for. The entry has been checked."""
    if entry.disabled:
        return
    preset = PRESETS.get(entry.preset.lower()) or _of_dialects(entry)
    name = entry.name.strip() or preset.name
    for key in entry.keys or (ProviderKey(),):
        yield _credential(settings, entry, preset, name, key)


def _credential(settings: Settings, entry: ProviderEntry, preset: Preset, name: str, key: ProviderKey) -> Credential:
    auth = entry.auth or preset.auth
    if auth == "none" and key.api_key:  # a machine of one's own that was given a key
        auth = "bearer"
    said = words(entry, key)
    root = preset.root_of(entry.base_url, said) if entry.base_url else filled(preset.root, said)
    if not entry.preset:
        root = plain_base(entry.dialect[0], entry.base_url)
    lanes = tuple(
        Lane(lane.dialect, lane.kind, filled(lane.base, said), lane.only)
        for lane in preset.lanes
        if not entry.dialect or lane.dialect in entry.dialect
    )
    secret = key.api_key.reveal().strip()
    identity = secret or key.service_account or auth
    return Credential(
        id=credential_id(f"providers:{name.lower()}", identity, root, said["project"], said["location"], key.proxy_url),
        label=readable(name),
        provider=lanes[0].kind,
        channel=name.lower(),
        key=Secret(secret),
        base_url=root if len(lanes) > 1 else root + lanes[0].base,
        serves=served(entry.models, entry.excluded_models, _CATALOGUES.get(preset.name, "")),
        weight=key.weight,
        proxy_url=key.proxy_url or settings.proxy_url,
        **of_entry(entry),
        auth=auth,
        lanes=lanes if len(lanes) > 1 else (),
        endpoint=Endpoint(
            (*preset.endpoint.strip, *entry.strip), preset.endpoint.renamed, entry.paths, entry.query, entry.chat_tools
        ),
        vendor=preset.vendor,
        families=() if entry.models else preset.families,
        excluded=entry.excluded_models,
        listing=_listing(settings, entry, preset, root),
        account=key.service_account,
    )


def _of_dialects(entry: ProviderEntry) -> Preset:
    """An entry without a preset as one."""
    lanes = tuple(_PLAIN[dialect][0] for dialect in entry.dialect)
    return Preset(f"{entry.dialect[0]}-endpoint", "", "", lanes, listing=_PLAIN[entry.dialect[0]][1])


def _listing(settings: Settings, entry: ProviderEntry, preset: Preset, root: str) -> Listing:
    """Where its models are listed, if they are to be asked for."""
    wanted = settings.models_discovery == entry.models_discovery == "auto" and not entry.models
    return Listing(preset.listing.shape, root + preset.listing.path) if wanted and preset.listing.shape else Listing()
