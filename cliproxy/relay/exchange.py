"""An exchange: one client request on its way, its reply, and the heartbeat that keeps the client waiting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer

from cliproxy.dialects.interface import Dialect
from cliproxy.dialects.writers import Edit
from cliproxy.errors import ErrorDetail
from cliproxy.ir.loss import Loss
from cliproxy.pool.pool import Lease
from cliproxy.pool.trace import Trace
from cliproxy.providers.inbound import Inbound
from cliproxy.providers.interface import Operation
from cliproxy.relay.pump import Pump
from cliproxy.relay.recording import Tried
from cliproxy.routing.route import Route
from cliproxy.routing.snapshot import Snapshot
from cliproxy.settings.model import ClientKey

SSE_HEADERS: Final = (
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-cache"),
    ("X-Accel-Buffering", "no"),  # nginx would gather a stream otherwise
)
JSON_HEADERS: Final = (("Content-Type", "application/json"),)


class Reply(Protocol):
    """The client's side. ``begun`` says that status and headers are fixed, ``gone`` that nobody listens."""

    begun: bool
    gone: bool
    status: int

    def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Fix status and headers."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def attach(self, producer: IPushProducer) -> None:
        """Let the client's socket pace ``producer``."""

    def detach(self) -> None:
        """Stop pacing."""


class Admission(Protocol):
    """What was reserved for the exchange."""

    def settle(self, tokens: int, usd: float, wall: float) -> None:
        """What it came to."""

    def headers(self, dialect: str, now: float) -> list[tuple[str, str]]:
        """What the answer says of the client's limits."""


@attrs.define
class Exchange:
    """One client request on its way.

    :ivar dialect: the one the client's answer is written in.
    :ivar strict: a loss of meaning is refused rather than made.
    :ivar route: where it goes, when someone has decided already (Amp); None asks the router.
    :ivar edit: changes each JSON payload of the answer (Amp's rewriting), or None.
    :ivar key: the client's, for what it may use; ``admission`` is what was reserved for it.
    :ivar left: the client hung up.
    :ivar size: of the request's body, in bytes.
    :ivar tried: the attempts that were answered with a 2xx.
    :ivar shown: when the answer's first content was there, on the clock of ``started``; None before.
    """

    id: str
    client: str
    inbound: Inbound
    dialect: Dialect
    snapshot: Snapshot
    reply: Reply
    strict: bool = False
    route: Route | None = None
    edit: Edit | None = None
    trace: Trace = attrs.field(factory=Trace)
    lease: Lease | None = None
    pump: Pump | None = None
    losses: Sequence[Loss] = ()
    failed: ErrorDetail | None = None
    peer: str = ""
    started: float = 0.0
    shown: float | None = None
    task: Deferred[None] | None = None
    cut: ErrorDetail | None = None
    key: ClientKey | None = None
    admission: Admission | None = None
    size: int = 0
    left: bool = False
    tried: list[Tried] = attrs.field(factory=list)


class Heartbeat:
    """Keeps an idle connection alive while the answer is awaited, from the moment the request is accepted.

    A beat before the first content fixes status 200; what fails after it is told in-band. Nothing is written while the client
    does not read.
    """

    def __init__(self, reactor: Any, exchange: Exchange) -> None:
        settings, inbound = exchange.snapshot.settings, exchange.inbound
        self._reactor = reactor
        self._exchange = exchange
        self._call: IDelayedCall | None = None
        if inbound.operation is not Operation.GENERATE:
            self._beat, self._seconds = None, 0
        elif inbound.stream:
            self._beat, self._seconds = exchange.dialect.heartbeat, settings.streaming.keepalive_seconds
        else:
            self._beat, self._seconds = b"\n", settings.nonstream_keepalive_interval
        self._start()

    def _start(self) -> None:
        if self._beat is not None and self._seconds > 0:
            self._call = self._reactor.callLater(self._seconds, self._tick)

    def _tick(self) -> None:
        exchange, reply = self._exchange, self._exchange.reply
        assert self._beat is not None
        if reply.gone:
            return
        if exchange.pump is None or not exchange.pump.paused:
            reply.begin(200, SSE_HEADERS if exchange.inbound.stream else JSON_HEADERS)
            reply.write(self._beat)
        self._start()

    def stop(self) -> None:
        """No more beats."""
        if self._call is not None and self._call.active():
            self._call.cancel()
