"""The way back to the client: one object that knows whether anything was sent, and whether anyone still listens.

Whoever called the route finishes the request, so a reply has no finish of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IPushProducer
from twisted.web.server import Request

from cliproxy.front.request import BoundedRequest


class HTTPReply:
    """A :class:`cliproxy.relay.exchange.Reply` over a twisted.web request."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.begun = False
        self.gone = False
        self.status = 0
        request.notifyFinish().addBoth(self._finished)

    def _finished(self, _: object) -> None:
        self.gone = True

    def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Fix status and headers; they leave with the first byte. A second call does nothing: the first one stands."""
        if self.begun or self.gone:
            return
        self.begun = True
        self.status = status
        request = self._request
        request.setResponseCode(status)
        if isinstance(request, BoundedRequest):
            request.fields = headers
            return
        for name, value in headers:  # mounted in somebody else's site
            request.responseHeaders.setRawHeaders(name, [value])

    def write(self, data: bytes) -> None:
        """Send bytes, as one piece."""
        if not self.gone:
            self._request.write(data)

    def attach(self, producer: IPushProducer) -> None:
        """Let the client's socket pace ``producer``."""
        if not self.gone:
            self._request.registerProducer(producer, True)

    def detach(self) -> None:
        """The producer has no more. Safe after the client left, when there is no channel to tell."""
        if self._request.channel is not None and self._request.producer is not None:
            self._request.unregisterProducer()
