"""What a command is given of the world."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

import attrs


@attrs.frozen
class Terminal:
    """The two streams; ``token`` makes a secret of URL-safe characters, ``now`` is Unix time in seconds."""

    out: TextIO
    err: TextIO
    token: Callable[[], str]
    now: Callable[[], float]
