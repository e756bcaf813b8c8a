"""Whom a token endpoint has turned away, and for how long nobody is asked again. Times are monotonic seconds. Pure."""

from __future__ import annotations

from typing import Final

import attrs

#: After a refusal: doubled with each, from the first to the longest. It takes an operator to change what it is for.
_REFUSED: Final = (60.0, 21_600.0)
#: After an answer that is none: the endpoint's own trouble.
_TROUBLED: Final = (1.0, 60.0)


@attrs.frozen
class Rest:
    """One credential's.

    :ivar asked: what was asked for; something else, such as a new login's token, is asked for at once.
    :ivar refused: the endpoint said no, and it is not only in trouble.
    """

    asked: int
    until: float
    seconds: float
    why: str
    refused: bool


@attrs.define
class Rests:
    """Of all credentials, by id."""

    _rests: dict[str, Rest] = attrs.field(factory=dict)

    def of(self, id: str, now: float, asked: int | None = None) -> Rest | None:
        """The rest that is not over; None where (or when, for ``asked``) there is none."""
        rest = self._rests.get(id)
        over = rest is None or rest.until <= now or (asked is not None and asked != rest.asked)
        return None if over else rest

    def begin(self, id: str, now: float, asked: int, why: str, *, refused: bool, hint: float = 0.0) -> None:
        """Once more in vain. ``hint`` is the endpoint's own wish, in seconds."""
        first, longest = _REFUSED if refused else _TROUBLED
        before = self._rests.get(id)
        again = before is not None and (before.asked, before.refused) == (asked, refused)
        seconds = min(longest, max(before.seconds * 2 if again and before else first, hint))
        self._rests[id] = Rest(asked, now + seconds, seconds, why, refused)

    def end(self, id: str) -> None:
        """It is well, or is to be tried anew."""
        self._rests.pop(id, None)

    def why(self, id: str) -> str:
        """Why it was turned away the last time; empty when it was not."""
        rest = self._rests.get(id)
        return rest.why if rest is not None else ""
