"""JSON in and out: the strict reader, and the tolerant one behind it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.jsontypes import (
    InvalidJSON,
    TooDeep,
    dumps,
    loads,
    loads_mending,
    loads_tolerant,
    mended_text,
    read_again,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(VALUES)
def test_both_readers_agree_on_good_json(value: object) -> None:
    """What the strict reader takes, the second one reads to the very same value."""
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        try:
            strict = loads(text)
        except InvalidJSON:  # numbers beyond a double
            continue
        assert repr(read_again(text)) == repr(strict) == repr(loads_tolerant(text.encode()))


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """The tolerant reader gives a value that can be written, or says InvalidJSON."""
    try:
        value = loads_tolerant(data)
    except InvalidJSON:
        return
    assert loads(dumps(value)) == value


@given(ANY_TEXT)
def test_no_text_is_refused(text: str) -> None:
    """Any text survives the tolerant reader but for halves of characters, which become U+FFFD."""
    read = loads_tolerant(json.dumps({"t": text}))["t"]
    assert read == mended_text(text)
    assert not any("\ud800" <= char <= "\udfff" for char in read)


@given(ANY_TEXT)
def test_halves_leave_as_they_came(text: str) -> None:
    """What cannot be UTF-8 is written escaped, never a crash."""
    assert json.loads(dumps([text])) == json.loads(json.dumps([text]))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":NaN,"b":-Infinity,"c":[Infinity]}', {"a": None, "b": None, "c": [None]}),
        (b'{"a":1e999}', {"a": None}),
        (b'"a\nb\tc\x00"', "a\nb\tc\x00"),
        (b'"a\xffb"', "a\ufffdb"),
        (rb'"\ud83d\ude00 \ud83d"', "\U0001f600 \ufffd"),
        (rb'{"\ude00":1}', {"\ufffd": 1}),
        (b'[NaN,123456789012345678901234567890]', [None, 1.2345678901234568e29]),
    ],
)  # fmt: skip
def test_odd_json_is_read(data: bytes, value: object) -> None:
    """The oddities that vendors' servers write."""
    with pytest.raises(InvalidJSON):
        loads(data)
    assert loads_tolerant(data) == value


@pytest.mark.parametrize("data", [b"", b"{", b'{"a":1} x', b"nan", b"[" * 100_000, b"[" * 3000 + b"NaN" + b"]" * 3000])
def test_what_is_no_json_stays_malformed(data: bytes) -> None:
    """The tolerant reader is no guesser."""
    with pytest.raises((InvalidJSON, TooDeep)):
        dumps(loads_tolerant(data))


def test_a_half_in_a_clients_body_is_mended_and_nothing_else_is() -> None:
    """The client's half emoji is U+FFFD in the value and in the bytes; other odd JSON is the client's mistake."""
    assert loads_mending(rb'{"a":"\ud83d"}') == ({"a": "\ufffd"}, '{"a":"\ufffd"}'.encode())
    good = b'{"a": 1}'
    assert loads_mending(good)[1] is good
    for bad in (b'{"a":NaN}', b'"a\nb"', b'"\xff"'):
        with pytest.raises(InvalidJSON):
            loads_mending(bad)
