"""The same numbers for Prometheus, under OpenTelemetry's GenAI names (docs/spec: today.md 5) and our own.

Children are bound once a group, and groups are bounded: beyond :data:`MOST_MODELS` names a model counts as ``other``.
"""

from __future__ import annotations

from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from cliproxy.ir.usage import Usage
from cliproxy.relay.record import Record
from cliproxy.usage.rows import lost, outcome, spent

MOST_MODELS: Final = 200
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


class Metrics:
    """One registry. :meth:`count` takes what became of a request."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        model = ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"]
        self._duration = Histogram(
            "gen_ai_client_operation_duration_seconds",
            "Time of an attempt's whole answer, or of its failure.",
            [*model, "error_type"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._first = Histogram(
            "gen_ai_server_time_to_first_token_seconds",
            "Time until the client had the first content.",
            model,
            buckets=_SECONDS,
            registry=registry,
        )
        self._request = Histogram(
            "gen_ai_server_request_duration_seconds",
            "Time of a client's request.",
            [*model, "error_type"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._usage = {
            member: Counter(f"gen_ai_client_inference_usage_{word}", f"{member} tokens", model, registry=registry)
            for word, member in _KINDS
        }
        self._sizes = {
            member: Histogram(
                f"gen_ai_client_inference_operation_{member}_tokens",
                f"{member} tokens of a request",
                model,
                buckets=_TOKENS,
                registry=registry,
            )
            for member in ("input", "output")
        }
        self._requests = Counter(
            "cliproxy_requests",
            "Requests, by key, dialects and status.",
            ["key", "dialect_in", "dialect_out", "status"],
            registry=registry,
        )
        self._attempts = Counter(
            "cliproxy_attempts", "Attempts, by credential and status.", ["credential", "status"], registry=registry
        )
        self._ways = Counter(
            "cliproxy_ways",
            "Requests by the way they took: straight, or through the failover loop.",
            ["way"],
            registry=registry,
        )
        self._affinity = Counter("cliproxy_affinity", "How conversations kept home.", ["result"], registry=registry)
        self._losses = Counter("cliproxy_losses", "Meanings that could not be said.", ["pair"], registry=registry)
        self._cost = Counter(
            "cliproxy_cost_usd", "US dollars, by key and outcome.", ["key", "credential", "kind"], registry=registry
        )
        self._names: set[str] = set()
        self._bound: dict[tuple[str, ...], Any] = {}

    def count(self, record: Record) -> None:
        """Take in one record."""
        group = (
            _OPERATIONS.get(record.operation, record.operation),
            _PROVIDERS.get(record.provider, record.provider or "none"),
            self._name(record.upstream_model),
        )
        error = "" if outcome(record) == "ok" else str(record.status or "cancelled")
        self._child(self._request, *group, error).observe(record.seconds)
        if record.first is not None:
            self._child(self._first, *group).observe(record.first)
        self._child(self._requests, record.client, record.dialect, record.upstream_dialect, str(record.status)).inc()
        self._child(self._affinity, record.affinity).inc()
        self._child(self._ways, "straight" if record.straight else "loop").inc()
        if record.losses:
            self._child(self._losses, f"{record.dialect}-{record.upstream_dialect}").inc(len(record.losses))
        for attempt in record.attempts:
            self._child(self._attempts, attempt.credential, str(attempt.status)).inc()
            failed = "" if attempt.status == 200 else str(attempt.status)
            self._child(self._duration, *group, failed).observe(attempt.seconds)
        self._tokens(record.usage or Usage(), group)
        for kind, usd in (("spent", spent(record)), ("lost", lost(record)), ("saved", record.cost.saved)):
            if usd:
                self._child(self._cost, record.client, record.credential, kind).inc(usd)

    def _tokens(self, usage: Usage, group: tuple[str, str, str]) -> None:
        for member, counter in self._usage.items():
            tokens = getattr(usage, member)
            if tokens:
                self._child(counter, *group).inc(tokens)
        for member, histogram in self._sizes.items():
            tokens = getattr(usage, member)
            if tokens is not None:
                self._child(histogram, *group).observe(tokens)

    def _name(self, model: str) -> str:
        if model not in self._names:
            if len(self._names) >= MOST_MODELS:
                return OTHER
            self._names.add(model)
        return model

    def _child(self, metric: Any, *labels: str) -> Any:
        key = (metric._name, *labels)
        child = self._bound.get(key)
        if child is None:
            child = self._bound[key] = metric.labels(*labels)
        return child
