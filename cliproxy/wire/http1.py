"""HTTP/1.1 on the wire, without a wire: request heads out, response heads and bodies in (RFC 9112).

Framing that two readers could read differently is refused, not repaired: a length that is not plain digits, two lengths that
differ, any coding but ``chunked``, a bare line feed inside chunked framing. A length said twice is one, and ``chunked`` stands
above a length (RFC 9112, 6.3), as careless gateways need; whatever follows on such a connection is not listened to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol

import attrs

#: The largest response head (or sum of interim heads), in bytes.
MAX_HEAD = 64 * 1024
#: The most header fields of one response.
MAX_FIELDS = 500
#: The longest chunk-size line with its extensions, in bytes.
MAX_CHUNK_LINE = 4 * 1024
#: All trailer lines of one response together, in bytes.
MAX_TRAILERS = 16 * 1024

# Possessive quantifiers keep these linear on hostile input.
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_TEXT = r"[^\x00-\x08\x0a-\x1f\x7f]*+"
_NAME = re.compile(_TOKEN)
_FIELD = re.compile(rf"(?m)^({_TOKEN}):({_TEXT})\r?$")
_STATUS = re.compile(rf"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ({_TEXT}))?")
_HEAD_END = re.compile(rb"\n\r?\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*+(?:;[^\x00-\x08\x0a-\x1f\x7f]*+)?\r\n")
_PLAIN_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,7})\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[^\x00-\x08\x0a-\x1f\x7f]*+\r\n")
_DIGITS = re.compile(r"[0-9]{1,18}")

#: Request headers that belong to one hop, or that the framing decides: never taken from the caller.
_OURS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class ProtocolFault(Exception):
    """Not HTTP/1.1, or not unambiguously. The message is a noun phrase: "a malformed header line"."""


@attrs.define
class Head:
    """A response head.

    :ivar raw: the header lines as they came, for :func:`raw_fields`.
    :ivar headers: lower-case names; repeated fields joined with ``", "``.
    :ivar minor: the HTTP/1 minor version.
    """

    status: int
    minor: int
    headers: dict[str, str]
    raw: str


class Body(Protocol):
    """A response body's framing: wire bytes in, body bytes out.

    :ivar ended: the body is complete.
    :ivar excess: more bytes came than belong to the body, so the connection must not be used again.
    :ivar fault: why the framing cannot be read any further; the bytes before it were given out.
    """

    ended: bool
    excess: bool
    fault: str | None

    def feed(self, data: bytes) -> bytes:
        """The body bytes within ``data``."""

    def end_of_input(self) -> bool:
        """Whether a body that ends here, with the connection, is whole."""


def request_head(
    method: str,
    target: str,
    authority: str,
    headers: Iterable[tuple[str, str]],
    length: int,
    *,
    accept_encoding: str = "",
    proxy_authorization: str | None = None,
) -> bytes:
    """The request line and headers.

    :param authority: the Host, unless ``headers`` name another.
    :param length: of the body.
    :param accept_encoding: unless ``headers`` name another; "" for none.
    :raises ProtocolFault: a header that would end its line early, or whose name is no name.
    """
    lines = [""]
    for name, value in headers:
        lower = _lower(name)
        if lower == "host":
            authority = value
        elif lower not in _OURS:
            lines.append(f"{name}: {value}")
            if lower == "accept-encoding":
                accept_encoding = ""
    if accept_encoding:
        lines.append(f"Accept-Encoding: {accept_encoding}")
    if proxy_authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy_authorization}")
    if length or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {length}")
    lines[0] = f"{_lower(method) and method} {target} HTTP/1.1\r\nHost: {authority}"
    text = "\r\n".join(lines)
    # Each line brought one CR and one LF (the first, which is two, for the last): any other came out of a value.
    if text.count("\n") != len(lines) or text.count("\r") != len(lines) or "\0" in text:
        raise ProtocolFault("a request header with a line break or a NUL in it")
    text += "\r\n\r\n"
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")  # what a client sent undecodable leaves as it came


@lru_cache(maxsize=1024)
def _lower(name: str) -> str:
    """A header's name (or a method) in lower case. Cached, because the names are few."""
    if not _NAME.fullmatch(name):
        raise ProtocolFault("a request header whose name is not a name")
    return name.lower()


def find_head_end(buffer: bytes, start: int) -> int:
    """The offset just behind a head in ``buffer``, or -1. ``start`` is how much of it was searched before."""
    found = _HEAD_END.search(buffer, max(0, start - 2))
    return found.end() if found else -1


def parse_head(block: bytes) -> Head:
    """Read a whole response head, its empty line included. A line may end in a bare LF: heads have no second reading.

    :raises ProtocolFault: not HTTP/1, a malformed line, a folded line, or too many fields.
    """
    line, _, rest = block.decode("latin-1").partition("\n")
    status = _STATUS.fullmatch(line.removesuffix("\r"))
    if status is None:
        raise ProtocolFault("something that is not HTTP/1.1")
    fields = _FIELD.findall(rest)
    if len(fields) != rest.count("\n") - 1:
        raise ProtocolFault("a malformed header line")
    if len(fields) > MAX_FIELDS:
        raise ProtocolFault(f"more than {MAX_FIELDS} header fields")
    headers: dict[str, str] = {}
    for name, value in fields:
        name = name.lower()
        value = value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Head(int(status[2]), int(status[1]), headers, rest)


def raw_fields(raw: str) -> list[tuple[bytes, bytes]]:
    """The header fields of :attr:`Head.raw` in order, names as spelled, repeats kept."""
    return [(name.encode("latin-1"), value.strip(" \t").encode("latin-1")) for name, value in _FIELD.findall(raw)]


