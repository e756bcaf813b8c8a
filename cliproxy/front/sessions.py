"""Sessions of the console: a cookie that only a holder of its key can have been given.

A session is not kept anywhere, so that one outlives the daemon's restart: the cookie says until when it holds, under a code
whose key is derived from the configured secret. Another secret ends all of them; logging out ends the one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

import attrs

from cliproxy.settings.model import Settings

#: So long a session holds, in seconds. A page that is open has it prolonged.
LASTS: Final = 12 * 3600
#: Sessions that were ended before their time and are remembered for it.
_MOST_ENDED: Final = 1024


@attrs.define
class Sessions:
    """Makes and reads cookies' values: ``UNTIL.ID.CODE``.

    :ivar now: Unix seconds.
    :ivar new_id: a text without dots, another one each time.
    """

    now: Callable[[], float]
    new_id: Callable[[], str]
    _ended: OrderedDict[str, None] = attrs.field(factory=OrderedDict)

    def begin(self, secret: str) -> str:
        """A new session for one who has shown ``secret``."""
        said = f"{int(self.now()) + LASTS}.{self.new_id()}"
        return f"{said}.{_code(secret, said)}"

    def secret_of(self, cookie: str, secrets: Iterable[str]) -> str | None:
        """The one of ``secrets`` with which the session was begun; None when it has ended, or never was one."""
        said, _, code = cookie.rpartition(".")
        until, _, name = said.partition(".")
        if not (until.isdecimal() and until.isascii() and len(until) < 16) or name in self._ended:
            return None
        found = None
        for secret in secrets:
            if hmac.compare_digest(_code(secret, said).encode(), code.encode("utf-8", "surrogateescape")):
                found = secret
        return found if self.now() < int(until) else None

    def end(self, cookie: str) -> None:
        """Let the session hold no more."""
        self._ended[cookie.rpartition(".")[0].partition(".")[2]] = None
        if len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)


def cookie_of(header: str, name: str) -> str:
    """The value of a cookie in a ``Cookie`` header; empty when it is not there."""
    for pair in header.split(";"):
        found, _, value = pair.strip().partition("=")
        if found == name:
            return value
    return ""


def _code(secret: str, said: str) -> str:
    return hmac.new(_derived(secret), said.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


@lru_cache(maxsize=8)
def _derived(secret: str) -> bytes:
    """Slow to compute, so that nobody guesses a secret from a cookie."""
    return hashlib.scrypt(secret.encode("utf-8", "surrogateescape"), salt=b"cliproxy console", n=2**13, r=8, p=1)


def cookie_name(settings: Settings) -> str:
    """Cookies know no ports, and two daemons may be on one machine."""
    return f"cliproxy-console-{settings.port}"
