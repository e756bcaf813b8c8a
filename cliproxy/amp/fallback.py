"""The way to ampcode.com: a reverse proxy for what is not served here.

:class:`AmpFallbackResource` is twisted.web's ``ReverseProxyResource`` in name and place only. The original dials clear TCP,
speaks HTTP/1.0, forwards hop-by-hop headers and client credentials, drops repeated headers, answers HTML, and knows neither
back-pressure nor hang-ups; here a request goes through our own upstream client instead.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.web.proxy import ReverseProxyResource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from cliproxy.amp.keys import AmpKeys
from cliproxy.amp.tunnel import End, end_factory, join
from cliproxy.errors import UpstreamFailure
from cliproxy.front.access import Access
from cliproxy.front.routes import Answer, Call, Front
from cliproxy.providers.interface import UpstreamRequest
from cliproxy.settings.refusals import is_loopback
from cliproxy.upstream.client import Timeouts, UpstreamResponse
from cliproxy.upstream.coding import GZIP_MAGIC, DamagedCoding, GzipDecoder
from cliproxy.wire.headers import end_to_end, without

#: Where a client may have put its key; cookies are ampcode.com's own session and stay.
_CLIENT_CREDENTIALS: Final = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"host", b"content-length"})
#: An unmarked gzip body up to this size is unpacked; a larger one passes as it is.
_UNPACK_LIMIT: Final = 8 * 1024 * 1024
#: WebSocket tunnels open at once.
MAX_TUNNELS: Final = 256

UNAVAILABLE: Final = Answer({"error": "amp upstream proxy not available"}, 503)
RESTRICTED: Final = Answer({"error": "Access denied: management routes restricted to localhost"}, 403)
UNREACHABLE: Final = Answer({"error": "amp_upstream_proxy_error", "message": "Failed to reach Amp upstream"}, 502)


class AmpFallbackResource(ReverseProxyResource):
    """Relays to ``ampcode.upstream-url``. The operator's key goes with an authenticated client's requests, and no others.

    :ivar tunnels: WebSocket tunnels open now.
    """

    isLeaf = True
    _log = Logger()

    def __init__(self, front: Front, keys: AmpKeys, access: Access, reactor: Any) -> None:
        super().__init__("ampcode.com", 443, b"", reactor)
        self._front = front
        self._keys = keys
        self._access = access
        self.tunnels = 0

    def getChild(self, path: bytes, request: Request) -> AmpFallbackResource:
        """Itself: the request's own path is what goes upstream."""
        return self

    def render(self, request: Request) -> Any:
        """The control plane's guards in their order, then the way upstream."""
        settings = self._front.relay.snapshot.settings.ampcode
        refusal: Answer | None = None
        if not settings.upstream_url:
            refusal = UNAVAILABLE
        elif request.method == b"OPTIONS":
            refusal = Answer({"error": "CORS is off for these routes"}, 403)
        elif settings.restrict_management_to_localhost and not is_loopback(request.getClientAddress().host):
            refusal = RESTRICTED
        if refusal is not None:
            return self._front.answer(request, refusal)
        self._front.run(request, lambda _: self._front.enter(request, self._access, self.forward, {}))
        return NOT_DONE_YET

    def forward(self, call: Call) -> Awaitable[Answer | None]:
        """Relay an admitted request."""
        if call.headers.get("upgrade", "").lower() == "websocket":
            return self._tunnel(call)
        return self._relay(call)

    # -- one request

    async def _relay(self, call: Call) -> Answer | None:
        settings = call.snapshot.settings
        request = call.request
        upstream = self._request(call)
        timeouts = Timeouts(
            connect=settings.connect_timeout_seconds,
            first_byte=settings.first_byte_timeout_seconds,
            idle=settings.stream_idle_seconds,
        )
        try:
            response = await self._front.relay.client.send(
                upstream, proxy_url=settings.proxy_url, timeouts=timeouts, decode=False
            )
        except UpstreamFailure as failure:
            self._log.warn("ampcode.com cannot be reached: {why}", why=failure.detail.message)
            return UNREACHABLE
        request.setResponseCode(response.status)
        headers = without(end_to_end(response.raw_headers), frozenset({b"x-request-id"}))
        for name in {name.lower() for name, _ in headers}:
            request.responseHeaders.removeHeader(name)
        for name, value in headers:
            request.responseHeaders.addRawHeader(name, value)
        await Pipe(response, request).run(_may_be_unmarked_gzip(response))
        return None

    def _request(self, call: Call) -> UpstreamRequest:
        """The request as it goes upstream, the client's credentials out of it."""
        request = call.request
        pairs = [
            (name, value)
            for name, values in request.requestHeaders.getAllRawHeaders()
            for value in values
        ]  # fmt: skip
        kept = without(end_to_end(pairs), _CLIENT_CREDENTIALS)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in kept]
        content: Any = request.content
        url = call.snapshot.settings.ampcode.upstream_url.rstrip("/") + _own_target(call)
        return UpstreamRequest(request.method.decode(), url, headers + self._credentials(call), content.getvalue())

    def _credentials(self, call: Call) -> list[tuple[str, str]]:
        """The operator's key, for an admitted client only."""
        if not call.client.admitted:
            return []
        key = self._keys.key_for(call.client, call.snapshot.settings.ampcode)
        if not key:
            self._log.warn("no Amp key is configured: the request goes to ampcode.com without one")
            return []
        return [("X-Api-Key", key.reveal()), ("Authorization", f"Bearer {key.reveal()}")]

    # -- WebSockets

    async def _tunnel(self, call: Call) -> Answer | None:
        """Bytes both ways, after authentication; the upstream's answer to the upgrade is the first of them."""
        if self.tunnels >= MAX_TUNNELS:
            return Answer({"error": "too many tunnels are open"}, 503)
        upstream_request = self._request(call)
        settings = call.snapshot.settings
        upstream, client = End(), End()
        self.tunnels += 1
        try:
            try:
                endpoint = self._front.relay.client.endpoint(
                    upstream_request.url, settings.proxy_url, timeout=settings.connect_timeout_seconds
                )
                await endpoint.connect(end_factory(upstream))
            except UpstreamFailure as failure:
                self._log.warn("ampcode.com cannot be reached: {why}", why=failure.detail.message)
                return UNREACHABLE
            try:
                channel: Any = call.request.channel
                channel.become(client)
                join(upstream, client)
                upstream.transport.write(_upgrade_head(call, upstream_request))
                await upstream.done
            except CancelledError:
                upstream.transport.abortConnection()
                raise
        finally:
            self.tunnels -= 1
        return None


