"""The SSE framer: same blocks however the bytes arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.wire.sse import Block, Framer, data_block, event_block


def frame(*chunks: bytes, limit: int | None = None) -> list[tuple[bytes | None, str]]:
    """What the framer makes of these chunks: (data, event) of every block that has either."""
    return [
        (block.data, block.event) for block in frame_raw(*chunks, limit=limit) if block.data is not None or block.event
    ]


def frame_raw(*chunks: bytes, limit: int | None = None) -> list[Block]:
    framer = Framer() if limit is None else Framer(limit)
    blocks: list[Block] = []
    for chunk in chunks:
        blocks += framer.feed(chunk)
    return blocks + framer.close()


def chopped(stream: bytes, size: int) -> list[bytes]:
    return [stream[at : at + size] for at in range(0, len(stream), size)]


@pytest.mark.parametrize(
    ("stream", "blocks"),
    [
        (b"data: a\n\ndata: b\n\n", [(b"a", ""), (b"b", "")]),
        (b"data:a\n\n", [(b"a", "")]),
        (b"data:  a\n\n", [(b" a", "")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"a", ""), (b"b", "")]),
        (b"data: a\r\rdata: b\r\r", [(b"a", ""), (b"b", "")]),
        (b"data: a\n\r\ndata: b\r\n\ndata: c\n\rdata: d\r\r\n", [(b"a", ""), (b"b", ""), (b"c", ""), (b"d", "")]),
        (b"event: x\ndata: a\n\n", [(b"a", "x")]),
        (b"event:x\r\nid: 7\r\nretry: 9\r\ndata: a\r\n\r\n", [(b"a", "x")]),
        (b": comment\n\ndata: a\n\n", [(b"a", "")]),
        (b": comment\ndata: a\n: another\n\n", [(b"a", "")]),
        (b"data: a\ndata: b\ndata\n\n", [(b"a\nb", "")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(b"a", "")]),
        (b"\n\n\ndata: a\n\n\n\n", [(b"a", "")]),
        (b"data:\n\n", [(b"", "")]),
        (b'{"a":1}\n\n', [(b'{"a":1}', "")]),
        (b"data: a", [(b"a", "")]),
        (b"data: a\n", [(b"a", "")]),
        (b"data: a\n\r", [(b"a", "")]),
        (b"", []),
        (b"\r\n\r\n", []),
    ],
)
def test_blocks(stream: bytes, blocks: list[tuple[bytes, str]]) -> None:
    """Line ends, fields, comments and an unterminated end are read as streaming.md 1 says, whole or byte by byte."""
    assert frame(stream) == blocks
    for size in range(1, len(stream) + 1):
        assert frame(*chopped(stream, size)) == blocks


LINES = st.sampled_from(
    [b"data: x", b"data:{}", b"event: e", b": c", b"id: 1", b"", b"", b'{"k":"v"}', "data: \u00e9\u4e2d".encode()]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"]))).map(
    lambda lines: b"".join(text + end for text, end in lines)
)


@given(STREAMS, st.data())
def test_chopping_changes_nothing(stream: bytes, data: st.DataObject) -> None:
    """Any stream of lines, cut at any places, gives the same blocks with the same bytes."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert frame_raw(*chunks) == frame_raw(stream)


@given(STREAMS)
def test_raw_bytes_are_all_there(stream: bytes) -> None:
    """The blocks' own bytes, joined, are the stream; only white space at its end may be missing."""
    joined = b"".join(block.raw for block in frame_raw(stream))
    assert stream.startswith(joined)
    assert not stream[len(joined) :].strip()


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), min_size=1)))
def test_written_blocks_are_read_back(blocks: list[list[str]]) -> None:
    """Data written with LF or with CR LF is read back line by line."""
    for end in ("\n", "\r\n"):
        stream = "".join("".join(f"data: {line}{end}" for line in lines) + end for lines in blocks)
        assert frame(stream.encode()) == [("\n".join(lines).encode(), "") for lines in blocks]


def test_writers() -> None:
    """A block is written with and without its event line."""
    assert data_block(b"{}") == b"data: {}\n\n"
    assert event_block("ping", b"{}") == b"event: ping\ndata: {}\n\n"


def test_a_ten_megabyte_line_passes() -> None:
    """One payload may hold a large image."""
    line = b"x" * 10_000_000
    stream = b"data: " + line + b"\n\ndata: a\n\n"
    assert [data for data, _ in frame(*chopped(stream, 65536))] == [line, b"a"]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_block_over_the_limit_is_refused(end: bytes, size: int) -> None:
    """What was whole before a block over the limit is given out; after it nothing, however it arrived."""
    framer = Framer(limit=20)
    blocks: list[Block] = []
    for chunk in chopped(b"data: a" + end + b"data: " + b"x" * 50 + end + b"data: b" + end, size):
        blocks += framer.feed(chunk)
    assert [block.data for block in blocks + framer.close()] == [b"a"]
    assert framer.too_long


def test_a_block_at_the_limit_passes() -> None:
    """The limit counts the whole block, blank line included."""
    for size in (1, 5, 100):
        framer = Framer(limit=14)
        blocks = [block for chunk in chopped(b"data: " + b"x" * 6 + b"\n\n", size) for block in framer.feed(chunk)]
        assert [block.data for block in blocks] == [b"x" * 6]
        assert not framer.too_long
