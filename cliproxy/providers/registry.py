"""The providers by the kind a credential names."""

from __future__ import annotations

from collections.abc import Mapping

from cliproxy.providers.claude import Claude
from cliproxy.providers.codex import Codex
from cliproxy.providers.demo import Demo
from cliproxy.providers.gemini import Gemini
from cliproxy.providers.interface import Provider
from cliproxy.providers.openai_compatibility import OpenAICompatibility
from cliproxy.providers.vertex import Vertex, VertexGemini
from cliproxy.providers.vertex_claude import VertexClaude
from cliproxy.routing.credential import Credential

_ALL: tuple[Provider, ...] = (
    *(Gemini(), Vertex(), VertexGemini(), Claude(), VertexClaude(), Codex(), OpenAICompatibility(), Demo()),
)

PROVIDERS: Mapping[str, Provider] = {provider.kind: provider for provider in _ALL}


def urls(credential: Credential, model: str) -> list[tuple[str, str]]:
    """(what, exact URL) of every way the credential can be asked for ``model``."""
    if not credential.lanes:
        return PROVIDERS[credential.provider].urls(credential, model)
    ways = [credential.spoken(lane.dialect, model) for lane in credential.lanes]
    found = [(way.provider, url) for way in ways for url in PROVIDERS[way.provider].urls(way, model)]
    return list(dict.fromkeys((f"{PROVIDERS[kind].dialect} {what}", url) for kind, (what, url) in found))
