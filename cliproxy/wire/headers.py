"""Header rules that are the same whoever passes a message on: what stays on its hop, what holds a credential, what a
value may be.

Names are compared in lower case; pairs keep their order and their repetitions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

#: One header field, as received: (name, value).
Pair = tuple[bytes, bytes]

#: RFC 9110, section 7.6.1, and the older ones still met; ``Connection`` may name more.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


def end_to_end(pairs: Iterable[Pair]) -> list[Pair]:
    """The fields that may travel on: neither hop-by-hop nor named by ``Connection``."""
    kept = [(name, value) for name, value in pairs]
    dropped = set(HOP_BY_HOP)
    for name, value in kept:
        if name.lower() == b"connection":
            dropped.update(token.strip().lower() for token in value.split(b","))
    return [(name, value) for name, value in kept if name.lower() not in dropped]


def without(pairs: Iterable[Pair], names: frozenset[bytes]) -> list[Pair]:
    """The fields whose names are not in ``names`` (lower case)."""
    return [(name, value) for name, value in pairs if name.lower() not in names]


def retry_after(seconds: float) -> str:
    """``Retry-After`` for a wait of so many seconds: whole seconds, rounded up, at least 1."""
    return str(max(1, math.ceil(seconds)))
