"""What is the case now, for Prometheus: beside the sums of what was (:mod:`cliproxy.usage.metrics`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cliproxy.front.routes import Front
from cliproxy.management.accounts import quota_states
from cliproxy.management.numbers import cooling_states
from cliproxy.pool.pool import Pool
from cliproxy.usage.ledger import Ledger


@attrs.define(eq=False)
class Gauges(Collector):
    """Read when Prometheus asks."""

    front: Front
    pool: Pool
    ledger: Ledger

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        relay = self.front.relay
        yield GaugeMetricFamily("cliproxy_in_flight", "Requests under way.", value=relay.open)
        yield GaugeMetricFamily(
            "cliproxy_queue_depth", "Requests that wait for a credential.", value=relay.failover.waiting
        )
        yield CounterMetricFamily(
            "cliproxy_ledger_dropped", "Records that could not be kept.", value=self.ledger.dropped
        )
        labels = {credential.id: credential.label for credential in self.front.snapshot.credentials}
        yield self._cooling(labels)
        yield self._quotas(labels)

    def _cooling(self, labels: dict[str, str]) -> Metric:
        family = GaugeMetricFamily("cliproxy_cooldowns", "Cool-downs in force.", labels=("credential", "reason"))
        counts: dict[tuple[str, str], int] = {}
        for id, found in cooling_states(self.pool, 0.0).items():
            for each in found:
                key = (labels.get(id, id), str(each["reason"]))
                counts[key] = counts.get(key, 0) + 1
        for key, count in counts.items():
            family.add_metric(key, count)
        return family

    def _quotas(self, labels: dict[str, str]) -> Metric:
        text = "What is left of a vendor's window, from 0 to 1."
        family = GaugeMetricFamily("cliproxy_quota_remaining_ratio", text, labels=("credential", "window"))
        left: dict[tuple[str, str], float] = {}
        for id, found in quota_states(self.pool, 0.0, self.front.relay.seconds()).items():
            for each in found:
                if each["left"] is not None:
                    key = (labels.get(id, id), str(each["window"]))
                    left[key] = min(left.get(key, 1.0), each["left"])
        for key, share in left.items():
            family.add_metric(key, share)
        return family
