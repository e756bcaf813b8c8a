"""``routing.strategy``, tiers and affinity, seen through what the pool picks."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.pool.pool import Affinity, Lease, Pool
from cliproxy.pool.walk import Walk, eligible
from cliproxy.routing.quota import Window
from cliproxy.routing.route import Candidate
from cliproxy.settings.model import Affinity as Wanted
from tests.pool.offers import offer, verdict, walk

_MISS, _HIT = Affinity.MISS, Affinity.HIT


def pick(pool: Pool, asked: Walk, now: float = 0.0) -> Lease:
    """The lease the walk gets."""
    lease = pool.pick(asked, now)
    assert lease is not None
    return lease


def served(pool: Pool, times: int, *offers: Candidate, strategy: str, hold: bool = False) -> str:
    """Who serves so many requests, one after another or (``hold``) all at once."""
    letters = ""
    for _ in range(times):
        lease = pick(pool, walk(*offers, strategy=strategy))
        letters += lease.candidate.credential.id
        if not hold:
            pool.succeed(lease, 0.0)
    return letters


class Strategies(SynchronousTestCase):
    """The orders of choice."""

    def test_round_robin(self) -> None:
        """Everyone in turn, in the route's order."""
        self.assertEqual(served(Pool(), 7, *map(offer, "ABC"), strategy="round-robin"), "ABCABCA")

    def test_round_robin_keeps_turns_a_name(self) -> None:
        """Each model name has turns of its own."""
        pool, one, two = Pool(), walk(*map(offer, "AB")), walk(*map(offer, "AB"))
        two.name = "another"
        self.assertEqual(pick(pool, one).candidate.credential.id, "A")
        self.assertEqual(pick(pool, two).candidate.credential.id, "A")

    def test_one_name_in_two_spellings(self) -> None:
        """Names are the same in any case of letters: their turns are shared, and spellings take no memory."""
        pool, one, two = Pool(), walk(*map(offer, "AB")), walk(*map(offer, "AB"))
        one.name, two.name = "Gpt", "gPT"
        self.assertEqual(pick(pool, one).candidate.credential.id, "A")
        self.assertEqual(pick(pool, two).candidate.credential.id, "B")

    def test_round_robin_with_someone_out(self) -> None:
        """While one is cooling, the others alternate evenly; nobody inherits its turns alone."""
        pool = Pool()
        offers = [offer(letter) for letter in "ABC"]
        pool.fail(pick(pool, walk(offers[1])), verdict(429, 60.0), 0.0)
        self.assertEqual(Counter(served(pool, 6, *offers, strategy="round-robin")), {"A": 3, "C": 3})

    def test_fill_first(self) -> None:
        """Always the first that is usable."""
        pool = Pool()
        offers = [offer(letter) for letter in "ABC"]
        self.assertEqual(served(pool, 3, *offers, strategy="fill-first"), "AAA")
        pool.fail(pick(pool, walk(offers[0])), verdict(429, 60.0), 0.0)
        self.assertEqual(served(pool, 3, *offers, strategy="fill-first"), "BBB")

    def test_weighted(self) -> None:
        """By weight and spread out: 5, 1, 1 gives each its share in the smoothest order."""
        offers = [offer("A", weight=5), offer("B", weight=1), offer("C", weight=1)]
        self.assertEqual(served(Pool(), 14, *offers, strategy="weighted-round-robin"), "AABACAAAABACAA")

    def test_weight_zero_takes_no_part(self) -> None:
        """Weight 0 is out of weighted-round-robin, and only of that."""
        offers = [offer("A", weight=0), offer("B")]
        self.assertEqual(served(Pool(), 2, *offers, strategy="round-robin"), "AB")
        settings = walk(strategy="weighted-round-robin").settings
        self.assertEqual([one.credential.id for one in eligible(offers, settings)], ["B"])

    def test_least_busy(self) -> None:
        """The one with the fewest requests under way; among equals in turn."""
        pool = Pool()
        offers = [offer(letter) for letter in "ABC"]
        self.assertEqual(served(pool, 6, *offers, strategy="least-busy", hold=True), "ABCABC")
        for _ in range(2):
            pool.release(held := pick(pool, walk(offers[1])))
            self.assertTrue(held.ended)
        lease = pick(pool, walk(offers[2]))
        pool.release(lease)
        extra = pick(pool, walk(offers[0]))
        self.assertNotEqual(served(pool, 1, *offers, strategy="least-busy"), "A")
        pool.release(extra)

    def test_soonest_reset(self) -> None:
        """Who was not asked yet is; then what is renewed soonest is spent first, and who does not say comes last."""
        pool, letters = Pool(), ""
        offers = [offer(letter) for letter in "ABC"]
        renewals = {"B": 500.0, "C": 100.0}
        for now in (0.0, 0.0, 0.0, 1.0, 1.0, 101.0, 101.0):
            lease = pick(pool, walk(*offers, strategy="soonest-reset"), now)
            letters += lease.candidate.credential.id
            if now == 0.0 and letters[-1] in renewals:
                pool.observe(lease, [Window("w", None, renewals[letters[-1]])], now)
            pool.succeed(lease, now)
        self.assertEqual(letters, "ABC" + "CC" + "CB")

    def test_tiers_are_strict(self) -> None:
        """A lower priority serves only while no higher one can."""
        pool = Pool()
        offers = [offer("A"), offer("B", priority=2), offer("C", priority=2)]
        self.assertEqual(served(pool, 4, *offers, strategy="round-robin"), "BCBC")
        for one in offers[1:]:
            pool.fail(pick(pool, walk(one)), verdict(401), 0.0)
        self.assertEqual(served(pool, 2, *offers, strategy="round-robin"), "AA")


