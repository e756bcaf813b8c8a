"""What a daemon starts with, and its operator is to know all the same. ``check`` says it, and so does the start. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from cliproxy.routing.snapshot import Snapshot


def cautions(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """(key path, sentence) for each."""
    settings, router = snapshot.settings, snapshot.router
    if not settings.api_keys:
        yield (
            "api-keys",
            "there are none: whoever reaches this daemon is served, every program on this machine included",
        )
    if not snapshot.catalog.listed() and not any(credential.families for credential in snapshot.credentials):
        yield "", "no model can be served: no credential is configured that serves one"
        return
    for name, others in settings.fallback_models:
        for other in others:
            if not router.serves(other):
                yield f"fallback-models.{name}", f"leads to {other}, which nobody serves"
    for index, mapping in enumerate(settings.ampcode.model_mappings):
        if not router.serves(mapping.to):
            yield f"ampcode.model-mappings[{index}].to", f"leads to {mapping.to}, which nobody serves"
