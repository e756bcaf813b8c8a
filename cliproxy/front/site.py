"""The HTTP server: what twisted.web leaves open is closed here. HTTP/2 is never offered (rapid reset)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from cliproxy.errors import ErrorDetail
from cliproxy.front.channel import BoundedChannel
from cliproxy.front.limits import Limits
from cliproxy.front.records import answered, refused_early
from cliproxy.front.request import BoundedRequest
from cliproxy.relay.budget import Budget
from cliproxy.relay.record import Record

#: Idle keep-alive connections are closed after this many seconds.
IDLE_SECONDS: Final = 75


class BoundedSite(Site):
    """A site over the front's resource. ``limits`` may be changed at any time; new requests see the change.

    :ivar channels: the connections that are open, the oldest first.
    :ivar knows: whether a request, of which the head is there, comes from a client that may send much.
    :ivar budget: for the bodies of all requests.
    :ivar new_id: makes an ``X-Request-Id``.
    :ivar record: takes what became of a request, unless that is recorded elsewhere.
    """

    protocol = BoundedChannel  # type: ignore[assignment]
    requestFactory = BoundedRequest

    def __init__(self, resource: IResource, limits: Limits, reactor: Any, budget: Budget) -> None:
        super().__init__(resource, parsePOSTFormSubmission=False, timeout=IDLE_SECONDS, reactor=reactor)
        self.limits = limits
        self.budget = budget
        self.channels: dict[BoundedChannel, None] = {}
        self.knows: Callable[[Request], bool] = lambda request: True
        self.new_id: Callable[[], str] = str
        self.record: Callable[[Record], object] = _unread
        self._strangers: dict[str, dict[BoundedChannel, None]] = {}

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A connection's protocol. Where too many are open, or too many strangers from that address, one that can be spared
        goes; where all are at work the new one does.

        The owner's UNIX socket is always let in.
        """
        if not isinstance(addr, UNIXAddress):
            if len(self.channels) >= self.limits.connections:
                spared = self._spared(self.channels)
                if spared is None:
                    return None
                self._drop(spared)
            peers = self._strangers.get(getattr(addr, "host", ""), {})
            if len(peers) >= self.limits.strangers and (stranger := self._spared(peers)) is not None:
                self._drop(stranger)
        return super().buildProtocol(addr)

    @staticmethod
    def _spared(channels: Iterable[BoundedChannel]) -> BoundedChannel | None:
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

    def _drop(self, channel: BoundedChannel) -> None:
        self.went(channel)  # it is gone in a moment, and not to be chosen again until then
        channel.transport.abortConnection()

    def came(self, channel: BoundedChannel) -> None:
        """A connection is made; it is a stranger's until it shows a key."""
        self.channels[channel] = None
        self._strangers.setdefault(_peer(channel), {})[channel] = None

    def forget_stranger(self, channel: BoundedChannel) -> None:
        """It is a stranger's no more."""
        peer = _peer(channel)
        strangers = self._strangers.get(peer, {})
        strangers.pop(channel, None)
        if not strangers:
            self._strangers.pop(peer, None)

    def went(self, channel: BoundedChannel) -> None:
        """A connection is gone."""
        self.channels.pop(channel, None)
        self.forget_stranger(channel)

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

    def tell(self, request: BoundedRequest, gone: bool = False) -> None:
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


def _peer(channel: BoundedChannel) -> str:
    return getattr(channel.transport.getPeer(), "host", "")
