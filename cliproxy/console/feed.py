"""What the console shows, whole for a page that opens, and four times a second what has changed since.

A frame has a largest size, however much happens: what it leaves out is a number in it. So a page costs the same at two requests
a second and at two thousand, and the request path pays for appending to a bounded deque.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any, Final

import attrs
from twisted.internet.interfaces import IDelayedCall

from cliproxy import __version__
from cliproxy.accounts.tokens import Tokens
from cliproxy.failover.failover import Failover
from cliproxy.front.routes import Front
from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.management.accounts import quota_states
from cliproxy.management.editing import ConfigFile
from cliproxy.management.numbers import cooling_states, credential_states, key_states
from cliproxy.relay.events import Events
from cliproxy.relay.exchange import Exchange
from cliproxy.relay.record import Record
from cliproxy.usage.minutes import Minutes
from cliproxy.usage.rows import told

#: Seconds between two frames, at least; a frame in which nothing changed is only sent to show that the daemon lives.
PERIOD: Final = 0.25
ALIVE: Final = 5.0
#: Parts of a frame that are large come less often: (name, seconds).
_SLOW: Final = {"cooling": 1.0, "load": 1.0, "keys": 2.0, "quota": 5.0, "accounts": 5.0}
#: Requests that a frame holds at most, of those under way and of those that ended.
MOST_RUNNING: Final = 40
MOST_ENDED: Final = 8
#: Requests that ended and are shown to a page that opens.
REMEMBERED: Final = 100
#: So many names of a credential's models, of a credential's cool-downs and of a request's losses.
_MOST_NAMES: Final = 12
_LONGEST_PATH: Final = 120
_OPERATORS: Final = ("/console", "/v0/management", "/v8/management", "/metrics", "/healthz", "/readyz")
#: So many of a credential's quotas.
_MOST_WINDOWS: Final = 3


@attrs.define(slots=False, eq=False)
class Feed:
    """Told of each record; tells the pages that watch :attr:`events`.

    :ivar started: when the daemon did, in Unix seconds.
    """

    front: Front
    failover: Failover
    file: ConfigFile
    tokens: Tokens
    reactor: Any
    started: float
    minutes: Minutes = attrs.field(init=False)
    events: Events = attrs.field(factory=Events)
    _ended: deque[Record] = attrs.field(factory=lambda: deque(maxlen=REMEMBERED))
    _count: int = 0
    _call: IDelayedCall | None = None
    _told: dict[str, JSON] = attrs.field(factory=dict)
    _told_count: int = 0
    _compiled: tuple[object, ...] = ()
    _due: dict[str, float] = attrs.field(factory=dict)
    _minute: int = 0

    def __attrs_post_init__(self) -> None:
        self.minutes = Minutes(self.front.now)

    def take(self, record: Record) -> None:
        """A request is over."""
        self._ended.append(record)
        self._count += 1
        self.minutes.count(record)

    def note_refused(self, record: Record) -> None:
        """A request is over that was no exchange. One that was refused is shown, unless it was the operator's own."""
        if record.status >= 400 and not record.path.startswith(_OPERATORS):
            self._ended.append(attrs.evolve(record, time=self.front.now()))
            self._count += 1

    # -- whole

    def whole(self) -> JSONObject:
        """Everything, for a page that opens. From then on it is sent frames."""
        if self._call is None:
            self._begin()
        for name in ("running", *_SLOW):
            if name != "quota":  # of which only changes are told
                self._told.pop(name, None)  # what has changed back by the next frame is to be told all the same
        snapshot, ahead = self.front.snapshot, self._ahead()
        return {
            "daemon": self._daemon(),
            "credentials": [
                _shortened(state)
                for state in credential_states(snapshot, self.failover.pool, ahead, self.reactor.seconds())
            ],
            "models": [model.id for model in islice(snapshot.catalog.listed(), 2000)],
            "ended": [_record(record) for record in self._ended],
            "minutes": self.minutes.told(),
            **{name: self._part(name) for name in ("running", *_SLOW)},
            **self._numbers(),
        }

    def _daemon(self) -> JSONObject:
        snapshot, path = self.front.snapshot, self.file.path
        settings = snapshot.settings
        return {
            "version": __version__,
            "started": self.started,
            "config": None if path is None else str(path),
            "demo": settings.demo,
            "listening": f"{settings.host or '*'}:{settings.port}",
            "strategy": settings.routing.strategy,
            "ledger": settings.usage_statistics_enabled,
            "models": len(snapshot.catalog.listed()),
        }

    def _numbers(self) -> JSONObject:
        return {"now": self.front.now(), "open": self.front.relay.open, "waiting": self.failover.waiting}

    def _ahead(self) -> float:
        seconds: float = self.reactor.seconds()
        return self.front.now() - seconds

    # -- frames

    def _begin(self) -> None:
        self._told, self._due, self._compiled = {}, {}, self._now_compiled()
        self._told_count = self._count
        self._call = self.reactor.callLater(PERIOD, self._tick)

    def _tick(self) -> None:
        self._call = None
        if not self.events.watched:
            return
        if any(now is not before for now, before in zip(self._now_compiled(), self._compiled, strict=True)):
            self._begin()
            self.events.publish("hello", self.whole())
            return
        self._call = self.reactor.callLater(PERIOD, self._tick)
        frame, now = self._frame(), self.reactor.seconds()
        if frame or now >= self._due.get("alive", 0.0):
            self._due["alive"] = now + ALIVE
            self.events.publish("frame", {**self._numbers(), **frame})

    def _now_compiled(self) -> tuple[object, ...]:
        """Other objects after a reload; not after a token was refreshed."""
        snapshot = self.front.snapshot
        return snapshot.settings, snapshot.credentials, snapshot.catalog

    def _frame(self) -> JSONObject:
        now: float = self.reactor.seconds()
        frame: JSONObject = {}
        for name in ("running", *_SLOW):
            if now >= self._due.get(name, 0.0):
                part = self._part(name)
                if self._told.get(name) != part:
                    frame[name] = _changed(self._told.get(name), part) if name == "quota" else part
                    self._told[name] = part
                    self._due[name] = now + _SLOW.get(name, 0.0)
        new = self._count - self._told_count
        if new:
            shown = min(new, MOST_ENDED, len(self._ended))
            frame["ended"] = [_record(record) for record in list(self._ended)[-shown:]]
            frame["unshown"] = new - shown
            frame["minutes"] = minutes = self.minutes.told(self._minute)
            self._minute = minutes[-1]["start"] if minutes else 0
            self._told_count = self._count
        return frame

    def _part(self, name: str) -> JSON:
        snapshot = self.front.snapshot
        if name == "running":
            return [
                _progress(exchange, self._ahead())
                for exchange in islice(reversed(self.front.relay.exchanges.values()), MOST_RUNNING)
            ]
        if name == "load":
            pool = self.failover.pool
            return {each.id: load for each in snapshot.credentials if (load := pool.in_flight(each.id))}
        if name == "quota":
            return self._quota()
        if name == "accounts":
            accounts = [each.id for each in snapshot.credentials if each.account]
            states = {each: self.tokens.told(each) for each in accounts}
            return {each: state for each, state in states.items() if state["problem"]}
        if name == "cooling":
            found = cooling_states(self.failover.pool, self._ahead())
            return {each: cooldowns[:_MOST_NAMES] for each, cooldowns in found.items()}
        return key_states(snapshot, self.front)

    def _quota(self) -> dict[str, JSON]:
        """The windows of each credential of which the least is left, rounded, so that not every answer changes them."""
        found = quota_states(self.failover.pool, self._ahead(), self.reactor.seconds())
        return {each: _nearest(windows) for each, windows in found.items() if _nearest(windows)}


