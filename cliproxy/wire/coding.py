"""Content codings, undone a bounded piece at a time: a decompression bomb costs no more memory than its reader allows."""

from __future__ import annotations

import sys
import zlib
from collections import deque
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: The most decoded bytes handed out at once.
PIECE: Final = 64 * 1024
#: What :func:`decoder_for` understands, as an ``Accept-Encoding`` value.
ACCEPTED: Final = "gzip, deflate, br, zstd"
#: Encoded bytes are given to a decoder in slices: what it does not take at once is copied each time.
SLICE: Final = 64 * 1024
#: The most gzip members or zstd frames of one body: each costs a decoder, however little is in it.
MOST_MEMBERS: Final = 4096
#: Values that servers send for a body that is not coded at all.
_NO_CODING: Final = frozenset(
    {"", "identity", "none", "null", "utf-8", "utf8", "binary", "text", "7bit", "8bit", "us-ascii", "iso-8859-1"}
)
#: How JSON and server-sent events begin, and no packed body does: with a brace, a bracket, a field's name, a blank, a BOM.
_PLAIN_STARTS: Final = b'{[de:" \t\r\n\xef'
#: How a gzip member begins (RFC 1952).
GZIP_MAGIC: Final = b"\x1f\x8b"

# RFC 9659: an encoder for HTTP uses windows of at most 8 MiB.
_ZSTD_OPTIONS: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: 23}


class DamagedCoding(Exception):
    """The body is not what its coding says; the message names the coding."""


class Decoder(Protocol):
    """One coding, undone incrementally."""

    def feed(self, data: bytes) -> None:
        """Take encoded bytes."""

    def read(self) -> bytes:
        """Up to :data:`PIECE` decoded bytes; empty when more input is needed.

        :raises DamagedCoding: what was fed cannot be decoded.
        """

    def close(self) -> None:
        """The input is over.

        :raises DamagedCoding: it stopped in the middle.
        """


def decoder_for(coding: str) -> Decoder | None:
    """The decoder of a ``Content-Encoding`` value; None when nothing is to be undone.

    :raises DamagedCoding: a coding we neither know nor asked for.
    """
    names = [name for name in (part.strip() for part in coding.lower().split(",")) if name not in _NO_CODING]
    if not names:
        return None
    if len(names) == 1:
        match names[0]:
            case "gzip" | "x-gzip":
                return LabelledDecoder(GzipDecoder())
            case "deflate":
                return DeflateDecoder()
            case "br":
                return BrotliDecoder()
            case "zstd":
                return LabelledDecoder(ZstdDecoder())
    raise DamagedCoding("a content coding that was not asked for")


class Slices:
    """Bytes that wait, taken a slice at a time."""

    def __init__(self) -> None:
        self._waiting: deque[memoryview] = deque()

    def add(self, data: bytes) -> None:
        """More of them."""
        if data:
            self._waiting.append(memoryview(data))

    def take(self) -> bytes:
        """The next of them, at most :data:`SLICE`; empty when none wait."""
        if not self._waiting:
            return b""
        first = self._waiting.popleft()
        if len(first) > SLICE:
            self._waiting.appendleft(first[SLICE:])
        return bytes(first[:SLICE])


