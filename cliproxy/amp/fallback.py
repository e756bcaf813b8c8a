"""The way to ampcode.com: a reverse proxy for what is not served here.

:class:`AmpFallbackResource` is twisted.web's ``ReverseProxyResource`` in name and place only. The original dials clear TCP,
speaks HTTP/1.0, forwards hop-by-hop headers and client credentials, drops repeated headers, answers HTML, and knows neither
back-pressure nor hang-ups; here a request goes through our own upstream client instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.web.proxy import ReverseProxyResource
from twisted.web.server import NOT_DONE_YET, Request

from cliproxy.amp.incoming import KeyMask, presentable
from cliproxy.amp.keys import AmpKeys
from cliproxy.amp.masked_errors import refusal
from cliproxy.amp.outgoing import body_without, headers_without, target_without
from cliproxy.amp.pipe import Pipe
from cliproxy.amp.tokens import LONGEST, SocketTokens
from cliproxy.amp.tunnel import End, Tunnel, UpstreamEnd, end_factory
from cliproxy.errors import ErrorDetail, RequestFault, UpstreamFailure
from cliproxy.front.access import Access
from cliproxy.front.call import Answer, Call, body_of, header_map
from cliproxy.front.routes import Front
from cliproxy.providers.interface import UpstreamRequest
from cliproxy.providers.secrets import mask_secrets
from cliproxy.relay.in_flight import InFlight
from cliproxy.settings.model import Amp, Secret, Settings
from cliproxy.upstream.client import Client, Timeouts, UpstreamResponse
from cliproxy.wire.escape import visible
from cliproxy.wire.headers import Pair, end_to_end, without
from cliproxy.wire.urls import parse_target

#: Where a client may have put its key; cookies are ampcode.com's own session and stay.
_CLIENT_CREDENTIALS: Final = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"host", b"content-length"})
_CODING: Final = frozenset({b"content-encoding"})
_ACCEPTED: Final = frozenset({b"accept-encoding"})
_LENGTH: Final = frozenset({b"content-length"})
#: Its answers hold the token of the WebSocket that comes next.
_GIVES_TOKENS: Final = b"/api/thread-actors"
#: WebSocket tunnels open at once.
MAX_TUNNELS: Final = 256

UNAVAILABLE: Final = Answer({"error": "amp upstream proxy not available"}, 503)
RESTRICTED: Final = Answer({"error": "Access denied: management routes restricted to localhost"}, 403)
UNREACHABLE: Final = Answer({"error": "amp_upstream_proxy_error", "message": "Failed to reach Amp upstream"}, 502)
NO_CORS: Final = Answer({"error": "CORS is off for these routes"}, 403)
STOPPING: Final = Answer({"error": "cliproxy is shutting down"}, 503)


class AmpFallbackResource(ReverseProxyResource):
    """Relays to ``ampcode.upstream-url``. The operator's key goes with an authenticated client's requests, and no others.

    :param access: ``CLIENT_KEY`` for the control plane; ``OPTIONAL_KEY`` for the pages a browser opens to log in.
    :param underway: what a stopping daemon waits for.
    """

    isLeaf = True
    _log = Logger()

    def __init__(
        self, front: Front, client: Client, keys: AmpKeys, access: Access, reactor: Any, underway: InFlight
    ) -> None:
        super().__init__("ampcode.com", 443, b"", reactor)
        self._front = front
        self._client = client
        self._keys = keys
        self._access = access
        self._underway = underway
        self._tokens = SocketTokens(reactor.seconds)
        self._tunnels: set[Tunnel] = set()
        self._keyless: Amp | None = None  # the settings of which it was said that they give no key

    @property
    def tunnels(self) -> int:
        """WebSocket tunnels open now."""
        return len(self._tunnels)

    def getChild(self, path: bytes, request: Request) -> AmpFallbackResource:
        """Itself: the request's own path is what goes upstream."""
        return self

    def render(self, request: Request) -> Any:
        """The control plane's guards in their order, then the way upstream."""
        refusal = self.refusal(request) or (NO_CORS if request.method == b"OPTIONS" else None)
        if refusal is not None:
            return self._front.answer(request, refusal)
        if self._access is Access.OPTIONAL_KEY:
            try:
                self._front.doors.check_host(request)
            except RequestFault as foreign:
                return self._front.refuse(request, foreign)
            if not _is_readable(request):
                request.setHeader("Allow", "GET, HEAD")
                return self._front.answer(request, Answer({"error": "this path takes GET, HEAD"}, 405))
        # A known token stands for the key it was given for: it opens the tunnel, and brings nothing of the operator's.
        access = Access.OPTIONAL_KEY if self._has_token(request) else self._access
        self._front.run(request, lambda _: self._front.enter(request, access, self.forward, {}))
        return NOT_DONE_YET

    def _has_token(self, request: Request) -> bool:
        if not (_is_upgrade(request) and _own_path(request).startswith(b"/actors/")):
            return False
        words = request.requestHeaders.getRawHeaders("sec-websocket-protocol") or []
        keys = self._front.snapshot.settings.api_keys
        return self._tokens.admits(",".join(words), keys)

    def refusal(self, request: Request) -> Answer | None:
        """Why ``request`` may not go to ampcode.com at all: it is not configured, or for this machine's processes only."""
        settings = self._front.snapshot.settings.ampcode
        if not settings.upstream_url:
            return UNAVAILABLE
        peer = getattr(request.getClientAddress(), "host", None)  # a UNIX socket's has none, and is this machine's
        if not settings.restrict_management_to_localhost or peer is None:
            return None
        gate = self._front.doors.gate(self._front.snapshot)
        return None if gate.is_local(peer, header_map(request)) else RESTRICTED

    def forward(self, call: Call) -> Awaitable[Answer | None]:
        """Relay an admitted request, or open its tunnel."""
        if _is_upgrade(call.request) and self._access is Access.CLIENT_KEY:
            return self._tunnel(call)
        return self.relay(call)

    # -- one request

    async def relay(self, call: Call, sent: Callable[[], None] | None = None) -> Answer | None:
        """Pass one request on, and its answer back.

        :param sent: called when the request is on its way over a connection.
        """
        return await self._underway.run(self._passed(call, sent))

    async def _passed(self, call: Call, sent: Callable[[], None] | None) -> Answer | None:
        settings = call.snapshot.settings
        try:
            response = await self._client.send(
                self._request(call), proxy_url=settings.proxy_url, timeouts=_timeouts(settings), decode=False, sent=sent
            )
            await self._answer(call, response)
        except UpstreamFailure as failure:
            return self._unreachable(call, failure)
        except CancelledError:
            return self._cut(call)
        return None

    async def _answer(self, call: Call, response: UpstreamResponse) -> None:
        """Pass an answer back: status and headers, and the body as it comes."""
        request = call.request
        content: Any = request.content
        content.close()  # it is with the upstream; an answer can take long
        request.setResponseCode(response.status)
        headers = presentable(end_to_end(response.raw_headers))
        mask = self._key_mask(call, response)
        if mask is not None:  # what it masks changes its length
            headers = without(headers, _LENGTH)
        for name in {name.lower() for name, _ in headers}:
            request.responseHeaders.removeHeader(name)
        secrets = self._secrets(call) if response.status >= 400 else self._sent_key(call)
        for name, value in headers:
            request.responseHeaders.addRawHeader(name, mask_secrets(value, secrets))
        request.setHeader("X-Cliproxy-Request-Id", call.id)
        if call.snapshot.settings.debug:
            self._log.debug("[{id}] amp: ampcode.com answers {status}", id=call.id, status=response.status)
        gives_token = _own_path(request).startswith(_GIVES_TOKENS) and response.status == 200
        if response.status >= 400:
            await self._refused(call, response)
        elif call.client.admitted and gives_token:
            await self._overheard(call, response, mask)
        else:
            await Pipe(response, request, mask=mask).run()

    async def _refused(self, call: Call, response: UpstreamResponse) -> None:
        """Pass an error on, without the key it may quote."""
        request = call.request
        body, plain = await refusal(response, self._secrets(call))
        if plain:
            request.responseHeaders.removeHeader(b"Content-Encoding")
        if plain or not request.responseHeaders.hasHeader(b"Content-Length"):
            request.setHeader("Content-Length", str(len(body)))
        request.write(body)

    def _secrets(self, call: Call) -> tuple[Secret, ...]:
        return (*call.snapshot.secrets, self._keys.key_for(call.client, call.snapshot.settings.ampcode))

    def _sent_key(self, call: Call) -> tuple[Secret, ...]:
        """The operator's key, where it went with the request."""
        key = self._keys.key_for(call.client, call.snapshot.settings.ampcode)
        return (key,) if key and _acts_for_operator(call) else ()

    def _key_mask(self, call: Call, response: UpstreamResponse) -> KeyMask | None:
        """For an answer that may quote the operator's key."""
        whole = response.status < 400 and response.status not in (204, 206, 304) and call.request.method != b"HEAD"
        sent = self._sent_key(call) if whole and "content-encoding" not in response.headers else ()
        return KeyMask(sent[0]) if sent else None

    async def _overheard(self, call: Call, response: UpstreamResponse, mask: KeyMask | None) -> None:
        """Pass on an answer that may give the client a token for its WebSocket, and remember the token."""
        answer = bytearray()

        def heard(data: bytes) -> None:
            if len(answer) <= LONGEST:
                answer.extend(data)

        await Pipe(response, call.request, heard, mask).run()
        self._tokens.learn(bytes(answer), response.headers.get("content-encoding", ""), call.client.key)

    def _unreachable(self, call: Call, failure: UpstreamFailure) -> Answer:
        self._log.warn("[{id}] ampcode.com cannot be reached: {why}", id=call.id, why=visible(failure.detail.message))
        return UNREACHABLE

    def _cut(self, call: Call) -> Answer | None:
        """The client left, or the daemon stops: then what has begun breaks off, and what has not is refused.

        :raises CancelledError: the client left.
        """
        request = call.request
        transport: Any = request.transport
        if request.channel is None or transport is None:
            raise CancelledError
        if not request.startedWriting:
            return STOPPING
        transport.abortConnection()
        return None

    def _request(self, call: Call) -> UpstreamRequest:
        """The request as it goes upstream, the client's credentials out of it."""
        own = _keys_of(call)
        kept = headers_without(own, without(end_to_end(_fields(call.request)), _CLIENT_CREDENTIALS))
        body = body_of(call.request)
        if own and body and (clean := body_without(own, plain := call.raw())) != plain:
            body, kept = clean, without(kept, _CODING)
        credentials = self._credentials(call)
        if credentials:  # an answer that is not packed can be looked through
            kept = [*without(kept, _ACCEPTED), (b"Accept-Encoding", b"identity")]
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in kept]
        target = target_without(own, _own_path(call.request), call.request.uri.partition(b"?")[2])
        url = call.snapshot.settings.ampcode.upstream_url.rstrip("/") + target
        return UpstreamRequest(call.request.method.decode(), url, headers + credentials, body)

    def _credentials(self, call: Call) -> list[tuple[str, str]]:
        """The operator's key, for an admitted client only."""
        if not _acts_for_operator(call):
            return []
        settings = call.snapshot.settings.ampcode
        key = self._keys.key_for(call.client, settings)
        if not key:
            if self._keyless is not settings:
                self._keyless = settings
                self._log.warn("no Amp key is configured: requests go to ampcode.com without one")
            return []
        return [("X-Api-Key", key.reveal()), ("Authorization", f"Bearer {key.reveal()}")]

    # -- WebSockets

    async def _tunnel(self, call: Call) -> Answer | None:
        """Bytes both ways, once ampcode.com has agreed. Its refusal is an answer like any other."""
        channel: Any = call.request.channel
        if len(self._tunnels) >= MAX_TUNNELS:
            return Answer({"error": "too many WebSockets are open"}, 503)
        if not hasattr(channel, "become"):
            raise RequestFault(ErrorDetail(501, "WebSockets need cliproxy's own listener"))
        request, settings, reactor = self._request(call), call.snapshot.settings, self.reactor
        upstream = UpstreamEnd(_upgrade_head(call, request), "ampcode.com")
        tunnel = Tunnel(upstream, End(), reactor, lambda tunnel: self._gone(call, tunnel))
        self._tunnels.add(tunnel)
        try:
            connect = settings.connect_timeout_seconds
            endpoint = self._client.endpoint(request.url, settings.proxy_url, timeout=connect)
            await endpoint.connect(end_factory(upstream))
            late = reactor.callLater(settings.first_byte_timeout_seconds, upstream.fail, "ampcode.com did not answer")
            try:
                head, block = await upstream.answer
            finally:
                if late.active():
                    late.cancel()
            if head.status == 101:
                channel.become(tunnel.client)
                tunnel.join(block)
                await tunnel.closed
            else:
                await self._answer(call, upstream.refusal(head))
        except UpstreamFailure as failure:
            return self._unreachable(call, failure)
        finally:
            tunnel.close()
        return None

    def _gone(self, call: Call, tunnel: Tunnel) -> None:
        self._tunnels.discard(tunnel)
        if tunnel.joined:
            sentence = "[{id}] amp: WebSocket closed, {up} bytes up, {down} bytes down"
            self._log.info(sentence, id=call.id, up=tunnel.client.heard, down=tunnel.upstream.heard)

    def close_tunnels(self) -> None:
        """The daemon stops: a WebSocket has no end of its own to wait for."""
        for tunnel in list(self._tunnels):
            tunnel.close()


