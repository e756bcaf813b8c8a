"""Ways out: direct or through one proxy, each with its own keep-alive connections and nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.internet.ssl import optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from cliproxy.errors import UpstreamFailure
from cliproxy.upstream.http11 import Connection
from cliproxy.upstream.idle import Idle
from cliproxy.upstream.reasons import NETWORK_ERRORS, unreachable
from cliproxy.upstream.stages import ConnectStage, SocksStage, Stage, TLSStage
from cliproxy.wire.urls import Proxy, Target

#: How a TCP connection to (host, port) is had.
Dial = Callable[[str, int], IStreamClientEndpoint]


class TLS:
    """Verified TLS to named hosts. A context is costly (it loads the trust store), so one is kept for each host."""

    _MAX_CONTEXTS: Final = 256

    def __init__(self, clock: IReactorTime, trust: Any | None) -> None:
        """:param trust: an ``IOpenSSLTrustRoot`` or a certificate; None for the platform's."""
        self._clock = clock
        self._trust = trust
        self._creators: dict[str, IOpenSSLClientConnectionCreator] = {}

    def around(self, stage: TLSStage) -> IProtocolFactory:
        """A factory whose protocol is a TLS client that verifies the stage's host and offers HTTP/1.1 only."""
        host = stage.host
        creator = self._creators.get(host)
        if creator is None:
            if len(self._creators) >= self._MAX_CONTEXTS:
                self._creators.clear()
            creator = _verifying(host, self._trust)
            self._creators[host] = creator
        factory = TLSMemoryBIOFactory(creator, True, stage.factory(), self._clock)
        # Not the buffering one: what we write is joined already, and need not wait for the next turn.
        factory.protocol = TLSMemoryBIOProtocol
        return factory


def _verifying(host: str, trust: Any) -> IOpenSSLClientConnectionCreator:
    """TLS options for a host that is ASCII already, be it a name by IDNA or not (``my_llm``)."""
    try:
        return optionsForClientTLS(host, trustRoot=trust, acceptableProtocols=[b"http/1.1"])
    except UnicodeError:
        options: Any = optionsForClientTLS("host.invalid", trustRoot=trust, acceptableProtocols=[b"http/1.1"])
        options._hostname = options._hostnameASCII = host
        options._hostnameBytes = host.encode("ascii")
        return cast(IOpenSSLClientConnectionCreator, options)


class Egress:
    """One way out, and the connections that left by it.

    :ivar proxy: None for the direct way.
    """

    def __init__(
        self, clock: IReactorTime, dial: Dial, tls: TLS, proxy: Proxy | None, max_idle: float, idle: Idle
    ) -> None:
        self.proxy = proxy
        self._clock = clock
        self._dial = dial
        self._tls = tls
        self._max_idle = max_idle
        self.idle = idle
        self._origins: dict[tuple[str, str, int], Origin] = {}
        self._closing: Deferred[None] | None = None

    def absolute(self, target: Target) -> bool:
        """Whether requests to ``target`` are sent to the proxy itself, in the absolute form (RFC 9112, 3.2.2)."""
        return self.proxy is not None and self.proxy.scheme != "socks5" and not target.tls

    def take(self, target: Target) -> Connection | None:
        """A connection to ``target`` that waits for a request."""
        origin = self._origins.get((target.scheme, target.host, target.port))
        return None if origin is None else origin.take()

    def way(self, target: Target, seconds: float, *, tunnel: bool) -> ProxiedEndpoint:
        """An endpoint to ``target``: TLS included, and a tunnel through the proxy even for http when ``tunnel``."""
        return ProxiedEndpoint(self._clock, self._dial, self._tls, self.proxy, target, seconds, tunnel=tunnel)

    async def connect(self, target: Target, seconds: float) -> Connection:
        """A fresh connection.

        :raises UpstreamFailure: it could not be had within ``seconds``.
        """
        key = (target.scheme, target.host, target.port)
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = Origin(self, key, target)
        connection = Connection(self._clock, origin, target.authority, self._max_idle)
        factory = _Single()
        factory.connection = connection
        attempt = self.way(target, seconds, tunnel=not self.absolute(target)).connect(factory)
        origin.attempts.add(attempt)
        try:
            await attempt
        except CancelledError:
            if self._closing is not None:
                raise UpstreamFailure.transport(origin.stopping) from None
            raise
        finally:
            origin.attempts.discard(attempt)
            self.tidy(origin)
        if connection.closed:
            raise UpstreamFailure.transport(f"{target.authority} closed the connection as soon as it was set up")
        return connection

    def tidy(self, origin: Origin) -> None:
        """Forget an origin nobody is connected to."""
        if not origin.connections and not origin.attempts and self._origins.get(origin.key) is origin:
            del self._origins[origin.key]
        if self._closing is not None and not self._origins:
            closing, self._closing = self._closing, None
            closing.callback(None)

    def close(self) -> Deferred[None]:
        """Close every connection and give up every attempt; fires when the last one is gone."""
        closing: Deferred[None] = Deferred()
        if not self._origins:
            closing.callback(None)
            return closing
        self._closing = closing
        for origin in list(self._origins.values()):
            origin.close()
        return closing


