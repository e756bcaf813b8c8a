"""The upstream's stream as blocks, in whichever of the two framings it chose."""

from __future__ import annotations

import attrs

from cliproxy.wire.jsonarray import ArraySplitter
from cliproxy.wire.sse import MAX_BLOCK, Block, Framer

#: White space and byte order marks may stand before the first byte that tells; a stream of nothing else is taken as
#: SSE.
_BLANK = b" \t\r\n\xef\xbb\xbf"
_MAX_BLANK = 4096


@attrs.define
class BlockReader:
    """Blocks of a server-sent event stream, or of a JSON array when the first byte is ``[``.

    :ivar limit: the longest block accepted, in bytes.
    """

    limit: int = MAX_BLOCK
    _opening: bytes = attrs.field(default=b"", init=False)
    _framing: Framer | ArraySplitter | None = attrs.field(default=None, init=False)

    @property
    def is_array(self) -> bool:
        """Whether the stream is a JSON array."""
        return isinstance(self._framing, ArraySplitter)

    @property
    def too_long(self) -> bool:
        """Whether a block passed the limit; what was whole before it has been given out."""
        return self._framing is not None and self._framing.too_long

    def feed(self, data: bytes) -> list[Block]:
        """The blocks that ``data`` completes."""
        if self._framing is not None:
            return self._framing.feed(data)
        opening = self._opening + data
        told = opening.lstrip(_BLANK)
        if not told and len(opening) < _MAX_BLANK:
            self._opening = opening
            return []
        self._opening = b""
        self._framing = ArraySplitter(self.limit) if told.startswith(b"[") else Framer(self.limit)
        return self._framing.feed(opening)

    def close(self) -> list[Block]:
        """The input ended: what is left, when it is more than white space."""
        return self._framing.close() if self._framing is not None else []
