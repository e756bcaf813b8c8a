"""A cassette run again: the whole daemon in memory, a fake upstream that answers as the real one did, and a clock that is
told to pass. What comes out depends on the cassette and on this version of the code alone.
"""

from __future__ import annotations

import http.client
import io
import random
from collections.abc import Iterator
from typing import Any, Final, cast

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cliproxy.errors import UpstreamFailure
from cliproxy.logs.cassette import Cassette, Played
from cliproxy.providers.interface import UpstreamRequest
from cliproxy.routing.route import Candidate, Route
from cliproxy.routing.router import Router
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Affinity, ClientKey, Routing, Secret, Settings
from cliproxy.upstream.client import Client, UpstreamResponse

_KEY: Final = "replay"
#: What is waited for beyond the recorded time, in seconds: a heartbeat more, a retry more.
_PATIENCE: Final = 600.0
_MOST_STEPS: Final = 100_000


@attrs.frozen
class Outcome:
    """What came of it.

    :ivar sent: the upstream requests, in order: (URL, body).
    :ivar unanswered: how many of them the cassette has no answer for.
    """

    status: int
    body: bytes
    sent: tuple[tuple[str, bytes], ...]
    unanswered: int


def play(cassette: Cassette) -> Outcome:
    """Run it."""
    clock = Clock()
    entropy = random.Random(cassette.id)
    now = cassette.began
    settings = _settings(cassette)
    daemon = CliproxyService(
        settings, clock, listen=False, environment={}, entropy=entropy, now=lambda: now + clock.seconds()
    )
    upstream = _Upstream(clock, cassette.attempts)
    relay = daemon.relay
    relay.straight, relay.attempts.client = False, cast(Client, upstream)
    router = _OneRoute(relay.snapshot.router, cassette.candidates)
    relay.snapshot = attrs.evolve(relay.snapshot, router=cast(Router, router))
    transport = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 1))
    connection: Any = daemon.site.buildProtocol(transport.getPeer())
    connection.makeConnection(transport)
    connection.dataReceived(_request(cassette))
    _run(clock, transport, connection, cassette)
    status, body = _answer(transport.value())
    return Outcome(status, body, tuple(upstream.sent), upstream.unanswered)


def _run(clock: Clock, transport: StringTransport, connection: Any, cassette: Cassette) -> None:
    """Let time pass until the answer is whole, or the client leaves as it did."""
    end = cassette.seconds + _PATIENCE if cassette.left is None else cassette.left
    for _ in range(_MOST_STEPS):
        if not transport.connected or _is_whole(transport.value()):
            return
        due = min((call.getTime() for call in clock.calls), default=end)
        if due > end:
            break
        clock.advance(max(0.0, due - clock.seconds()))
    transport.connected = False
    connection.connectionLost()


def _settings(cassette: Cassette) -> Settings:
    return attrs.evolve(
        cassette.settings,
        api_keys=(ClientKey(key=Secret(_KEY), strict_translation=cassette.strict),),
        routing=Routing(strategy="fill-first"),
        affinity=Affinity(enabled=False),
    )


def _request(cassette: Cassette) -> bytes:
    headers = {
        **cassette.headers,
        "host": "127.0.0.1",
        "authorization": f"Bearer {_KEY}",
        "content-length": str(len(cassette.body)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {cassette.path} HTTP/1.1\r\n{lines}\r\n".encode("utf-8", "replace") + cassette.body


class _Socket:
    """Bytes for http.client to read."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: Any) -> io.BytesIO:
        return io.BytesIO(self._data)


def _parsed(data: bytes) -> tuple[int, bytes, bool] | None:
    """Status, body and whether that is whole; None before the head is."""
    if b"\r\n\r\n" not in data:
        return None
    response = http.client.HTTPResponse(cast(Any, _Socket(data)))
    response.begin()
    try:
        return response.status, response.read(), True
    except http.client.IncompleteRead as part:
        return response.status, part.partial, False


def _is_whole(data: bytes) -> bool:
    if not data.endswith(b"0\r\n\r\n") and b"\r\nContent-Length: " not in data[:4096]:
        return False
    parsed = _parsed(data)
    return parsed is not None and parsed[2]


def _answer(data: bytes) -> tuple[int, bytes]:
    parsed = _parsed(data)
    return (0, b"") if parsed is None else parsed[:2]


class _OneRoute:
    """Every name leads to the recorded candidates, in the order in which they were tried."""

    def __init__(self, router: Router, candidates: tuple[Candidate, ...]) -> None:
        self._router = router
        plain = (attrs.evolve(one, credential=attrs.evolve(one.credential, priority=0)) for one in candidates)
        self._candidates = tuple({one.key: one for one in plain}.values())

    def resolve(self, name: str) -> Route:
        first = self._candidates[0]
        return Route(name, first.alias, first.suffix, self._candidates)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)


class _Upstream:
    """Answers one request after the other as the recorded ones were, whatever is asked."""

    def __init__(self, clock: Clock, attempts: tuple[Played, ...]) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.unanswered = 0
        self._clock = clock
        self._left: Iterator[Played] = iter(attempts)

    async def send(self, request: UpstreamRequest, **_: Any) -> UpstreamResponse:
        self.sent.append((request.url, request.body))
        played = next(self._left, None)
        if played is None:
            self.unanswered += 1
            raise UpstreamFailure.transport("no further attempt was recorded")
        if not played.status:
            await self._pass(played.ended or 0.0)
            raise UpstreamFailure.transport(played.failed or "no answer was recorded")
        await self._pass(played.answered)
        source = _Body(self._clock, played)
        source.response = response = UpstreamResponse(
            played.status, dict(played.headers), "", "the recorded upstream", source, decode=False
        )
        return response

    async def _pass(self, seconds: float) -> None:
        passed: Deferred[None] = Deferred()
        self._clock.callLater(seconds, passed.callback, None)
        await passed


class _Body:
    """A recorded body, its pieces at their times."""

    response: UpstreamResponse | None = None

    def __init__(self, clock: Clock, played: Played) -> None:
        self._clock = clock
        self._played = played
        self._pieces = list(played.body)
        self._begun = clock.seconds()
        self._turn: Any = None

    def resume(self) -> None:
        if self._turn is None and self.response is not None:
            at = self._pieces[0][0] if self._pieces else self._played.ended
            if at is not None:
                self._turn = self._clock.callLater(max(0.0, self._begun + at - self._clock.seconds()), self._give)

    def pause(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.cancel()

    def abort(self) -> None:
        self.pause()
        self.response = None

    def _give(self) -> None:
        self._turn = None
        response = self.response
        assert response is not None
        if self._pieces:
            response.arrived(self._pieces.pop(0)[1])
            self.resume()
            return
        self.response = None
        failed = self._played.failed
        response.finished(UpstreamFailure.transport(failed) if failed else None)
