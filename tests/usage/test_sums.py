"""Sums that are kept by the hour, the day and the key say what adding up all requests says."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cliproxy.ir.usage import Usage
from cliproxy.pool.trace import Attempt
from cliproxy.relay.record import Record
from cliproxy.routing.prices import Cost
from cliproxy.usage import queries
from cliproxy.usage.database import prepare
from cliproxy.usage.ledger import Ledger, summed
from cliproxy.usage.metrics import Metrics
from cliproxy.usage.rows import DAY, HOUR

NOW = 1_770_000_000
RECORDS = st.builds(
    lambda ago, key, model, tokens, status, usd, tries: Record(
        id="r",
        status=status,
        seconds=1.0,
        client=key,
        upstream_model=model,
        credential=f"c-{key}",
        provider="chat",
        usage=None if tokens is None else Usage(input=tokens, output=1),
        attempts=[Attempt("c", "c:1", "chat", model, status, "", 0.5)] * tries,
        time=float(NOW - ago),
        cost=Cost(usd=usd, source="computed"),
    ),
    st.integers(0, 9 * DAY),
    st.sampled_from(["laptop", "ci"]),
    st.sampled_from(["a", "b"]),
    st.none() | st.integers(0, 10**6),
    st.sampled_from([200, 500]),
    st.sampled_from([0.0, 0.25, 1.5]),
    st.integers(0, 3),
)


def kept(records: list[Record]) -> sqlite3.Cursor:
    """A ledger's tables, with the records in them."""
    connection = sqlite3.connect(":memory:")
    prepare(connection)
    ledger = Ledger("file", None, lambda: float(NOW))
    for begin in range(0, len(records), 3):
        ledger._write(records[begin : begin + 3], None, connection.cursor())
    return connection.cursor()


@given(st.lists(RECORDS, max_size=12), st.integers(0, 10 * DAY), st.sampled_from(sorted(queries.GROUPS)))
def test_every_summary_is_right(records: list[Record], ago: int, by: str) -> None:
    """Whatever it is since, and by whatever it is."""
    cursor, since = kept(records), NOW - ago
    found = queries.summary(cursor, by, since)
    counted = [record for record in records if record.time >= since // HOUR * HOUR]
    assert found["total"]["requests"] == len(counted) == sum(group["requests"] for group in found["groups"])
    assert found["total"]["failed"] == sum(record.status == 500 for record in counted)
    assert found["total"]["input"] == sum((record.usage.input or 0) for record in counted if record.usage is not None)
    assert found["total"]["cost_usd"] == sum(record.cost.usd for record in counted)
    names = {"key": "client", "model": "upstream_model"}
    if by in names:
        wanted = Counter(getattr(record, names[by]) for record in counted)
        assert {group["name"]: group["requests"] for group in found["groups"]} == wanted
    used = summed(cursor, since, frozenset({"ci"}))
    mine = [record for record in counted if record.client == "ci"]
    assert (used["ci"].requests if used else 0) == len(mine)
    one = queries.summary(cursor, by, since, "ci")["total"]
    assert one["requests"] == len(mine)


@given(st.lists(RECORDS, max_size=12))
def test_attempts_and_metrics_agree(records: list[Record]) -> None:
    """Attempts are all there, those that their request's row says too; and Prometheus is told the same."""
    cursor = kept(records)
    cursor.execute("SELECT count(*), sum(status = 200) FROM attempts")
    tries = [attempt for record in records for attempt in record.attempts]
    assert cursor.fetchone()[0] == len(tries)
    rows: list[dict[str, Any]] = queries.recent(cursor, 100)
    assert sum(row["attempts"] for row in rows) == len(tries)
    metrics = Metrics()
    metrics.count(records[:5])
    metrics.count(records[5:])

    def told(name: str) -> float:
        families = [family for family in metrics.registry.collect() if name.startswith(family.name)]
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    assert told("cliproxy_requests_total") == len(records)
    assert told("cliproxy_attempts_total") == len(tries)
    assert told("gen_ai_client_operation_duration_seconds_count") == len(tries)
    assert told("gen_ai_server_request_duration_seconds_sum") == len(records)
    given_tokens = sum((record.usage.input or 0) for record in records if record.usage is not None)
    assert told("gen_ai_client_inference_usage_input_tokens_total") == given_tokens
    assert told("gen_ai_client_inference_operation_input_tokens_sum") == given_tokens
    assert told("cliproxy_cost_usd_total") >= sum(record.cost.usd for record in records)


def test_names_are_bounded() -> None:
    """A client that asks for ever new models does not fill the memory, and nothing is left out of the sums."""
    metrics = Metrics()
    metrics.count([Record(id="", status=200, seconds=0.1, upstream_model=f"m-{number}") for number in range(1000)])
    families = {family.name: family for family in metrics.registry.collect()}
    samples = families["gen_ai_server_request_duration_seconds"].samples
    models = {sample.labels["gen_ai_request_model"] for sample in samples}
    assert len(models) == 201 and "other" in models
    assert sum(sample.value for sample in samples if sample.name.endswith("_count")) == 1000
