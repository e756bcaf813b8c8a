"""What client keys may still use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.dialects.registry import DIALECTS
from cliproxy.errors import RequestFault
from cliproxy.settings.client_keys import Budget, ClientKey
from cliproxy.settings.model import Secret
from cliproxy.usage.allowances import Admission, Allowances, Amounts, Estimate, window

WALL = 1_770_000_000.0  # 2026-02-02 02:40:00 UTC, a Monday


def key(**limits: object) -> ClientKey:
    return ClientKey(Secret("sk-one"), name="laptop", **limits)  # type: ignore[arg-type]


def refused(
    allowances: Allowances, of: ClientKey, estimate: Estimate, now: float = 0.0, wall: float = WALL
) -> RequestFault:
    with pytest.raises(RequestFault) as caught:
        allowances.admit(of, estimate, now, wall)
    return caught.value


def test_requests_a_minute() -> None:
    """The third of two a minute is refused, with the time until the next."""
    allowances, limited = Allowances(), key(rpm=2)
    for _ in range(2):
        allowances.admit(limited, Estimate(1), 0.0, WALL).settle(1, 0.0, WALL)
    detail = refused(allowances, limited, Estimate(1)).detail
    assert (detail.status, detail.code, detail.retry_after) == (429, "rate_limit_exceeded", 30.0)
    allowances.admit(limited, Estimate(1), 30.0, WALL)


def test_tokens_are_reserved_and_settled() -> None:
    """What an estimate took too much is given back."""
    allowances, limited = Allowances(), key(tpm=1000)
    first = allowances.admit(limited, Estimate(900), 0.0, WALL)
    assert refused(allowances, limited, Estimate(500)).detail.retry_after == pytest.approx(24.0)
    first.settle(100, 0.0, WALL)
    allowances.admit(limited, Estimate(500), 0.0, WALL)


def test_requests_at_once() -> None:
    """A place is free again when its request is over."""
    allowances, limited = Allowances(), key(max_concurrency=1)
    first = allowances.admit(limited, Estimate(1), 0.0, WALL)
    assert refused(allowances, limited, Estimate(1)).detail.code == "rate_limit_exceeded"
    first.settle(1, 0.0, WALL)
    first.settle(1, 0.0, WALL)
    allowances.admit(limited, Estimate(1), 0.0, WALL)
    assert refused(allowances, limited, Estimate(1)).detail.code == "rate_limit_exceeded"


def test_a_budget_that_is_used_up_says_when_it_begins_anew() -> None:
    """Until then 429; then as before."""
    allowances, limited = Allowances(), key(budgets=(Budget(usd=1.0, per="day"),))
    allowances.admit(limited, Estimate(1, 0.1), 0.0, WALL).settle(1, 1.0, WALL)
    detail = refused(allowances, limited, Estimate(1, 0.1)).detail
    assert (detail.status, detail.code) == (429, "budget_exceeded")
    assert detail.retry_after == window("day", WALL)[1] - WALL
    allowances.admit(limited, Estimate(1, 0.1), 0.0, WALL + 86400)


def test_a_request_alone_may_be_larger_than_its_budget() -> None:
    """Nobody is shut out by an estimate, as long as something is left."""
    allowances, limited = Allowances(), key(budgets=(Budget(tokens=10),))
    allowances.admit(limited, Estimate(5000), 0.0, WALL)
    assert refused(allowances, limited, Estimate(1)).detail.code == "budget_exceeded"


@given(st.lists(st.tuples(st.floats(0.001, 0.5), st.floats(0.0, 1.0)), min_size=1, max_size=60), st.randoms())
def test_a_budget_is_never_exceeded_by_more_than_one_estimate(asked: list[tuple[float, float]], order: object) -> None:
    """However many are under way, in whatever order they end, when estimates are not too small."""
    allowances, limited = Allowances(), key(budgets=(Budget(usd=1.0, per="total"),))
    open_: list[tuple[Admission, float]] = []
    spent = 0.0
    for estimate, share in asked:
        try:
            open_.append((allowances.admit(limited, Estimate(1, estimate), 0.0, WALL), estimate * share))
        except RequestFault:
            if open_:
                admission, usd = open_.pop(order.randrange(len(open_)))  # type: ignore[attr-defined]
                admission.settle(1, usd, WALL)
                spent += usd
    spent += sum(usd for _, usd in open_)
    assert spent <= 1.0 + max(estimate for estimate, _ in asked) + 1e-9


@pytest.mark.parametrize(
    ("per", "begin", "end"),
    [
        ("minute", WALL, WALL + 60),
        ("hour", WALL - 2400, WALL + 1200),
        ("day", 1769990400.0, 1770076800.0),
        ("week", 1769990400.0, 1770595200.0),
        ("month", 1769904000.0, 1772323200.0),
    ],
)
def test_windows_are_the_calendars(per: str, begin: float, end: float) -> None:
    """In UTC; a week begins on Monday."""
    assert window(per, WALL) == (begin, end)


def test_the_limits_in_each_vendors_spelling() -> None:
    """OpenAI's and Anthropic's clients read the same numbers."""
    allowances, limited = Allowances(), key(rpm=10, tpm=1000, budgets=(Budget(usd=1.0, per="day"),))
    admission = allowances.admit(limited, Estimate(100), 0.0, WALL)
    admission.settle(60, 0.9, WALL)
    openai = dict(admission.headers(DIALECTS["openai"], 0.0))
    assert openai["x-ratelimit-limit-requests"] == "10"
    assert openai["x-ratelimit-remaining-requests"] == "9"
    assert openai["x-ratelimit-remaining-tokens"] == "940"
    assert openai["X-Cliproxy-Budget"] == "90% of 1 usd per day"
    claude = dict(admission.headers(DIALECTS["claude"], 0.0))
    assert claude["anthropic-ratelimit-tokens-remaining"] == "940"
    assert claude["anthropic-ratelimit-requests-reset"] == "2026-02-02T02:40:06Z"


def test_an_earlier_life_counts() -> None:
    """What was used before a restart is used."""
    allowances, limited = Allowances(), key(budgets=(Budget(usd=1.0, per="day"),))
    allowances.restore([limited], "day", {"laptop": Amounts(1.0, 5.0, 2.0)}, WALL)
    assert refused(allowances, limited, Estimate(1)).detail.code == "budget_exceeded"
