"""What client keys may still use: reserved by estimate before a request is sent, settled by its counts after. Pure.

A request that is alone is let in while anything of a budget is left, so that a budget is never exceeded by more than one
request's estimate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from cliproxy.dialects.interface import Dialect
from cliproxy.dialects.limits import Limit
from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.settings.client_keys import Budget, ClientKey

#: How soon to ask again when only what others have reserved is in the way, in seconds.
_SOON: Final = 1.0
_DAY: Final = timedelta(days=1)


def window(per: str, wall: float) -> tuple[float, float]:
    """The begin and end, in Unix seconds, of the window around ``wall``; a total has neither an end nor a begin."""
    now = datetime.fromtimestamp(wall, UTC)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "total":
        return 0.0, float("inf")
    if per == "minute":
        begin, end = wall // 60 * 60, wall // 60 * 60 + 60
        return begin, end
    if per == "hour":
        return wall // 3600 * 3600, wall // 3600 * 3600 + 3600
    if per == "week":
        monday = day - _DAY * day.weekday()
        return monday.timestamp(), (monday + _DAY * 7).timestamp()
    if per == "month":
        first = day.replace(day=1)
        return first.timestamp(), (first + _DAY * 32).replace(day=1).timestamp()
    return day.timestamp(), (day + _DAY).timestamp()


@attrs.frozen
class Estimate:
    """What a request may come to."""

    tokens: int
    usd: float = 0.0


@attrs.define
class Amounts:
    """What is budgeted."""

    usd: float = 0.0
    tokens: float = 0.0
    requests: float = 0.0

    def add(self, usd: float, tokens: float, requests: float = 1.0) -> None:
        """Add to all."""
        self.usd += usd
        self.tokens += tokens
        self.requests += requests

    def of(self, measure: str) -> float:
        """One of them, by name."""
        return {"usd": self.usd, "tokens": self.tokens, "requests": self.requests}[measure]


@attrs.define
class _Bucket:
    """So many a minute, filled steadily."""

    limit: int
    left: float
    at: float

    def fill(self, limit: int, now: float) -> None:
        """Up to ``now``; a limit that was changed counts at once."""
        if limit != self.limit:
            self.left, self.limit = self.left + limit - self.limit, limit
        self.left = min(float(limit), self.left + (now - self.at) * limit / 60)
        self.at = now

    def wait(self, wanted: float) -> float:
        """Seconds until so many are there."""
        return max(0.0, (min(wanted, float(self.limit)) - self.left) * 60 / self.limit)

    def full_in(self) -> float:
        """Seconds until it is full."""
        return max(0.0, (self.limit - self.left) * 60 / self.limit)


@attrs.define
class _Account:
    """One key's: what is used in each window, what is reserved, what is under way."""

    in_flight: int = 0
    reserved: Amounts = attrs.field(factory=Amounts)
    used: dict[str, tuple[float, Amounts]] = attrs.field(factory=dict)
    requests: _Bucket | None = None
    tokens: _Bucket | None = None

    def spent(self, per: str, wall: float) -> Amounts:
        """What is used in the present window."""
        begin = window(per, wall)[0]
        known = self.used.get(per)
        if known is None or known[0] != begin:
            known = self.used[per] = (begin, Amounts())
        return known[1]


class Admission:
    """A request that was let in. :meth:`settle` it once, whatever became of it."""

    def __init__(self, key: ClientKey, account: _Account, estimate: Estimate, wall: float) -> None:
        self._key = key
        self._account = account
        self._estimate = estimate
        self._wall = wall
        self._settled = False
        account.in_flight += 1
        account.reserved.add(estimate.usd, estimate.tokens)

    def settle(self, tokens: int, usd: float, wall: float) -> None:
        """What it came to."""
        if self._settled:
            return
        self._settled = True
        account, estimate = self._account, self._estimate
        account.in_flight -= 1
        account.reserved.add(-estimate.usd, -estimate.tokens, -1)
        if not account.in_flight:
            account.reserved = Amounts()  # no rounding error outlives the requests it came from
        for per in {budget.per for budget in self._key.budgets}:
            account.spent(per, wall).add(usd, tokens)
        if account.tokens is not None:
            account.tokens.left += estimate.tokens - tokens

    def headers(self, dialect: Dialect, now: float) -> list[tuple[str, str]]:
        """The limits as ``dialect``'s vendor spells them, and the budgets that are nearly used up.

        :param now: the monotonic time of :meth:`Allowances.admit`.
        """
        return _headers(self._key, self._account, dialect, now, self._wall)


