"""Text from outside in a log line: it ends no line, and steers no terminal."""

from __future__ import annotations


def visible(text: str) -> str:
    """``text`` with whatever is no printable character written as Python escapes it: ``\\n``, ``\\x1b``, ``\\u202e``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
