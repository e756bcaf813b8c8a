"""Request heads in which no two readers could differ: a small part of RFC 9112, read fast. All others are somebody else's."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final, TypeVar

T = TypeVar("T")

#: Bytes and fields of a head that is read here; what is longer has its limits elsewhere.
MOST_BYTES: Final = 8 * 1024
MOST_FIELDS: Final = 64
#: A request line whose query, if it has one, needs no decoding.
_REQUEST: Final = re.compile(rb"POST (/[^?#\s]*)(?:\?([0-9A-Za-z_.=&-]*))? HTTP/1\.1")
#: A field: a token, its value on the same line, in no control characters (RFC 9110 section 5.5).
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\x80-\xff\t]*)")
#: Fields that frame a message, or change what the connection is.
_FRAMING: Final = frozenset(
    {"transfer-encoding", "expect", "upgrade", "te", "trailer", "keep-alive", "proxy-connection", "http2-settings"}
)
#: Fields that a client may say by themselves to be let in; they are not kept from one connection to another.
_SECRET: Final = frozenset({"authorization", "x-api-key", "x-goog-api-key", "x-management-key", "cookie"})
_MOST_KNOWN: Final = 4096
_LONGEST_KNOWN: Final = 300
_MOST_DIGITS: Final = 12


class PlainHeads:
    """Reads heads of ``POST`` requests to paths that are answered. Lines that were met before are not read again.

    :param paths: those.
    """

    def __init__(self, paths: Container[bytes]) -> None:
        self._paths = paths
        self._asked: dict[bytes, tuple[bytes, bytes]] = {}
        self._known: dict[bytes, tuple[str, str]] = {}

    def read(self, head: bytes) -> tuple[bytes, bytes, dict[str, str], int] | None:
        """Path, query, fields (lower-case names; undecodable bytes as surrogates) and length of the body.

        None for a head that is not plain: another method, version or target, no ``Host``, no one ``Content-Length`` in plain
        digits, a name that comes twice, a field that frames the message, a ``Connection`` other than ``keep-alive``, a folded
        line or a byte that is none of a field's.

        :param head: without the empty line that ends it.
        """
        lines = head.split(b"\r\n")
        asked = self._asked.get(lines[0]) or self._target(lines[0])
        if asked is None or len(lines) > MOST_FIELDS:
            return None
        known, fields = self._known, dict[str, str]()
        for line in lines[1:]:
            pair = known.get(line) or self._field(line)
            if pair is None:
                return None
            fields[pair[0]] = pair[1]
        length = fields.get("content-length", "")
        sized = length.isascii() and length.isdigit() and len(length) <= _MOST_DIGITS
        if len(fields) != len(lines) - 1 or not sized or "host" not in fields:
            return None
        if fields.get("connection", "keep-alive").lower() != "keep-alive":
            return None
        return *asked, fields, int(length)

    def _target(self, line: bytes) -> tuple[bytes, bytes] | None:
        found = _REQUEST.fullmatch(line)
        if found is None or found[1] not in self._paths:
            return None
        asked = found[1], found[2] or b""
        if b"key" not in asked[1] and b"token" not in asked[1]:
            self._keep(self._asked, line, asked)
        return asked

    def _field(self, line: bytes) -> tuple[str, str] | None:
        found = _FIELD.fullmatch(line)
        if found is None:
            return None
        name = found[1].decode("ascii").lower()
        if name in _FRAMING:
            return None
        pair = name, found[2].rstrip(b" \t").decode("utf-8", "surrogateescape")
        if name not in _SECRET:
            self._keep(self._known, line, pair)
        return pair

    @staticmethod
    def _keep(known: dict[bytes, T], line: bytes, value: T) -> None:
        if len(line) <= _LONGEST_KNOWN:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[line] = value
