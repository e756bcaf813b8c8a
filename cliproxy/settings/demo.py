"""What runs with no configuration: the demo model behind a client key that the first start makes and later ones keep."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import attrs

from cliproxy.settings.model import ClientKey, Secret, Settings
from cliproxy.wire.files import write_whole


def key_path(settings: Settings) -> Path:
    """Where the key of the first start is kept, readable by its owner only."""
    return settings.auth_dir / "client-key"


def kept_demo_settings() -> Settings:
    """The demo's settings with the key that was kept; with no key where none was."""
    settings = Settings(demo=True)
    try:
        key = key_path(settings).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    return _opened_by(key, settings) if key else settings


def _opened_by(key: str, settings: Settings) -> Settings:
    """One key is enough for a first look: it is the clients', and opens the console too, from this machine only."""
    console = attrs.evolve(settings.remote_management, console_key=Secret(key))
    return attrs.evolve(settings, api_keys=(ClientKey(Secret(key)),), remote_management=console)


def demo_settings(host: str | None, port: int | None, entropy: random.Random) -> Settings:
    """The demo's settings. A key is made, and kept where that is possible, unless there is one."""
    settings = kept_demo_settings()
    if not settings.api_keys:
        key = f"sk-cliproxy-{entropy.getrandbits(128):032x}"
        settings = _opened_by(key, settings)
        with suppress(OSError):  # what cannot be kept is made again by the next start
            write_whole(key_path(settings), key.encode() + b"\n")
    if host is not None:
        settings = attrs.evolve(settings, host=host)
    return settings if port is None else attrs.evolve(settings, port=port)