class Origin:
    """The connections of one egress to one (scheme, host, port).

    :ivar attempts: connections being set up.
    """

    def __init__(self, egress: Egress, key: tuple[str, str, int], target: Target) -> None:
        self.key = key
        self.connections: set[Connection] = set()
        self.attempts: set[Deferred[IProtocol]] = set()
        self.stopping = f"the connection to {target.authority} was closed because cliproxy is stopping"
        self._egress = egress
        self._waiting: list[Connection] = []

    def take(self) -> Connection | None:
        """A connection that waits for a request, the last used first."""
        while self._waiting:
            connection = self._waiting.pop()
            self._egress.idle.discard(connection)
            if not connection.closed:
                return connection
        return None

    def made(self, connection: Connection) -> None:
        """``connection`` is up."""
        self.connections.add(connection)

    def released(self, connection: Connection) -> None:
        """``connection`` may carry another request."""
        self._waiting.append(connection)
        self._egress.idle.add(connection)

    def lost(self, connection: Connection) -> None:
        """``connection`` is no more."""
        self.connections.discard(connection)
        self._egress.idle.discard(connection)
        if connection in self._waiting:
            self._waiting.remove(connection)
        self._egress.tidy(self)

    def close(self) -> None:
        """Close all of them."""
        for attempt in list(self.attempts):
            attempt.cancel()
        for connection in list(self.connections):
            connection.fail(self.stopping)


class _Single(Factory):
    noisy = False
    connection: Connection

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        return self.connection


@implementer(IStreamClientEndpoint)
class ProxiedEndpoint:
    """An endpoint: TCP, then TLS to the proxy, the proxy's consent, and TLS to the target, as far as each applies."""

    def __init__(
        self,
        clock: IReactorTime,
        dial: Dial,
        tls: TLS,
        proxy: Proxy | None,
        target: Target,
        seconds: float,
        *,
        tunnel: bool,
    ) -> None:
        self._clock = clock
        self._dial = dial
        self._tls = tls
        self._proxy = proxy
        self._target = target
        self._seconds = seconds
        self._tunnel = tunnel
        self.phase = ""

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect; all of it within the time given. Cancelling closes at once what is there.

        :return: fires with the factory's protocol; fails with :class:`UpstreamFailure`.
        """
        return _Attempt(self._clock, self, self._open(protocolFactory), self._seconds).done

    def late(self) -> str:
        """What to say when the time is up."""
        return f"timed out after {self._seconds:g} s while {self.phase}"

    async def _open(self, factory: IProtocolFactory) -> IProtocol:
        proxy = self._proxy
        stages, factory = self._stages(factory)
        if proxy is None:
            host, port, peer = self._target.host, self._target.port, self._target.authority
        else:
            host, port, peer = proxy.host, proxy.port, f"the proxy {proxy.label}"
        self.phase = f"connecting to {peer}"
        try:
            protocol = await self._dial(host, port).connect(factory)
        except NETWORK_ERRORS as reason:
            raise UpstreamFailure.transport(unreachable(peer, reason)) from None
        for stage in stages:
            self.phase = stage.phase
            protocol = await stage.done
        return protocol

    def _stages(self, factory: IProtocolFactory) -> tuple[list[Stage], IProtocolFactory]:
        """The stages in the order they happen, and the factory of the first; built from the last to the first."""
        target, proxy = self._target, self._proxy
        stages: list[Stage] = []
        if target.tls:
            inner = TLSStage(factory, target.authority, target.host)
            stages.insert(0, inner)
            factory = self._tls.around(inner)
        if proxy is not None and self._tunnel:
            consent = (SocksStage if proxy.scheme == "socks5" else ConnectStage)(factory, proxy, target)
            stages.insert(0, consent)
            factory = consent.factory()
        if proxy is not None and proxy.scheme == "https":
            outer = TLSStage(factory, f"the proxy {proxy.label}", proxy.host)
            stages.insert(0, outer)
            factory = self._tls.around(outer)
        return stages, factory


class _Attempt:
    """A coroutine that opens a connection, under a time limit, whose cancellation is always a cancellation.

    Endpoints answer a cancellation with errors of their own (``HostnameEndpoint`` with a failed look-up); taken for
    a failure, those would have the request tried again elsewhere after its client has left.
    """

    def __init__(
        self,
        clock: IReactorTime,
        way: ProxiedEndpoint,
        opening: Coroutine[Deferred[Any], Any, IProtocol],
        seconds: float,
    ) -> None:
        self.done: Deferred[IProtocol] = Deferred(self._cancelled)
        self._way = way
        self._given_up = False
        self._timer: IDelayedCall = clock.callLater(seconds, self._expired)
        self._opening = Deferred.fromCoroutine(opening)
        self._opening.addBoth(self._settled)

    def _settled(self, result: IProtocol | Failure) -> None:
        if self._timer.active():
            self._timer.cancel()
        if not self._given_up:
            self.done.callback(result)
        elif not isinstance(result, Failure):
            result.transport.abortConnection()  # type: ignore[attr-defined]

    def _expired(self) -> None:
        self._given_up = True
        self._opening.cancel()
        self.done.errback(UpstreamFailure.transport(self._way.late()))

    def _cancelled(self, _: object) -> None:
        self._given_up = True
        self._timer.cancel()
        self._opening.cancel()
