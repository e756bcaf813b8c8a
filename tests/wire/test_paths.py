"""Which request paths can only mean one thing."""

from __future__ import annotations

import pytest

from cliproxy.wire.paths import is_canonical


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"/v1/models",
        b"/v1beta/models/gemini-2.5-pro:generateContent",
        b"/threads/",
        b"/v1/models/caf%C3%A9",
        b"/v1/a%20b",
        b"/.well-known/x",
        b"/v1/...",
    ],
)
def test_plain_paths_are_canonical(path: bytes) -> None:
    """A path with one reading is accepted, escapes of ordinary bytes included."""
    assert is_canonical(path)


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"v1/models",
        b"*",
        b"//v1/models",
        b"/v1//models",
        b"/v1/./models",
        b"/v1/../management",
        b"/v1/%2e%2E/management",
        b"/v1/..",
        b"/api/provider%2Fopenai",
        b"/api\\..\\x",
        b"/api%5c..",
        b"/v1/%252e",
        b"/v1/a\x00b",
        b"/v1/%00",
        b"/v1/a%0d%0ab",
        b"/v1/\x7f",
    ],
)
def test_ambiguous_paths_are_not(path: bytes) -> None:
    """A path that two readers could read differently is refused."""
    assert not is_canonical(path)
