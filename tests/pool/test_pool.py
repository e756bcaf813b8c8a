"""The pool's state machine: cool-downs, probes, loads, and what the operator and a reload may change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.pool.cooldown import CAPS, Health
from cliproxy.pool.pool import Lease, Pool, State, WaitReason
from cliproxy.pool.verdict import Fault
from cliproxy.routing.route import Candidate
from tests.pool.offers import offer, verdict, walk


class CoolDowns(SynchronousTestCase):
    """How credentials are cooled and freed."""

    def setUp(self) -> None:
        self.pool = Pool()
        self.a, self.b = offer("A"), offer("B")

    def fail(self, one: Candidate, status: int, now: float, hint: float | None = None, *others: Candidate) -> None:
        """``one`` is tried at ``now`` and fails."""
        lease = self.take(one, now, *others)
        self.pool.fail(lease, verdict(status, hint), now)

    def take(self, one: Candidate, now: float, *others: Candidate) -> Lease:
        """A lease on ``one`` of a route over it and ``others``."""
        asked = walk(one, *others, strategy="fill-first")
        lease = self.pool.pick(asked, now)
        assert lease is not None
        self.assertIs(lease.candidate, one)
        return lease

    def left(self, one: Candidate, now: float) -> float | None:
        """Seconds left to its cool-down."""
        until = self.pool.standing(one, now).until
        return None if until is None else until - now

    def test_a_refused_credential_cools_for_all_its_models(self) -> None:
        """401 takes the credential from every model; 429 only from its own."""
        other = offer("A", "n")
        self.fail(self.a, 429, 0.0, 60.0)
        self.assertTrue(self.pool.usable(other, 1.0))
        self.fail(other, 401, 1.0)
        self.assertEqual(self.pool.standing(self.a, 2.0).status, 401)
        self.assertEqual(self.left(offer("A", "third"), 1.0), 1800.0)
        self.assertTrue(self.pool.usable(self.b, 1.0))

    def test_quota_doubles_to_half_an_hour(self) -> None:
        """429 without a hint: 1 s, doubling with each probe that fails, at most 30 min."""
        now, lengths = 0.0, []
        for _ in range(14):
            self.fail(self.a, 429, now)
            lengths.append(self.left(self.a, now))
            now += lengths[-1] or 0.0
        self.assertEqual(lengths[:4], [1.0, 2.0, 4.0, 8.0])
        self.assertEqual(lengths[10:], [1024.0, 1800.0, 1800.0, 1800.0])

    def test_transient_needs_three_in_a_row(self) -> None:
        """Two transient failures do nothing; the third cools 5 s; each failed probe doubles, at most 60 s."""
        now, lengths = 0.0, []
        for _ in range(8):
            self.fail(self.a, 503, now, None, self.b)
            lengths.append(self.left(self.a, now))
            now += lengths[-1] or 0.0
        self.assertEqual(lengths, [None, None, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0])

    def test_transient_never_cools_the_last_usable(self) -> None:
        """Neither a lone credential nor the one whose peers are all cooling is taken away."""
        for _ in range(9):
            self.fail(self.a, 503, 0.0)
        self.assertIsNone(self.left(self.a, 0.0))
        self.fail(self.b, 401, 0.0)
        for _ in range(9):
            self.fail(self.a, 503, 0.0, None, self.b)
        self.assertTrue(self.pool.usable(self.a, 0.0))

    def test_the_last_resort_of_a_model(self) -> None:
        """When the others are lost, a credential cooled for transient trouble is taken at once; it probes for all."""
        for _ in range(3):
            self.fail(self.a, 503, 0.0, None, self.b)
        self.fail(self.b, 401, 0.0)
        self.assertIs(self.pool.standing(self.a, 1.0).state, State.COOLING)
        lease = self.take(self.a, 1.0, self.b)
        self.assertIsNone(self.pool.pick(walk(self.a, self.b), 1.0))
        self.pool.fail(lease, verdict(503), 1.5)
        self.assertTrue(self.pool.usable(self.a, 1.5), "nobody else is left, so it stays")

    def test_half_open_takes_one_probe(self) -> None:
        """When its time is up one request may try; the others wait for what it finds."""
        self.fail(self.a, 429, 0.0, 10.0)
        self.assertIsNone(self.pool.pick(walk(self.a), 9.9))
        probe = self.take(self.a, 10.0)
        self.assertIs(self.pool.standing(self.a, 10.0).state, State.PROBED)
        self.assertIsNone(self.pool.pick(walk(self.a), 10.0))
        self.pool.answer(probe, 11.0)
        self.assertEqual(self.pool.standing(self.a, 11.0).until, None)
        self.take(self.a, 11.0)

    def test_an_abandoned_probe_lets_another(self) -> None:
        """A probe whose client left says nothing; the next request probes."""
        self.fail(self.a, 429, 0.0, 10.0)
        self.pool.release(self.take(self.a, 10.0))
        self.assertTrue(self.take(self.a, 10.5).probing)

    def test_a_probe_that_meets_other_trouble(self) -> None:
        """A probe of a spent quota that meets a 503 cools by the transient ladder at once, when others can serve."""
        self.fail(self.a, 429, 0.0, 10.0)
        self.fail(self.a, 503, 10.0, None, self.b)
        self.assertEqual((self.left(self.a, 10.0), self.pool.standing(self.a, 10.0).reason), (5.0, Fault.UPSTREAM))

    def test_success_elsewhere_resets_the_level(self) -> None:
        """An answer that began before the cool-down resets the doubling, but does not end the cool-down."""
        early = self.take(self.a, 0.0)
        for now in (0.0, 1.0, 3.0):
            self.fail(self.a, 429, now)
        self.assertEqual(self.left(self.a, 3.0), 4.0)
        self.pool.succeed(early, 4.0)
        self.assertEqual(self.left(self.a, 4.0), 3.0)
        self.fail(self.a, 429, 7.0)
        self.assertEqual(self.left(self.a, 7.0), 1.0)

    def test_old_news_does_not_double(self) -> None:
        """A failure of an attempt that began before the cool-down was over changes nothing; a longer hint counts."""
        early, earlier = self.take(self.a, 0.0), self.take(self.a, 0.0)
        self.fail(self.a, 429, 0.0)
        self.pool.fail(early, verdict(429), 0.5)
        self.assertEqual(self.left(self.a, 0.5), 0.5)
        self.pool.fail(earlier, verdict(429, 30.0), 0.5)
        self.assertEqual(self.left(self.a, 0.5), 30.0)

    def test_disable_cooling(self) -> None:
        """With disable-cooling, globally or on the credential, only 401 to 404 and hints cool."""
        quiet = offer("Q", disable_cooling=True)
        for one, settings in ((quiet, {}), (self.a, {"disable_cooling": True})):
            for status in (429, 503, 503, 503, 503):
                lease = self.pool.pick(walk(one, self.b, strategy="fill-first", **settings), 0.0)
                assert lease is not None
                self.pool.fail(lease, verdict(status), 0.0)
            self.assertTrue(self.pool.usable(one, 0.0))
        self.fail(quiet, 429, 0.0, 9.0)
        self.assertEqual(self.left(quiet, 0.0), 9.0)

    def test_clear(self) -> None:
        """Clearing frees everything, one credential, one model, or one of both, and says how many."""
        for one in (self.a, offer("A", "n"), self.b, offer("B", "n")):
            self.fail(one, 429, 0.0, 60.0)
        self.assertEqual(self.pool.clear("A", "n"), 1)
        self.assertEqual(self.pool.clear(model="n"), 1)
        self.assertEqual(self.pool.clear("A"), 1)
        self.assertEqual(self.pool.clear("A"), 0)
        self.assertEqual(self.pool.clear(), 1)
        self.assertEqual(dict(self.pool.cooldowns()), {})

    def test_reload(self) -> None:
        """A reload keeps what is held against credentials that stay, and drops those that went."""
        self.fail(self.a, 429, 0.0, 60.0)
        self.fail(self.b, 429, 0.0, 60.0)
        held = self.take(offer("C"), 0.0)
        self.pool.keep({"B"})
        self.assertEqual(list(self.pool.cooldowns()), [("B", "m")])
        self.pool.fail(held, verdict(500), 1.0)
        self.assertEqual(self.pool.in_flight("C"), 0)

    def test_the_blameless_are_forgotten(self) -> None:
        """What a success wiped out takes no memory."""
        for _ in range(2):
            self.fail(self.a, 503, 0.0)
        self.assertEqual(len(self.pool.cooldowns()), 1)
        self.pool.succeed(self.take(self.a, 0.0), 1.0)
        self.assertEqual(len(self.pool.cooldowns()), 0)

    def test_changes_are_noticed(self) -> None:
        """Whatever is worth saving moves ``changes``; what is not does not."""
        before = self.pool.changes
        self.pool.release(self.take(self.a, 0.0))
        self.assertEqual(self.pool.changes, before)
        self.fail(self.a, 429, 0.0)
        self.assertGreater(self.pool.changes, before)


class Hopes(SynchronousTestCase):
    """What a walk without a lease is told."""

    def test_nobody(self) -> None:
        """An empty walk has no hope."""
        self.assertIs(Pool().outlook(walk(), 0.0).hope, WaitReason.NONE)

    def test_a_turn(self) -> None:
        """A full credential is worth waiting for, at most until another's cool-down ends."""
        pool = Pool()
        full, cooled = offer("A", max_concurrency=1), offer("B")
        pool.pick(walk(full), 0.0)
        lease = pool.pick(walk(cooled), 0.0)
        assert lease is not None
        pool.fail(lease, verdict(429, 50.0), 0.0)
        outlook = pool.outlook(walk(full, cooled), 0.0)
        self.assertEqual((outlook.hope, outlook.due), (WaitReason.TURN, 50.0))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([401, 404, 429, 500]),
            st.none() | st.floats(0.001, 1e6),
            st.floats(0, 4000),
            st.booleans(),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_never_longer_than_the_cap(happenings: list[tuple[int, float | None, float, bool, bool]]) -> None:
    """No sequence of failures, hints and waits cools longer than the cap of its reason."""
    health, now = Health(), 0.0
    for status, hint, passed, late, last in happenings:
        began = now
        now += passed
        health.blame(verdict(status, hint), now, began=began if late else now, cooling_off=True, last_usable=last)
        if health.until is not None and health.reason is not None:
            assert health.until - now <= CAPS[health.reason] + 1e-6
