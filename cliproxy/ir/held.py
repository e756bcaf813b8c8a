"""State that a request names and only its vendor keeps: a stored answer, a conversation, a container, a file."""

from __future__ import annotations

import attrs

from cliproxy.errors import ErrorDetail


@attrs.frozen
class Held:
    """One such name in a request.

    :ivar id: what the vendor calls it; None where the request asks for a new one.
    :ivar holders: the dialects whose upstreams can hold it.
    :ivar refusal: what a client is told when the request would go to anyone else.
    """

    id: str | None
    holders: frozenset[str]
    refusal: ErrorDetail


def elsewhere(what: str, where: str, vendor: str, advice: str, *, code: str = "state_held_elsewhere") -> ErrorDetail:
    """The usual refusal: 400, naming the member, who keeps what it names, and what to do instead."""
    message = f"{where}: {what} is kept by {vendor}, and this model is served by another upstream: {advice}"
    return ErrorDetail(400, message, code=code, param=where)
