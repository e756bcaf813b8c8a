"""Settings for tests: one client key, and upstreams that are reached by name."""

from __future__ import annotations

from typing import Any

import attrs

from cliproxy.settings.model import (
    ClientKey,
    CompatEntry,
    CompatKey,
    KeyEntry,
    ModelEntry,
    Secret,
    Settings,
)

KEY = "sk-test"


def compat(name: str = "chat", keys: int = 1, models: tuple[str, ...] = ("gpt-x",), **more: Any) -> CompatEntry:
    """A Chat upstream at ``http://<name>.test/v1``, with so many keys."""
    entries = tuple(CompatKey(Secret(f"up-{name}-{number}")) for number in range(keys))
    return CompatEntry(
        name=name,
        base_url=f"http://{name}.test/v1",
        api_key_entries=entries,
        models=tuple(ModelEntry(model) for model in models),
        **more,
    )


def keyed(name: str, model: str, **more: Any) -> KeyEntry:
    """One entry of a vendor's key list, at ``http://<name>.test``, serving one model."""
    return KeyEntry(api_key=Secret(f"up-{name}"), base_url=f"http://{name}.test", models=(ModelEntry(model),), **more)


def settings(**more: Any) -> Settings:
    """One upstream of each kind: models gpt-x (Chat), codex-x, claude-x, gemini-x, vertex-x."""
    base = Settings(
        api_keys=(ClientKey(Secret(KEY)),),
        openai_compatibility=(compat(),),
        codex_api_key=(keyed("codex", "codex-x"),),
        claude_api_key=(keyed("claude", "claude-x"),),
        gemini_api_key=(keyed("gemini", "gemini-x"),),
        vertex_api_key=(keyed("vertex", "vertex-x"),),
    )
    return attrs.evolve(base, **more)
