"""The HTTP server: what twisted.web leaves open is closed here. HTTP/2 is never offered (rapid reset)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.web.resource import IResource
from twisted.web.server import Site

from cliproxy.errors import ErrorDetail
from cliproxy.front.channel import BoundedChannel
from cliproxy.front.limits import Limits
from cliproxy.front.plain_channel import PlainChannel
from cliproxy.front.plain_request import PlainRequest
from cliproxy.front.records import answered, refused_early
from cliproxy.front.request import BoundedRequest
from cliproxy.relay.budget import Budget
from cliproxy.relay.record import Record
from cliproxy.wire.plain_head import PlainHeads

#: Idle keep-alive connections are closed after this many seconds.
IDLE_SECONDS: Final = 75
#: How often clocks of plain connections are looked at.
_SWEEP_SECONDS: Final = 1.0
#: What stands on a connection.
Channel = BoundedChannel | PlainChannel


class Plain(Protocol):
    """What answers plain requests."""

    def __contains__(self, path: object) -> bool:
        """Whether it answers that path."""

    def __call__(self, request: PlainRequest) -> object:
        """Answer."""


class BoundedSite(Site):
    """A site over the front's resource. ``limits`` may be changed at any time; new requests see the change.

    :ivar channels: the connections that are open, the oldest first.
    :ivar knows: whether a request, of which the head is there, comes from a client that may send much.
    :ivar budget: for the bodies of all requests.
    :ivar new_id: makes an ``X-Request-Id``.
    :ivar record: takes what became of a request, unless that is recorded elsewhere.
    :ivar leaving: no connection is kept for another request: they are answered once more, and closed.
    :ivar plain: what answers plain requests; None where none are to come that way. ``heads`` reads their heads.
    """

    noisy = False
    protocol = BoundedChannel  # type: ignore[assignment]
    requestFactory = BoundedRequest

    def __init__(
        self,
        resource: IResource,
        limits: Limits,
        reactor: Any,
        budget: Budget,
        plain: Plain | None = None,
    ) -> None:
        super().__init__(resource, parsePOSTFormSubmission=False, timeout=IDLE_SECONDS, reactor=reactor)
        self.limits = limits
        self.budget = budget
        self.channels: dict[Channel, None] = {}
        self.plain = plain
        self.leaving = False
        self.heads = PlainHeads(plain or ())
        self._sweeping: IDelayedCall | None = None
        self.knows: Callable[[Any], bool] = lambda request: True
        self.new_id: Callable[[], str] = str
        self.record: Callable[[Record], object] = _unread
        self._strangers: dict[str, dict[Channel, None]] = {}

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A connection's protocol. Where too many are open, or too many strangers from that address, one that can be spared
        goes; where all are at work the new one does.
        """
        if len(self.channels) >= self.limits.connections:
            spared = self._spared(self.channels)
            if spared is None:
                return None
            self._drop(spared)
        peers = self._strangers.get(getattr(addr, "host", ""), {})
        if len(peers) >= self.limits.strangers and (stranger := self._spared(peers)) is not None:
            self._drop(stranger)
        return super().buildProtocol(addr) if self.plain is None else PlainChannel(self)

    def close_idle(self) -> None:
        """Close the connections on which nothing is under way."""
        for channel in list(self.channels):
            if channel.waits:
                channel.transport.loseConnection()

    def owners(self, addr: IAddress | None) -> BoundedChannel:
        """The protocol of a connection by which only the daemon's owner can have come: it is always let in."""
        protocol: BoundedChannel = super().buildProtocol(addr)
        protocol.owner = True
        return protocol

    def whole(self, channel: PlainChannel) -> BoundedChannel:
        """What takes over the connection of ``channel``."""
        protocol: BoundedChannel = super().buildProtocol(channel.transport.getPeer())
        return protocol

    @staticmethod
    def _spared(channels: Iterable[Channel]) -> Channel | None:
        """The one to go first: the oldest idle stranger, the oldest stranger not yet answered, the oldest idle client."""
        begun = idle = None
        for channel in channels:
            if not channel.known:
                if channel.waits:
                    return channel
                begun = begun or (channel if channel.reading else None)
            elif channel.waits:
                idle = idle or channel
        return begun or idle

    def _drop(self, channel: Channel) -> None:
        self.went(channel)  # it is gone in a moment, and not to be chosen again until then
        channel.transport.abortConnection()

    def came(self, channel: Channel) -> None:
        """A connection is made; it is a stranger's until it shows a key."""
        self.channels[channel] = None
        if self._sweeping is None and isinstance(channel, PlainChannel):
            self._sweeping = self.reactor.callLater(_SWEEP_SECONDS, self._sweep)
        self._strangers.setdefault(_peer(channel), {})[channel] = None

    def forget_stranger(self, channel: Channel) -> None:
        """It is a stranger's no more."""
        peer = _peer(channel)
        strangers = self._strangers.get(peer, {})
        strangers.pop(channel, None)
        if not strangers:
            self._strangers.pop(peer, None)

    def went(self, channel: Channel) -> None:
        """A connection is gone."""
        self.channels.pop(channel, None)
        self.forget_stranger(channel)
        if not self.channels and self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def _sweep(self) -> None:
        """One clock for all plain connections: a timer for each would cost more than its connection."""
        now = self.reactor.seconds()
        self._sweeping = self.reactor.callLater(_SWEEP_SECONDS, self._sweep)
        for channel in [each for each in self.channels if isinstance(each, PlainChannel)]:
            channel.check(now, IDLE_SECONDS)

    def acceptableProtocols(self) -> list[bytes]:
        """HTTP/1.1 alone is offered over TLS."""
        return [b"http/1.1"]

    def startFactory(self) -> None:
        """No access-log file of twisted.web's."""

    def stopFactory(self) -> None:
        """Nothing to close."""

    def log(self, request: Any) -> None:
        """A request is answered."""
        self.tell(request)

    def tell(self, request: BoundedRequest | PlainRequest, gone: bool = False) -> None:
        """Record what became of a request, once."""
        if not request.recorded:
            request.recorded = True
            self.record(answered(request, self.reactor.seconds(), gone))

    def refused_early(self, channel: BoundedChannel, detail: ErrorDetail, request: BoundedRequest | None) -> str:
        """Record an answer that needed no route; gives its ``X-Request-Id``."""
        if request is None:
            self.record(refused_early(call_id := self.new_id(), detail, peer=_peer(channel)))
            return call_id
        request.recorded = True
        seconds, (method, path) = self.reactor.seconds() - request.began, channel.asked
        self.record(refused_early(request.id, detail, peer=_peer(channel), method=method, path=path, seconds=seconds))
        return request.id


def _unread(record: Record) -> None:
    """Nobody keeps books."""


def _peer(channel: Channel) -> str:
    return getattr(channel.transport.getPeer(), "host", "")
