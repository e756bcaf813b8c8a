"""The upstream client: a request in, a response out, by the right egress."""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.abstract import isIPAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IReactorThreads, IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.web.client import URI, Agent
from twisted.web.iweb import IAgent, IAgentEndpointFactory
from zope.interface import implementer

from cliproxy.errors import UpstreamFailure
from cliproxy.providers.interface import UpstreamRequest
from cliproxy.upstream.begun import Begun
from cliproxy.upstream.egress import TLS, Dial, Egress
from cliproxy.upstream.http11 import Sending, Taker, Timeouts
from cliproxy.upstream.idle import Idle, most_idle
from cliproxy.upstream.local import LocalAnswer, LocalUpstream, respond
from cliproxy.upstream.names import NamedEndpoint, Names
from cliproxy.upstream.response import BodySink, UpstreamResponse
from cliproxy.wire.coding import ACCEPTED
from cliproxy.wire.http1 import ProtocolFault, request_head
from cliproxy.wire.urls import InvalidURL, Target, environment_proxy, parse_proxy, parse_target

__all__ = ["BodySink", "Client", "LocalAnswer", "LocalUpstream", "Timeouts", "UpstreamResponse"]


class Client:
    """Sends requests upstream. Connections are kept for reuse by egress and origin, and never shared between egresses."""

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        *,
        trust: Any | None = None,
        connect: Dial | None = None,
        max_idle: float = 55.0,
        environment: Mapping[str, str] | None = None,
        local: Mapping[str, LocalUpstream] | None = None,
    ) -> None:
        """
        :param reactor: time, and TCP unless ``connect`` is given.
        :param trust: whom TLS trusts, an ``IOpenSSLTrustRoot`` or a certificate; None for the platform's trust roots.
        :param connect: how TCP connections to (host, port) are had.
        :param max_idle: seconds a connection waits for another request; below the usual limit of servers (60).
        :param environment: where ``HTTPS_PROXY`` and its kin are looked up for requests without a ``proxy_url``.
        :param local: URL scheme -> what answers its requests inside the process.
        """
        self._reactor = reactor
        self._dial = connect or self._tcp
        self._names = Names(reactor) if IReactorThreads.providedBy(reactor) else None
        self._idle = Idle(most_idle(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
        self._tls = TLS(reactor, trust)
        self._max_idle = max_idle
        self._environment = environment or {}
        self._proxied = any(name.lower().endswith("_proxy") for name in self._environment)
        self._local = local or {}
        self._egresses: dict[str, Egress] = {}
        self._unusable: set[str] = set()
        self._closed = False

    async def send(
        self,
        request: UpstreamRequest,
        *,
        proxy_url: str = "",
        timeouts: Timeouts,
        decode: bool = True,
        sent: Callable[[], None] | None = None,
    ) -> UpstreamResponse:
        """Send ``request`` and wait for the head of its answer. Redirects are answers like any other.

        A connection that was kept and turns out dead before a byte came is replaced by a fresh one, once.

        :param proxy_url: the egress: a proxy, ``direct`` (or ``none``), or "" for the environment's choice.
        :param decode: undo the answer's content coding, and ask for the codings we know unless the request names some.
        :param sent: called when the request leaves over a connection; a replay calls it again.
        :raises UpstreamFailure: no answer could be had (kind TRANSPORT); its message says why and holds no credential.
        """
        waiting = _Waiting()
        sending = self.begin(request, waiting, proxy_url=proxy_url, timeouts=timeouts, decode=decode, sent=sent)
        waiting.sending = sending
        return await waiting.head

    def begin(
        self,
        request: UpstreamRequest,
        taker: Taker,
        *,
        proxy_url: str = "",
        timeouts: Timeouts,
        decode: bool = True,
        sent: Callable[[], None] | None = None,
    ) -> Begun:
        """:meth:`send` without waiting: ``taker`` is told what becomes of the request, perhaps before this returns."""
        begun = Begun(taker, timeouts, sent)
        try:
            if self._closed:
                raise UpstreamFailure.transport("nothing is sent upstream any more: cliproxy is stopping")
            if self._local:
                scheme = request.url.partition(":")[0]
                upstream = self._local.get(scheme)
                if upstream is not None:
                    taker.answered(respond(self._reactor, upstream(request), scheme))
                    return begun
            try:
                target, egress, head = self._way(request, proxy_url, decode)
            except InvalidURL as fault:
                raise UpstreamFailure.transport(str(fault)) from None
            except ProtocolFault as fault:
                raise UpstreamFailure.transport(f"nothing was sent to {request.url.split('?')[0]}: {fault}") from None
        except UpstreamFailure as failure:
            taker.failed(failure)
            return begun
        begun.send(Sending(head, request.body, timeouts, request.method == "HEAD", decode), egress, target)
        return begun

    def agent(self, proxy_url: str = "", *, timeout: float = 10.0) -> IAgent:
        """An agent (for treq) whose connections leave by the same egress. It does not keep them.

        :param timeout: seconds for a connection, proxy and TLS included.
        """
        agent: IAgent = Agent.usingEndpointFactory(self._reactor, _Endpoints(self, proxy_url, timeout))
        return agent

    def endpoint(self, url: str, proxy_url: str = "", *, timeout: float = 10.0) -> IStreamClientEndpoint:
        """A raw connection to the origin of ``url``, TLS included, through a tunnel where a proxy is in the way.

        Its ``connect`` fails with :class:`UpstreamFailure`.

        :param timeout: seconds for the connection, proxy and TLS included.
        :raises UpstreamFailure: ``url`` cannot be used.
        """
        try:
            target = parse_target(url)
        except InvalidURL as fault:
            raise UpstreamFailure.transport(str(fault)) from None
        return self._egress(proxy_url, target).way(target, timeout, tunnel=True)

    async def close(self) -> None:
        """Close every connection, and return when the last one is gone. Exchanges in flight fail."""
        self._closed = True
        for closing in [egress.close() for egress in set(self._egresses.values())]:
            await closing

    def _tcp(self, host: str, port: int) -> IStreamClientEndpoint:
        if isIPAddress(host):
            return TCP4ClientEndpoint(self._reactor, host, port, timeout=None)  # type: ignore[arg-type]
        return NamedEndpoint(self._reactor, self._names, host, port)

    def _way(self, request: UpstreamRequest, proxy_url: str, decode: bool) -> tuple[Target, Egress, bytes]:
        """Where a request goes, by which egress, and its head."""
        address, key = request.address, (self, proxy_url, decode)
        known: tuple[Target, Egress, bytes] | None = None if address is None else address.sent.get(key)
        if known is not None:
            target, egress, head = known
            return target, egress, b"%b%d\r\n\r\n" % (head, len(request.body))
        target = parse_target(request.url)
        egress = self._egress(proxy_url, target)
        head = self._head(request, target, egress, decode)
        length = b"Content-Length: %d\r\n\r\n" % len(request.body)
        if address is not None and head.endswith(length):
            address.sent[key] = target, egress, head.removesuffix(length) + b"Content-Length: "
        return target, egress, head

    def _head(self, request: UpstreamRequest, target: Target, egress: Egress, decode: bool) -> bytes:
        form = target.path
        authorization = None
        if egress.proxy is not None and egress.absolute(target):
            form = f"{target.scheme}://{target.authority}{target.path}"
            authorization = egress.proxy.authorization
        return request_head(
            request.method,
            form,
            target.authority,
            request.headers,
            len(request.body),
            accept_encoding=ACCEPTED if decode else "",
            proxy_authorization=authorization,
        )

    def _egress(self, proxy_url: str, target: Target) -> Egress:
        """The way out. A ``proxy_url`` that cannot be used is said once and then counts as none."""
        if not proxy_url or proxy_url in self._unusable:
            proxy_url = environment_proxy(self._environment, target) if self._proxied else "direct"
        egress = self._egresses.get(proxy_url)
        if egress is None:
            try:
                proxy = parse_proxy(proxy_url)
            except InvalidURL as fault:
                if proxy_url in self._unusable:
                    raise
                self._unusable.add(proxy_url)
                self._log.error("A proxy-url is ignored: {why}", why=str(fault))
                return self._egress("", target)
            same = [known for known in self._egresses.values() if known.proxy == proxy]
            egress = (
                same[0] if same else Egress(self._reactor, self._dial, self._tls, proxy, self._max_idle, self._idle)
            )
            self._egresses[proxy_url] = egress
        return egress


class _Waiting:
    """Waits for the head of an answer; cancelled, it gives the request up."""

    def __init__(self) -> None:
        self.head: Deferred[UpstreamResponse] = Deferred(self._cancel)
        self.sending: Begun | None = None

    def _cancel(self, _: object) -> None:
        if self.sending is not None:
            self.sending.cancel()

    def answered(self, response: UpstreamResponse) -> None:
        self.head.callback(response)

    def failed(self, failure: Exception) -> None:
        self.head.errback(failure)


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """Where an agent's connections come from."""

    def __init__(self, client: Client, proxy_url: str, timeout: float) -> None:
        self._client = client
        self._proxy_url = proxy_url
        self._timeout = timeout

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        origin = f"{uri.scheme.decode('ascii')}://{uri.netloc.decode('ascii')}"
        return self._client.endpoint(origin, self._proxy_url, timeout=self._timeout)