def _upgrade_head(call: Call, request: UpstreamRequest) -> bytes:
    parts = urlsplit(request.url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    lines = [f"{request.method} {target} HTTP/1.1", f"Host: {parts.netloc}", "Connection: Upgrade"]
    lines += [f"Upgrade: {call.headers['upgrade']}", *(f"{name}: {value}" for name, value in request.headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _own_target(call: Call) -> str:
    """The request's own path and query, less the client's key where the query holds it."""
    path, _, query = call.request.uri.decode("latin-1").partition("?")
    if not query:
        return path
    own = call.client.key.key.reveal() if call.client.key is not None else None
    kept = [
        pair
        for pair in query.split("&")
        if not (own is not None and any(n in ("key", "auth_token") and v == own for n, v in parse_qsl(pair, True)))
    ]
    return f"{path}?{'&'.join(kept)}" if kept else path


def _may_be_unmarked_gzip(response: UpstreamResponse) -> bool:
    headers = response.headers
    return "content-encoding" not in headers and not headers.get("content-type", "").startswith("text/event-stream")


@implementer(IPushProducer)
class Pipe:
    """A response's bytes to a client, as they are, at the client's pace."""

    def __init__(self, response: UpstreamResponse, request: Request) -> None:
        self._response = response
        self._request = request
        self._done: Deferred[None] = Deferred()
        self._gathering = False
        self._first = bytearray()

    async def run(self, unpack: bool) -> None:
        """Until the body has ended. Cancelling closes the upstream connection.

        :param unpack: an unmarked gzip body is to be recognised and unpacked.
        """
        self._gathering = unpack
        request = self._request
        request.registerProducer(self, True)
        try:
            self._response.deliver(self)
            await self._done
        except CancelledError:
            self._response.cancel()
            raise
        finally:
            if request.channel is not None and request.producer is not None:
                request.unregisterProducer()

    def received(self, data: bytes) -> None:
        """More of the body."""
        if not self._gathering:
            self._request.write(data)
            return
        self._first += data
        is_gzip = self._first[:2] == GZIP_MAGIC[: len(self._first)]
        if not is_gzip or len(self._first) > _UNPACK_LIMIT:
            self._release(bytes(self._first))

    def _release(self, data: bytes) -> None:
        self._gathering = False
        if data:
            self._request.write(data)

    def ended(self, failure: UpstreamFailure | None) -> None:
        """The last of it. One that broke off ends without a clean end, and without a word."""
        if self._gathering:
            data = bytes(self._first)
            unpacked = _unpacked(data)
            if unpacked is not None:
                self._request.setHeader(b"Content-Length", str(len(unpacked)))
            self._release(data if unpacked is None else unpacked)
        transport: Any = self._request.transport
        if failure is not None and transport is not None:
            transport.abortConnection()
        if not self._done.called:
            self._done.callback(None)

    def pauseProducing(self) -> None:
        """The client's socket is full."""
        self._response.pause()

    def resumeProducing(self) -> None:
        """It has room again."""
        self._response.resume()

    def stopProducing(self) -> None:
        """The client is gone; the cancelled route closes the upstream."""


def _unpacked(data: bytes) -> bytes | None:
    """An unmarked gzip body's content; None when it is none, or damaged, or unpacks to too much."""
    if data[:2] != GZIP_MAGIC:
        return None
    decoder, out = GzipDecoder(), bytearray()
    try:
        decoder.feed(data)
        while piece := decoder.read():
            out += piece
            if len(out) > 8 * _UNPACK_LIMIT:
                return None
        decoder.close()
    except DamagedCoding:
        return None
    return bytes(out)
