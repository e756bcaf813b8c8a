"""WebSockets: a connection that stops being HTTP. Bytes both ways until one side ends, each side paced by the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from cliproxy.errors import UpstreamFailure
from cliproxy.upstream.response import UpstreamResponse
from cliproxy.wire.http1 import MAX_HEAD, Body, Head, ProtocolFault, body_of, find_head_end, parse_head

#: When one side has ended, the other gets this long to take what is still on its way.
LINGER_SECONDS: Final = 5.0


class End(Protocol):
    """One side. What it hears the other says.

    :ivar heard: bytes heard.
    """

    transport: Any
    tunnel: Tunnel | None = None
    other: End

    def __init__(self) -> None:
        self.heard = 0
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        """Pass it on."""
        self.heard += len(data)
        self.other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the other side too."""
        self.lost = True
        if self.tunnel is not None:
            self.tunnel.close()


class UpstreamEnd(End):
    """The side that was asked for the upgrade. Until it says yes, it is an HTTP exchange.

    :ivar answer: fires with the head of the answer and its bytes; fails with :class:`UpstreamFailure`. Cancelling it closes
        the connection.
    """

    def __init__(self, request_head: bytes, origin: str) -> None:
        super().__init__()
        self._request_head = request_head
        self._origin = origin
        self._buffer = b""
        self._body: Body | None = None
        self._response: UpstreamResponse | None = None
        self._answered = False
        self.answer: Deferred[tuple[Head, bytes]] = Deferred(self._cancelled)

    def connectionMade(self) -> None:
        """Ask."""
        keep_alive(self.transport)
        self.transport.write(self._request_head)

    def dataReceived(self, data: bytes) -> None:
        """The answer's head; then the other side's words, or a refusal's body."""
        if self.tunnel is not None:
            super().dataReceived(data)
            return
        self._buffer += data
        if self._response is not None:
            self._take()
        elif not self._answered:
            self._read_head()

    def _read_head(self) -> None:
        try:
            while (end := find_head_end(self._buffer, 0)) >= 0:
                block, self._buffer = self._buffer[:end], self._buffer[end:]
                head = parse_head(block)
                if head.status == 101 or head.status >= 200:
                    self._answered = True
                    self.answer.callback((head, block))
                    return
            if len(self._buffer) > MAX_HEAD:
                raise ProtocolFault("an endless head")
        except ProtocolFault as fault:
            self.fail(f"{self._origin} answered the upgrade with {fault}")

    def _cancelled(self, _: object) -> None:
        self._answered = True
        self.abort()

    def fail(self, sentence: str) -> None:
        """Wait no longer for an answer."""
        if not self._answered:
            self._answered = True
            self.answer.errback(UpstreamFailure.transport(sentence))
        self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The upstream is gone."""
        super().connectionLost(reason)
        response, self._response = self._response, None
        self.fail(f"{self._origin} closed the connection instead of answering the upgrade")
        if response is not None:
            whole = self._body is not None and self._body.end_of_input()
            response.finished(None if whole else UpstreamFailure.transport(f"{self._origin} broke off its answer"))

    # -- a refusal, which is an answer like any other

    def refusal(self, head: Head) -> UpstreamResponse:
        """The answer that was no upgrade, to be passed on.

        :raises UpstreamFailure: its framing is in doubt.
        """
        try:
            self._body = body_of(head, bodiless=False)
        except ProtocolFault as fault:
            raise UpstreamFailure.transport(f"{self._origin} answered the upgrade with {fault}") from None
        self._response = UpstreamResponse(head.status, head.headers, head.raw, self._origin, self, decode=False)
        response = self._response
        self._take()
        return response

    def _take(self) -> None:
        assert self._body is not None and self._response is not None
        data, self._buffer = self._body.feed(self._buffer), b""
        if not (self._body.ended or self._body.fault):
            if data:
                self._response.arrived(data)
            return
        response, self._response = self._response, None
        fault = self._body.fault
        response.finished(UpstreamFailure.transport(f"{self._origin} sent {fault}") if fault else None, data)
        self.abort()

    def pause(self) -> None:
        """The refusal's reader has enough for now."""
        self.transport.pauseProducing()

    def resume(self) -> None:
        """It wants more."""
        self.transport.resumeProducing()

    def abort(self) -> None:
        """Close at once."""
        self._response = None
        if self.transport is not None and not self.lost:
            self.transport.abortConnection()

    def rest(self) -> bytes:
        """What came behind the head."""
        rest, self._buffer = self._buffer, b""
        return rest


class Tunnel:
    """Two ends that pace each other.

    :param gone: called once, when nothing of it is left.
    :ivar joined: bytes pass.
    :ivar closed: fires at the same time as ``gone``.
    """

    def __init__(self, upstream: UpstreamEnd, client: End, clock: IReactorTime, gone: Callable[[Tunnel], None]) -> None:
        self.joined = False
        self.closed: Deferred[None] = Deferred()
        self.upstream, self.client = upstream, client
        self._clock = clock
        self._gone: Callable[[Tunnel], None] | None = gone
        self._linger: IDelayedCall | None = None
        upstream.other, client.other = client, upstream

    def join(self, head: bytes) -> None:
        """Let bytes through, ``head`` and what upstream has said since first. Both ends are connected."""
        upstream, client = self.upstream, self.client
        upstream.tunnel = client.tunnel = self
        self.joined = True
        keep_alive(client.transport)
        upstream.transport.registerProducer(client.transport, True)
        client.transport.registerProducer(upstream.transport, True)
        rest = upstream.rest()
        upstream.heard += len(rest)
        client.transport.write(head + rest)

    def close(self) -> None:
        """End both sides; what they were told already still reaches them, if they take it soon."""
        if not self.joined:
            self.upstream.abort()
        ends = [end for end in (self.upstream, self.client) if self.joined and not end.lost]
        for end in ends:
            end.transport.unregisterProducer()
            end.transport.loseConnection()
        if not ends:
            self._ended()
        elif self._linger is None:
            self._linger = self._clock.callLater(LINGER_SECONDS, self._abort)

    def _ended(self) -> None:
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
        gone, self._gone = self._gone, None
        if gone is not None:
            gone(self)
        if not self.closed.called:
            self.closed.callback(None)

    def _abort(self) -> None:
        for end in (self.upstream, self.client):
            if not end.lost:
                end.transport.abortConnection()


def end_factory(end: End) -> IProtocolFactory:
    """A factory whose one protocol is ``end``."""
    return Factory.forProtocol(lambda: end)


def keep_alive(transport: Any) -> None:
    """Notice a peer that vanished without a word: nothing else would, on a connection that may be silent for hours."""
    if hasattr(transport, "setTcpKeepAlive"):  # TLS passes it on
        transport.setTcpKeepAlive(True)
