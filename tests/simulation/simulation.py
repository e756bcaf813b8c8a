"""One seeded life: vendors that fail by schedule, clients that come and leave, an operator who reloads and clears.

After every step of the virtual clock the invariants are checked; the first that does not hold is a :class:`Broken`.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Final

from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cliproxy.errors import UpstreamFailure
from cliproxy.failover.leases import RETRY_FLOOR, RETRY_SHARE
from cliproxy.pool.cooldown import CAPS
from cliproxy.pool.pool import Lease, State
from cliproxy.pool.state import parse, serialise
from cliproxy.pool.verdict import Fault
from cliproxy.pool.walk import Walk, eligible
from cliproxy.routing.credential import Credential
from cliproxy.routing.route import Key, Route
from cliproxy.settings.model import STRATEGIES, Affinity, QuotaExceeded, Routing, Settings, Streaming
from tests.failover.scripted import candidate, credential
from tests.simulation.subject import AttemptSeam, Client
from tests.simulation.vendors import Vendor

MODELS: Final = ("m", "n")
#: By then everything must have ended by itself: clients stop coming after a minute, hints wait at most an hour.
FOREVER: Final = 40_000.0
#: Vendors' answers that are the client's at once (429 without switch-project).
AT_ONCE: Final = (400, 429)
_EPSILON: Final = 1e-5


class Broken(AssertionError):
    """An invariant does not hold."""


class Simulation:
    """One life, fully determined by its seed.

    :ivar open: attempts with an open connection, and for whom.
    :ivar last: when a request last ended an attempt at an offer.
    :ivar freed: when the operator last freed everything.
    :ivar well: when a credential last showed content.
    :ivar asked: the configuration each client's request began with.
    :ivar walks: the latest walk of each client's request.
    :ivar replays: how often each lease was used: twice when its connection was found dead.
    :ivar attempts: how many each client's request made.
    :ivar story: what happened, a line each.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.clock = Clock()
        self.clients: list[Client] = []
        self.open: dict[Lease, Client] = {}
        self.last: dict[tuple[Walk, Key], float] = {}
        self.replays: Counter[Lease] = Counter()
        self.attempts: Counter[int] = Counter()
        self.freed = -1.0
        self.well: dict[str, float] = {}
        self.leaving = self.reloaded = False
        self.asked: dict[int, tuple[Settings, Route]] = {}
        self.walks: dict[int, Walk] = {}
        self.broken: Broken | None = None
        self.story: list[str] = []
        self.owners = [self._credential(letter) for letter in "ABCDEF"[: self.random.randint(1, 6)]]
        self.vendors = {owner.id: Vendor.drawn(self.random) for owner in self.owners}
        self.subject = AttemptSeam(self.clock, self.random, self.vendors, lambda: self)
        self.settings = self._settings()
        self.routes = self._routes()
        self.subject.reload(self.settings, self.routes)

    # -- drawing

    def _credential(self, letter: str) -> Credential:
        random = self.random
        return credential(
            letter,
            priority=random.choice((0, 0, 0, 1)),
            weight=random.choice((1, 1, 3)),
            max_concurrency=random.choice((0, 0, 1, 2)),
            request_retry=random.choice((None, None, None, 0, 1)),
            disable_cooling=random.random() < 0.1,
        )

    def _settings(self) -> Settings:
        random = self.random
        return Settings(
            request_retry=random.choice((0, 1, 3)),
            max_retry_interval=random.choice((0, 2, 30)),
            max_retry_credentials=random.choice((1, 2, 5, 5)),
            disable_cooling=random.random() < 0.1,
            routing=Routing(random.choice(list(STRATEGIES))),
            streaming=Streaming(bootstrap_retries=random.choice((0, 1))),
            quota_exceeded=QuotaExceeded(switch_project=random.random() < 0.8),
            affinity=Affinity(enabled=random.random() < 0.8, ttl_seconds=30, max_entries=3),
        )

    def _routes(self) -> dict[str, Route]:
        routes = {}
        for name in MODELS:
            owners = self.random.sample(self.owners, self.random.randint(1, len(self.owners)))
            fallbacks = tuple(other for other in (*MODELS, "nobody") if other != name and self.random.random() < 0.3)
            routes[name] = Route(name, name, None, tuple(candidate(owner, name) for owner in owners), fallbacks)
        return routes

    def _client(self, number: int) -> Client:
        random = self.random
        return Client(
            number=number,
            model=random.choice(MODELS),
            stream=random.random() < 0.5,
            arrives=random.choice((0.0, 0.0, random.uniform(0, 60))),
            patience=random.choice((None, None, random.uniform(0, 20))),
            conversation=random.choice((None, "x", "y", "z", "w")),
        )

    # -- living

    def run(self) -> None:
        """Live to the end.

        :raises Broken: at the first invariant that does not hold.
        """
        self.clients = [self._client(number) for number in range(self.random.choice((1, 3, 12, 40)))]
        for client in self.clients:
            self.clock.callLater(client.arrives, self._arrive, client)
        for _ in range(self.random.randint(0, 3)):
            happening = self.random.choice((self._reload, self._clear, self._restart))
            self.clock.callLater(self.random.uniform(0, 60), happening)
        while calls := self.clock.getDelayedCalls():
            self._tell(self.clock.seconds() < FOREVER, "something waits for ever")
            self.clock.advance(max(0.0, min(call.getTime() for call in calls) - self.clock.seconds()))
            self._check()
            if self.broken is not None:
                raise self.broken
        self._check_end()

    def _arrive(self, client: Client) -> None:
        self._note(f"client {client.number} asks for {client.model}")
        client.asked = True
        self.asked[client.number] = self.settings, self.routes[client.model]
        client.running = self.subject.start(client)
        client.running.addErrback(self._ended_badly, client)
        if client.patience is not None:
            self.clock.callLater(client.patience, self._leave, client)

    def _leave(self, client: Client) -> None:
        if client.over or client.running is None:
            return
        self._note(f"client {client.number} leaves")
        client.gone = self.leaving = True
        client.running.cancel()
        self.leaving = False
        self._tell(client not in self.open.values(), "an attempt goes on for a client that left")

    def _ended_badly(self, failure: Failure, client: Client) -> None:
        if not client.gone and self.broken is None:
            self.broken = Broken(f"seed {self.seed}: client {client.number} met {failure.getTraceback()}")

    def _reload(self) -> None:
        self._note("reload")
        self.reloaded = True
        self.settings, self.routes = self._settings(), self._routes()
        self.subject.reload(self.settings, self.routes)

    def _clear(self) -> None:
        self._note("clear")
        self.freed = self.clock.seconds()
        self.subject.clear()

    def _restart(self) -> None:
        """What the state file keeps says the same when it is read back, an hour off the wall clock or not."""
        now, wall = self.clock.seconds(), 1.7e9
        before = self.subject.pool.cooldowns()
        after = parse(serialise(before, now=now, wall=wall), now=now, wall=wall - 3600)
        for key, health in after.items():
            if health.until is not None and health.reason is not None:
                self._tell(
                    health.until - now <= CAPS[health.reason] + _EPSILON, f"{key} comes back longer than its cap"
                )
        same = parse(serialise(before, now=now, wall=wall), now=now, wall=wall)
        self._tell(same.keys() == before.keys(), "a restart forgets or invents")

    # -- looking on

    def attempt(self, client: Client, lease: Lease) -> None:
        """An attempt begins (see :class:`tests.simulation.subject.Watch`)."""
        now, offer = self.clock.seconds(), lease.candidate
        self._note(f"client {client.number} tries {offer.credential.id} for {offer.model}")
        self._tell(not client.over, "an attempt after the answer or the hang-up")
        self._tell(not client.begun, "an attempt after the commit")
        self.replays[lease] += 1
        self._tell(self.replays[lease] <= 2, "a connection found dead is replayed more than once")
        if self.replays[lease] == 1:
            self._check_turn(client, lease, now)
        self.open[lease] = client

    def _check_turn(self, client: Client, lease: Lease, now: float) -> None:
        offer, walk = lease.candidate, lease.walk
        self.walks[client.number] = walk
        self._tell(client not in self.open.values(), "two attempts at once for one request")
        before = self.last.get((walk, offer.key))
        freed = now in (self.freed, self.well.get(offer.credential.id))
        self._tell(before is None or now > before or freed, "a credential twice in one round")
        same = [other for other in self.open if other.candidate.credential.id == offer.credential.id]
        most = offer.credential.max_concurrency
        self._tell(not most or len(same) < most, "more requests at once than max-concurrency")
        probed = {id(health) for other in same for health in other.probing}
        self._tell(not any(id(health) in probed for health in lease.probing), "two probes at once")
        self.attempts[client.number] += 1
        if lease.number > 1:
            retries = sum(other.number > 1 and not whose.begun for other, whose in self.open.items())
            in_flight = sum(one.asked and not one.over for one in self.clients) + self.leaving
            self._tell(retries < max(RETRY_FLOOR, RETRY_SHARE * in_flight), "the retry budget is overdrawn")
        limit = max(self.settings.max_retry_credentials, walk.settings.max_retry_credentials)
        self._tell(len(walk.met) <= limit, "too many credentials for one request")

    def shown(self, client: Client, lease: Lease) -> None:
        """It shows content: the answer begins."""
        self._tell(not client.begun, "two attempts show content")
        client.begun = True
        self.well[lease.candidate.credential.id] = self.clock.seconds()

    def attempt_over(self, client: Client, lease: Lease) -> None:
        """Its connection is closed or returned."""
        self.last[lease.walk, lease.candidate.key] = self.clock.seconds()
        self.open.pop(lease, None)

    def ended(self, client: Client, failure: UpstreamFailure | None) -> None:
        """The client has its answer."""
        self._note(f"client {client.number} got {client.answers}")
        self._tell(len(client.answers) == 1, "more than one answer")
        if failure is None:
            return
        status = failure.detail.status
        self._tell(400 <= status <= 599, f"a failure told as {status}")
        self._tell(status not in (401, 402, 403), "the client is blamed for our credentials")
        if status == 429:
            self._tell(failure.detail.retry_after is not None, "a 429 without Retry-After")
        self._check_found(client)
        if status not in AT_ONCE:
            self._tell(not self._sure(client), f"{status} although a vendor was well all the time")

    def _check_found(self, client: Client) -> None:
        """Nobody well and not yet tried was left out, unless the rules of trying forbade it. (With fallbacks the walk over
        an earlier name may have ended long ago.)"""
        settings, route = self.asked[client.number]
        walk = self.walks.get(client.number) or Walk(route.base, eligible(route.candidates, settings), settings)
        if walk.over or route.fallbacks:
            return
        extra = settings.streaming.bootstrap_retries if client.stream else 0
        for offer in walk.candidates:
            own = offer.credential.request_retry
            retries = settings.request_retry if own is None else own
            allowed = walk.counted <= retries + extra and walk.waits <= retries
            met = offer.key in walk.met or len(walk.met) >= settings.max_retry_credentials
            state = self.subject.pool.standing(offer, self.clock.seconds()).state
            found = state in (State.COOLING, State.PROBED) or met or not allowed or self._spent()
            self._tell(found, f"{offer.credential.id} was {state.value}, and not tried")

    def _spent(self) -> bool:
        """The fleet's retry budget has no room."""
        retries = sum(lease.number > 1 and not whose.begun for lease, whose in self.open.items())
        in_flight = sum(one.asked and not one.over for one in self.clients)
        return retries >= max(RETRY_FLOOR, RETRY_SHARE * in_flight)

    def _sure(self, client: Client) -> bool:
        """Somebody must serve ``client``: a vendor is always well, and the rules allow to come to it."""
        settings, route = self.settings, self.routes[client.model]
        generous = (
            settings.request_retry == 3
            and settings.max_retry_credentials == 5
            and settings.max_retry_interval == 30
            and len(self.clients) <= RETRY_FLOOR
            and len(route.candidates) <= 4
            and not self.reloaded
        )
        return generous and any(
            not self.vendors[offer.credential.id].phases
            and offer.credential.max_concurrency == 0
            and offer.credential.request_retry is None
            for offer in route.candidates
        )

    def _check(self) -> None:
        now, pool = self.clock.seconds(), self.subject.pool
        for key, health in pool.cooldowns().items():
            if health.until is not None and health.reason is not None:
                self._tell(health.until - now <= CAPS[health.reason] + _EPSILON, f"{key} cools longer than its cap")
            self._tell(not health.blameless, f"{key} is remembered for nothing")
        held = Counter(lease.candidate.credential.id for lease in self.open)
        for owner in self.owners:
            self._tell(pool.in_flight(owner.id) == held[owner.id], f"{owner.id}'s requests are miscounted")
        for route in self.routes.values():
            self._check_last(route, now)

    def _check_last(self, route: Route, now: float) -> None:
        """Transient trouble alone never leaves a model without a usable credential."""
        offers = eligible(route.candidates, self.settings)
        standings = [self.subject.pool.standing(offer, now) for offer in offers]
        if any(standing.state is not State.COOLING for standing in standings):
            return
        if all(standing.reason is Fault.UPSTREAM for standing in standings):
            walk = Walk(route.base, offers, self.settings)
            self._tell(
                any(True for _ in self.subject.pool.order(walk, now)) or any(self.open),
                "the last credential is taken away",
            )

    def _check_end(self) -> None:
        self._tell(not self.open, "connections are left open")
        for client in self.clients:
            self._tell(client.over, f"client {client.number} never got an answer")
        self._tell(self.subject.failover.idle, "the failover loop still counts somebody")

    def _tell(self, holds: bool, what: str) -> None:
        if not holds:
            story = "\n".join(self.story[-40:])
            self.broken = self.broken or Broken(f"seed {self.seed} at {self.clock.seconds():.3f} s: {what}\n{story}")
            raise self.broken

    def _note(self, line: str) -> None:
        self.story.append(f"{self.clock.seconds():9.3f} {line}")
