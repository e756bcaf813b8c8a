"""How a client is told what a limit has left, in headers."""

from __future__ import annotations

import attrs


@attrs.frozen
class Limit:
    """One limit of a client's.

    :ivar word: ``requests`` or ``tokens``.
    :ivar reset: seconds until all of it is there again; ``full_at`` is then, in Unix seconds.
    """

    word: str
    limit: int
    left: int
    reset: float
    full_at: float


def limit_headers(limit: Limit) -> list[tuple[str, str]]:
    """As OpenAI spells it, and most others do."""
    return [
        (f"x-ratelimit-limit-{limit.word}", str(limit.limit)),
        (f"x-ratelimit-remaining-{limit.word}", str(limit.left)),
        (f"x-ratelimit-reset-{limit.word}", f"{limit.reset:.3f}s"),
    ]
