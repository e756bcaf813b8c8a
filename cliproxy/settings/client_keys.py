"""Client keys: plain strings, or objects with a name, limits and budgets."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import attrs

from cliproxy.settings.rules import digest, moment, rule
from cliproxy.settings.secret import NO_SECRET, Secret

#: ``budgets[].per``: each window begins with the calendar's, in UTC; a week begins on Monday.
PERIODS = ("minute", "hour", "day", "week", "month", "total")

_COUNT = rule(least=1)


@attrs.frozen
class Budget:
    """So much of one thing (the first that is said) in a period. From the share ``soft`` on it is warned of."""

    usd: float | None = attrs.field(default=None, metadata=rule(least=0))
    tokens: int | None = attrs.field(default=None, metadata=_COUNT)
    requests: int | None = attrs.field(default=None, metadata=_COUNT)
    per: str = attrs.field(default="month", metadata=rule(choices=dict.fromkeys(PERIODS, ())))
    soft: float = attrs.field(default=0.8, metadata=rule(least=0, most=1))

    @property
    def measure(self) -> str:
        """What is counted."""
        return "usd" if self.usd is not None else "tokens" if self.tokens is not None else "requests"

    @property
    def limit(self) -> float:
        """How much of it."""
        return next((float(each) for each in (self.usd, self.tokens, self.requests) if each is not None), 0.0)


@attrs.frozen
class ClientKey:
    """One client key: ``key``, its ``key_sha256``, or the environment variable ``env`` that holds it.

    ``models`` and ``deny`` are globs over the names clients ask for, ``deny`` also over the upstream's; ``providers`` labels
    of credentials or names of providers. 0 of ``rpm``, ``tpm`` and ``max_concurrency`` is no limit. ``strict_translation`` None
    follows the global switch. A ``priority`` above 0 may use what ``routing.reserve`` keeps.
    """

    key: Secret = attrs.field(default=NO_SECRET, metadata=rule(exact=True))
    strict_translation: bool | None = None
    key_sha256: str = attrs.field(default="", metadata=rule(check=digest))
    env: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    rpm: int = attrs.field(default=0, metadata=rule(least=0))
    tpm: int = attrs.field(default=0, metadata=rule(least=0))
    max_concurrency: int = attrs.field(default=0, metadata=rule(least=0))
    budgets: tuple[Budget, ...] = ()
    priority: int = 0
    expires: str = attrs.field(default="", metadata=rule(check=moment))
    disabled: bool = False

    @property
    def sha256(self) -> str:
        """The key's SHA-256 in lower-case hexadecimal; empty without a key."""
        if self.key:
            return hashlib.sha256(self.key.reveal().encode("utf-8", "surrogateescape")).hexdigest()
        return self.key_sha256.lower()

    @property
    def label(self) -> str:
        """What logs and counters show: the name, else the beginning of the digest; never the key."""
        return self.name or self.sha256[:8]

    @property
    def until(self) -> float | None:
        """When it expires, in Unix seconds; a time without a zone is UTC's."""
        if not self.expires:
            return None
        moment = datetime.fromisoformat(self.expires)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()

    @property
    def limited(self) -> bool:
        """Whether anything about it is to be counted."""
        return bool(self.rpm or self.tpm or self.max_concurrency or self.budgets)
