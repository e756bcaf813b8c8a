"""What the client is told when a walk has ended without an answer. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.pool.pool import Availability, Pool, State
from cliproxy.pool.verdict import Fault, usable_status
from cliproxy.pool.walk import Failed, Walk

EXHAUSTED = "upstream_credentials_exhausted"
COOLING = "model_cooldown"
CROWDED = "too_many_waiting"


def ending(walk: Walk, pool: Pool, now: float, *, crowded: bool = False) -> UpstreamFailure:
    """The failure to answer with: the last upstream answer; for refused credentials, whatever stood behind them, a 502,
    since the client's own key was fine; a 429 with Retry-After when all are cooling.

    :param crowded: the walk was turned away from a full waiting line.
    """
    due = _due(walk, pool, now)
    if walk.over:
        return _last_word(walk.failed[-1], due)
    for failed in reversed(walk.failed):
        if failed.verdict.fault is not Fault.CREDENTIAL:
            return _last_word(failed, due)
    if walk.failed:
        return _exhausted(walk.name, walk.failed[-1].verdict.status)
    if crowded:
        return _made(503, CROWDED, f"too many requests are waiting for model {walk.name}", 1.0)
    return _unserved(walk, [pool.standing_for(walk, candidate, now) for candidate in walk.candidates], due)


def _due(walk: Walk, pool: Pool, now: float) -> float | None:
    """Seconds until the nearest cool-down of the route ends; None when somebody is not cooling."""
    ends: list[float] = []
    for candidate in walk.candidates:
        standing = pool.standing_for(walk, candidate, now)
        if standing.state is not State.COOLING or standing.until is None:
            return None
        ends.append(standing.until - now)
    return max(min(ends), 0.0) if ends else None


def _last_word(failed: Failed, due: float | None) -> UpstreamFailure:
    """The upstream's own answer. A 429 gets a Retry-After: our next probe's when all are cooling, else the vendor's."""
    failure, verdict = failed.failure, failed.verdict
    status = usable_status(failure)
    detail = failure.detail
    if status == 429:
        hints = (detail.retry_after, due) if verdict.at_once or due is None else (due,)
        detail = attrs.evolve(detail, retry_after=whole_seconds(next((s for s in hints if s is not None), 1.0)))
    if status == failure.detail.status:
        return failure.with_detail(detail)
    return UpstreamFailure(attrs.evolve(detail, status=status), failure.kind)


def _unserved(walk: Walk, standings: Sequence[Availability], due: float | None) -> UpstreamFailure:
    """Nothing was tried."""
    cooled = [standing for standing in standings if standing.state in (State.COOLING, State.PROBED)]
    if not cooled:
        return _made(500, "auth_unavailable", "auth_unavailable: no auth available")
    if all(standing.reason is Fault.CREDENTIAL for standing in cooled):
        return _exhausted(walk.name, cooled[-1].status)
    return _made(
        429, COOLING, f"All credentials for model {walk.name} are cooling down", 1.0 if due is None else due, walk.name
    )


def _exhausted(name: str, status: int) -> UpstreamFailure:
    message = f"every upstream credential for model {name} was refused by its vendor (last status {status})"
    return _made(502, EXHAUSTED, message)


def _made(
    status: int, code: str, message: str, retry_after: float | None = None, model: str | None = None
) -> UpstreamFailure:
    """A failure of our own making. With ``model``, the members routes.md 6 gives a cool-down's error."""
    wait = None if retry_after is None else whole_seconds(retry_after)
    more: tuple[tuple[str, str | int], ...] = ()
    if model is not None and wait is not None:
        more = (("model", model), ("reset_time", go_duration(wait)), ("reset_seconds", wait))
    return UpstreamFailure(ErrorDetail(status, message, code=code, retry_after=wait, more=more))


def whole_seconds(seconds: float) -> int:
    """What a ``Retry-After`` header says: rounded up, at least 1."""
    return max(1, math.ceil(round(seconds, 6)))


def go_duration(seconds: int) -> str:
    """Whole seconds as Go writes a duration: ``1m30s``."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"
