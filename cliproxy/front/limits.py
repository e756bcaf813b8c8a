"""What clients may take of the daemon, in numbers."""

from __future__ import annotations

import resource
from typing import Final

import attrs

#: However many files the process may have open, so many clients are connected at most.
MOST_CONNECTIONS: Final = 32 * 1024
#: Files that are no client's: the listener, the log, the state file, name look-ups.
SPARE_DESCRIPTORS: Final = 64
#: A client that has shown no key may send so much of a body; whether it needed one is said when the request is whole.
UNKNOWN_BYTES: Final = 32 * 1024
#: Of all connections strangers of one address hold this part at most, but always so many.
STRANGERS_PART: Final = 2
STRANGERS_FREELY: Final = 64


@attrs.frozen
class Limits:
    """What clients may take.

    :ivar body_bytes: of one body.
    :ivar header_seconds: for a whole request head.
    :ivar stall_seconds: a client that is sent something, and reads next to nothing of it for so long, is gone.
    :ivar connections: at a time, of all clients together.
    """

    body_bytes: int = 64 * 1024 * 1024
    header_seconds: float = 10.0
    stall_seconds: float = 120.0
    connections: int = attrs.field(factory=lambda: most_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))

    @property
    def strangers(self) -> int:
        """Connections that clients of one address may hold without having shown a key."""
        return max(STRANGERS_FREELY, self.connections // STRANGERS_PART)


def most_connections(descriptors: int) -> int:
    """How many clients are let in where the process may have so many files open: each may need an upstream connection."""
    if descriptors == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(16, min(MOST_CONNECTIONS, (descriptors - SPARE_DESCRIPTORS) // 2))
