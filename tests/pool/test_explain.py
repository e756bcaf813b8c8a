"""Why a name is served by whom."""

from __future__ import annotations

import copy

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.pool.explain import Row, explain
from cliproxy.pool.pool import Pool
from cliproxy.routing.route import Candidate
from cliproxy.settings.model import Routing, Settings
from tests.pool.offers import offer, verdict, walk


def label(row: Row) -> str:
    """Whose candidate it is."""
    return row.candidate.credential.label


class Explained(SynchronousTestCase):
    """The rows say what the next request would meet."""

    def setUp(self) -> None:
        self.pool = Pool()

    def rows(self, *offers: Candidate, strategy: str = "round-robin", now: float = 0.0) -> list[Row]:
        """The explanation of a route over ``offers``."""
        settings = Settings(routing=Routing(strategy))
        return explain("m", offers, settings, self.pool, now)

    def fail(self, one: Candidate, status: int, hint: float | None = None) -> None:
        """``one`` fails at time 0."""
        lease = self.pool.pick(walk(one), 0.0)
        assert lease is not None
        self.pool.fail(lease, verdict(status, hint), 0.0)

    def test_order_and_reasons(self) -> None:
        """First those that would be tried, by tier and turn; then the others, each with its reason and its end."""
        full = offer("F", max_concurrency=1)
        self.pool.pick(walk(full), 0.0)
        self.fail(offer("Q"), 429, 90.0)
        self.fail(offer("K"), 401)
        self.fail(offer("H", priority=1), 429, 10.0)
        rows = self.rows(offer("Q"), offer("A"), full, offer("K"), offer("H", priority=1), now=20.0)
        told = [(label(row), row.place, row.candidate.credential.priority, row.state, row.due) for row in rows]
        self.assertEqual(
            told,
            [
                ("H", 1, 1, "half-open", 0.0),
                ("A", 2, 0, "usable", None),
                ("Q", None, 0, "cooling", 70.0),
                ("F", None, 0, "busy", None),
                ("K", None, 0, "cooling", 1780.0),
            ],
        )
        self.assertEqual(rows[2].why, "cooled for quota (429)")
        self.assertEqual(rows[4].why, "cooled for credential (401)")
        self.assertIn("max-concurrency", rows[3].why)

    def test_agrees_with_the_pool(self) -> None:
        """The first row is whom the next request gets, under every strategy and after every request."""
        offers = [offer("A", weight=2), offer("B"), offer("C", priority=0)]
        for strategy in ("round-robin", "fill-first", "weighted-round-robin", "least-busy", "soonest-reset"):
            for _ in range(5):
                first = self.rows(*offers, strategy=strategy)[0].candidate.credential.id
                lease = self.pool.pick(walk(*offers, strategy=strategy), 0.0)
                assert lease is not None
                self.assertEqual(lease.candidate.credential.id, first)

    def test_looking_changes_nothing(self) -> None:
        """Explaining takes no turn, no lease and no probe."""
        self.fail(offer("A"), 429, 0.5)
        before = copy.deepcopy(dict(self.pool.cooldowns()))
        first = self.rows(offer("A"), offer("B"), now=9.0)
        self.assertEqual(self.rows(offer("A"), offer("B"), now=9.0), first)
        self.assertEqual(dict(self.pool.cooldowns()), before)

    def test_two_suffixes_of_one_model_are_two_candidates(self) -> None:
        """``m(high)`` and ``m(low)`` under one alias each have a row, and are cooled together."""
        both = offer("A", suffix="high"), offer("A", suffix="low")
        self.assertEqual([(row.candidate.suffix, row.place) for row in self.rows(*both)], [("high", 1), ("low", 2)])
        self.fail(both[0], 429, 60.0)
        self.assertEqual({row.state for row in self.rows(*both)}, {"cooling"})

    def test_weight_zero(self) -> None:
        """A credential without weight is told to be out."""
        rows = self.rows(offer("A", weight=0), offer("B"), strategy="weighted-round-robin")
        self.assertEqual([(label(row), row.state) for row in rows], [("B", "usable"), ("A", "excluded")])
