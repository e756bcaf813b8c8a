"""The last hour by the minute: sums that lose nothing, percentiles that are near, and a size that does not grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.ir.usage import Usage
from cliproxy.pool.trace import Attempt
from cliproxy.relay.record import Record
from cliproxy.routing.prices import Cost
from cliproxy.usage.minutes import KEPT, Minutes, Times

ATTEMPT = Attempt("c", "c", "p", "m", 200, "", 0.1)


def record(time: float, **more: object) -> Record:
    found = {
        "status": 200,
        "attempts": (ATTEMPT,),
        "usage": Usage(input=10, cached=4, output=3),
        "cost": Cost(0.5),
        **more,
    }
    return Record(id="r", seconds=2.0, time=time, **found)  # type: ignore[arg-type]


@given(st.lists(st.floats(0.006, 400), min_size=1, max_size=200), st.sampled_from([0.5, 0.95]))
def test_percentiles_are_near(seconds: list[float], share: float) -> None:
    """Within a tenth of what sorting would give."""
    times = Times()
    for each in seconds:
        times.add(each)
    exact = sorted(seconds)[max(1, -(-len(seconds) * int(share * 100) // 100)) - 1]
    assert times.percentile(share) == pytest.approx(exact * 1000, rel=0.1, abs=0.1)


def test_nothing_has_no_percentile() -> None:
    """None, and not 0."""
    assert Times().percentile(0.5) is None


@pytest.mark.parametrize(
    ("more", "counted"),
    [
        ({}, "ok"),
        ({"attempts": (ATTEMPT, ATTEMPT)}, "over"),
        ({"status": 503}, "failed"),
        ({"failure": "cut"}, "failed"),
        ({"cancelled": True}, "left"),
        ({"status": 0}, "left"),
    ],
)
def test_outcomes(more: dict[str, object], counted: str) -> None:
    """Each request counts once, under how it ended."""
    minutes = Minutes(lambda: 600.0)
    minutes.count(record(600.0, **more))
    (told,) = minutes.told()
    assert {name: told[name] for name in ("ok", "over", "failed", "left")} == {
        name: int(name == counted) for name in ("ok", "over", "failed", "left")
    }
    assert (told["input"], told["cached"], told["output"], told["usd"]) == (10, 4, 3, 0.5)


def test_the_last_hour() -> None:
    """Sixty minutes and no more; those that began before ``since`` are left out."""
    minutes = Minutes(lambda: 60.0 * 200 + 59)
    for minute in range(201):
        minutes.count(record(60.0 * minute + 5))
    assert [told["start"] for told in minutes.told()] == [60 * minute for minute in range(201 - KEPT, 201)]
    assert len(minutes.told(since=60 * 199)) == 2
    minutes.now = lambda: 60.0 * 300
    assert minutes.told() == []
