"""A vendor's window: how much of a quota is left, and when it is renewed."""

from __future__ import annotations

import attrs


@attrs.frozen
class Window:
    """One, as an answer tells it.

    :ivar name: the vendor's word for what is counted or for how long: ``requests``, ``input-tokens``, ``5h``, ``7d``.
    :ivar left: the share that is left, from 0 to 1; None when the answer does not say.
    :ivar resets: seconds until it is renewed; None when the answer does not say.
    :ivar whole: it counts for all of the credential's models, and not only for the one that was asked.
    """

    name: str
    left: float | None
    resets: float | None
    whole: bool = False
    remaining: float | None = None
    limit: float | None = None
