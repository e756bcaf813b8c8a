"""Why a name is served by whom: the same look the pool takes, written down instead of acted on. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from cliproxy.pool.pool import Pool, State
from cliproxy.pool.walk import Walk, eligible
from cliproxy.routing.route import Candidate
from cliproxy.settings.model import Settings


@attrs.frozen
class Row:
    """One candidate of a route.

    :ivar place: its place in the order of trying, from 1; None when it cannot be taken now.
    :ivar state: a :class:`State` word, ``half-open``, or ``excluded``.
    :ivar why: a sentence, empty for a usable one.
    :ivar due: seconds until its cool-down ends; None when it has none.
    :ivar left: the share of its quota that is left, as far as it is known.
    """

    candidate: Candidate
    place: int | None
    state: str
    why: str
    due: float | None
    in_flight: int
    left: float


def explain(name: str, candidates: Sequence[Candidate], settings: Settings, pool: Pool, now: float) -> list[Row]:
    """The candidates of the route called ``name``: first those that can be taken now, in the order in which a request that
    starts now would try them; then those that cannot.
    """
    rows: list[Row] = []
    walk = Walk(name, eligible(candidates, settings), attrs.evolve(settings, max_retry_credentials=0))
    rest = list(walk.candidates)
    while tier := list(pool.order(walk, now)):
        for candidate in tier:
            walk.take(candidate)
            rest.remove(candidate)
            rows.append(_row(candidate, pool, now, len(rows) + 1))
    rows.extend(_row(candidate, pool, now, None) for candidate in rest)
    rows.extend(
        _row(candidate, pool, now, None, out=True) for candidate in candidates if candidate not in walk.candidates
    )
    return rows


def _row(candidate: Candidate, pool: Pool, now: float, place: int | None, out: bool = False) -> Row:
    credential, standing = candidate.credential, pool.standing(candidate, now)
    due = None if standing.until is None else max(0.0, standing.until - now)
    state, why = standing.state.value, ""
    if out:
        state, why = "excluded", "its weight is 0"
    elif standing.state is State.BUSY:
        why = f"{credential.max_concurrency} requests are under way, its max-concurrency"
    elif standing.until is not None and standing.reason is not None:
        why = f"cooled for {standing.reason.value} ({standing.status})"
        if standing.state is State.PROBED:
            why += "; one request is probing it"
        elif standing.state is State.USABLE:
            state, why = "half-open", why + "; the next request probes it"
    return Row(candidate, place, state, why, due, pool.in_flight(credential.id), pool.left(candidate, now))
