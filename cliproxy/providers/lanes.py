"""Which of its vendor's dialects a request is made in."""

from __future__ import annotations

from typing import Final

import attrs

from cliproxy.dialects.registry import RESPONSES
from cliproxy.providers.inbound import Inbound
from cliproxy.providers.interface import Operation
from cliproxy.routing.route import Candidate

#: So many candidates of one credential are remembered as they are spoken to.
_MOST_SPOKEN: Final = 256


def spoken(candidate: Candidate, inbound: Inbound) -> Candidate:
    """The candidate with the one dialect of its vendor's in which this request is made."""
    if not candidate.credential.lanes:
        return candidate
    embeds = inbound.operation is Operation.EMBED
    dialect = RESPONSES.name if inbound.operation is Operation.COMPACT else inbound.dialect
    known, key = candidate.credential.prepared, (dialect, embeds, id(candidate))
    found: tuple[Candidate, Candidate] | None = known.get(key)
    if found is None or found[0] is not candidate:
        credential = candidate.credential.spoken(dialect, candidate.model, embeds=embeds)
        if len(known) >= _MOST_SPOKEN:
            known.clear()
        found = known[key] = candidate, attrs.evolve(candidate, credential=credential)
    return found[1]
