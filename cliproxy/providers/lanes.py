"""Which of its vendor's dialects a request is made in."""

from __future__ import annotations

import attrs

from cliproxy.dialects.registry import RESPONSES
from cliproxy.providers.inbound import Inbound
from cliproxy.providers.interface import Operation
from cliproxy.routing.route import Candidate


def spoken(candidate: Candidate, inbound: Inbound) -> Candidate:
    """The candidate with the one dialect of its vendor's in which this request is made."""
    if not candidate.credential.lanes:
        return candidate
    embeds = inbound.operation is Operation.EMBED
    dialect = RESPONSES.name if inbound.operation is Operation.COMPACT else inbound.dialect
    return attrs.evolve(candidate, credential=candidate.credential.spoken(dialect, candidate.model, embeds=embeds))
