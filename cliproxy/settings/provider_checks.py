"""What a ``providers`` entry must say before a credential can be made of it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from cliproxy.settings.model import ProviderEntry, ProviderKey
from cliproxy.vendors.preset import Preset
from cliproxy.vendors.presets import PRESETS

_OPERATIONS = ("generate", "embed", "count", "compact")


def provider_problem(entry: ProviderEntry) -> tuple[str, str] | None:
    """(where below the entry, sentence): the first thing that keeps it from working; None when it can work."""
    preset = PRESETS.get(entry.preset.lower())
    if entry.preset and preset is None:
        near = difflib.get_close_matches(entry.preset.lower(), PRESETS, n=1, cutoff=0.5)
        meant = f"did you mean {near[0]}? " if near else ""
        return ".preset", f"there is no preset {entry.preset}; {meant}cliproxy presets lists them"
    if preset is None and not entry.dialect:
        return "", "has neither a preset nor a dialect"
    if preset is None and not entry.base_url:
        return "", "has a dialect but no base-url"
    spoken = {lane.dialect for lane in preset.lanes} if preset else set()
    for dialect in entry.dialect:
        if preset and dialect not in spoken:
            return ".dialect", f"{preset.name} does not speak {dialect}, but {' and '.join(sorted(spoken))}"
    for name, _ in entry.paths:
        if name not in _OPERATIONS:
            return f".paths.{name}", f"is not one of {', '.join(_OPERATIONS)}"
    return _key_problem(entry, preset)


def _key_problem(entry: ProviderEntry, preset: Preset | None) -> tuple[str, str] | None:
    auth = entry.auth or (preset.auth if preset else "bearer")
    if not entry.keys and auth not in ("none", "google") and not auth.startswith("oauth:"):
        return (
            "",
            f"has no keys, which {preset.name if preset else 'it'} asks for; auth: none says that it asks for none",
        )
    for index, key in enumerate(entry.keys or (ProviderKey(),)):
        where = f".keys[{index}]" if entry.keys else ""
        if auth == "google" and not key.service_account:
            return where, "names no service-account file, which auth: google needs"
        if auth not in ("google", "none") and not auth.startswith("oauth:") and not key.api_key:
            return where, "has no api-key"
        if preset is not None:
            said = words(entry, key)
            missing = [
                name for name in preset.fields if not said.get(name) and not (name in _HOSTED and entry.base_url)
            ]
            if missing and not (entry.base_url and set(missing) <= {"resource", "region", "host"}):
                return where, f"says no {missing[0]}, which the address of {preset.name} holds"
    return None


_HOSTED = ("resource", "region", "host")


def words(entry: ProviderEntry, key: ProviderKey) -> Mapping[str, str]:
    """What stands for ``{resource}`` and its kin in the preset's address."""
    location = key.location or entry.location or "global"
    return {
        "resource": entry.resource,
        "region": entry.region,
        "project": key.project or entry.project,
        "location": location,
        "host": vertex_host(location),
    }


def vertex_host(location: str) -> str:
    """Vertex AI's address for a location: global, a multi-region, or one region."""
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"
