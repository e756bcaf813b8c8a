"""Why a name is served by whom: the same look the pool takes, written down instead of acted on. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from cliproxy.pool.offer import OfferT
from cliproxy.pool.pool import Pool, State
from cliproxy.pool.walk import Walk, eligible
from cliproxy.settings.model import Settings


@attrs.frozen
class Row:
    """One offer of a route.

    :ivar place: its place in the order of trying, from 1; None when it cannot be taken now.
    :ivar tier: its ``priority``.
    :ivar state: a :class:`State` word, ``half-open``, or ``excluded``.
    :ivar why: a sentence, empty for a usable one.
    :ivar due: seconds until its cool-down ends; None when it has none.
    :ivar urls: (what, exact URL).
    """

    credential: str
    provider: str
    model: str
    tier: int
    place: int | None
    state: str
    why: str
    due: float | None
    in_flight: int
    urls: tuple[tuple[str, str], ...] = ()


def explain(
    name: str,
    offers: Sequence[OfferT],
    settings: Settings,
    pool: Pool,
    now: float,
    urls: Callable[[OfferT], Sequence[tuple[str, str]]],
) -> list[Row]:
    """The offers of the route called ``name``: first those that can be taken now, in the order in which a request that
    starts now would try them; then those that cannot.

    :param urls: the exact URLs of an offer (its provider's).
    """
    rows: list[Row] = []
    walk = Walk(name, eligible(offers, settings), attrs.evolve(settings, max_retry_credentials=0))
    rest = list(walk.offers)
    while tier := pool.order(walk, now):
        for offer in tier:
            walk.take(offer)
            rest.remove(offer)
            rows.append(_row(offer, pool, now, urls, len(rows) + 1))
    rows.extend(_row(offer, pool, now, urls, None) for offer in rest)
    rows.extend(_row(offer, pool, now, urls, None, out=True) for offer in offers if offer not in walk.offers)
    return rows


def _row(
    offer: OfferT,
    pool: Pool,
    now: float,
    urls: Callable[[OfferT], Sequence[tuple[str, str]]],
    place: int | None,
    out: bool = False,
) -> Row:
    credential, standing = offer.credential, pool.standing(offer, now)
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
    return Row(
        credential=credential.label,
        provider=credential.channel,
        model=offer.model,
        tier=credential.priority,
        place=place,
        state=state,
        why=why,
        due=due,
        in_flight=pool.in_flight(credential.id),
        urls=tuple(urls(offer)),
    )
