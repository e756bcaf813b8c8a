"""Text from outside, made fit to be seen."""

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.wire.escape import visible


@given(st.text())
def test_any_text_becomes_one_printable_line(text: str) -> None:
    """Nothing comes out but printable characters, and printable text comes out as it was."""
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)
    if text.isprintable():
        assert visible(text) == text


def test_escapes_are_pythons() -> None:
    """What was hidden can be read."""
    assert visible("a\r\n\x1b[31m\u202e\ud800é") == "a\\r\\n\\x1b[31m\\u202e\\ud800é"