class LabelledDecoder:
    """The decoder of a coding that begins with magic bytes. A body that begins as JSON or SSE does is not in it, whatever
    its label says, and is given out as it is."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder: Decoder | None = decoder
        self._begun = False
        self._plain = Slices()

    def feed(self, data: bytes) -> None:
        if data and not self._begun:
            self._begun = True
            if data[0] in _PLAIN_STARTS:
                self._decoder = None
        (self._plain.add if self._decoder is None else self._decoder.feed)(data)

    def read(self) -> bytes:
        return self._plain.take() if self._decoder is None else self._decoder.read()

    def close(self) -> None:
        if self._decoder is not None:
            self._decoder.close()


class _Sliced:
    """What the decoders share: input that is taken a slice at a time."""

    def __init__(self) -> None:
        self._slices = Slices()
        self._input = b""

    def feed(self, data: bytes) -> None:
        self._slices.add(data)

    def _filled(self) -> bool:
        """Whether there is input; the next slice is taken when the last one is used up."""
        self._input = self._input or self._slices.take()
        return bool(self._input)


class GzipDecoder(_Sliced):
    """gzip, of one or more members. Zero bytes after the last one are padding."""

    def __init__(self) -> None:
        super().__init__()
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._begun = False  # the present member has had input
        self._full = False  # the last piece was cut off, so zlib may hold more without input
        self._members = 0

    def read(self) -> bytes:
        while self._filled() or self._full:
            if self._members and not self._begun:
                self._input = self._input.lstrip(b"\0")
                if not self._input:
                    continue
                if self._members >= MOST_MEMBERS:
                    raise DamagedCoding(f"a gzip body of more than {MOST_MEMBERS} members")
            self._begun = True
            try:
                piece = self._inflate.decompress(self._input, PIECE)
            except zlib.error:
                raise DamagedCoding("a damaged gzip body") from None
            self._full = len(piece) == PIECE and not self._inflate.eof
            if self._inflate.eof:
                self._input = self._inflate.unused_data
                self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
                self._begun = False
                self._members += 1
            else:
                self._input = self._inflate.unconsumed_tail
            if piece:
                return piece
        return b""

    def close(self) -> None:
        if self._begun:
            raise DamagedCoding("a gzip body that stops in the middle")


class DeflateDecoder(_Sliced):
    """deflate: zlib's wrapping (RFC 1950) as the standard says, or the bare stream that some servers send."""

    def __init__(self) -> None:
        super().__init__()
        self._inflate: zlib._Decompress | None = None
        self._begun = False
        self._full = False  # the last piece was cut off, so zlib may hold more without input

    def feed(self, data: bytes) -> None:
        self._begun = self._begun or bool(data)
        super().feed(data)

    def read(self) -> bytes:
        if self._inflate is None:
            while len(self._input) < 2 and (more := self._slices.take()):
                self._input += more
            if len(self._input) < 2:
                return b""
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS if self._wrapped() else -zlib.MAX_WBITS)
        while self._filled() or self._full:
            if self._inflate.eof:
                raise DamagedCoding("a damaged deflate body")
            try:
                piece = self._inflate.decompress(self._input, PIECE)
            except zlib.error:
                raise DamagedCoding("a damaged deflate body") from None
            self._full = len(piece) == PIECE and not self._inflate.eof
            self._input = self._inflate.unconsumed_tail or self._inflate.unused_data
            if piece:
                return piece
        return b""

    def close(self) -> None:
        if self._begun and not (self._inflate is not None and self._inflate.eof):
            raise DamagedCoding("a deflate body that stops in the middle")

    def _wrapped(self) -> bool:
        first, second = self._input[:2]
        return first & 0x0F == 8 and (first << 8 | second) % 31 == 0


class BrotliDecoder(_Sliced):
    """br (RFC 7932)."""

    # The library's buffer grows block by block until it passes the limit; its first block is 32 KiB.
    _LIMIT: Final = PIECE // 4

    def __init__(self) -> None:
        super().__init__()
        self._brotli = brotli.Decompressor()
        self._begun = False
        self._full = False  # the last piece was cut off, so the library may hold more without input

    def feed(self, data: bytes) -> None:
        self._begun = self._begun or bool(data)
        super().feed(data)

    def read(self) -> bytes:
        while self._filled() or self._full:
            # Input is not taken while output is pending.
            data = b""
            if self._brotli.can_accept_more_data():
                data, self._input = self._input, b""
            try:
                piece: bytes = self._brotli.process(data, output_buffer_limit=self._LIMIT)
            except brotli.error:
                raise DamagedCoding("a damaged br body") from None
            self._full = len(piece) >= self._LIMIT or not self._brotli.can_accept_more_data()
            if piece:
                return piece
        return b""

    def close(self) -> None:
        if self._begun and not self._brotli.is_finished():
            raise DamagedCoding("a br body that stops in the middle")


class ZstdDecoder(_Sliced):
    """zstd (RFC 8878), of one or more frames."""

    def __init__(self) -> None:
        super().__init__()
        self._zstd = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)
        self._begun = False  # the present frame has had input
        self._frames = 0

    def read(self) -> bytes:
        while self._filled() or not self._zstd.needs_input:
            if self._zstd.eof:
                self._frames += 1
                if self._frames >= MOST_MEMBERS:
                    raise DamagedCoding(f"a zstd body of more than {MOST_MEMBERS} frames")
                self._zstd = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)
                self._begun = False
                continue
            data, self._input = self._input, b""
            self._begun = True
            try:
                piece = self._zstd.decompress(data, PIECE)
            except zstd.ZstdError:
                raise DamagedCoding("a damaged zstd body") from None
            self._input = self._zstd.unused_data
            if piece:
                return piece
        return b""

    def close(self) -> None:
        if self._begun and not self._zstd.eof:
            raise DamagedCoding("a zstd body that stops in the middle")
