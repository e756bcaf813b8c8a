"""What is simulated: something that answers requests by attempts at vendors.

:class:`AttemptSeam` is the failover loop alone, with the vendors behind its attempt function. A whole daemon over fake
transports can stand in its place: it needs :class:`Subject`'s methods, and to report to the :class:`Watch`.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Protocol

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater

from cliproxy.errors import RequestFault, UpstreamFailure
from cliproxy.failover.failover import Failover, Plan
from cliproxy.pool.pool import Lease, Pool
from cliproxy.routing.route import Route
from cliproxy.settings.model import Settings
from tests.simulation.vendors import Vendor


@attrs.define(eq=False)
class Client:
    """One client's request.

    :ivar patience: seconds until it leaves; None stays.
    :ivar answers: what it got: ``ok``, ``cut`` (failed after content), or the status of an error.
    :ivar asked: its request has come.
    :ivar begun: its answer has begun.
    :ivar gone: it has left.
    """

    number: int
    model: str
    stream: bool
    arrives: float
    patience: float | None
    conversation: str | None
    answers: list[str] = attrs.field(factory=list)
    asked: bool = False
    gone: bool = False
    begun: bool = False
    running: Deferred[None] | None = None

    @property
    def over(self) -> bool:
        """Nothing more may happen for it."""
        return self.gone or bool(self.answers)


class Watch(Protocol):
    """Who looks on, and objects."""

    def attempt(self, client: Client, lease: Lease) -> None:
        """An attempt begins."""

    def shown(self, client: Client, lease: Lease) -> None:
        """It shows content: the answer begins."""

    def attempt_over(self, client: Client, lease: Lease) -> None:
        """Its connection is closed or returned."""

    def ended(self, client: Client, failure: UpstreamFailure | None) -> None:
        """The client has its answer; ``failure`` before content, if that is what it is."""


class Subject(Protocol):
    """What answers."""

    pool: Pool

    def start(self, client: Client) -> Deferred[None]:
        """Answer ``client``; cancelling is its hang-up. Appends to ``client.answers``."""

    def reload(self, settings: Settings, routes: dict[str, Route]) -> None:
        """A new configuration."""

    def clear(self) -> None:
        """The operator frees everything."""


class AttemptSeam:
    """The failover loop, with vendors behind the attempt function."""

    def __init__(self, clock: Clock, random: Random, vendors: dict[str, Vendor], watch: Callable[[], Watch]) -> None:
        self.pool = Pool()
        self.failover = Failover(self.pool, clock, random)
        self._clock = clock
        self._vendors = vendors
        self._watch = watch
        self._settings = Settings()
        self._routes: dict[str, Route] = {}

    def reload(self, settings: Settings, routes: dict[str, Route]) -> None:
        self._settings, self._routes = settings, routes
        self.pool.keep({offer.credential.id for route in routes.values() for offer in route.candidates})

    def clear(self) -> None:
        self.failover.clear()

    def start(self, client: Client) -> Deferred[None]:
        return Deferred.fromCoroutine(self._answer(client))

    def _resolve(self, routes: dict[str, Route], name: str) -> Route:
        if name not in routes:
            raise RequestFault.bad(f"unknown provider for model {name}")
        return routes[name]

    async def _answer(self, client: Client) -> None:
        routes = self._routes
        plan = Plan(
            routes[client.model],
            self._settings,
            lambda name: self._resolve(routes, name),
            stream=client.stream,
            affinity=client.conversation,
        )
        try:
            lease, rest, failure = await self.failover.run(plan, lambda lease: self._attempt(client, lease))
        except UpstreamFailure as ended:
            client.answers.append(str(ended.detail.status))
            self._watch().ended(client, ended)
            return
        try:
            await deferLater(self._clock, rest)
        except CancelledError:
            self._watch().attempt_over(client, lease)
            self.failover.finish(lease, cancelled=True)
            raise
        self._watch().attempt_over(client, lease)
        client.answers.append("ok" if failure is None else "cut")
        self.failover.finish(lease, failure)
        self._watch().ended(client, None)

    async def _attempt(self, client: Client, lease: Lease) -> tuple[Lease, float, UpstreamFailure | None]:
        self._watch().attempt(client, lease)
        course = self._vendors[lease.candidate.credential.id].course(self._clock.seconds())
        shows = course.content_after is not None
        try:
            if not client.stream:  # a single body is read whole before anything is answered
                await deferLater(self._clock, course.ends_after)
                if course.failure is not None:
                    raise course.failure
                self._watch().shown(client, lease)
                return lease, 0.0, None
            await deferLater(
                self._clock, course.content_after if course.content_after is not None else course.ends_after
            )
            if not shows and course.failure is not None:
                raise course.failure
        except BaseException:
            self._watch().attempt_over(client, lease)
            raise
        self._watch().shown(client, lease)
        return lease, course.ends_after - (course.content_after or 0.0), course.failure
