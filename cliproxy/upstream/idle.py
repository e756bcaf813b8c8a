"""Upstream connections that wait for a request: kept as long as descriptors are plenty, the oldest let go first."""

from __future__ import annotations

import resource
from typing import Final

from cliproxy.upstream.http11 import Connection

#: However many files the process may have open, so many wait at most.
MOST_IDLE: Final = 1024


def most_idle(descriptors: int) -> int:
    """How many connections may wait where the process may have so many files open: the others are for work."""
    if descriptors == resource.RLIM_INFINITY:
        return MOST_IDLE
    return max(4, min(MOST_IDLE, descriptors // 8))


class Idle:
    """All connections that wait, of every egress and origin."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[Connection, None] = {}

    def add(self, connection: Connection) -> None:
        """It waits; where too many do, the one that has waited longest is closed."""
        self._waiting[connection] = None
        while len(self._waiting) > self._most:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            oldest.abort()

    def discard(self, connection: Connection) -> None:
        """It waits no more."""
        self._waiting.pop(connection, None)
