"""Affinity: a conversation keeps its credential, so that the vendor's prompt cache keeps its worth. Pure.

A preference, never a pin: where home is unusable the conversation visits another credential, always the same one while
it can, and goes home when home is well.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from cliproxy.dialects.interface import Dialect
from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.routing.route import Key

#: Headers in which clients name their session, lower-case, the most telling first.
SESSION_HEADERS: Final = (
    "x-session-id",
    "session_id",
    "session-id",
    "conversation_id",
    "x-claude-code-session-id",
    "x-amp-thread-id",
    "x-opencode-session",
    "x-session-affinity",
)

#: Of a long first message the ends are hashed: agents put what they say to everyone first and the task last.
_END: Final = 4096


@attrs.define
class Home:
    """Where one conversation lives.

    :ivar home: the candidate that served it first.
    :ivar proven: home has answered; until then whoever answers first becomes it.
    :ivar away: where it is served while home is unusable.
    :ivar seen: when it was last served, monotonic seconds.
    """

    home: Key
    seen: float
    proven: bool = False
    away: Key | None = None


class Homes:
    """Conversations by key, the least recently served first. Bounded in number and in time."""

    def __init__(self) -> None:
        self._homes: OrderedDict[str, Home] = OrderedDict()

    def __len__(self) -> int:
        return len(self._homes)

    def find(self, key: str, now: float, ttl: float) -> Home | None:
        """The conversation's home, when it was served within ``ttl`` seconds."""
        home = self._homes.get(key)
        if home is not None and now - home.seen > ttl:
            del self._homes[key]
            return None
        return home

    def settle(self, key: str, candidate: Key, now: float, limit: int) -> None:
        """A conversation is first seen, or must move for good; at most ``limit`` are remembered."""
        self._homes[key] = Home(candidate, now)
        self._homes.move_to_end(key)
        while len(self._homes) > limit:
            self._homes.popitem(last=False)

    def served(self, key: str, candidate: Key, now: float) -> None:
        """``candidate`` answered the conversation."""
        home = self._homes.get(key)
        if home is None:
            return
        if not home.proven:
            home.home, home.proven = candidate, True
        elif candidate != home.home:
            home.away = candidate
        home.seen = now
        self._homes.move_to_end(key)


class Holders:
    """Which credential holds what an answer is known by: a stored answer, a Thread. Only that one can go on from it.

    Bounded in number, the longest unused forgotten first.
    """

    def __init__(self) -> None:
        self._holders: OrderedDict[str, str] = OrderedDict()

    def remember(self, held_id: str, credential_id: str, limit: int) -> None:
        """A credential has answered under this id."""
        self._holders[held_id] = credential_id
        self._holders.move_to_end(held_id)
        while len(self._holders) > limit:
            self._holders.popitem(last=False)

    def find(self, held_ids: Iterable[str | None]) -> str | None:
        """The credential that holds the first of these that is known."""
        for held_id in held_ids:
            if held_id is not None and held_id in self._holders:
                self._holders.move_to_end(held_id)
                return self._holders[held_id]
        return None


def key_from(headers: Mapping[str, str], body: JSONObject, dialect: Dialect) -> str | None:
    """What names the conversation a request belongs to, as a digest; None when nothing does.

    A session header, else ``prompt_cache_key``, else ``metadata.user_id``, else the stable prefix: what the system says
    and the first message, which every later turn repeats.

    :param headers: the client's, lower-case names.
    :param body: in the client's dialect, as parsed.
    """
    for name in SESSION_HEADERS:
        value = headers.get(name)
        if value:
            return _digest("session", value)
    cache_key = body.get("prompt_cache_key")
    if isinstance(cache_key, str) and cache_key:
        return _digest("cache", cache_key)
    metadata = body.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if isinstance(user, str) and user:
        return _digest("user", user)
    system, first = [_ends("".join(_said(part))) for part in dialect.stable_prefix(body)]
    return _digest("prefix", system, first) if system or first else None


def _said(value: JSON) -> Iterator[str]:
    """The text in a message or a system prompt. Cache marks are not text: clients move them from turn to turn."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _said(item)
    elif isinstance(value, dict):
        for member in ("text", "content", "parts"):
            yield from _said(value.get(member))


def _ends(text: str) -> str:
    return text if len(text) <= 2 * _END else text[:_END] + text[-_END:]


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=12).hexdigest()
