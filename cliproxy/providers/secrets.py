"""No configured secret leaves in an error an upstream wrote."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import re2  # type: ignore[import-untyped]

from cliproxy.jsontypes import dumps_text
from cliproxy.settings.model import Secret

_MASK = b"***"
#: The tuples of secrets that are remembered: those of a snapshot or two, and what Amp's answers add to them.
_KEPT = 16
#: So many secrets are compiled together.
_PIECE = 1000
# Shorter secrets are masked only where they stand alone, so that a key "a" does not blot out a whole page.
_CERTAIN = 8


def mask_secrets(data: bytes, secrets: Iterable[Secret]) -> bytes:
    """``data`` with every secret in it replaced by ``***``: as it is, and as JSON strings and URLs spell it.

    The longest go first, so that no part of one secret is left standing by another that it contains. What is looked for is
    compiled once for a tuple of secrets, a thousand together, each of which costs time in proportion to the data.
    """
    return _mask_of(secrets if isinstance(secrets, tuple) else tuple(secrets))(data)


def secret_spans(data: bytes, secrets: tuple[Secret, ...]) -> list[tuple[int, int]]:
    """(start, end) of what :func:`mask_secrets` would replace."""
    return _mask_of(secrets).spans(data)


class _Piece:
    """Some secrets, compiled."""

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        spellings = {spelling for secret in secrets if secret for spelling in _spellings(secret.reveal())}
        longest_first = sorted(spellings, key=len, reverse=True)
        certain = [re2.escape(spelling) for spelling in longest_first if len(spelling) >= _CERTAIN]
        short = [re.escape(spelling) for spelling in longest_first if len(spelling) < _CERTAIN]
        self._certain: Any = re2.compile(b"|".join(certain), _options()) if certain else None
        self._short = re.compile(rb"(?<![0-9A-Za-z])(?:%b)(?![0-9A-Za-z])" % b"|".join(short)) if short else None

    def __call__(self, data: bytes) -> bytes:
        if self._certain is not None and self._certain.search(data) is not None:
            data = self._certain.sub(_MASK, data)
        return data if self._short is None else self._short.sub(_MASK, data)

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets are."""
        patterns = [pattern for pattern in (self._certain, self._short) if pattern is not None]
        return [match.span() for pattern in patterns for match in pattern.finditer(data)]


class _Mask:
    """All of a tuple's secrets, in pieces of equal length once they are many: a token that was had anew costs the compiling of
    one piece, and the longest still go first."""

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        self._pieces = [_compiled(piece) for piece in _cut(secrets)]

    def __call__(self, data: bytes) -> bytes:
        for piece in self._pieces:
            data = piece(data)
        return data

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets are."""
        return [span for piece in self._pieces for span in piece.spans(data)]


def _cut(secrets: tuple[Secret, ...]) -> Iterator[tuple[Secret, ...]]:
    if len(secrets) <= _PIECE:
        yield secrets
        return
    by_length: dict[int, list[Secret]] = {}
    for secret in secrets:
        by_length.setdefault(len(secret.reveal()), []).append(secret)
    for length in sorted(by_length, reverse=True):
        same = by_length[length]
        yield from (tuple(same[at : at + _PIECE]) for at in range(0, len(same), _PIECE))


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, whatever they mean
    options.log_errors = False
    options.max_mem = 256 * 1024 * 1024
    return options


#: The masks of the last few tuples of secrets, found by the tuple itself: to hash thousands of secrets takes too long.
_masks: OrderedDict[int, tuple[tuple[Secret, ...], _Mask]] = OrderedDict()


def _mask_of(secrets: tuple[Secret, ...]) -> _Mask:
    known = _masks.get(id(secrets))
    if known is None or known[0] is not secrets:
        known = (secrets, _Mask(secrets))
        _masks[id(secrets)] = known
        if len(_masks) > _KEPT:
            _masks.popitem(last=False)
    return known[1]


_compiled = lru_cache(maxsize=1024)(_Piece)


def spellings(secret: Secret) -> Iterable[bytes]:
    """A secret as it is, and as JSON strings and URLs spell it."""
    return _spellings(secret.reveal())


def _spellings(value: str) -> Iterable[bytes]:
    in_json = dumps_text(value)[1:-1]
    return (
        value.encode(),
        in_json.encode(),
        in_json.replace("/", "\\/").encode(),
        quote(value, safe="").encode(),
        quote(value).encode(),
    )