class Allowances:
    """All keys'."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def admit(self, key: ClientKey, estimate: Estimate, now: float, wall: float) -> Admission:
        """Let a request in and reserve what it may come to.

        :param now: monotonic seconds; ``wall`` is Unix time.
        :raises RequestFault: 429 with a code that says which limit it is.
        """
        account = self._accounts.setdefault(key.sha256, _Account())
        if key.max_concurrency and account.in_flight >= key.max_concurrency:
            raise _limited(key, f"{key.max_concurrency} requests at once", _SOON)
        _check_rates(key, account, estimate, now)
        for budget in key.budgets:
            _check_budget(key, account, budget, estimate, wall)
        if account.requests is not None:
            account.requests.left -= 1
        if account.tokens is not None:
            account.tokens.left -= estimate.tokens
        return Admission(key, account, estimate, wall)

    def restore(self, keys: Iterable[ClientKey], per: str, used: Mapping[str, Amounts], wall: float) -> None:
        """Give the keys what an earlier life used in the present window, by label."""
        for key in keys:
            if key.label in used and any(budget.per == per for budget in key.budgets):
                before = used[key.label]
                account = self._accounts.setdefault(key.sha256, _Account())
                account.spent(per, wall).add(before.usd, before.tokens, before.requests)

    def headers(self, key: ClientKey, dialect: Dialect, now: float, wall: float) -> list[tuple[str, str]]:
        """:meth:`Admission.headers`, of a request that was not let in."""
        return _headers(key, self._accounts.setdefault(key.sha256, _Account()), dialect, now, wall)

    def state(self, key: ClientKey, wall: float) -> list[dict[str, object]]:
        """Each budget of ``key``: limit, used, reserved, and when it begins anew."""
        account = self._accounts.get(key.sha256, _Account())
        return [
            {
                "measure": budget.measure,
                "per": budget.per,
                "limit": budget.limit,
                "used": account.spent(budget.per, wall).of(budget.measure),
                "reserved": account.reserved.of(budget.measure),
                "resets": None if budget.per == "total" else int(window(budget.per, wall)[1]),
            }
            for budget in key.budgets
        ]

    def in_flight(self, key: ClientKey) -> int:
        """Requests under way."""
        account = self._accounts.get(key.sha256)
        return 0 if account is None else account.in_flight


def _check_rates(key: ClientKey, account: _Account, estimate: Estimate, now: float) -> None:
    account.requests = _bucket(account.requests, key.rpm, now)
    account.tokens = _bucket(account.tokens, key.tpm, now)
    if account.requests is not None and account.requests.wait(1):
        raise _limited(key, f"{key.rpm} requests a minute", account.requests.wait(1))
    if account.tokens is not None and account.tokens.wait(estimate.tokens):
        raise _limited(key, f"{key.tpm} tokens a minute", account.tokens.wait(estimate.tokens))


def _bucket(bucket: _Bucket | None, limit: int, now: float) -> _Bucket | None:
    if not limit:
        return None
    if bucket is None:
        return _Bucket(limit, float(limit), now)
    bucket.fill(limit, now)
    return bucket


def _check_budget(key: ClientKey, account: _Account, budget: Budget, estimate: Estimate, wall: float) -> None:
    measure, limit = budget.measure, budget.limit
    used, reserved = account.spent(budget.per, wall).of(measure), account.reserved.of(measure)
    wanted = {"usd": estimate.usd, "tokens": float(estimate.tokens), "requests": 1.0}[measure]
    if used < limit and (used + reserved + wanted <= limit or not account.in_flight):
        return
    crowded = used < limit
    end = window(budget.per, wall)[1]
    wait = _SOON if crowded else end - wall if end != float("inf") else _DAY.total_seconds()
    why = "is reserved by requests under way" if crowded else "is used up"
    sentence = f"the budget of the API key {key.label}, {budget.limit:g} {measure} per {budget.per}, {why}"
    raise RequestFault(ErrorDetail(429, sentence, code="budget_exceeded", retry_after=wait))


def _limited(key: ClientKey, limit: str, wait: float) -> RequestFault:
    sentence = f"the API key {key.label} is limited to {limit}"
    return RequestFault(ErrorDetail(429, sentence, code="rate_limit_exceeded", retry_after=wait))


def _headers(key: ClientKey, account: _Account, dialect: Dialect, now: float, wall: float) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for word, bucket, limit in (("requests", account.requests, key.rpm), ("tokens", account.tokens, key.tpm)):
        if bucket is not None and limit:
            bucket.fill(limit, now)
            reset = bucket.full_in()
            found += dialect.limit_headers(Limit(word, bucket.limit, max(0, int(bucket.left)), reset, wall + reset))
    return found + _warnings(key, account, wall)


def _warnings(key: ClientKey, account: _Account, wall: float) -> list[tuple[str, str]]:
    near = []
    for budget in key.budgets:
        used = account.spent(budget.per, wall).of(budget.measure)
        if budget.limit and used >= budget.soft * budget.limit:
            near.append(f"{used / budget.limit:.0%} of {budget.limit:g} {budget.measure} per {budget.per}")
    return [("X-Cliproxy-Budget", ", ".join(near))] if near else []
