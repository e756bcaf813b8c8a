"""What travels on, what holds a credential, and what a value may be."""

from __future__ import annotations

import pytest

from cliproxy.wire.headers import end_to_end, retry_after, without


def test_hop_by_hop_fields_stay_on_their_hop() -> None:
    """Fields that are hop-by-hop, in any case of letters, are dropped; the others keep order and repetitions."""
    pairs = [
        (b"Set-Cookie", b"a=1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"TE", b"trailers"),
        (b"Set-Cookie", b"b=2"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Upgrade", b"h2c"),
        (b"Proxy-Authorization", b"Basic eA=="),
        (b"Content-Type", b"text/plain"),
    ]
    assert end_to_end(pairs) == [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"Content-Type", b"text/plain")]


def test_connection_names_more_fields() -> None:
    """Every field that any Connection header names is dropped with it."""
    pairs = [
        (b"connection", b"close, X-One"),
        (b"x-one", b"1"),
        (b"X-Two", b"2"),
        (b"Connection", b" x-two "),
        (b"X-Three", b"3"),
    ]
    assert end_to_end(pairs) == [(b"X-Three", b"3")]


def test_credentials_are_removed_by_name() -> None:
    """A client's keys and cookies are removed wherever they may stand."""
    pairs = [
        (b"Authorization", b"a"),
        (b"X-Api-Key", b"b"),
        (b"x-goog-api-key", b"c"),
        (b"Cookie", b"d"),
        (b"Accept", b"e"),
    ]
    assert without(pairs, frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"cookie"})) == [
        (b"Accept", b"e")
    ]


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.01, "2"), (600.0, "600")])
def test_retry_after_is_rounded_up(seconds: float, text: str) -> None:
    """A wait is told in whole seconds, never less than it is and never 0."""
    assert retry_after(seconds) == text
