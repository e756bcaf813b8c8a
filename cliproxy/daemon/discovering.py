"""Discovery as a part of the daemon: its lists are kept beside the state file."""

from __future__ import annotations

import random
from typing import Any

from cliproxy.daemon.state_file import state_path
from cliproxy.discovery.discovery import Discovery
from cliproxy.service import CliproxyService


def discovering(daemon: CliproxyService, reactor: Any) -> Discovery:
    """What asks the daemon's vendors for their lists."""
    path = state_path(daemon.settings).with_name("models.json")
    return Discovery(
        lambda: daemon.relay.snapshot,
        daemon.learned,
        daemon.client,
        reactor,
        random.SystemRandom(),
        daemon.tokens.ready,
        path,
    )