def _timeouts(settings: Settings) -> Timeouts:
    return Timeouts(
        connect=settings.connect_timeout_seconds,
        first_byte=settings.first_byte_timeout_seconds,
        idle=settings.stream_idle_seconds,
    )


def _acts_for_operator(call: Call) -> bool:
    """Whether the operator's key goes along: for an admitted client, and where no keys are asked for, for no page in a browser.
    The page may be ampcode.com's own, served from our origin."""
    browser = "origin" in call.headers or "sec-fetch-site" in call.headers
    return call.client.admitted and not (call.client.key is None and browser)


def _is_upgrade(request: Request) -> bool:
    wanted = request.requestHeaders.getRawHeaders("upgrade") or [""]
    return request.method == b"GET" and wanted[0].lower() == "websocket"


def _is_readable(request: Request) -> bool:
    """Whether the pages take this method: they are read, and only the log-in is posted to."""
    return request.method in (b"GET", b"HEAD") or _own_path(request).startswith(b"/auth")


def _fields(request: Request) -> Iterable[Pair]:
    for name, values in request.requestHeaders.getAllRawHeaders():
        for value in values:
            yield name, value


def _upgrade_head(call: Call, request: UpstreamRequest) -> bytes:
    target = parse_target(request.url)
    lines = [f"GET {target.path} HTTP/1.1", f"Host: {target.authority}", "Connection: Upgrade"]
    lines += [f"Upgrade: {call.headers['upgrade']}", *(f"{name}: {value}" for name, value in request.headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _keys_of(call: Call) -> list[bytes]:
    """The configured client keys; none of them may leave for an upstream, wherever in a head it stands."""
    own = () if call.client.key is None else (call.client.key,)  # of one kept as a digest only the client knows the key
    return [entry.key.reveal().encode() for entry in (*call.snapshot.settings.api_keys, *own) if entry.key]


def _own_path(request: Request) -> bytes:
    """The path that was routed: without the place at which somebody else's site has us."""
    path: bytes = request.own_path  # type: ignore[attr-defined]
    return path
