"""A JSON array read element by element."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.wire.blocks import BlockReader
from cliproxy.wire.jsonarray import ArraySplitter
from cliproxy.wire.sse import Block


def split(*chunks: bytes) -> list[Block]:
    splitter = ArraySplitter()
    blocks = [block for chunk in chunks for block in splitter.feed(chunk)]
    return blocks + splitter.close()


def chopped(stream: bytes, size: int) -> list[bytes]:
    return [stream[at : at + size] for at in range(0, len(stream), size)]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=3)), st.integers(1, 40), st.sampled_from([None, 2]))
def test_elements_come_out_whole(elements: list[object], size: int, indent: int | None) -> None:
    """Any array of objects gives its objects, whatever their strings hold, however it is cut or spaced."""
    stream = json.dumps(elements, indent=indent, ensure_ascii=False).encode()
    blocks = split(*chopped(stream, size))
    assert [json.loads(block.data) for block in blocks if block.data is not None] == elements
    assert b"".join(block.raw for block in blocks) == stream
    assert blocks == split(stream)


def test_what_follows_the_array_is_ignored() -> None:
    """Bytes after the closing bracket are not looked at."""
    splitter = ArraySplitter()
    blocks = splitter.feed(b'[{"a":1}] {"b":2}')
    assert [block.data for block in blocks] == [b'{"a":1}', None]
    assert splitter.ended
    assert splitter.feed(b'{"c":3}') == splitter.close() == []


def test_a_cut_element_is_given_as_it_is() -> None:
    """An array that breaks off gives its whole elements, then the broken one."""
    assert [block.data for block in split(b'[{"a":1},\n{"b":"')] == [b'{"a":1}', b'{"b":"']
    assert [block.data for block in split(b'[{"a":1},\n')] == [b'{"a":1}']


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_an_element_over_the_limit_is_refused(size: int) -> None:
    """What was whole before an element over the limit is given out; after it nothing."""
    splitter = ArraySplitter(limit=20)
    stream = b'[{"a":1},{"b":"' + b"x" * 50 + b'"},{"c":3}]'
    assert [block.data for chunk in chopped(stream, size) for block in splitter.feed(chunk)] == [b'{"a":1}']
    assert splitter.too_long


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_the_first_byte_tells_the_framing(size: int) -> None:
    """A stream that opens with a bracket is an array, any other is server-sent events; blanks before it do not
    matter."""
    for stream, is_array in (
        (b' \r\n[{"a":1}]', True),
        (b'\n\ndata: {"a":1}\n\n', False),
        (b'\xef\xbb\xbfdata: {"a":1}', False),
    ):
        reader = BlockReader()
        blocks = [block for chunk in chopped(stream, size) for block in reader.feed(chunk)] + reader.close()
        assert [block.data for block in blocks if block.data is not None] == [b'{"a":1}']
        assert reader.is_array is is_array


def test_blanks_alone_are_nothing() -> None:
    """A stream of white space gives no block, and is not held for ever."""
    reader = BlockReader()
    for _ in range(1000):
        assert not [block for block in reader.feed(b"\n" * 10) if block.data is not None]
    assert [block for block in reader.close() if block.data is not None] == []
