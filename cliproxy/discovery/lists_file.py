"""``models.json``, beside the state file: what vendors listed, kept over a restart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from cliproxy.discovery.shapes import models
from cliproxy.jsontypes import InvalidJSON, dumps, loads
from cliproxy.routing.capability import ModelInfo
from cliproxy.wire.files import write_whole

_VERSION: Final = 1
_KEPT: Final = ("created", "owned_by", "display_name", "description", "context_length", "max_completion_tokens")


def read(path: Path) -> dict[str, tuple[ModelInfo, ...]]:
    """The lists by credential id and by address; none when there is no file that can be read."""
    try:
        document = loads(path.read_bytes())
    except (OSError, InvalidJSON):
        return {}
    lists = document.get("lists") if isinstance(document, dict) and document.get("version") == _VERSION else None
    return {key: models(listed) for key, listed in lists.items()} if isinstance(lists, dict) else {}


def write(path: Path, lists: Mapping[str, tuple[ModelInfo, ...]]) -> None:
    """Replace the file.

    :raises OSError: it cannot be written.
    """
    document = {key: [_entry(info) for info in listed] for key, listed in lists.items()}
    write_whole(path, dumps({"version": _VERSION, "lists": document}) + b"\n")


def _entry(info: ModelInfo) -> dict[str, object]:
    held = attrs.asdict(info)
    entry = {"id": info.id, **{name: held[name] for name in _KEPT if held[name]}}
    lists = {
        "supportedGenerationMethods": info.methods,
        "supported_parameters": info.parameters,
        "input_modalities": info.input_modalities,
    }
    return entry | {name: list(words) for name, words in lists.items() if words}
