"""The failover loop beyond the table: waits, the waiting line, the retry budget, hang-ups, fallbacks, explanations."""

from __future__ import annotations

from random import Random

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.errors import RequestFault, UpstreamFailure
from cliproxy.failover.failover import Failover
from cliproxy.failover.wait_queue import LINE_LIMIT
from cliproxy.routing.credential import Credential
from cliproxy.routing.route import Route
from cliproxy.settings.model import ErrorRule, Settings
from tests.failover.scripted import Scripted, answered, candidate, credential, route


def over(letters: str, **extra: object) -> Route:
    """A route over credentials called so."""
    return route(*[candidate(credential(letter, **extra)) for letter in letters])


class HangUp(SynchronousTestCase):
    """A client that leaves ends its request wherever that waits; no attempt follows, nobody is blamed."""

    def left(self, world: Scripted, running: Deferred[str], attempts: int) -> None:
        """``running`` is cancelled now: it ends so, with no further attempt, no blame, and nothing left behind."""
        self.assertNoResult(running)
        blamed = world.cooling()
        running.cancel()
        self.failureResultOf(running, CancelledError)
        self.assertEqual(len(world.log), attempts)
        self.assertEqual(world.cooling(), blamed)
        self.assertTrue(world.failover.idle)
        self.assertEqual(world.clock.getDelayedCalls(), [])
        self.assertEqual([world.pool.in_flight(letter) for letter in "ABC"], [0, 0, 0])

    def test_during_an_attempt(self) -> None:
        """In an attempt: the attempt is cancelled."""
        cancelled: list[bool] = []
        world = Scripted(moves={"A": [lambda: Deferred(lambda _: cancelled.append(True))]})
        running = world.start(world.plan(over("AB")))
        self.left(world, running, 1)
        self.assertEqual(cancelled, [True])

    def test_during_a_later_attempt(self) -> None:
        """In the second attempt, which does not hide behind the first one's failure."""
        world = Scripted(moves={"A": [lambda: answered(500)], "B": [Deferred]})
        self.left(world, world.start(world.plan(over("ABC"))), 2)

    def test_during_a_backoff(self) -> None:
        """Between two attempts of a lone credential."""
        world = Scripted(always=lambda: answered(500))
        self.left(world, world.start(world.plan(over("A"))), 1)

    def test_while_all_cool(self) -> None:
        """While it waits for the nearest cool-down."""
        world = Scripted(always=lambda: answered(429))
        self.left(world, world.start(world.plan(over("AB"))), 2)

    def test_in_the_waiting_line(self) -> None:
        """While it waits for its turn at a full credential."""
        world = Scripted(moves={"A": [Deferred]})
        busy = over("A", max_concurrency=1)
        first = world.start(world.plan(busy))
        second = world.start(world.plan(busy))
        self.assertNoResult(second)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertEqual(len(world.log), 1)
        self.left(world, first, 1)

    def test_while_the_budget_forbids_a_retry(self) -> None:
        """While other requests' retries fill the budget."""
        world = Scripted(settings=Settings(disable_cooling=True))
        world.moves = {"A": [lambda: answered(500)] * 4, "B": [Deferred] * 3}
        offers = route(candidate(credential("A", priority=1)), candidate(credential("B")))
        retrying = [world.start(world.plan(offers)) for _ in range(3)]
        waiting = world.start(world.plan(offers))
        self.assertEqual("".join(owner for owner, _ in world.log), "ABABABA")
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        for running in retrying:
            running.cancel()
            self.failureResultOf(running, CancelledError)
        self.assertEqual(len(world.log), 7)
        self.assertTrue(world.failover.idle)
        self.assertEqual(world.clock.getDelayedCalls(), [])

    def test_during_a_refresh(self) -> None:
        """While a refused OAuth credential is refreshed."""
        world = Scripted(moves={"A": [lambda: answered(401)]})

        async def refresh(_: Credential) -> Credential | None:
            return await Deferred()

        world.failover = Failover(world.pool, world.clock, Random(0), refresh)
        self.left(world, world.start(world.plan(over("AB"))), 1)

    def test_after_content_blames_nobody(self) -> None:
        """After content: the lease ends, and the credential is as well as before."""
        world = Scripted()
        self.successResultOf(world.start(world.plan(over("A"))))
        self.assertEqual(world.pool.in_flight("A"), 1)
        world.failover.finish(world.leases[0], cancelled=True)
        world.failover.finish(world.leases[0], answered(500))
        self.assertEqual(world.pool.in_flight("A"), 0)
        self.assertEqual(dict(world.pool.cooldowns()), {})
        self.assertTrue(world.failover.idle)


