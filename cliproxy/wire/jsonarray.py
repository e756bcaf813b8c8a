"""A top-level JSON array read element by element as its bytes arrive: how Gemini streams when SSE is not asked for.

Only objects and arrays are given out, for no dialect has any other element. Every byte is looked at once.
"""

from __future__ import annotations

import re

import attrs

from cliproxy.wire.sse import MAX_BLOCK, Block

_STRUCTURE = re.compile(rb'["{}\[\]]')
_STRING = re.compile(rb'["\\]')


@attrs.define
class ArraySplitter:
    """Cuts ``[{...},\\r\\n{...}]`` into blocks whose ``data`` is one element and whose ``raw`` is all bytes since the
    last one.

    :ivar limit: the longest element accepted, in bytes.
    :ivar too_long: a longer one came; nothing more will be given out.
    :ivar ended: the closing bracket was seen. What follows it is ignored.
    """

    limit: int = MAX_BLOCK
    too_long: bool = attrs.field(default=False, init=False)
    ended: bool = attrs.field(default=False, init=False)
    _pending: bytearray = attrs.field(factory=bytearray, init=False)
    _scanned: int = attrs.field(default=0, init=False)
    _element: int = attrs.field(default=-1, init=False)
    _depth: int = attrs.field(default=0, init=False)
    _in_string: bool = attrs.field(default=False, init=False)

    def feed(self, data: bytes) -> list[Block]:
        """The elements that ``data`` completes, then the closing bracket as a block without data."""
        blocks: list[Block] = []
        if self.ended or self.too_long:
            return blocks
        self._pending += data
        given = 0
        while (end := self._next_end()) >= 0:
            element = self._element
            self._element = -1
            if end - given > self.limit:
                self.too_long = True
                return blocks
            raw = bytes(memoryview(self._pending)[given:end])
            blocks.append(Block(raw, raw[element - given :] if element >= 0 else None))
            given = end
        self._shift(given)
        self.too_long = len(self._pending) > self.limit
        return blocks

    def close(self) -> list[Block]:
        """The input ended. A cut element is given as it is, for the reader to find it broken."""
        if self.ended or self.too_long or self._element < 0:
            return []
        raw = bytes(self._pending)
        return [Block(raw, raw[self._element :])]

    def _next_end(self) -> int:
        """Where the next element, or the whole array, ends; -1 when it is not here yet."""
        pending = self._pending
        while not self.ended:
            match = (_STRING if self._in_string else _STRUCTURE).search(pending, self._scanned)
            if match is None:
                self._scanned = max(self._scanned, len(pending))
                return -1
            at = match.start()
            self._scanned = at + 1
            mark = pending[at : at + 1]
            if mark == b'"':
                self._in_string = not self._in_string
            elif mark == b"\\":
                # The next byte is escaped, whether it is here yet or not.
                self._scanned += 1
            elif mark == b"{" or mark == b"[":
                if self._depth == 1:
                    self._element = at
                self._depth += 1
            else:
                self._depth -= 1
                self.ended = self._depth <= 0
                if self._depth <= 1:
                    return at + 1
        return -1

    def _shift(self, given: int) -> None:
        del self._pending[:given]
        self._scanned -= given
        if self._element >= 0:
            self._element -= given
