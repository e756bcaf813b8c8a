"""Who may manage: guesses of the management secret cost the guesser time, and nobody else any.

A secret may be a bcrypt hash, as the original wrote it. To check one takes a tenth of a second: it is done in a thread, one at
a time, and not at all for the secret that was right the last time.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import attrs
import bcrypt
from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.wire.addresses import is_loopback

#: So many wrong secrets in a row, and their peer is banned for so many seconds.
FORGIVEN: Final = 5
BAN: Final = 1800.0
#: This machine's own processes wait instead, from the same number on: a second, doubled by each further one, up to so many.
LONGEST_WAIT: Final = 8.0
#: Peers that are remembered for what they guessed; the oldest are forgotten first.
_MOST_PEERS: Final = 4096
_HASHES: Final = ("$2a$", "$2b$", "$2y$")


@attrs.frozen
class _Guesses:
    count: int
    until: float


@attrs.define
class Operators:
    """What was guessed, by whom. Who is to wait waits with the right secret too: else one could go on guessing.

    :ivar seconds: monotonic time.
    :ivar aside: runs what computes for long where it does not hold up everybody else.
    """

    seconds: Callable[[], float]
    aside: Callable[[Callable[[], Any]], Deferred[Any]]
    _right: tuple[str, bytes] = ("", b"")
    _guesses: OrderedDict[str, _Guesses] = attrs.field(factory=OrderedDict)
    _one_at_a_time: DeferredLock = attrs.field(factory=DeferredLock)
    _log = Logger()

    def recognise(self, offered: str, secret: str) -> bool | None:
        """Whether ``offered`` is the secret; None when only a long computation can tell."""
        if not secret.startswith(_HASHES):
            return hmac.compare_digest(_digest(offered), _digest(secret))
        known, digest = self._right
        return True if known == secret and hmac.compare_digest(_digest(offered), digest) else None

    def check(self, peer: str, offered: str, secret: str) -> Deferred[None] | None:
        """Let the holder of the secret pass: at once, or when the Deferred fires.

        :raises RequestFault: 401 for a wrong secret, 403 or 429 after too many. So does the Deferred.
        """
        self.check_patience(peer)
        right = self.recognise(offered, secret)
        if right is None:
            return Deferred.fromCoroutine(self._compute(peer, offered, secret))
        self._note(peer, right)
        return None

    async def _compute(self, peer: str, offered: str, secret: str) -> None:
        await self._one_at_a_time.acquire()
        try:
            self.check_patience(peer)  # others of its guesses may have been wrong meanwhile
            right = await self.aside(lambda: _is_hashed(offered, secret))
        finally:
            self._one_at_a_time.release()
        if right:
            self._right = (secret, _digest(offered))
        self._note(peer, right)

    def check_patience(self, peer: str) -> None:
        """:raises RequestFault: ``peer`` has guessed too often: 403 while it is banned, 429 while it is to wait."""
        guesses = self._guesses.get(_source(peer))
        left = guesses.until - self.seconds() if guesses is not None else 0.0
        if left <= 0:
            return
        if is_loopback(peer):
            raise RequestFault(ErrorDetail(429, "too many wrong management keys from this address", retry_after=left))
        sentence = f"IP banned due to too many failed attempts. Try again in {_duration(left)}"
        raise RequestFault(ErrorDetail(403, sentence, retry_after=left))

    def _note(self, peer: str, right: bool) -> None:
        source = _source(peer)
        before = self._guesses.pop(source, None)
        if right:
            return
        count = 1 + (before.count if before is not None else 0)
        wait = 0.0
        if count >= FORGIVEN:
            wait = min(LONGEST_WAIT, 2.0 ** (count - FORGIVEN)) if is_loopback(peer) else BAN
        self._guesses[source] = _Guesses(count if is_loopback(peer) else count % FORGIVEN, self.seconds() + wait)
        if len(self._guesses) > _MOST_PEERS:
            self._guesses.popitem(last=False)
        then = f"; it is refused for {_duration(wait)}" if wait else ""
        self._log.warn("a wrong management key from {peer} ({count} in a row){then}", peer=peer, count=count, then=then)
        raise RequestFault(ErrorDetail(401, "invalid management key"))


def _source(peer: str) -> str:
    """Who guesses: of IPv6 the network, of which one guesser has all addresses."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if address.version == 4 or address.ipv4_mapped is not None:
        return str(address if address.version == 4 else address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(1, round(seconds)), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _is_hashed(offered: str, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(offered.encode("utf-8", "surrogateescape")[:72], hashed.encode())
    except ValueError:
        return False
