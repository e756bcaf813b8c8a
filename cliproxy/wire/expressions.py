"""An operator's regular expressions, in time linear in the text (RE2, whose syntax the original's files are written in)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import re2  # type: ignore[import-untyped]

#: What an expression sees: so many characters of a name, and of a body.
MOST_OF_A_NAME: Final = 256
MOST_OF_A_BODY: Final = 16 * 1024


def problem(pattern: str) -> str | None:
    """What keeps ``pattern`` from being used, as a clause; None when nothing does."""
    try:
        _compiled(pattern, False)
    except re2.error as error:
        said = error.args[0] if error.args else "it cannot be read"
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return None


def found(pattern: str, text: str, *, most: int, ignore_case: bool = False) -> bool:
    """Whether ``pattern``, which has no :func:`problem`, matches anywhere in the first ``most`` characters of ``text``."""
    seen = text[:most].encode("utf-8", "replace")
    return _compiled(pattern, ignore_case).search(seen) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str, ignore_case: bool) -> Any:
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    return re2.compile(pattern.encode("utf-8", "replace"), options)
