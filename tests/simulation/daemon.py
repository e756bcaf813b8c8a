"""The same life, lived by the whole daemon: real parsers on both sides, vendors that misbehave on the wire.

The random schedules are those of :mod:`tests.simulation.vendors`; what is checked is what can be seen from outside: what
clients read, what vendors are asked, which connections are open.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

import attrs
from twisted.internet.interfaces import IDelayedCall

from cliproxy.jsontypes import dumps
from cliproxy.settings.model import (
    STRATEGIES,
    ClientKey,
    CompatEntry,
    CompatKey,
    ModelEntry,
    QuotaExceeded,
    Routing,
    Secret,
    Settings,
    Streaming,
)
from tests.simulation.playing import Played, Player
from tests.simulation.simulation import Broken
from tests.simulation.vendors import Behaviour, Vendor
from tests.support.world import Call, World

#: By then every request has ended, whatever its vendors did.
FOREVER: Final = 3000.0


@attrs.define(eq=False)
class Asker:
    """One client and its request."""

    number: int
    stream: bool
    call: Call | None = None
    left: bool = False
    attempts: list[Played] = attrs.field(factory=list)

    @property
    def over(self) -> bool:
        """It has a whole answer, or nobody on the line."""
        return self.left or (self.call is not None and (self.call.ended or self.call.closed))

    @property
    def heard(self) -> str:
        """What it was told, errors aside."""
        call = self.call
        if call is None or call.status != 200:
            return ""
        if not self.stream:
            body = call.json if call.ended and call.body.strip() else {}
            return "".join(choice["message"]["content"] for choice in body.get("choices", []))
        events = [event for event in call.events if isinstance(event, dict) and "error" not in event]
        return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event.get("choices"))


class DaemonLife:
    """One life of a daemon, fully determined by its seed.

    :ivar story: what happened, a line each.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random = Random(seed)
        self.story: list[str] = []
        self.happenings: list[IDelayedCall] = []
        self.names = "ABCDE"[: random.randint(1, 5)]
        self.world = World(self._settings())
        self.reactor = self.world.reactor
        self.elsewhere = self.world.vendor("elsewhere.test")
        self.vendors = {}
        for name in self.names:
            vendor = self.world.vendor(f"{name.lower()}.test")
            schedule = Vendor.drawn(random)
            vendor.script = Player(name, schedule, self.reactor.seconds, self._later, random, self._attempt)
            self.vendors[name] = vendor
            self._close_doors(name, schedule)
        self.askers = [Asker(number, random.random() < 0.6) for number in range(random.choice((1, 3, 10)))]
        self.broken: Broken | None = None

    def _settings(self) -> Settings:
        random = self.random
        entries = tuple(
            CompatEntry(
                name=name,
                base_url=f"http://{name.lower()}.test/v1",
                api_key_entries=(CompatKey(Secret(f"sk-canary-{name}")),),
                models=(ModelEntry("m", "m"),),
                priority=random.choice((0, 0, 1)),
                max_concurrency=random.choice((0, 0, 1)),
            )
            for name in self.names
        )
        return Settings(
            api_keys=(ClientKey(Secret(World.KEY)),),
            openai_compatibility=entries,
            request_retry=random.choice((0, 1, 3)),
            max_retry_interval=random.choice((0, 2, 30)),
            routing=Routing(random.choice(list(STRATEGIES))),
            streaming=Streaming(keepalive_seconds=random.choice((0, 3, 15)), bootstrap_retries=random.choice((0, 1))),
            quota_exceeded=QuotaExceeded(switch_project=random.random() < 0.8),
            first_byte_timeout_seconds=20,
            stream_idle_seconds=15,
            connect_timeout_seconds=5,
        )

    def _close_doors(self, name: str, schedule: Vendor) -> None:
        """In phases of refusals and of missing names the vendor cannot even be reached."""
        host, began = f"{name.lower()}.test", 0.0
        for until, behaviours in schedule.phases:
            if Behaviour.REFUSE in behaviours:
                make = self.reactor.servers[host, 80]
                self._later(began, self.reactor.servers.pop, (host, 80), None)
                self._later(until, self.reactor.servers.__setitem__, (host, 80), make)
            elif Behaviour.NO_NAME in behaviours:
                self._later(began, self.reactor.unresolvable.add, host)
                self._later(until, self.reactor.unresolvable.discard, host)
            began = until

    def _later(self, seconds: float, call: Callable[..., Any], *rest: Any) -> None:
        """A happening outside the daemon."""
        self.happenings.append(self.reactor.callLater(seconds, call, *rest))

    # -- living

    def run(self) -> None:
        """Live to the end.

        :raises Broken: at the first thing that must not be.
        """
        for asker in self.askers:
            self._later(self.random.choice((0.0, self.random.uniform(0, 30))), self._ask, asker)
        while not all(asker.over for asker in self.askers):
            self._step()
        self.world.pass_time(1.5)
        for happening in self.happenings:
            if happening.active():
                happening.cancel()
        self.world.close()
        self._check_end()

    def _step(self) -> None:
        now = self.reactor.seconds()
        self._tell(now < FOREVER, "a request waits for ever")
        due = [call.getTime() for call in self.reactor.calls]
        self._tell(bool(due), "a request waits for nothing that will come")
        self.reactor.advance(max(0.0, min(due) - now))
        self.world.flow()
        self._check()
        if self.broken is not None:
            raise self.broken

    def _ask(self, asker: Asker) -> None:
        self._note(f"client {asker.number} asks")
        prompt = {"role": "user", "content": f"this is client {asker.number}"}
        body: dict[str, Any] = {"model": "m", "messages": [prompt]}
        if asker.stream:
            body["stream"] = True
        asker.call = Call()
        data = self._request(body)
        transport = self.reactor.connect(asker.call, self.world.service.site.buildProtocol(None))
        transport.write(data)
        if self.random.random() < 0.3:
            self._later(self.random.uniform(0, 12), self._leave, asker)

    def _request(self, body: dict[str, Any]) -> bytes:
        data = dumps(body)
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8317\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {World.KEY}\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        return head.encode() + data

    def _leave(self, asker: Asker) -> None:
        if asker.over or asker.call is None:
            return
        self._note(f"client {asker.number} leaves")
        asker.call.leave()
        asker.left = True
        self._later(1.0, self._check_left, asker)

    # -- looking on

    def _attempt(self, played: Played) -> None:
        self._note(f"{played.vendor} is asked for client {played.client}: {played.behaviour.value}")
        asker = self.askers[played.client]
        try:
            self._tell(not asker.over, "an attempt after the answer or the hang-up")
            self._tell(not asker.heard, "an attempt after content was shown")
        except Broken:
            return
        asker.attempts.append(played)

    def _answered(self, played: Played) -> bool:
        """The vendor has nothing more to say on this attempt: its connection may serve again."""
        return played.whole or played.behaviour not in (
            Behaviour.SILENCE,
            Behaviour.STALL,
            Behaviour.HEADERS_THEN_SILENCE,
        )

    def _check_left(self, asker: Asker) -> None:
        for played in asker.attempts:
            open_still = not played.request.gone and not played.whole and not self._answered(played)
            self._tell(
                not open_still, f"client {asker.number} left a second ago, and {played.vendor} still works for it"
            )

    def _check(self) -> None:
        for asker in self.askers:
            working = [played for played in asker.attempts if not (played.request.gone or self._answered(played))]
            self._tell(len(working) < 2, "two attempts at once for one request")
            call = asker.call
            if call is None or not call.raw:
                continue
            self._tell(call.raw.count(b"HTTP/1.1 ") == 1, "more than one answer to a request")
            self._tell(b"sk-canary" not in call.raw, "a credential's key reaches the client")
            if asker.over and not asker.left:
                self._check_answer(asker, call)
        self._tell(not self.elsewhere.connections, "a redirect was followed")

    def _check_answer(self, asker: Asker, call: Call) -> None:
        self._tell(call.status not in (401, 402, 403), "the client is blamed for our credentials")
        self._tell(call.status == 200 or 400 <= call.status <= 599, f"an answer with status {call.status}")
        if call.status == 429:
            self._tell("retry-after" in call.headers, "a 429 without Retry-After")
        if call.status != 200:
            return
        said = [played for played in asker.attempts if played.text and played.text.startswith(asker.heard[:1])]
        whole = call.ended and (not asker.stream or "[DONE]" in call.events)
        if whole:
            self._tell(
                any(played.whole and played.text == asker.heard for played in said), "a whole answer nobody gave"
            )
        elif asker.stream:
            told = any(isinstance(event, dict) and "error" in event for event in call.events)
            self._tell(told, f"client {asker.number}'s stream ended without an error and without an end")
        if asker.heard:
            self._tell(any(played.text.startswith(asker.heard) for played in said), "an answer mixed of two attempts")

    def _check_end(self) -> None:
        self._tell(self.world.service.relay.failover.idle, "the failover loop still counts somebody")
        pool = self.world.service.relay.failover.pool
        for credential in self.world.service.relay.snapshot.credentials:
            self._tell(pool.in_flight(credential.id) == 0, f"{credential.label} is still held")
        for name, vendor in self.vendors.items():
            self._tell(vendor.open == 0, f"a connection to {name} is left open")
        if self.broken is not None:
            raise self.broken

    def _tell(self, holds: bool, what: str) -> None:
        if not holds:
            story = "\n".join(self.story[-40:])
            where = f"daemon seed {self.seed} at {self.reactor.seconds():.3f} s"
            self.broken = self.broken or Broken(f"{where}: {what}\n{story}")
            raise self.broken

    def _note(self, line: str) -> None:
        self.story.append(f"{self.reactor.seconds():9.3f} {line}")
