"""What counting costs a request, on and off in one run; and how long questions take over a million requests."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench.figures import Figure
from cliproxy.ir.usage import Usage
from cliproxy.management.recent import recent_requests, recent_sums
from cliproxy.pool.trace import Attempt
from cliproxy.relay.record import Record
from cliproxy.routing.prices import Cost
from cliproxy.usage import queries
from cliproxy.usage.database import prepare
from cliproxy.usage.ledger import BATCH, Ledger
from cliproxy.usage.metrics import Metrics
from cliproxy.usage.minutes import Minutes

#: Microseconds that counting a request takes from the thread that serves.
COUNTED_US = 10.0
#: Milliseconds for the answer of any question.
ANSWERED_MS = 500.0
_BEGIN = 1_770_000_000.0
_DAYS = 90


def _record(number: int, step: float = 0.01) -> Record:
    credential, model = f"credential-{number % 7}", f"model-{number % 5}"
    tries = [Attempt(credential, f"id:{number % 7}", "claude", model, 200, "answered", 0.4)]
    if number % 20 == 0:
        tries.insert(0, Attempt("other", "id:x", "claude", model, 503, "overloaded", 0.2))
    return Record(
        id=f"{number:08x}",
        status=200,
        seconds=1.2,
        peer="127.0.0.1",
        client=("laptop", "ci", "phone")[number % 3],
        dialect="claude",
        model=model,
        upstream_model=model,
        credential=credential,
        credential_id=f"id:{number % 7}",
        provider="claude",
        stream=True,
        first=0.4,
        usage=Usage(input=1200, output=330, cached=400),
        attempts=tries,
        affinity="hit",
        time=_BEGIN - _DAYS * 86400 + number * step,
        operation="generate",
        upstream_dialect="claude",
        cost=Cost(usd=0.01, source="computed"),
    )


class _NoFile(Ledger):
    """Writes nothing: what is left is the serving thread's part."""

    def interact(self, work: Callable[[Any], Any]) -> Any:
        from twisted.internet.defer import succeed

        return succeed(None)


def figures(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Both."""
    yield from _counting(20_000 if quick else 100_000)
    folder.mkdir(parents=True, exist_ok=True)
    yield from _asking(folder / "usage.db", 100_000 if quick else 1_000_000)


def _counting(count: int) -> Iterator[Figure]:
    from twisted.internet.task import Clock

    records = [_record(number) for number in range(count)]
    ledger, metrics, minutes = _NoFile("none", Clock(), lambda: _BEGIN), Metrics(), Minutes(lambda: _BEGIN)
    ledger.counted = metrics.count

    def on() -> None:
        for record in records:
            ledger.add(record)
            minutes.count(record)
        ledger.flush()

    def off() -> None:
        for _ in records:
            pass

    spent = [_cpu(work) / count * 1e6 for work in (off, on)]
    yield Figure("counting a request: ledger, metrics, minutes", spent[1] - spent[0], "us", most=COUNTED_US)
    connection = sqlite3.connect(":memory:")
    prepare(connection)

    def write() -> None:
        for begin in range(0, count, BATCH):
            ledger._write(records[begin : begin + BATCH], None, connection.cursor())

    yield Figure("writing it, in a thread of its own", _cpu(write) / count * 1e6, "us")


def _asking(path: Path, count: int) -> Iterator[Figure]:
    connection = sqlite3.connect(path)
    prepare(connection)
    ledger = Ledger("file", None, lambda: _BEGIN)
    step = _DAYS * 86400 / count
    for begin in range(0, count, 5000):
        with connection:
            ledger._write([_record(number, step) for number in range(begin, begin + 5000)], None, connection.cursor())
    questions: dict[str, Callable[[Any], Any]] = {
        f"usage by {by}, {_DAYS} days": partial(queries.summary, by=by, since=0.0) for by in queries.GROUPS
    }
    questions["the newest 1000 requests"] = partial(queries.recent, limit=1000)
    questions["all usage in the original's shape"] = queries.snapshot
    questions["how each credential's last requests went"] = partial(recent_requests, now=_BEGIN)
    questions["how each credential's requests went"] = recent_sums
    for name, question in questions.items():
        began = time.perf_counter()
        question(connection.cursor())
        taken = (time.perf_counter() - began) * 1e3
        yield Figure(f"{name}, of {count}", taken, "ms", most=ANSWERED_MS)


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
