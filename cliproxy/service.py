"""The composition root: everything is built and joined here, and nowhere else."""

from __future__ import annotations

import os
import random
import string
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import attrs
from klein import Klein
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorThreads
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.web.resource import IResource

from cliproxy.accounts.directory import accounts_in
from cliproxy.accounts.grants import Grant
from cliproxy.accounts.tokens import Tokens
from cliproxy.amp.credits import Credits
from cliproxy.amp.fallback import AmpFallbackResource
from cliproxy.amp.keys import AmpKeys
from cliproxy.amp.routes import AmpRoutes
from cliproxy.console.feed import Feed
from cliproxy.console.routes import ConsoleRoutes
from cliproxy.errors import CliproxyError, ErrorDetail, SettingsError
from cliproxy.failover.failover import Failover
from cliproxy.front.access import Access
from cliproxy.front.claude import ClaudeRoutes
from cliproxy.front.doors import Doors
from cliproxy.front.gemini import GeminiRoutes
from cliproxy.front.limits import Limits
from cliproxy.front.listener import Listener
from cliproxy.front.openai import OpenAIRoutes
from cliproxy.front.operators import Operators
from cliproxy.front.root import RootResource
from cliproxy.front.routes import Front
from cliproxy.front.sessions import Sessions
from cliproxy.front.site import BoundedSite
from cliproxy.front.usage import UsageRoutes
from cliproxy.logs.request_files import RequestFiles
from cliproxy.management.editing import ConfigFile
from cliproxy.management.whole import Parts, whole
from cliproxy.pool.pool import WHOLE, Pool
from cliproxy.pool.verdict import Fault
from cliproxy.providers.demo import answer as demo_answer
from cliproxy.relay.budget import Budget
from cliproxy.relay.exchange import Exchange
from cliproxy.relay.in_flight import InFlight
from cliproxy.relay.record import Record
from cliproxy.relay.relay import Relay
from cliproxy.routing.learned import Learned
from cliproxy.routing.model_facts import facts_path, in_force, shipped
from cliproxy.routing.snapshot import Snapshot
from cliproxy.settings.model import Secret, Settings
from cliproxy.settings.startup_checks import refusals
from cliproxy.upstream.client import Client
from cliproxy.usage.database import IN_MEMORY
from cliproxy.usage.ledger import Ledger
from cliproxy.usage.metrics import Metrics
from cliproxy.usage.rows import told

_MIB: Final = 1024 * 1024
_ALPHABET: Final = string.ascii_letters + string.digits
#: After drain time the last answers get this long to be written.
_LAST_WRITE_SECONDS: Final = 2.0
#: Where somebody else keeps the socket (systemd), those who have just come still get their answer, for so long.
_INHERITED_SECONDS: Final = 1.0
#: How often it is looked whether all connections are gone.
_LOOK_SECONDS: Final = 0.05
#: What vendors show of their models is listed so much later.
_RELEARN_SECONDS: Final = 0.5


