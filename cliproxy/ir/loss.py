"""What a translation could not say. Drops are recorded, never silent."""

from __future__ import annotations

from collections.abc import Iterable

import attrs


@attrs.frozen
class Loss:
    """One thing dropped.

    :ivar what: the thing, in the field's words (``seed``, ``image detail``).
    :ivar where: the JSON path in the client's body, or the part's place, when known.
    :ivar meaning: whether the request's meaning suffers (a dropped image does, a cache hint does not);
        ``strict-translation`` refuses these.
    """

    what: str
    where: str = ""
    meaning: bool = False


def named(losses: Iterable[Loss]) -> str:
    """Losses, for a sentence."""
    return "; ".join(f"{loss.what} at {loss.where}" if loss.where else loss.what for loss in losses)
