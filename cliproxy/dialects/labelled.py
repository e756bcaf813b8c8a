"""An answer is what its bytes say, a stream or one object; its ``Content-Type`` is a hint (docs/spec/reports.md 15).

Relays stream under ``application/json``, and answer with one object under ``text/event-stream``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from cliproxy.dialects.facts import Facts
from cliproxy.dialects.interface import AnswerContext
from cliproxy.dialects.transcoder import Transcoder
from cliproxy.errors import ErrorDetail

#: White space and byte order marks may stand before the first byte that tells, but not many of them.
_BLANK: Final = b" \t\r\n\xef\xbb\xbf"
_MAX_BLANK: Final = 4096
#: How a server-sent event may begin.
_FIELDS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")


def is_stream(opening: bytes) -> bool | None:
    """Whether these first bytes of a body are of a stream or of one object; None while both are possible.

    :raises ValueError: they are neither's: the label is all there is.
    """
    told = opening.lstrip(_BLANK)
    if not told:
        if len(opening) < _MAX_BLANK:
            return None
        raise ValueError("blanks")
    if told.startswith(b"{"):
        # One object, or the objects of a stream line by line: some Gemini-like upstreams forget the field name.
        rest = told.partition(b"\n")[2].lstrip()
        return rest.startswith((b"{", *_FIELDS)) if rest else None
    if told.startswith(_FIELDS):
        return True
    if any(field.startswith(told) for field in _FIELDS):
        return None
    raise ValueError("neither")


class Labelled:
    """A transcoder that becomes the right one with the first bytes of the answer."""

    def __init__(self, asked: AnswerContext, made: Callable[[bool | None], Transcoder]) -> None:
        """
        :param made: makes the transcoder of events (True), of one object (False), or of what the label says (None).
        """
        self._made = made
        self._opening: list[bytes] = []
        self._known: Transcoder | None = None
        self._unknown = Facts(asked)

    def receive(self, data: bytes) -> list[bytes]:
        """Upstream bytes in; what the client is to be sent."""
        if self._known is not None:
            return self._known.receive(data)
        self._opening.append(data)
        if len(self._opening) > 1 and b"\n" not in data and self._opening[0].startswith(b"{"):
            return []  # still the first line of an object, however long
        opening = b"".join(self._opening)
        self._opening = [opening]
        try:
            found = is_stream(opening)
        except ValueError:
            return self._become(None).receive(opening)
        return [] if found is None else self._become(found).receive(opening)

    def close(self) -> list[bytes]:
        """The upstream ended."""
        if self._known is not None:
            return self._known.close()
        opening = b"".join(self._opening)
        known = self._become(False if opening.lstrip(_BLANK).startswith(b"{") else None)
        return known.receive(opening) + known.close()

    def fail(self, detail: ErrorDetail) -> list[bytes]:
        """The upstream died or fell silent."""
        return (self._known or self._become(None)).fail(detail)

    def _become(self, stream: bool | None) -> Transcoder:
        self._opening.clear()
        self._known = self._made(stream)
        return self._known

    def __getattr__(self, name: str) -> Any:
        """What is known of the answer."""
        return getattr(self._known or self._unknown, name)

    @property
    def settled(self) -> Transcoder:
        """The right one, if it is known, for those who ask it often."""
        return self._known or cast(Transcoder, self)