def body_of(head: Head, *, bodiless: bool) -> Body:
    """The framing of the body that follows ``head`` (RFC 9112, 6.3). ``bodiless``: it answers a HEAD request.

    :raises ProtocolFault: the head leaves the length in doubt.
    """
    headers = head.headers
    coding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked":
            raise ProtocolFault("a Transfer-Encoding that is not chunked")
        if head.minor == 0:
            raise ProtocolFault("a Transfer-Encoding in HTTP/1.0")
    if length is not None:
        length = _said_once(length)
    if bodiless or head.status in (204, 304):
        return SizedBody(0)
    if coding is not None:
        return ChunkedBody()
    return SizedBody(int(length)) if length is not None else UnsizedBody()


def _said_once(length: str) -> str:
    """A length that may be said several times.

    :raises ProtocolFault: it is none, or they differ.
    """
    first, *others = (said.strip(" \t") for said in length.split(","))
    if not _DIGITS.fullmatch(first) or any(other != first for other in others):
        raise ProtocolFault("a malformed Content-Length, or with several that differ")
    return first


def keeps_alive(head: Head) -> bool:
    """Whether the connection can carry another request: the peer leaves it open, and its framing left no doubt. HTTP/1.0
    peers are not asked to."""
    length = head.headers.get("content-length")
    if head.minor == 0 or (length is not None and ("," in length or "transfer-encoding" in head.headers)):
        return False
    connection = head.headers.get("connection")
    return connection is None or "close" not in [token.strip() for token in connection.lower().split(",")]


class SizedBody:
    """A body of ``Content-Length`` bytes."""

    __slots__ = ("ended", "excess", "fault", "left")

    def __init__(self, length: int) -> None:
        self.left = length
        self.ended = not length
        self.excess = False
        self.fault: str | None = None

    def feed(self, data: bytes) -> bytes:
        size = len(data)
        if size > self.left:
            self.excess = True
            data = data[: self.left]
            size = self.left
        self.left -= size
        self.ended = not self.left
        return data

    def end_of_input(self) -> bool:
        return False


class UnsizedBody:
    """A body that ends with the connection."""

    __slots__ = ("ended", "excess", "fault")

    def __init__(self) -> None:
        self.ended = False
        self.excess = False
        self.fault: str | None = None

    def feed(self, data: bytes) -> bytes:
        return data

    def end_of_input(self) -> bool:
        return True


class ChunkedBody:
    """``Transfer-Encoding: chunked`` (RFC 9112, 7.1). Extensions and trailers are read over, within their limits."""

    __slots__ = ("_held", "_left", "_trailed", "ended", "excess", "fault")

    def __init__(self) -> None:
        self.ended = False
        self.excess = False
        self.fault: str | None = None
        self._held = b""  # an unfinished line
        self._left = 0  # data bytes of the open chunk, its CRLF included; 0 between chunks
        self._trailed = -1  # bytes of trailers read; -1 before the last chunk

    def feed(self, data: bytes) -> bytes:
        if self._held:
            data = self._held + data
            self._held = b""
        elif not self._left and self._trailed < 0 and (whole := self._one_chunk(data)):
            return whole
        pieces: list[bytes] = []
        at = 0
        size = len(data)
        while at < size and not self._over():
            if self._left:
                at = self._chunk_data(data, at, pieces)
            else:
                at = self._line(data, at)
        if self.ended and at < size:
            self.excess = True
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def end_of_input(self) -> bool:
        return False

    def _one_chunk(self, data: bytes) -> bytes:
        """The body bytes of a read that is one whole chunk, as most are; empty for any other."""
        found = _PLAIN_CHUNK.match(data)
        if found is None or self._over():
            return b""
        at = found.end()
        whole = len(data) - at - 2 == int(found[1], 16) and data.endswith(b"\r\n")
        return data[at:-2] if whole else b""

    def _over(self) -> bool:
        return self.ended or self.fault is not None

    def _chunk_data(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Take what ``data`` holds of the open chunk and of the CRLF behind it."""
        left = self._left
        if left > 2:
            piece = data[at : at + left - 2]
            pieces.append(piece)
            at += len(piece)
            left -= len(piece)
        if left <= 2:
            tail = data[at : at + left]
            if tail != b"\r\n"[2 - left : 2 - left + len(tail)]:
                self.fault = "a chunk that does not end where it said"
            at += len(tail)
            left -= len(tail)
        self._left = left
        return at

    def _line(self, data: bytes, at: int) -> int:
        """Read one chunk-size or trailer line; an unfinished one is kept for the next time."""
        end = data.find(b"\n", at, at + MAX_CHUNK_LINE) + 1
        if not end:
            if len(data) - at >= MAX_CHUNK_LINE:
                self.fault = "a chunk-size line that is too long"
            self._held = data[at:]
            return len(data)
        if self._trailed >= 0:
            self._trailer(data[at:end])
            return end
        chunk = _CHUNK.fullmatch(data, at, end)
        if chunk is None:
            self.fault = "a malformed chunk size"
            return end
        length = int(chunk[1], 16)
        if length:
            self._left = length + 2
        else:
            self._trailed = 0
        return end

    def _trailer(self, line: bytes) -> None:
        self._trailed += len(line)
        if line == b"\r\n":
            self.ended = True
        elif self._trailed > MAX_TRAILERS or not _TRAILER.fullmatch(line):
            self.fault = "a malformed trailer"
