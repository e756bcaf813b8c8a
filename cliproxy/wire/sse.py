"""Server-sent events: bytes to blocks and back (WHATWG HTML, section 9.2, with the tolerance real upstreams need).

The framer works on blocks, not lines: a block runs to its blank line and is looked into only once it is whole. So a cut
inside a character, inside ``\\r\\n`` or inside ``data:`` changes nothing, and every byte is scanned once.
"""

from __future__ import annotations

import re

import attrs

#: Longest block accepted, in bytes: room for a large image in one payload, and an end to what a broken upstream can
#: make us hold.
MAX_BLOCK = 50 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_CR = 0x0D

#: The end of a line and the empty line after it; a line ends in LF, CR LF or CR.
_BLANK_LINE = re.compile(rb"[\r\n](?:\r\n?|(?<=\n)\n)")


@attrs.define
class Block:
    """One block of the stream.

    :ivar raw: its bytes as they came, blank line included.
    :ivar data: its ``data`` lines joined with LF; None when it has none (comments, a lone ``event:``).
    :ivar event: its ``event:`` name, empty when it has none.
    """

    raw: bytes
    data: bytes | None
    event: str = ""


@attrs.define
class Framer:
    """Cuts a byte stream into :class:`Block`\\ s.

    :ivar limit: the longest block accepted, in bytes.
    :ivar too_long: a longer one came. What was whole before it has been given out; nothing more will be.
    """

    limit: int = MAX_BLOCK
    too_long: bool = attrs.field(default=False, init=False)
    _pending: bytearray = attrs.field(factory=bytearray, init=False)
    _first: bool = attrs.field(default=True, init=False)

    def feed(self, data: bytes) -> list[Block]:
        """The blocks that ``data`` completes."""
        if self.too_long:
            return []
        pending = self._pending
        if not pending:
            if 0 <= data.find(b"\n\n") == len(data) - 2 <= self.limit - 2 and b"\r" not in data:
                return [self._block(data)]  # one block at once, as most upstreams write
            return self._cut(data, 0, b"\r" in data)
        # The blank line may have begun in the last two bytes already held; what came before was scanned.
        scan_from = max(0, len(pending) - 2)
        pending += data
        has_cr = pending.find(b"\r", scan_from) >= 0
        if _block_end(pending, scan_from, has_cr) < 0:
            self.too_long = len(pending) > self.limit
            return []
        whole = bytes(pending)
        pending.clear()
        return self._cut(whole, scan_from, has_cr)

    def close(self) -> list[Block]:
        """The input ended: an unterminated last block counts, for some upstreams omit the last blank line."""
        rest = bytes(self._pending)
        self._pending.clear()
        if self.too_long or not rest.strip():
            return []
        # A blank line whose CR could have been half of a CR LF was still undecided; the CR stands alone now.
        return [self._block(rest)]

    def _cut(self, data: bytes, scan_from: int, has_cr: bool) -> list[Block]:
        """Give out the whole blocks of ``data`` and keep the rest. No blank line begins before ``scan_from``."""
        blocks: list[Block] = []
        start = 0
        while (end := _block_end(data, scan_from, has_cr)) >= 0:
            if end - start > self.limit:
                self.too_long = True
                return blocks
            blocks.append(self._block(data[start:end]))
            start = scan_from = end
        if start < len(data):
            self._pending += data[start:]
            self.too_long = len(data) - start > self.limit
        return blocks

    def _block(self, raw: bytes) -> Block:
        body = raw
        if self._first:
            self._first = False
            body = raw.removeprefix(_BOM)
        if body[:6] == b"data: " and body.find(b"\n") == len(body) - 2 and b"\r" not in body:
            return Block(raw, body[6:-2])
        data, event = _fields(body)
        return Block(raw, data, event)


def _block_end(data: bytes | bytearray, scan_from: int, has_cr: bool) -> int:
    """Where the first blank line at or after ``scan_from`` ends, or -1. ``has_cr``: a CR stands there too."""
    if not has_cr:
        found = data.find(b"\n\n", scan_from)
        return found + 2 if found >= 0 else -1
    match = _BLANK_LINE.search(data, scan_from)
    if match is None:
        return -1
    end = match.end()
    # A last CR is undecided until the next byte: it may be half of a CR LF.
    return -1 if end == len(data) and data[-1] == _CR else end


def _fields(block: bytes) -> tuple[bytes | None, str]:
    """The joined ``data`` and the ``event`` name of a block. ``id``, ``retry``, comments and unknown fields are passed
    over."""
    data: list[bytes] = []
    event = b""
    for line in block.splitlines():
        if line.startswith(b"data:"):
            data.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line.startswith(b"event:"):
            event = line[6:].strip()
        elif line.startswith(b"{"):
            # Some Gemini-like upstreams forget the field name.
            data.append(line)
    return (b"\n".join(data) if data else None), event.decode("utf-8", "replace")


def data_block(payload: bytes) -> bytes:
    """``payload`` (one line) as a block with a data line only."""
    return b"data: " + payload + b"\n\n"


def event_block(event: str, payload: bytes) -> bytes:
    """``payload`` (one line) as a block that names its event."""
    return b"event: " + event.encode() + b"\ndata: " + payload + b"\n\n"