class Preference(SynchronousTestCase):
    """Affinity: a preference, never a pin."""

    def setUp(self) -> None:
        self.pool = Pool()
        self.offers = [offer(letter) for letter in "ABC"]

    def ask(self, talk: str | None, now: float = 0.0, *offers: Candidate) -> tuple[str, Affinity]:
        """One request of the conversation, served well: by whom, and what became of the preference."""
        lease = pick(self.pool, walk(*(offers or self.offers), talk=talk), now)
        self.pool.succeed(lease, now)
        return lease.candidate.credential.id, lease.affinity

    def cool(self, one: Candidate, seconds: float, now: float = 0.0) -> None:
        """``one`` cools so long."""
        self.pool.fail(pick(self.pool, walk(one), now), verdict(429, seconds), now)

    def test_a_conversation_keeps_its_credential(self) -> None:
        """Conversations are spread by the strategy, and each stays where it began."""
        self.assertEqual(self.ask("x"), ("A", Affinity.MISS))
        self.assertEqual(self.ask("y"), ("B", Affinity.MISS))
        for _ in range(3):
            self.assertEqual(self.ask("x"), ("A", Affinity.HIT))
            self.assertEqual(self.ask("y"), ("B", Affinity.HIT))
        self.assertEqual(self.ask("z"), ("C", Affinity.MISS))

    def test_it_moves_and_comes_home(self) -> None:
        """While home cools the conversation stays with one other credential; afterwards it goes home."""
        self.ask("x")
        self.cool(self.offers[0], 60.0)
        away = self.ask("x", 1.0)
        self.assertEqual(away[1], Affinity.MOVED)
        for _ in range(3):
            self.ask("other", 2.0)
            self.assertEqual(self.ask("x", 2.0), away)
        self.assertEqual(self.ask("x", 61.0), ("A", Affinity.HIT))

    def test_home_is_who_answered_first(self) -> None:
        """A credential that failed the first request does not become home."""
        asked = walk(*self.offers, talk="x")
        self.pool.fail(pick(self.pool, asked), verdict(500), 0.0)
        asked.note(UpstreamFailure(ErrorDetail(500, "no")), verdict(500))
        second = pick(self.pool, asked)
        self.assertEqual((second.candidate.credential.id, second.affinity), ("B", Affinity.MOVED))
        self.pool.succeed(second, 0.0)
        self.assertEqual(self.ask("x"), ("B", Affinity.HIT))

    def test_a_home_that_left_the_configuration(self) -> None:
        """The conversation settles anew."""
        self.ask("x")
        self.assertEqual(self.ask("x", 0.0, *self.offers[1:])[1], Affinity.MOVED)
        self.assertEqual(self.ask("x", 0.0, *self.offers[1:])[1], Affinity.HIT)

    def test_a_better_tier_is_preferred(self) -> None:
        """A conversation that began in a lower tier moves up for good when the higher one is back."""
        high, low = offer("H", priority=1), offer("L")
        self.cool(high, 10.0)
        self.assertEqual(self.ask("x", 0.0, high, low), ("L", Affinity.MISS))
        self.assertEqual(self.ask("x", 20.0, high, low), ("H", Affinity.MOVED))
        self.assertEqual(self.ask("x", 20.0, high, low), ("H", Affinity.HIT))

    def test_nothing_to_prefer(self) -> None:
        """No key, one credential, or affinity switched off: no affinity."""
        self.assertEqual(self.ask(None)[1], Affinity.NONE)
        self.assertEqual(self.ask("x", 0.0, self.offers[0])[1], Affinity.NONE)

    def test_forgotten_in_time(self) -> None:
        """A conversation silent for longer than the TTL begins anew; each answer extends it."""
        self.ask("x")
        self.assertEqual(self.ask("x", 3000.0)[1], Affinity.HIT)
        self.assertEqual(self.ask("x", 6000.0)[1], Affinity.HIT)
        self.assertEqual(self.ask("x", 9601.0)[1], Affinity.MISS)

    def test_bounded(self) -> None:
        """Beyond max-entries the conversation silent for longest is forgotten."""

        def ask(talk: str) -> Affinity:
            lease = pick(self.pool, walk(*self.offers, talk=talk, affinity=Wanted(max_entries=2)))
            self.pool.succeed(lease, 0.0)
            return lease.affinity

        self.assertEqual([ask(talk) for talk in "xyxzxy"], [_MISS, _MISS, _HIT, _MISS, _HIT, _MISS])
