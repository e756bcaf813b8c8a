"""The providers by the kind a credential names."""

from __future__ import annotations

from collections.abc import Mapping

from cliproxy.providers.claude import Claude
from cliproxy.providers.codex import Codex
from cliproxy.providers.demo import Demo
from cliproxy.providers.gemini import Gemini
from cliproxy.providers.interface import Provider
from cliproxy.providers.openai_compatibility import OpenAICompatibility
from cliproxy.providers.vertex import Vertex

_ALL: tuple[Provider, ...] = (Gemini(), Vertex(), Claude(), Codex(), OpenAICompatibility(), Demo())

PROVIDERS: Mapping[str, Provider] = {provider.kind: provider for provider in _ALL}
