"""The HTTP server: what twisted.web leaves open is closed here. HTTP/2 is never offered (rapid reset)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from cliproxy.front.channel import BoundedChannel
from cliproxy.front.limits import Budget, Limits
from cliproxy.front.request import BoundedRequest

#: Idle keep-alive connections are closed after this many seconds.
IDLE_SECONDS: Final = 75


class BoundedSite(Site):
    """A site over the front's resource. ``limits`` may be changed at any time; new requests see the change.

    :ivar channels: the connections that are open, the oldest first.
    :ivar knows: whether a request, of which the head is there, comes from a client that may send much.
    :ivar budget: for the bodies of all requests.
    """

    protocol = BoundedChannel  # type: ignore[assignment]
    requestFactory = BoundedRequest

    def __init__(self, resource: IResource, limits: Limits, reactor: Any, budget: Budget) -> None:
        super().__init__(resource, parsePOSTFormSubmission=False, timeout=IDLE_SECONDS, reactor=reactor)
        self.limits = limits
        self.budget = budget
        self.channels: dict[BoundedChannel, None] = {}
        self.knows: Callable[[Request], bool] = lambda request: True
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
        """No access-log file: the relay says what a request was."""

    def stopFactory(self) -> None:
        """Nothing to close."""

    def log(self, request: Any) -> None:
        """See :meth:`startFactory`."""


def _peer(channel: BoundedChannel) -> str:
    return getattr(channel.transport.getPeer(), "host", "")
