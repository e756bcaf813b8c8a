"""No configured secret leaves in an error an upstream wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from cliproxy.jsontypes import dumps_text
from cliproxy.settings.model import Secret

_MASK = b"***"
# Shorter secrets are masked only where they stand alone, so that a key "a" does not blot out a whole page.
_CERTAIN = 8


def mask_secrets(data: bytes, secrets: Iterable[Secret]) -> bytes:
    """``data`` with every secret in it replaced by ``***``: as it is, and as JSON strings and URLs spell it.

    The longest go first, so that no part of one secret is left standing by another that it contains.
    """
    spellings = {spelling for secret in secrets if secret for spelling in _spellings(secret.reveal())}
    if not spellings:
        return data
    patterns = [
        re.escape(spelling)
        if len(spelling) >= _CERTAIN
        else rb"(?<![0-9A-Za-z])%b(?![0-9A-Za-z])" % re.escape(spelling)
        for spelling in sorted(spellings, key=len, reverse=True)
    ]
    return re.sub(b"|".join(patterns), _MASK, data)


def _spellings(value: str) -> Iterable[bytes]:
    in_json = dumps_text(value)[1:-1]
    return (
        value.encode(),
        in_json.encode(),
        in_json.replace("/", "\\/").encode(),
        quote(value, safe="").encode(),
        quote(value).encode(),
    )
