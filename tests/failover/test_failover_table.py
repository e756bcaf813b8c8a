"""The fault table of the specification, row by row, for streams and single bodies, with one, two and five credentials.

Every case says: who was tried and when, what the client gets, and what is cooling afterwards (seconds from the end).
Jitter is 1 here; its range has a test of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import pytest

from cliproxy.errors import UpstreamFailure
from cliproxy.pool.verdict import usable_status
from cliproxy.settings.model import QuotaExceeded, Settings
from tests.failover.scripted import Scripted, answered, candidate, credential, route

DEFAULT = Settings()
NO_SWITCH = Settings(quota_exceeded=QuotaExceeded(switch_project=False))
NO_COOLING = Settings(disable_cooling=True)

#: Attempts of a transient failure that never ends: request-retry 3 pays for three retries, a stream's bootstrap-retries
#: for a fourth. A round ends with a backoff of 0.5, 1, 2, 4 seconds.
TRANSIENT = {
    (1, False): "A@0 A@0.5 A@1.5 A@3.5",
    (1, True): "A@0 A@0.5 A@1.5 A@3.5 A@7.5",
    (2, False): "A@0 B@0 A@0.5 B@0.5",
    (2, True): "A@0 B@0 A@0.5 B@0.5 A@1.5",
    (5, False): "A@0 B@0 C@0 D@0",
    (5, True): "A@0 B@0 C@0 D@0 E@0",
}
#: The third failure in a row cools, unless nobody else is usable.
TRANSIENT_COOLING = {(2, True): "A/m-1=5"}

ONCE = dict.fromkeys(TRANSIENT, "A@0")
EVERYBODY = {1: "A@0", 2: "A@0 B@0", 5: "A@0 B@0 C@0 D@0 E@0"}
#: 402 and 403 count as retries: three of them at most, four for a stream.
COUNTED = {**{(n, s): EVERYBODY[n] for n, s in TRANSIENT}, (5, False): "A@0 B@0 C@0 D@0"}
UNCOUNTED = {(n, s): EVERYBODY[n] for n, s in TRANSIENT}


def rounds(*times: str) -> dict[tuple[int, bool], str]:
    """Everybody is tried at each of the times."""
    return {(n, s): " ".join(f"{letter}@{time}" for time in times for letter in "ABCDE"[:n]) for n, s in TRANSIENT}


def cooled(what: str, attempts: dict[tuple[int, bool], str]) -> dict[tuple[int, bool], str]:
    """Everybody who was tried cools so: ``{}`` in ``what`` is the letter."""
    return {
        case: " ".join(what.format(letter) for letter in sorted({attempt[0] for attempt in tried.split()}))
        for case, tried in attempts.items()
    }


@attrs.frozen
class Row:
    """One row: what every attempt gets, and what is to follow."""

    name: str
    failure: Callable[[], UpstreamFailure]
    attempts: dict[tuple[int, bool], str]
    status: int
    cooling: dict[tuple[int, bool], str] = attrs.field(factory=dict)
    code: str | None = None
    retry_after: float | None = None
    body: bytes = b'{"error":"no"}'
    settings: Settings = DEFAULT


def table() -> Iterator[Row]:
    """The fault table."""
    for status in (400, 405, 409, 413, 415, 422):
        yield Row(f"{status} is the request's", lambda status=status: answered(status), ONCE, status)  # type: ignore[misc]
    for status in (402, 403):
        yield Row(
            f"{status} is the credential's, and counts",
            lambda status=status: answered(status),  # type: ignore[misc]
            COUNTED,
            502,
            cooled("{}=1800", COUNTED),
            "upstream_credentials_exhausted",
            body=b"",
        )
    yield Row(
        "401 is the credential's, and does not count",
        lambda: answered(401),
        UNCOUNTED,
        502,
        cooled("{}=1800", UNCOUNTED),
        "upstream_credentials_exhausted",
        body=b"",
    )
    yield Row(
        "404 naming the model",
        lambda: answered(404, "The model `m-1` does not exist", code="model_not_found"),
        UNCOUNTED,
        404,
        cooled("{}/m-1=600", UNCOUNTED),
        "model_not_found",
    )
    yield Row("404 of something else", lambda: answered(404, "no such previous response"), ONCE, 404)
    yield Row(
        "429 without a hint doubles, and is waited for",
        lambda: answered(429),
        rounds("0", "1", "3", "7"),
        429,
        cooled("{}/m-1=8", UNCOUNTED),
        retry_after=8,
    )
    yield Row(
        "429 with a near hint is waited for",
        lambda: answered(429, retry_after=20.0),
        rounds("0", "20", "40", "60"),
        429,
        cooled("{}/m-1=20", UNCOUNTED),
        retry_after=20,
    )
    yield Row(
        "429 with a far hint is told",
        lambda: answered(429, retry_after=60.5),
        UNCOUNTED,
        429,
        cooled("{}/m-1=60.5", UNCOUNTED),
        retry_after=61,
    )
    yield Row(
        "429 with a hint of days is trusted for ten minutes",
        lambda: answered(429, retry_after=6 * 86_400.0),
        UNCOUNTED,
        429,
        cooled("{}/m-1=600", UNCOUNTED),
        retry_after=600,
    )
    yield Row(
        "429 with switch-project false is answered",
        lambda: answered(429, retry_after=20.0),
        ONCE,
        429,
        dict.fromkeys(TRANSIENT, "A/m-1=20"),
        retry_after=20,
        settings=NO_SWITCH,
    )
    yield Row(
        "429 with switch-project false and no hint is answered",
        lambda: answered(429),
        ONCE,
        429,
        dict.fromkeys(TRANSIENT, "A/m-1=1"),
        retry_after=1,
        settings=NO_SWITCH,
    )
    for status in (408, 500, 502, 503, 504, 529):
        yield Row(
            f"{status} is transient",
            lambda status=status: answered(status),  # type: ignore[misc]
            TRANSIENT,
            status,
            TRANSIENT_COOLING,
        )
    yield Row(
        "no whole answer: refused, DNS, TLS, reset, end or silence before any byte, a stream cut or silent",
        lambda: UpstreamFailure.transport("connection refused"),
        TRANSIENT,
        502,
        TRANSIENT_COOLING,
        body=b"",
    )
    yield Row(
        "an error's status is the wire's: always 502",
        lambda: UpstreamFailure.transport("silence", status=504),
        TRANSIENT,
        502,
        TRANSIENT_COOLING,
        body=b"",
    )
    yield Row("a redirect is no answer", lambda: answered(302), TRANSIENT, 502, TRANSIENT_COOLING, body=b"")
    yield Row("disable-cooling: 500 does not cool", lambda: answered(500), TRANSIENT, 500, settings=NO_COOLING)
    yield Row(
        "disable-cooling: 429 without a hint does not cool, and is tried again after a backoff",
        lambda: answered(429),
        rounds("0", "0.5", "1.5", "3.5"),
        429,
        retry_after=1,
        settings=NO_COOLING,
    )
    yield Row(
        "disable-cooling: a hint still cools",
        lambda: answered(429, retry_after=60.0),
        UNCOUNTED,
        429,
        cooled("{}/m-1=60", UNCOUNTED),
        retry_after=60,
        settings=NO_COOLING,
    )


TABLE = list(table())


@pytest.mark.parametrize("credentials", [1, 2, 5])
@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_fault_table(row: Row, stream: bool, credentials: int) -> None:
    """A vendor that fails every attempt in one way gets the attempts, and the client the answer, that the row says."""
    world = Scripted(settings=row.settings, always=row.failure)
    offers = route(*[candidate(credential(letter)) for letter in "ABCDE"[:credentials]])
    outcome = world.settle(world.start(world.plan(offers, stream=stream)))

    case = (credentials, stream)
    assert " ".join(f"{owner}@{time:g}" for owner, time in world.log) == row.attempts[case]
    assert isinstance(outcome, UpstreamFailure)
    assert outcome.detail.status == row.status
    assert outcome.detail.code == row.code
    assert outcome.detail.retry_after == row.retry_after
    assert outcome.body == row.body
    cooling = " ".join(f"{what}={seconds:g}" for what, seconds in world.cooling().items())
    assert cooling == row.cooling.get(case, "")
    assert not world.clock.getDelayedCalls()


@pytest.mark.parametrize("credentials", [1, 2, 5])
@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_stale_connection_is_replayed(stream: bool, credentials: int) -> None:
    """A pooled connection found dead is replayed at once on the same credential, uncounted and without blame."""
    world = Scripted(moves={"*": [lambda: UpstreamFailure.transport("dead", stale=True)]})
    plan = world.plan(route(*[candidate(credential(letter)) for letter in "ABCDE"[:credentials]]), stream=stream)
    assert world.settle(world.start(plan)) == "served by A"
    assert world.log == [("A", 0.0), ("A", 0.0)]
    assert len(plan.trace.attempts) == 1
    assert world.cooling() == {}


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_one_failure_then_success(row: Row, stream: bool) -> None:
    """After one failure the second credential serves at once, unless the row says that the client is answered."""
    world = Scripted(settings=row.settings, moves={"A": [row.failure]})
    plan = world.plan(route(candidate(credential("A")), candidate(credential("B"))), stream=stream)
    outcome = world.settle(world.start(plan))
    if row.attempts is ONCE:
        assert isinstance(outcome, UpstreamFailure)
        assert world.log == [("A", 0.0)]
    else:
        assert outcome == "served by B"
        assert world.log == [("A", 0.0), ("B", 0.0)]
        assert [attempt.status for attempt in plan.trace.attempts] == [usable_status(row.failure()), 200]
