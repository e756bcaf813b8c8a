"""What comes back from ampcode.com onto our origin: no policy for our host, no cookie for another, and not the operator's key.
Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cliproxy.providers.secrets import mask_secrets, spellings
from cliproxy.settings.model import Secret
from cliproxy.wire.headers import Pair

#: What an upstream does not say in our place: CORS is off for these routes, and the rest is how we speak of ourselves.
_OURS: Final = (b"access-control-", b"x-cliproxy-")
#: What a browser would keep of ampcode.com's and hold against this host, whatever else is served there.
_OF_A_HOST: Final = frozenset(
    (
        b"strict-transport-security",
        b"clear-site-data",
        b"alt-svc",
        b"public-key-pins",
        b"public-key-pins-report-only",
        b"expect-ct",
        b"nel",
        b"report-to",
        b"reporting-endpoints",
        b"origin-agent-cluster",
        b"service-worker-allowed",
    )
)
_DOMAIN: Final = re.compile(rb";\s*domain\s*(=[^;]*)?(?=;|$)", re.IGNORECASE)


def presentable(headers: Iterable[Pair]) -> list[Pair]:
    """The headers that may come back; a cookie is this host's alone."""
    return [
        (name, _DOMAIN.sub(b"", value) if name.lower() == b"set-cookie" else value)
        for name, value in headers
        if name.lower() not in _OF_A_HOST and not name.lower().startswith(_OURS)
    ]


class KeyMask:
    """Takes a key out of a body as it passes, in whatever pieces it comes. Only what may be the key's beginning waits."""

    def __init__(self, key: Secret) -> None:
        self._secrets = (key,)
        self._spellings = [spelling for spelling in spellings(key) if spelling]
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """As much as is sure."""
        data = self._held + data
        clean = mask_secrets(data, self._secrets)
        cut = max((_begins(clean, spelling) for spelling in self._spellings), default=0)
        self._held = clean[len(clean) - cut :]
        return clean[: len(clean) - cut]

    def close(self) -> bytes:
        """The rest."""
        held, self._held = self._held, b""
        return held


def _begins(data: bytes, word: bytes) -> int:
    """How many bytes at the end of ``data`` are the beginning of ``word``, and not all of it."""
    for size in range(min(len(word) - 1, len(data)), 0, -1):
        if data.endswith(word[:size]):
            return size
    return 0
