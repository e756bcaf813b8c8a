"""An exchange: one client request on its way, and its reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure

from cliproxy.dialects.interface import Dialect
from cliproxy.dialects.writers import Edit
from cliproxy.errors import ErrorDetail
from cliproxy.failover.failover import Plan
from cliproxy.ir.loss import Loss
from cliproxy.pool.pool import Lease
from cliproxy.pool.trace import Trace
from cliproxy.providers.inbound import Inbound
from cliproxy.relay.pump import Pump
from cliproxy.relay.recording import Tried
from cliproxy.routing.route import Route
from cliproxy.routing.snapshot import Snapshot
from cliproxy.settings.model import ClientKey
from cliproxy.wire.traceparent import TraceContext

if TYPE_CHECKING:
    from cliproxy.relay.capture import Capture

SSE_HEADERS: Final = (
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-cache"),
    ("X-Accel-Buffering", "no"),  # nginx would gather a stream otherwise
)
JSON_HEADERS: Final = (("Content-Type", "application/json"),)


class Reply(Protocol):
    """The client's side. ``begun`` says that status and headers are fixed, ``gone`` that nobody listens."""

    @property
    def begun(self) -> bool: ...

    @property
    def gone(self) -> bool: ...

    @property
    def status(self) -> int: ...

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

    def headers(self, dialect: Dialect, now: float) -> list[tuple[str, str]]:
        """What the answer says of the client's limits."""


class Leaving(Protocol):
    """What is under way for an exchange."""

    def leave(self) -> None:
        """The client hung up."""


class Beat(Protocol):
    """A heartbeat to come."""

    exchange: Exchange | None


@attrs.define(eq=False)
class Exchange:
    """One client request on its way.

    :ivar dialect: the one the client's answer is written in.
    :ivar strict: a loss of meaning is refused rather than made.
    :ivar route: where it goes, when someone has decided already (Amp); None asks the router.
    :ivar edit: changes each JSON payload of the answer (Amp's rewriting), or None.
    :ivar amp: how it is routed, if it is Amp's.
    :ivar tracing: the trace that it is part of, if it is of any.
    :ivar session: the beginning of its conversation's digest, where that was made.
    :ivar key: the client's, for what it may use; ``admission`` is what was reserved for it.
    :ivar left: the client hung up.
    :ivar size: of the request's body, in bytes.
    :ivar tried: the attempts that were answered with a 2xx.
    :ivar over: called once, when the exchange is over; a failure is its hang-up, or a bug of ours.
    :ivar straight: its first attempt while that is made straightly; else ``task`` is the loop that makes its attempts.
    :ivar went_straight: the first attempt, made straightly, gave the answer.
    :ivar beat: its next heartbeat, which is taken from it when it is over.
    :ivar path: of the client's request, and its query; said where somebody listens.
    :ivar capture: keeps what crosses it, where somebody wants that.
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
    over: Callable[[Failure | None], object] | None = None
    plan: Plan | None = None
    straight: Leaving | None = None
    went_straight: bool = False
    task: Deferred[None] | None = None
    beat: Beat | None = None
    cut: ErrorDetail | None = None
    key: ClientKey | None = None
    admission: Admission | None = None
    amp: str = ""
    tracing: TraceContext | None = None
    session: str = ""
    size: int = 0
    left: bool = False
    tried: list[Tried] = attrs.field(factory=list)
    path: bytes = b""
    query: Mapping[str, str] = attrs.field(factory=dict)
    capture: Capture | None = None