def _nearest(windows: list[JSONObject]) -> list[JSON]:
    told = [
        {
            "window": window["window"],
            "model": window["model"],
            "used": round(1 - window["left"], 3),
            "resets": None if window["resets"] is None else round(window["resets"]),
        }
        for window in windows
        if window["left"] is not None and window["window"] != "retry-after"  # that one is shown as cooling
    ]
    return sorted(told, key=lambda each: -each["used"])[:_MOST_WINDOWS]


def _changed(before: Any, after: Any) -> dict[str, JSON]:
    """What is not as it was; what is gone is empty."""
    gone: dict[str, JSON] = {each: [] for each in before or {} if each not in after}
    return {**gone, **{each: value for each, value in after.items() if not before or before.get(each) != value}}


def _shortened(state: JSONObject) -> JSONObject:
    models = state["models"]
    state = {name: value for name, value in state.items() if name not in ("cooldowns", "quota")}
    return {**state, "models": models[:_MOST_NAMES], "model_count": len(models)}


def _record(record: Record) -> JSONObject:
    found = told(record)
    del found["peer"]
    found["path"] = "" if record.dialect else f"{record.method} {record.path[:_LONGEST_PATH]}".strip()
    return {**found, "lost": [loss.what for loss in record.losses[:_MOST_NAMES]]}


def _progress(exchange: Exchange, ahead: float) -> JSONObject:
    """How far an exchange is. It only changes when something has happened to it."""
    candidate = exchange.lease.candidate if exchange.lease is not None else None
    credential = None if candidate is None else candidate.credential
    return {
        "id": exchange.id,
        "time": round(exchange.started + ahead, 2),
        "key": exchange.client,
        "dialect_in": exchange.inbound.dialect,
        "asked": exchange.inbound.model,
        "stream": exchange.inbound.stream,
        "credential": None if credential is None else credential.label,
        "provider": None if credential is None else credential.channel,
        "model": None if candidate is None else candidate.model,
        "first_ms": None if exchange.shown is None else (exchange.shown - exchange.started) * 1000,
        "losses": len(exchange.losses),
        "tries": [
            {"credential": one.credential, "status": one.status, "why": one.why} for one in exchange.trace.attempts
        ],
    }