class Waits(SynchronousTestCase):
    """What a request waits for, and for how long."""

    def test_backoff_is_jittered(self) -> None:
        """A lone credential's backoffs are 0.5, 1, 2, 4, 5, 5 s, each times a factor of 0.8 to 1.2."""
        nominal = [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
        seen = set()
        for seed in range(20):
            world = Scripted(settings=Settings(request_retry=6), always=lambda: answered(500))
            world.failover = Failover(world.pool, world.clock, Random(seed))
            world.settle(world.start(world.plan(over("A"))))
            times = [when for _, when in world.log]
            factors = [(b - a) / n for a, b, n in zip(times, times[1:], nominal, strict=False)]
            self.assertEqual(len(factors), 6)
            self.assertTrue(all(0.8 <= factor <= 1.2 for factor in factors), factors)
            seen.add(round(factors[0], 3))
        self.assertGreater(len(seen), 10)

    def test_waits_before_the_first_attempt(self) -> None:
        """When all are cooling, a new request waits for the nearest, and is the one that probes it."""
        world = Scripted(
            moves={"A": [lambda: answered(429, retry_after=20.0)], "B": [lambda: answered(429, retry_after=5.0)]}
        )
        world.settings = Settings(request_retry=1)
        first = world.start(world.plan(over("AB")))
        second = world.start(world.plan(over("AB")))
        self.assertNoResult(second)
        self.assertEqual(world.settle(second), "served by B")
        self.assertEqual(self.successResultOf(first), "served by B")
        self.assertEqual(world.log, [("A", 0.0), ("B", 0.0), ("B", 5.0), ("B", 5.0)])

    def test_no_wait_beyond_the_interval(self) -> None:
        """A cool-down that ends later than max-retry-interval is answered at once, with code, time and Retry-After."""
        world = Scripted(moves={"A": [lambda: answered(429, retry_after=90.0)]})
        world.settle(world.start(world.plan(over("A"))))
        refused = world.settle(world.start(world.plan(over("A"))))
        assert isinstance(refused, UpstreamFailure)
        self.assertEqual(world.log, [("A", 0.0)])
        self.assertEqual((refused.detail.status, refused.detail.code), (429, "model_cooldown"))
        self.assertEqual(refused.detail.message, "All credentials for model m-1 are cooling down")
        self.assertEqual(refused.detail.retry_after, 90)
        self.assertEqual(refused.detail.more, (("model", "m-1"), ("reset_time", "1m30s"), ("reset_seconds", 90)))

    def test_interval_zero_never_waits(self) -> None:
        """max-retry-interval 0: a cool-down is never waited for."""
        world = Scripted(settings=Settings(max_retry_interval=0), always=lambda: answered(429))
        refused = world.settle(world.start(world.plan(over("A"))))
        assert isinstance(refused, UpstreamFailure)
        self.assertEqual(world.log, [("A", 0.0)])
        self.assertEqual(refused.detail.retry_after, 1)

    def test_refused_credentials_are_remembered_as_such(self) -> None:
        """A request that finds every credential refused already is told so, without an attempt."""
        world = Scripted(always=lambda: answered(403))
        world.settle(world.start(world.plan(over("AB"))))
        again = world.settle(world.start(world.plan(over("AB"))))
        assert isinstance(again, UpstreamFailure)
        self.assertEqual(len(world.log), 2)
        self.assertEqual((again.detail.status, again.detail.code), (502, "upstream_credentials_exhausted"))

    def test_one_probe_for_all_who_wait(self) -> None:
        """Of many who wait for a cool-down one probes; when it succeeds all go on at once."""
        world = Scripted(settings=Settings(request_retry=1))
        probe: Deferred[None] = Deferred()
        world.moves["A"] = [lambda: answered(429, retry_after=10.0), lambda: probe]
        waiting = [world.start(world.plan(over("A"))) for _ in range(6)]
        world.clock.advance(10.0)
        self.assertEqual(world.log, [("A", 0.0), ("A", 10.0)])
        world.clock.advance(3.0)
        self.assertEqual(len(world.log), 2)
        probe.callback(None)
        self.assertEqual(len(world.log), 7)
        for running in waiting:
            self.successResultOf(running)

    def test_a_failed_probe_doubles(self) -> None:
        """Each failed probe doubles the cool-down; a success makes the next one short again."""
        world = Scripted(settings=Settings(request_retry=0, max_retry_interval=0))
        lengths = []
        for _ in range(4):
            world.moves["A"] = [lambda: answered(429)]
            world.settle(world.start(world.plan(over("A"))))
            lengths.append(world.cooling()["A/m-1"])
            world.clock.advance(lengths[-1])
        self.assertEqual(lengths, [1, 2, 4, 8])
        self.assertEqual(world.settle(world.start(world.plan(over("A")))), "served by A")
        self.assertEqual(world.cooling(), {})
        world.failover.finish(world.leases[-1])
        world.moves["A"] = [lambda: answered(429)]
        world.settle(world.start(world.plan(over("A"))))
        self.assertEqual(world.cooling(), {"A/m-1": 1})

    def test_a_burst_of_refusals_is_one(self) -> None:
        """Fifty requests refused together cool a credential once, not fifty doublings."""
        world = Scripted(settings=Settings(request_retry=0))
        gates: list[Deferred[None]] = [Deferred() for _ in range(50)]
        world.moves["A"] = [lambda gate=gate: gate for gate in gates]  # type: ignore[misc]
        running = [world.start(world.plan(over("A"))) for _ in gates]
        world.clock.advance(2.0)
        for gate in gates:
            gate.errback(answered(429))
        for one in running:
            self.assertEqual(self.failureResultOf(one, UpstreamFailure).value.detail.retry_after, 1)
        self.assertEqual(world.cooling(), {"A/m-1": 1})

    def test_a_hint_of_days_is_probed_within_ten_minutes(self) -> None:
        """A vendor that says six days is asked again after ten minutes, by a real request, once."""
        world = Scripted(moves={"A": [lambda: answered(429, retry_after=518_400.0)] * 2})
        world.settle(world.start(world.plan(over("A"))))
        world.clock.advance(599.0)
        self.assertEqual(world.settle(world.start(world.plan(over("A"))), limit=5000).detail.status, 429)  # type: ignore[union-attr]
        self.assertEqual(len(world.log), 2)
        self.assertEqual(world.log[1][1], 600.0)
        self.assertEqual(world.cooling(), {"A/m-1": 600})

    def test_clearing_frees_at_once(self) -> None:
        """The operator's clear frees those who wait without waiting for the clock."""
        world = Scripted(moves={"A": [lambda: answered(429, retry_after=20.0)]})
        running = world.start(world.plan(over("A")))
        self.assertNoResult(running)
        self.assertEqual(world.failover.clear("B"), 0)
        self.assertNoResult(running)
        self.assertEqual(world.failover.clear("A"), 1)
        self.assertEqual(self.successResultOf(running), "served by A")
        self.assertEqual(world.log, [("A", 0.0), ("A", 0.0)])

    def test_per_credential_request_retry(self) -> None:
        """A credential's own request-retry says up to which retry it serves."""
        world = Scripted(always=lambda: answered(500))
        patient, once = credential("A", request_retry=5), credential("B", request_retry=0)
        world.settle(world.start(world.plan(route(candidate(patient), candidate(once)))))
        self.assertEqual("".join(owner for owner, _ in world.log), "AAAAAA")
        world = Scripted(always=lambda: answered(500))
        world.settle(world.start(world.plan(route(candidate(once), candidate(patient)))))
        self.assertEqual("".join(owner for owner, _ in world.log), "BAAAAA")

    def test_at_most_five_credentials(self) -> None:
        """A request tries at most max-retry-credentials of them, in all its rounds."""
        for most, tried in ((5, "ABCDE"), (2, "AB"), (0, "ABCDEFGH")):
            world = Scripted(settings=Settings(max_retry_credentials=most), always=lambda: answered(401))
            world.settle(world.start(world.plan(over("ABCDEFGH"))))
            self.assertEqual("".join(owner for owner, _ in world.log), tried)

    def test_fifty_clients_on_a_vendor_that_refuses_all(self) -> None:
        """Fifty clients on 429 for everything: after the first fifty only probes reach it, and all get Retry-After."""
        world = Scripted()

        async def refuse() -> None:
            await deferLater(world.clock, 1.0)
            raise answered(429)

        world.always = lambda: Deferred.fromCoroutine(refuse())
        running = [world.start(world.plan(over("A"))) for _ in range(50)]
        while world.clock.getDelayedCalls():
            world.clock.advance(0.5)
        for one in running:
            told = self.failureResultOf(one, UpstreamFailure).value.detail
            self.assertEqual(told.status, 429)
            self.assertGreaterEqual(told.retry_after, 1)
        self.assertEqual([when for _, when in world.log], [0.0] * 50 + [2.0, 5.0, 10.0, 19.0, 36.0])
        self.assertTrue(world.failover.idle)


class Line(SynchronousTestCase):
    """max-concurrency and the waiting line."""

    def test_first_come_first_served(self) -> None:
        """Excess requests wait in line and are served in the order in which they came, one a place."""
        gates: list[Deferred[None]] = [Deferred() for _ in range(4)]
        world = Scripted(moves={"A": [lambda gate=gate: gate for gate in gates]})  # type: ignore[misc]
        busy = over("A", max_concurrency=1)
        running = [world.start(world.plan(busy)) for _ in gates]
        for served, gate in enumerate(gates):
            self.assertEqual(len(world.log), served + 1)
            self.assertEqual(world.pool.in_flight("A"), 1)
            gate.callback(None)
            self.successResultOf(running[served])
            world.failover.finish(world.leases[served])
        self.assertTrue(world.failover.idle)

    def test_a_place_is_held_to_the_end_of_the_answer(self) -> None:
        """A stream holds its place until it has ended, not only until its first content."""
        world = Scripted()
        busy = over("A", max_concurrency=1)
        self.successResultOf(world.start(world.plan(busy)))
        second = world.start(world.plan(busy))
        self.assertNoResult(second)
        world.failover.finish(world.leases[0])
        self.successResultOf(second)

    def test_another_credential_is_taken_first(self) -> None:
        """Nobody waits in line while another credential, of a lower tier even, has room."""
        world = Scripted()
        offers = route(
            candidate(credential("A", max_concurrency=1, priority=5)), candidate(credential("B", max_concurrency=1))
        )
        self.assertEqual(self.successResultOf(world.start(world.plan(offers))), "served by A")
        self.assertEqual(self.successResultOf(world.start(world.plan(offers))), "served by B")
        self.assertNoResult(world.start(world.plan(offers)))

    def test_a_recovered_credential_serves_the_line(self) -> None:
        """Who waits for a full credential takes another as soon as its cool-down is over."""
        world = Scripted(moves={"A": [Deferred], "B": [lambda: answered(429, retry_after=8.0)]})
        offers = route(candidate(credential("A", max_concurrency=1)), candidate(credential("B")))
        world.start(world.plan(offers))
        waiting = world.start(world.plan(offers))
        self.assertEqual(world.settle(waiting), "served by B")
        self.assertEqual(world.clock.seconds(), 8.0)

    def test_the_line_is_bounded(self) -> None:
        """Beyond the limit a request is told to come again, with a 503 and Retry-After."""
        world = Scripted(moves={"A": [Deferred]})
        busy = over("A", max_concurrency=1)
        waiting = [world.start(world.plan(busy)) for _ in range(LINE_LIMIT + 1)]
        turned_away = world.settle(world.start(world.plan(busy)))
        assert isinstance(turned_away, UpstreamFailure)
        self.assertEqual((turned_away.detail.status, turned_away.detail.code), (503, "too_many_waiting"))
        self.assertEqual(turned_away.detail.retry_after, 1)
        for running in reversed(waiting):
            running.cancel()
            self.failureResultOf(running, CancelledError)
        self.assertTrue(world.failover.idle)

    def test_who_waits_looks_again_when_it_cools(self) -> None:
        """When the full credential starts to cool, those in line wait for its recovery, and are told at the end."""
        gate: Deferred[None] = Deferred()
        world = Scripted(moves={"A": [lambda: gate]})
        busy = over("A", max_concurrency=1)
        first, second = world.start(world.plan(busy)), world.start(world.plan(busy))
        gate.errback(answered(429, retry_after=300.0))
        self.failureResultOf(first, UpstreamFailure)
        told = self.failureResultOf(second, UpstreamFailure).value.detail
        self.assertEqual((told.code, told.retry_after), ("model_cooldown", 300))


class Budget(SynchronousTestCase):
    """Retries in flight, fleet-wide."""

    def retries_at_once(self, requests: int) -> int:
        """The most retries that were at the vendors together, of so many requests that all fail at A."""
        gates: list[Deferred[None]] = []

        def hang() -> Deferred[None]:
            gates.append(Deferred())
            return gates[-1]

        world = Scripted(settings=attrs.evolve(Settings(), max_retry_credentials=2))
        world.moves = {"A": [lambda: answered(401)] * 1, "B": [hang] * requests}
        doors: list[Deferred[None]] = [Deferred() for _ in range(requests)]
        world.moves["A"] = [lambda door=door: door for door in doors]  # type: ignore[misc]
        offers = route(candidate(credential("A", priority=1)), candidate(credential("B")))
        running = [world.start(world.plan(offers)) for _ in doors]
        for door in doors:
            door.errback(answered(500))
        most = len(gates)
        while gates:
            most = max(most, len(gates))
            gates.pop(0).callback(None)
        for one in running:
            self.assertEqual(self.successResultOf(one), "served by B")
        return most

    def test_a_fifth_of_the_requests(self) -> None:
        """Of 50 requests that fail together ten retry at a time; all are served in the end."""
        self.assertEqual(self.retries_at_once(50), 10)

    def test_never_less_than_three(self) -> None:
        """Few requests may still make three retries at once."""
        self.assertEqual(self.retries_at_once(5), 3)

    def test_patience_is_bounded(self) -> None:
        """A retry that finds no room within max-retry-interval is given up for the failure it would have mended."""
        world = Scripted(moves={"A": [lambda: answered(500)] * 4, "B": [Deferred] * 3})
        offers = route(candidate(credential("A", priority=1)), candidate(credential("B")))
        world.settings = Settings(disable_cooling=True)
        hanging = [world.start(world.plan(offers)) for _ in range(3)]
        told = world.settle(world.start(world.plan(offers)))
        assert isinstance(told, UpstreamFailure)
        self.assertEqual((told.detail.status, world.clock.seconds()), (500, 30.0))
        for running in hanging:
            self.assertNoResult(running)


class Fallbacks(SynchronousTestCase):
    """Other names for a request whose own is spent."""

    def world(self, **moves: list) -> Scripted:  # type: ignore[type-arg]
        """``m-1`` at A falls back to ``m-2`` at B, that to ``m-3`` at C and back to ``m-1``."""
        world = Scripted(settings=Settings(request_retry=0), moves=moves)
        world.routes = {
            "m-1": route(candidate(credential("A")), name="m-1", fallbacks=["m-2"]),
            "m-2": route(candidate(credential("B"), "m-2"), name="m-2", fallbacks=["m-3", "m-1"]),
            "m-3": route(candidate(credential("C"), "m-3"), name="m-3"),
        }
        return world

    def tried(self, world: Scripted) -> tuple[str, object]:
        """Who was tried, and the outcome."""
        outcome = world.settle(world.start(world.plan(world.routes["m-1"])))
        return "".join(owner for owner, _ in world.log), outcome

    def test_a_spent_name_gives_way(self) -> None:
        """When every credential of a name has failed, the next name serves; numbers of attempts go on."""
        world = self.world(A=[lambda: answered(500)])
        self.assertEqual(self.tried(world), ("AB", "served by B"))
        self.assertEqual([lease.number for lease in world.leases], [1, 2])

    def test_chains_end(self) -> None:
        """Fallbacks of fallbacks are followed, each name once; the last failure is told."""
        world = self.world(A=[lambda: answered(500)], B=[lambda: answered(503)], C=[lambda: answered(504)])
        tried, outcome = self.tried(world)
        assert isinstance(outcome, UpstreamFailure)
        self.assertEqual((tried, outcome.detail.status), ("ABC", 504))

    def test_the_requests_fault_does_not_fall_back(self) -> None:
        """A 400 is answered at once, fallback or not."""
        tried, outcome = self.tried(self.world(A=[lambda: answered(400)]))
        assert isinstance(outcome, UpstreamFailure)
        self.assertEqual((tried, outcome.detail.status), ("A", 400))

    def test_too_long_for_this_model(self) -> None:
        """A prompt that is too long goes to the fallback, by code or by words; without one it is answered as it is."""
        for error in (
            answered(400, "no", code="context_length_exceeded"),
            answered(400, "prompt is too long: 215000 tokens > 200000 maximum"),
            answered(400, "The input token count (1300000) exceeds the maximum number of tokens allowed (1048576)."),
            answered(413, "This model's maximum context length is 128000 tokens."),
        ):
            self.assertEqual(self.tried(self.world(A=[lambda error=error: error])), ("AB", "served by B"))  # type: ignore[misc]
            alone = Scripted(moves={"A": [lambda error=error: error]})  # type: ignore[misc]
            told = alone.settle(alone.start(alone.plan(over("AB"))))
            self.assertEqual(told.detail.status, error.detail.status)  # type: ignore[union-attr]
            self.assertEqual(alone.log, [("A", 0.0)])

    def test_a_fallback_nobody_serves_is_passed_over(self) -> None:
        """A name that does not resolve is skipped."""
        world = self.world(A=[lambda: answered(500)])

        def resolve(name: str) -> Route:
            if name == "m-2":
                raise RequestFault.bad("unknown provider for model m-2")
            return world.routes[name]

        plan = world.plan(route(candidate(credential("A")), fallbacks=["m-2", "m-3"]))
        plan.resolve = resolve
        self.assertEqual(world.settle(world.start(plan)), "served by C")

    def test_an_alias_over_two_models_of_one_credential(self) -> None:
        """One credential that offers an alias by two upstream models fails over from one model to the other."""
        world = Scripted(moves={"A": [lambda: answered(429)]})
        owner = credential("A")
        offers = route(candidate(owner, "m-1"), candidate(owner, "m-2"))
        self.assertEqual(world.settle(world.start(world.plan(offers))), "served by A")
        self.assertEqual([lease.candidate.model for lease in world.leases], ["m-1", "m-2"])
        self.assertEqual(world.cooling(), {"A/m-1": 1})


class Rules(SynchronousTestCase):
    """``request-scoped-errors`` overrule the table."""

    def outcome(self, failure: UpstreamFailure, **rule: object) -> tuple[str, object, dict[str, float]]:
        """Who was tried, the status told or who served, and what cools."""
        world = Scripted(moves={"A": [lambda: failure]})
        rules = (ErrorRule(**rule),)  # type: ignore[arg-type]
        outcome = world.settle(world.start(world.plan(over("AB", error_rules=rules))))
        told = outcome.detail.status if isinstance(outcome, UpstreamFailure) else outcome
        return "".join(owner for owner, _ in world.log), told, world.cooling()

    def test_stop(self) -> None:
        """``stop`` answers at once, with the upstream's own status, and cools nobody."""
        self.assertEqual(self.outcome(answered(403), status=403, action="stop"), ("A", 403, {}))

    def test_stop_and_cooldown(self) -> None:
        """``stop-and-cooldown`` answers at once and cools as the table says."""
        expected = ("A", 429, {"A/m-1": 40})
        self.assertEqual(
            self.outcome(answered(429, retry_after=40.0), status=429, action="stop-and-cooldown"), expected
        )

    def test_continue(self) -> None:
        """``continue`` tries the next credential after what is by the table the request's fault."""
        self.assertEqual(self.outcome(answered(400), status=400, action="continue"), ("AB", "served by B", {}))

    def test_continue_and_cooldown(self) -> None:
        """``continue-and-cooldown`` also cools; what has no cool-down of its own gets ten minutes of this model."""
        expected = ("AB", "served by B", {"A/m-1": 600})
        self.assertEqual(self.outcome(answered(400), status=0, match=("no",), action="continue-and-cooldown"), expected)

    def test_what_does_not_match(self) -> None:
        """Status and text must both fit; a pattern is searched in the upstream's body."""
        self.assertEqual(self.outcome(answered(400), status=401, action="continue")[0], "A")
        self.assertEqual(self.outcome(answered(400), status=400, match=("yes",), action="continue")[0], "A")
        self.assertEqual(self.outcome(answered(400), match_regexr=('"error":"n.',), action="continue")[0], "AB")


class Refresh(SynchronousTestCase):
    """The seam for OAuth: a 401 refreshes once and is replayed."""

    def world(self, fresh: Credential | None, moves: int) -> tuple[Scripted, list[str]]:
        """A world whose refresh gives ``fresh``, and whom it was asked for."""
        asked: list[str] = []

        async def refresh(stale: Credential) -> Credential | None:
            asked.append(stale.id)
            return fresh

        world = Scripted(moves={"A": [lambda: answered(401)] * moves})
        world.failover = Failover(world.pool, world.clock, Random(0), refresh)
        return world, asked

    def test_refreshed_and_replayed(self) -> None:
        """The replay uses the refreshed credential, costs nothing, and nobody is blamed."""
        world, asked = self.world(credential("A", label="fresh"), 1)
        self.assertEqual(world.settle(world.start(world.plan(over("AB")))), "served by A")
        self.assertEqual((asked, world.leases[-1].candidate.credential.label), (["A"], "fresh"))
        self.assertEqual(world.cooling(), {})

    def test_once_only(self) -> None:
        """A credential refused again after its refresh is given up."""
        world, asked = self.world(credential("A"), 2)
        self.assertEqual(world.settle(world.start(world.plan(over("AB")))), "served by B")
        self.assertEqual(asked, ["A"])
        self.assertEqual(world.cooling(), {"A": 1800})

    def test_nothing_to_refresh(self) -> None:
        """A credential that cannot be refreshed is given up at once."""
        world, _ = self.world(None, 1)
        self.assertEqual(world.settle(world.start(world.plan(over("AB")))), "served by B")
        self.assertEqual(world.log, [("A", 0.0), ("B", 0.0)])


class AfterContent(SynchronousTestCase):
    """What ends badly after content cools as its class says, and is not tried again."""

    def test_a_cut_stream_counts_as_transient(self) -> None:
        """Three streams cut after content in a row cool the credential, though each began well."""
        world = Scripted()
        for _ in range(3):
            self.successResultOf(
                world.start(world.plan(route(candidate(credential("A", priority=1)), candidate(credential("B")))))
            )
            world.failover.finish(world.leases[-1], UpstreamFailure.transport("cut"))
        self.assertEqual([owner for owner, _ in world.log], ["A"] * 3)
        self.assertEqual(world.cooling(), {"A/m-1": 5})

    def test_a_whole_answer_ends_the_run(self) -> None:
        """Failures with a whole answer between them are not in a row."""
        world = Scripted()
        offers = route(candidate(credential("A", priority=1)), candidate(credential("B")))
        for failure in (answered(500), answered(500), None, answered(500), answered(500)):
            self.successResultOf(world.start(world.plan(offers)))
            world.failover.finish(world.leases[-1], failure)
        self.assertEqual(world.cooling(), {})


class Told(SynchronousTestCase):
    """What a request says of itself."""

    def test_trace(self) -> None:
        """Every attempt is recorded with credential, model, status, reason and seconds; the headers name the last."""
        gate: Deferred[None] = Deferred()
        world = Scripted(moves={"A": [lambda: gate]})
        plan = world.plan(over("AB"), affinity="talk")
        running = world.start(plan)
        world.clock.advance(1.5)
        gate.errback(answered(429, "the key sk-A is spent", code="rate_limit_exceeded"))
        self.successResultOf(running)
        told = [(made.credential, made.model, made.status, made.why, made.seconds) for made in plan.trace.attempts]
        self.assertEqual(
            told, [("A", "m-1", 429, "quota: rate_limit_exceeded", 1.5), ("B", "m-1", 200, "answered", 0.0)]
        )
        self.assertEqual(
            plan.trace.headers(),
            [
                ("X-Cliproxy-Attempts", "2"),
                ("X-Cliproxy-Provider", "vendor"),
                ("X-Cliproxy-Credential", "B"),
                ("X-Cliproxy-Affinity", "moved"),
            ],
        )

    def test_waiting_is_told_apart(self) -> None:
        """Seconds spent between attempts are the trace's ``waited``."""
        world = Scripted(moves={"A": [lambda: answered(500)]})
        plan = world.plan(over("A"))
        world.settle(world.start(plan))
        self.assertEqual(plan.trace.waited, 0.5)

    def test_one_debug_line_an_attempt(self) -> None:
        """With ``debug`` each attempt logs a line with the exchange and why it ended, and never an upstream's sentence."""
        events: list[dict] = []  # type: ignore[type-arg]
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        world = Scripted(moves={"A": [lambda: answered(401, "bad key key-A")]}, settings=Settings(debug=True))
        plan = world.plan(over("AB"))
        plan.id = "x1"
        world.settle(world.start(plan))
        lines = [event for event in events if event.get("log_namespace") == "cliproxy.failover.failover.Failover"]
        self.assertEqual(
            [(line["exchange"], line["why"]) for line in lines], [("x1", "credential"), ("x1", "answered")]
        )
        self.assertTrue(all(line["log_level"] is LogLevel.debug for line in lines))
        self.assertNotIn("key-A", str(lines))

    def test_the_requests_own_fault(self) -> None:
        """A fault found while an attempt is prepared is raised as it is, and frees the credential unblamed."""
        world = Scripted()

        async def attempt(_: object) -> str:
            raise RequestFault.bad("too much")

        running = Deferred.fromCoroutine(world.failover.run(world.plan(over("AB")), attempt))
        self.failureResultOf(running, RequestFault)
        self.assertEqual(world.cooling(), {})
        self.assertTrue(world.failover.idle)
        self.assertEqual(world.pool.in_flight("A"), 0)
