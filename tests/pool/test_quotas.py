"""Quotas: what is believed for how long, who is taken by them, and what is kept for whom."""

from __future__ import annotations

import attrs
import pytest

from cliproxy.pool.answers import ending
from cliproxy.pool.pool import Lease, Pool, State, WaitReason
from cliproxy.pool.walk import Walk
from cliproxy.routing.quota import Window
from tests.pool.offers import offer, verdict, walk


def pick(pool: Pool, asked: Walk, now: float = 0.0) -> Lease:
    lease = pool.pick(asked, now)
    assert lease is not None
    return lease


def told(pool: Pool, letter: str, *windows: Window, model: str = "m", now: float = 0.0) -> None:
    """An answer of the credential's told of windows."""
    lease = pick(pool, walk(offer(letter, model)), now)
    pool.observe(lease, windows, now)
    pool.succeed(lease, now)


def test_the_scarcest_window_counts_until_it_is_renewed() -> None:
    pool = Pool()
    told(pool, "A", Window("requests", 0.9, 60.0), Window("5h", 0.2, 100.0, whole=True))
    assert [pool.left(offer("A"), now) for now in (0.0, 61.0, 101.0)] == [0.2, 0.2, 1.0]
    assert pool.left(offer("A", "other"), 0.0) == 0.2
    told(pool, "A", Window("requests", 0.1, 60.0))
    assert (pool.left(offer("A"), 0.0), pool.left(offer("A", "other"), 0.0), pool.left(offer("B"), 0.0)) == (
        0.1,
        0.2,
        1,
    )


def test_a_window_without_an_end_is_believed_for_a_minute() -> None:
    pool = Pool()
    told(pool, "A", Window("req-minute", 0.0, None))
    assert [pool.left(offer("A"), now) for now in (0.0, 59.0, 61.0)] == [0.0, 0.0, 1.0]
    assert pool.quotas.all(61.0) == {}


def test_most_left_takes_who_has_most_and_asks_those_that_are_not_known_in_turn() -> None:
    pool, letters = Pool(), ""
    offers = [offer(letter) for letter in "ABCD"]
    told(pool, "A", Window("5h", 0.3, 1000.0))
    told(pool, "B", Window("5h", 0.7, 50.0))
    for now in (0.0, 0.0, 0.0):
        lease = pick(pool, walk(*offers, strategy="most-left"), now)
        letters += lease.candidate.credential.id
        pool.succeed(lease, now)
    assert letters == "CDC"
    told(pool, "C", Window("5h", 0.1, 1000.0))
    told(pool, "D", Window("5h", 0.2, 1000.0))
    ordered = [candidate.credential.id for candidate in pool.order(walk(*offers, strategy="most-left"), 0.0)]
    assert ordered == ["B", "A", "D", "C"]


def test_a_429_with_a_hint_leaves_nothing_until_then() -> None:
    pool = Pool()
    pool.fail(pick(pool, walk(offer("A"), offer("B"))), verdict(429, hint=30.0), 0.0)
    assert [pool.left(offer("A"), now) for now in (0.0, 31.0)] == [0.0, 1.0]


def reserved(*letters: str, reserve: float = 0.1) -> Walk:
    asked = walk(*(offer(letter) for letter in letters))
    asked.reserve = reserve
    return asked


def test_what_is_kept_for_others_is_not_taken() -> None:
    pool = Pool()
    told(pool, "A", Window("5h", 0.05, 20.0))
    assert pick(pool, reserved("A", "B")).candidate.credential.id == "B"
    assert pool.pick(reserved("A"), 0.0) is None
    assert pick(pool, walk(offer("A"))).candidate.credential.id == "A"
    standing = pool.standing_for(reserved("A"), offer("A"), 0.0)
    assert (standing.state, standing.until) == (State.COOLING, 20.0)
    assert pick(pool, reserved("A"), 20.0).candidate.credential.id == "A"


@pytest.mark.parametrize(("resets", "hope"), [(20.0, WaitReason.RECOVERY), (4000.0, WaitReason.NONE)])
def test_who_may_not_take_it_waits_or_is_told_when(resets: float, hope: WaitReason) -> None:
    pool = Pool()
    told(pool, "A", Window("5h", 0.05, resets))
    asked = reserved("A")
    assert pool.outlook(asked, 0.0).hope is hope
    detail = ending(asked, pool, 0.0).detail
    assert (detail.status, detail.code, detail.retry_after) == (429, "model_cooldown", resets)


def test_a_reload_forgets_who_is_gone() -> None:
    pool = Pool()
    told(pool, "A", Window("5h", 0.05, 20.0))
    pool.keep(["A"])
    assert len(pool.quotas.all(0.0)) == 1
    pool.keep(["B"])
    assert pool.quotas.all(0.0) == {}


def test_windows_are_values() -> None:
    assert attrs.evolve(Window("a", 1.0, 2.0)) == Window("a", 1.0, 2.0)
