"""The same numbers for Prometheus, under OpenTelemetry's GenAI names (docs/spec: today.md 5) and our own.

Records are added up in batches, by what tells them apart; what Prometheus reads is made of the sums when it asks. Sums are
bounded: beyond :data:`MOST_MODELS` names a model counts as ``other``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

import attrs
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from cliproxy.relay.record import Record
from cliproxy.usage.rows import money, outcome

MOST_MODELS: Final = 200
#: Sums that are kept at most; what is more counts under ``other`` too.
MOST_SUMS: Final = 20_000
OTHER: Final = "other"
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = tuple(float(4**power) for power in range(14))
_OPERATIONS: Final = {"generate": "chat", "embed": "embeddings", "count": "count_tokens", "compact": "compact"}
_PROVIDERS: Final = {"claude": "anthropic", "codex": "openai", "gemini": "gcp.gemini", "vertex": "gcp.vertex_ai"}
_KINDS: Final = (
    ("input_tokens", "input"),
    ("output_tokens", "output"),
    ("cache_read_input_tokens", "cached"),
    ("cache_write_input_tokens", "cache_write"),
    ("reasoning_output_tokens", "reasoning"),
)
_MODEL: Final = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")


class _Spread:
    """How often a value fell between which bounds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, values: Sequence[float]) -> None:
        """Count each."""
        bounds, counts = self.bounds, self.counts
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        self.total += sum(values)

    def take(self, other: _Spread) -> None:
        """Count all of another one's."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total


@attrs.define
class _Sums:
    """Of the records that are alike in everything a label says.

    :ivar tokens: in the order of the kinds.
    :ivar costs: spent, lost, saved.
    """

    requests: int = 0
    straight: int = 0
    seconds: _Spread = attrs.field(factory=lambda: _Spread(_SECONDS))
    first: _Spread = attrs.field(factory=lambda: _Spread(_SECONDS))
    input: _Spread = attrs.field(factory=lambda: _Spread(_TOKENS))
    output: _Spread = attrs.field(factory=lambda: _Spread(_TOKENS))
    tokens: list[int] = attrs.field(factory=lambda: [0] * len(_KINDS))
    costs: list[float] = attrs.field(factory=lambda: [0.0] * 3)
    losses: int = 0

    def add(self, records: Sequence[Record]) -> None:
        """Count each."""
        self.requests += len(records)
        self.straight += sum([record.straight for record in records])
        self.seconds.add([record.seconds for record in records])
        self.first.add([record.first for record in records if record.first is not None])
        self.losses += sum([len(record.losses) for record in records])
        usages = [record.usage for record in records if record.usage is not None]
        given = [usage.input for usage in usages if usage.input is not None]
        output = [usage.output for usage in usages if usage.output is not None]
        self.input.add(given)
        self.output.add(output)
        tokens = self.tokens
        tokens[0] += sum(given)
        tokens[1] += sum(output)
        tokens[2] += sum([usage.cached for usage in usages if usage.cached])
        tokens[3] += sum([usage.cache_write for usage in usages if usage.cache_write])
        tokens[4] += sum([usage.reasoning for usage in usages if usage.reasoning])
        for number, usd in enumerate(zip(*map(money, records), strict=True)):
            self.costs[number] += sum(usd)


@attrs.frozen
class _Like:
    """What tells sums apart, as labels say it."""

    operation: str
    provider: str
    model: str
    error: str
    client: str
    dialect: str
    upstream: str
    status: str
    affinity: str
    credential: str

    @property
    def group(self) -> tuple[str, str, str]:
        """The labels of OpenTelemetry."""
        return self.operation, self.provider, self.model


class Metrics(Collector):
    """One registry.

    :ivar before: called before Prometheus reads, so that everything is counted.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self.before: Callable[[], object] = _nothing
        self._names: set[str] = set()
        self._sums: dict[Hashable, tuple[_Like, _Sums]] = {}
        self._attempts: dict[tuple[str, ...], _Spread] = {}

    def count(self, records: Iterable[Record]) -> None:
        """Take records in."""
        alike: dict[Hashable, list[Record]] = {}
        for record in records:
            key = (
                record.operation,
                record.provider,
                record.upstream_model,
                record.status if record.failure or record.status != 200 or record.cancelled else 0,
                record.client,
                record.dialect,
                record.upstream_dialect,
                record.affinity,
                record.credential,
            )
            found = alike.get(key)
            if found is None:
                alike[key] = [record]
            else:
                found.append(record)
        for kind, group in alike.items():
            like, sums = self._sums.get(kind) or self._new(kind, group[0])
            sums.add(group)
            self._attempted(like, group)

    def _attempted(self, like: _Like, records: Sequence[Record]) -> None:
        plain: list[float] = []
        taken = {(like.credential, 200): plain}
        for record in records:
            tries = record.attempts
            if len(tries) == 1 and tries[0].status == 200:
                plain.append(tries[0].seconds)
                continue
            for attempt in tries:
                taken.setdefault((attempt.credential, attempt.status), []).append(attempt.seconds)
        for (credential, status), seconds in taken.items():
            key = (*like.group, credential, str(status))
            if key not in self._attempts and len(self._attempts) >= MOST_SUMS:
                key = (OTHER, OTHER, OTHER, OTHER, str(status))
            if seconds:
                self._attempts.setdefault(key, _Spread(_SECONDS)).add(seconds)

    def _new(self, key: Hashable, record: Record) -> tuple[_Like, _Sums]:
        many = len(self._sums) >= MOST_SUMS
        like = _Like(
            _OPERATIONS.get(record.operation, record.operation),
            _PROVIDERS.get(record.provider, record.provider or "none"),
            OTHER if many else self._name(record.upstream_model),
            "" if outcome(record) == "ok" else str(record.status or "cancelled"),
            OTHER if many else record.client,
            record.dialect,
            record.upstream_dialect,
            str(record.status),
            record.affinity,
            OTHER if many else record.credential,
        )
        return self._sums.setdefault(like if many else key, (like, _Sums()))

    def _name(self, model: str) -> str:
        if model not in self._names:
            if len(self._names) >= MOST_MODELS:
                return OTHER
            self._names.add(model)
        return model

    # -- what Prometheus reads

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: names that collide would be ours."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        self.before()
        rows = list(self._sums.values())
        yield from self._spreads(rows)
        for number, (word, member) in enumerate(_KINDS):
            name = f"gen_ai_client_inference_usage_{word}"
            yield _counter(name, f"{member} tokens", _MODEL, ((like.group, sums.tokens[number]) for like, sums in rows))
        yield _counter(
            "cliproxy_requests",
            "Requests, by key, dialects and status.",
            ("key", "dialect_in", "dialect_out", "status"),
            (((like.client, like.dialect, like.upstream, like.status), sums.requests) for like, sums in rows),
        )
        attempts = (((*key[-2:],), sum(spread.counts)) for key, spread in self._attempts.items())
        yield _counter("cliproxy_attempts", "Attempts, by credential and status.", ("credential", "status"), attempts)
        ways = ("straight", "loop")
        gone = ((sums.straight, sums.requests - sums.straight) for _, sums in rows)
        counted = (((way,), number) for pair in gone for way, number in zip(ways, pair, strict=True))
        yield _counter("cliproxy_ways", "Which way first attempts went.", ("way",), counted)
        kept = (((like.affinity,), sums.requests) for like, sums in rows)
        yield _counter("cliproxy_affinity", "How conversations kept home.", ("result",), kept)
        lost = (((f"{like.dialect}-{like.upstream}",), sums.losses) for like, sums in rows)
        yield _counter("cliproxy_losses", "Meanings that could not be said.", ("pair",), lost)
        yield _counter(
            "cliproxy_cost_usd",
            "US dollars, by key, credential and kind.",
            ("key", "credential", "kind"),
            (
                ((like.client, like.credential, kind), usd)
                for like, sums in rows
                for kind, usd in zip(("spent", "lost", "saved"), sums.costs, strict=True)
            ),
        )

    def _spreads(self, rows: Sequence[tuple[_Like, _Sums]]) -> Iterator[Metric]:
        failing = (*_MODEL, "error_type")
        yield _histogram(
            "gen_ai_client_operation_duration_seconds",
            "Time of an attempt's whole answer, or of its failure.",
            failing,
            (((*key[:3], "" if key[4] == "200" else key[4]), spread) for key, spread in self._attempts.items()),
        )
        yield _histogram(
            "gen_ai_server_request_duration_seconds",
            "Time of a client's request.",
            failing,
            (((*like.group, like.error), sums.seconds) for like, sums in rows),
        )
        yield _histogram(
            "gen_ai_server_time_to_first_token_seconds",
            "Time until the client had the first content.",
            _MODEL,
            ((like.group, sums.first) for like, sums in rows),
        )
        for member in ("input", "output"):
            yield _histogram(
                f"gen_ai_client_inference_operation_{member}_tokens",
                f"{member} tokens of a request",
                _MODEL,
                ((like.group, getattr(sums, member)) for like, sums in rows),
            )


def _nothing() -> None:
    """Nobody has anything to count."""


def _counter(
    name: str, text: str, labels: Sequence[str], values: Iterable[tuple[tuple[str, ...], float]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    added: dict[tuple[str, ...], float] = {}
    for key, value in values:
        if value:
            added[key] = added.get(key, 0) + value
    for key, value in added.items():
        family.add_metric(key, value)
    return family


def _histogram(
    name: str, text: str, labels: Sequence[str], values: Iterable[tuple[tuple[str, ...], _Spread]]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=labels)
    added: dict[tuple[str, ...], _Spread] = {}
    for key, spread in values:
        added.setdefault(key, _Spread(spread.bounds)).take(spread)
    for key, spread in added.items():
        bounds = [*(str(bound) for bound in spread.bounds), "+Inf"]
        if any(spread.counts):
            family.add_metric(key, list(zip(bounds, accumulate(spread.counts), strict=True)), spread.total)
    return family