class CliproxyService(MultiService):
    """The daemon as a service; its :attr:`resource` can be mounted in any twisted.web site.

    :param settings: what to serve.
    :param reactor: the reactor, also for time.
    :param listen: listen where ``settings`` say; False for those who mount :attr:`resource` themselves (body size and
        header deadline are then their site's affair).
    :param environment: proxies' and, in demo mode, vendors' environment variables.
    :param inherited: descriptors of sockets that listen already, to be used instead of the settings' host and port.
    :param entropy: for ids, jitter and picks.
    :param now: Unix seconds.
    :ivar successor: where somebody else accepts new connections once this daemon stops, those that are here are still served
        for so many seconds; 0 where nobody does.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        *,
        listen: bool = True,
        environment: Mapping[str, str] = os.environ,
        inherited: Sequence[int] = (),
        entropy: random.Random | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.reactor = reactor
        self.environment = environment
        self.configured: list[Callable[[Settings], object]] = []
        """Told of each configuration that is put in force."""
        self.ended: list[Callable[[Record, Exchange], object]] = []
        """Told of each exchange that is over."""
        self.request_files: RequestFiles | None = None
        """Those of requests that failed, or of all, where they are kept."""
        entropy = entropy or random.SystemRandom()
        self.pool = Pool()
        self.client = Client(reactor, environment=environment, local={"demo": demo_answer})
        self.now = now
        self.learned = Learned(reactor.seconds)
        self.learned.changed = self._relearn_soon
        self._relearning: IDelayedCall | None = None
        self.tokens = Tokens(lambda: self.settings, self.client, reactor, now)
        self.tokens.granted = self._granted
        self._shown: dict[str, tuple[Secret, ...]] = {}
        snapshot = self._built(settings)
        self.pool.keep([credential.id for credential in snapshot.credentials])
        self.budget = Budget(settings.max_bodies_mb * _MIB)
        self.failover = Failover(self.pool, reactor, entropy, now=now, refresh=self.tokens.refresh)
        self.relay = Relay(
            snapshot,
            budget=self.budget,
            reactor=reactor,
            client=self.client,
            failover=self.failover,
            learned=self.learned,
            ready=self.tokens.ready,
            mint=lambda prefix: prefix + "".join(entropy.choices(_ALPHABET, k=24)),
            now=now,
            aside=_aside(reactor),
        )

        def new_id() -> str:
            return f"{entropy.getrandbits(32):08x}"

        operators = Operators(reactor.seconds, _aside(reactor))
        doors = Doors(lambda: self.relay.snapshot, now, operators, Sessions(now, new_id))
        self.front = Front(self.relay, new_id, now, doors)
        self.ledger = Ledger(IN_MEMORY, reactor, now)
        self.metrics = Metrics()
        self.ledger.counted, self.metrics.before = self.metrics.count, self.ledger.tell
        self.relay.account, self.front.passed = self._account, self.ledger.add
        keys = AmpKeys(environment, reactor.seconds)
        self.passing = InFlight(reactor)
        fallback = AmpFallbackResource(self.front, self.client, keys, Access.CLIENT_KEY, reactor, self.passing)
        self.amp = AmpRoutes(self.front, fallback, now, Credits(now))
        pages = AmpFallbackResource(self.front, self.client, keys, Access.OPTIONAL_KEY, reactor, self.passing)
        self.config_file = ConfigFile(None, environment, self.compiled, _aside(reactor), since=now())
        self.restart: Callable[[], Awaitable[int]] = _no_restart
        managed, self.management_table = whole(
            Parts(
                front=self.front,
                failover=self.failover,
                file=self.config_file,
                ledger=self.ledger,
                metrics=self.metrics,
                client=self.client,
                tokens=self.tokens,
                reactor=reactor,
                mint=lambda digits: f"{entropy.getrandbits(4 * digits):0{digits}x}",
                reread=self.reread,
                restart=lambda: self.restart(),
            )
        )
        self.console = Feed(self.front, self.failover, self.config_file, self.tokens, reactor, now())
        console = ConsoleRoutes(self.front, self.failover, self.console, self.ledger, reactor.seconds, _aside(reactor))
        managed.append(((b"/console",), console.app))
        managed.append(((b"/v1/usage",), UsageRoutes(self.front, self.ledger).app))
        self.resource = _tree(self.front, self.amp, pages, managed)
        self.site = BoundedSite(self.resource, _limits(settings), reactor, self.budget, self.resource.plain)
        self.site.knows, self.site.new_id = self.front.doors.knows, self.front.new_id
        self.site.record, self.relay.journal.mask = self._answered, self.front.masked
        self.successor = _INHERITED_SECONDS if inherited else 0.0
        self.listener = Listener(self.site, reactor, settings, _check_doors, inherited)
        if listen:
            self.listener.setServiceParent(self)

    def _answered(self, record: Record) -> None:
        self.front.record(record)
        self.console.note_refused(record)

    def _account(self, record: Record, exchange: Exchange) -> None:
        # What counts against a budget is to be known to the next life, however this one ends.
        self.ledger.add(record, soon=exchange.key is not None and bool(exchange.key.budgets))
        self.console.take(record)
        if self.relay.events.watched:
            self.relay.events.publish("finished", told(record))
        for tell in self.ended:
            tell(record, exchange)

    @property
    def settings(self) -> Settings:
        """The configuration in force."""
        return self.relay.snapshot.settings

    @property
    def port(self) -> int | None:
        """The TCP port listened on, once it is; None without a listener of our own."""
        return self.listener.port

    def clear_cooldowns(self) -> None:
        """Forget every cool-down; the next request tries each credential afresh."""
        self.failover.clear()
        self._log.info("all cool-downs are cleared")

    def apply(self, settings: Settings) -> None:
        """Put a checked configuration in force. Requests under way keep the one they began with.

        :raises SettingsError: it cannot be used; the old one stays.
        """
        self.put(self.compiled(settings))

    def compiled(self, settings: Settings) -> Snapshot:
        """What :meth:`put` takes. It changes nothing, and may take long: any thread may do it.

        :raises SettingsError: it cannot be used.
        """
        self.listener.check(settings)  # where it listens now: those who came there are still connected
        return self._built(settings)

    def _built(self, settings: Settings) -> Snapshot:
        try:
            facts = in_force(settings)
        except ValueError as error:
            self._log.warn("{path} {why}: the shipped facts are used", path=str(facts_path(settings)), why=str(error))
            facts = shipped()
        accounts = accounts_in(settings.auth_dir)
        return Snapshot.build(settings, self.environment, int(self.now()), self.learned, accounts, facts)

    async def reread(self) -> None:
        """Put what stands in ``auth-dir`` now in force.

        :raises SettingsError: it cannot be used; the old one stays.
        """
        aside, before = _aside(self.reactor), None
        while before is not self.settings:  # a reload came in between
            before = self.settings
            snapshot = await aside(partial(self.compiled, before))
        self.put(snapshot)

    def put(self, snapshot: Snapshot) -> None:
        """Put a compiled configuration in force."""
        settings = snapshot.settings
        self.listener.move(settings)
        self.relay.snapshot, self.config_file.since = snapshot, self.now()
        self.site.limits = _limits(settings)
        self.budget.limit = settings.max_bodies_mb * _MIB
        self.pool.keep([credential.id for credential in snapshot.credentials])
        for tell in self.configured:
            tell(settings)
        self.relay.events.publish("reloaded", {"time": self.now(), "credentials": len(snapshot.credentials)})

    def _granted(self, id: str, grant: Grant) -> None:
        """A token was had: it is masked from now on, and whoever was refused without it is tried again."""
        self.hide(id, grant.access, grant.refresh)
        health = self.pool.cooldowns().get((id, WHOLE))
        if health is not None and health.reason is Fault.CREDENTIAL:
            self.failover.clear(id, WHOLE)

    def hide(self, id: str, *tokens: Secret) -> None:
        """Mask a credential's new tokens; those before its last ones are forgotten."""
        before = self._shown.get(id, ())
        self._shown[id] = (*before[-2:], *tokens)
        self.relay.snapshot = self.relay.snapshot.hiding(*filter(None, tokens), instead_of=before[:-2])

    def _relearn_soon(self) -> None:
        """Vendors have shown more of their models. Many lists come at once, so it is not done for each."""
        if self._relearning is None and self.running:
            self._relearning = self.reactor.callLater(_RELEARN_SECONDS, self._relearn)

    def _relearn(self) -> None:
        self._relearning = None
        self.relay.snapshot = self.relay.snapshot.relearned(self.learned, int(self.now()))

    def hurry(self) -> None:
        """Drain time is over now: what is still under way is cut, with an error in the client's dialect."""
        self.relay.cut_all(ErrorDetail(503, "cliproxy is shutting down"))
        self.passing.cut_all()

    def stopService(self) -> Deferred[None]:
        """Readiness off, stop accepting, let what runs finish within ``drain-seconds``, then cut it with an error."""
        self.front.draining = not self.successor
        self.site.leaving = True
        if self._relearning is not None:
            self._relearning.cancel()
            self._relearning = None
        stopped = super().stopService()
        return Deferred.fromCoroutine(self._drain(stopped))

    @property
    def open(self) -> int:
        """Requests under way, those on their way through to ampcode.com among them; WebSockets do not count."""
        return self.relay.open + self.passing.open

    async def _idle(self, seconds: float) -> None:
        """Wait until none is, at most so many seconds."""
        waits = [Deferred.fromCoroutine(rest.idle(seconds)) for rest in (self.relay, self.passing)]
        for wait in waits:
            await wait

    async def _quiet(self, seconds: float) -> None:
        """Let those who are connected ask once more, at most so many seconds: somebody else is there for the next."""
        until = self.reactor.seconds() + seconds
        while self.site.channels and self.reactor.seconds() < until:
            await deferLater(self.reactor, _LOOK_SECONDS)
        self.site.close_idle()

    async def _drain(self, stopped: Deferred[Any]) -> None:
        await stopped
        if self.successor:
            await self._quiet(self.successor)
        if self.open:
            self._log.info("draining: {open} requests are under way", open=self.open)
            await self._idle(self.settings.drain_seconds)
        if self.open:
            self._log.warn("drain time is over: cutting {open} requests", open=self.open)
            self.hurry()
            await self._idle(_LAST_WRITE_SECONDS)
        self.amp.fallback.close_tunnels()
        await self.client.close()
        await self.ledger.close()


