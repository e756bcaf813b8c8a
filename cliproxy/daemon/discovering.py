"""Discovery as a part of the daemon: its lists are kept beside the state file."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from cliproxy.daemon.state_file import state_path
from cliproxy.discovery.discovery import Discovery
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Settings


def discovering(daemon: CliproxyService, reactor: Any) -> Discovery:
    """What asks the daemon's vendors for their lists."""
    return Discovery(
        lambda: daemon.relay.snapshot,
        daemon.learned,
        daemon.client,
        reactor,
        random.SystemRandom(),
        daemon.tokens.ready,
        lists_path(daemon.settings),
    )


def lists_path(settings: Settings) -> Path:
    """Where the lists are kept."""
    return state_path(settings).with_name("models.json")
