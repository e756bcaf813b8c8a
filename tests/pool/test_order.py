"""What the pool looks at to take one: as little as it may, and what it would have found by looking at everybody."""

from __future__ import annotations

import math
from random import Random

import attrs
from hypothesis import given
from hypothesis import strategies as some

from cliproxy.pool.pool import Pool, State
from cliproxy.pool.selectors import FILL_FIRST, LEAST_BUSY, SOONEST_RESET, WEIGHTED
from cliproxy.pool.walk import Walk, eligible
from cliproxy.routing.route import Candidate
from tests.pool.offers import offer, verdict, walk

_STRATEGIES = (FILL_FIRST, WEIGHTED, LEAST_BUSY, SOONEST_RESET, "round-robin")


def by_looking_at_everybody(pool: Pool, asked: Walk, now: float) -> list[Candidate]:
    """The order, as its words say it: of the usable ones the best tier, sorted by strategy, home first."""
    usable = [one for one in asked.candidates if asked.may_try(one) and pool.standing(one, now).state is State.USABLE]
    if not usable:
        return []
    best = max(one.credential.priority for one in usable)
    tier = [one for one in usable if one.credential.priority == best]
    strategy = asked.settings.routing.strategy
    if strategy == WEIGHTED:
        earned = pool._turns.earned.get(asked.turn, {})
        tier.sort(key=lambda one: -(earned.get(one.key, 0) + one.credential.weight))
    elif strategy != FILL_FIRST:
        place = {one.key: at for at, one in enumerate(asked.candidates)}
        after = place.get(pool._turns.last.get(asked.turn, ("", "", "")), -1) + 1
        tier.sort(key=lambda one: (place[one.key] - after) % len(place))
        if strategy == LEAST_BUSY:
            tier.sort(key=lambda one: pool.in_flight(one.credential.id))
        elif strategy == SOONEST_RESET:
            tier.sort(key=lambda one: pool.resets_at(one, now))
    home = pool._home(asked, now)
    if home is not None:
        tier.sort(key=lambda one: (one.key != home.home, one.key != home.away))
    return tier


@given(some.integers(0, 1 << 32), some.sampled_from(_STRATEGIES))
def test_the_order_is_that_of_a_look_at_everybody(seed: int, strategy: str) -> None:
    random, pool, now = Random(seed), Pool(), 0.0
    offers = [
        offer(
            f"{at}",
            priority=random.choice((0, 0, 0, 1)),
            weight=random.choice((0, 1, 1, 5)),
            max_concurrency=random.choice((0, 0, 1, 2)),
        )
        for at in range(random.randint(1, 6))
    ]
    held = []
    for _ in range(30):
        now += random.choice((0.0, 0.4, 3.0))
        asked = walk(*offers, strategy=strategy, talk=random.choice((None, "x", "y")))
        asked = attrs.evolve(asked, candidates=eligible(offers, asked.settings))
        for _ in range(random.randint(1, 3)):
            expected = by_looking_at_everybody(pool, asked, now)
            found = list(pool.order(asked, now))
            assert not expected or found == expected
            lease = pool.pick(asked, now)
            if lease is None:
                break
            assert not expected or lease.candidate is expected[0]
            match random.randint(0, 3):
                case 0:
                    held.append(lease)
                case 1:
                    pool.fail(lease, verdict(random.choice((401, 429, 500)), random.choice((None, 2.0))), now)
                case _:
                    pool.succeed(lease, now)
        if held and random.random() < 0.5:
            pool.succeed(held.pop(random.randrange(len(held))), now)


class Looks(Pool):
    """A pool that counts at how many candidates it looks."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def usable(self, candidate: Candidate, now: float) -> bool:
        self.looks += 1
        return super().usable(candidate, now)

    def _held_against(self, candidate: Candidate):  # type: ignore[no-untyped-def]
        self.looks += 1
        return super()._held_against(candidate)

    def resets_at(self, candidate: Candidate, now: float) -> float:
        self.looks += 1
        return super().resets_at(candidate, now)


def _of(count: int) -> tuple[Candidate, ...]:
    return tuple(offer(f"{at}") for at in range(count))


def test_a_healthy_pool_of_thousands_is_not_looked_through() -> None:
    offers = _of(5000)
    for strategy in ("round-robin", FILL_FIRST, LEAST_BUSY, SOONEST_RESET):
        pool = Looks()
        for number in range(100):
            asked = walk(strategy=strategy, talk=str(number % 7))
            asked.candidates = offers
            lease = pool.pick(asked, 0.0)
            assert lease is not None
            pool.succeed(lease, 0.0)
        assert pool.looks < 2000, strategy


def _looks_of_refusals(count: int, status: int) -> int:
    """At how many candidates the pool looks while one request is refused by so many credentials."""
    pool, asked = Looks(), walk(max_retry_credentials=0, request_retry=10_000)
    asked.candidates = _of(count)
    for _ in range(count):
        lease = pool.pick(asked, 0.0)
        assert lease is not None
        asked.note(None, verdict(status))  # type: ignore[arg-type]
        pool.fail(lease, verdict(status), 0.0)
    assert len(asked.tried) == count
    return pool.looks


def test_looks_grow_with_the_refusals_and_not_with_their_square() -> None:
    for status in (401, 429, 500):
        few, many = _looks_of_refusals(100, status), _looks_of_refusals(1000, status)
        assert many < 12 * few, status


def test_a_window_that_is_not_renewed_does_not_count_as_unasked() -> None:
    offers = _of(3)
    pool = Pool()
    for _ in range(3):
        asked = walk(strategy=SOONEST_RESET)
        asked.candidates = offers
        lease = pool.pick(asked, 0.0)
        assert lease is not None
        pool.succeed(lease, 0.0)
    assert {pool.resets_at(one, 0.0) for one in offers} == {math.inf}