def _tree(
    front: Front,
    amp: AmpRoutes,
    pages: IResource,
    management: Sequence[tuple[tuple[bytes, ...], Klein]],
) -> RootResource:
    """The whole front: who owns which path prefixes. OpenAI's app owns the rest."""
    return RootResource(
        front,
        [
            ((b"/v1beta/", b"/v1beta1/", b"/v1/models/", b"/v1/publishers/"), GeminiRoutes(front).app),
            ((b"/v1/messages",), ClaudeRoutes(front).app),
            ((b"/api/provider/",), amp.app),
            *management,
            ((b"",), OpenAIRoutes(front).app),
        ],
        [
            ((b"/api/", b"/actors/"), amp.fallback),
            ((b"/threads", b"/docs", b"/settings", b"/auth", b"/threads.rss", b"/news.rss"), pages),
        ],
    )


async def _no_restart() -> int:
    raise CliproxyError("this daemon is not its process's owner")


def _aside(reactor: Any) -> Callable[[Callable[[], Any]], Deferred[Any]]:
    """A thread of the reactor's, where it has any: counting tokens loads a vocabulary first, for about a second."""
    if IReactorThreads.providedBy(reactor):
        return partial(deferToThreadPool, reactor, reactor.getThreadPool())
    return maybeDeferred


def _check_doors(settings: Settings, host: str) -> None:
    """Look again at where we really listen: a socket that was handed over need not be where the settings say.

    :raises SettingsError: everybody would be served there.
    """
    problems = tuple(f"{key}: {sentence}" for key, sentence in refusals(attrs.evolve(settings, host=host)))
    if problems:
        raise SettingsError(problems)


def _limits(settings: Settings) -> Limits:
    return Limits(settings.max_body_mb * _MIB, settings.header_timeout_seconds, settings.client_stall_seconds)
