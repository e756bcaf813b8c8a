"""What crosses an exchange, kept as it passes: for request logs and cassettes. An exchange without one costs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import attrs
from twisted.internet.interfaces import IPushProducer

from cliproxy.errors import UpstreamFailure
from cliproxy.providers.interface import UpstreamRequest
from cliproxy.relay.budget import Budget
from cliproxy.relay.exchange import Exchange, Reply
from cliproxy.routing.route import Candidate
from cliproxy.upstream.client import BodySink, Client, UpstreamResponse

#: The most that is kept of one body, in bytes, and what a piece of one costs besides its bytes.
BODY_BYTES: Final = 4 * 1024 * 1024
_PIECE_BYTES: Final = 128


class Pieces:
    """A body in the pieces in which it came, each with its time; what is over the limits is only counted.

    :param room: for what all captures hold.
    :ivar missing: bytes that are not kept; they are the last ones.
    """

    def __init__(self, room: Budget) -> None:
        self.pieces: list[tuple[float, bytes]] = []
        self.missing = 0
        self._taken = 0
        self._room = room

    def add(self, at: float, data: bytes) -> None:
        """One more, that came ``at`` seconds."""
        fits = min(len(data), BODY_BYTES - self._taken - _PIECE_BYTES)
        if self.missing or fits <= 0 or not self._room.take(fits + _PIECE_BYTES):
            self.missing += len(data)
            return
        self._taken += fits + _PIECE_BYTES
        self.missing = len(data) - fits
        self.pieces.append((at, data[:fits]))

    def whole(self) -> bytes:
        """What is kept of it."""
        return b"".join(data for _, data in self.pieces)

    def give_back(self) -> None:
        """It is needed no more."""
        self._room.give(self._taken)
        self._taken = 0
        self.pieces.clear()


@attrs.define
class Sent:
    """One attempt.

    :ivar at: when it was sent; seconds since the exchange began, as all times here are.
    :ivar asked: the request's body; ``body`` is the answer's.
    :ivar status: 0 while no answer has begun.
    :ivar failed: why there was no answer, or no whole one.
    :ivar ended: when the body was over; None while it is not.
    """

    at: float
    candidate: Candidate
    method: str
    url: str
    sent_headers: Sequence[tuple[str, str]]
    asked: Pieces
    body: Pieces
    status: int = 0
    headers: Sequence[tuple[str, str]] = ()
    answered: float = 0.0
    failed: str = ""
    ended: float | None = None


class Capture:
    """One exchange's.

    :ivar path: of the client's request, with its query; ``raw`` is its body.
    :ivar began: Unix seconds.
    """

    def __init__(self, exchange: Exchange, path: str, began: float, clock: Any, room: Budget) -> None:
        """Listen to the exchange from now on. Nothing of it has happened yet."""
        self.path = path
        self.headers = tuple(exchange.inbound.headers.items())
        self.began = began
        self.raw = Pieces(room)
        self.attempts: list[Sent] = []
        self.status = 0
        self.answer_headers: Sequence[tuple[str, str]] = ()
        self.answer = Pieces(room)
        self._room = room
        self._clock = clock
        self._start = clock.seconds()
        self.raw.add(0.0, exchange.inbound.raw)
        exchange.reply = _Overheard(exchange.reply, self)

    def now(self) -> float:
        """Seconds since the exchange began."""
        seconds: float = self._clock.seconds() - self._start
        return seconds

    def listening(self, client: Client, candidate: Candidate) -> _ListeningClient:
        """A client whose next request is an attempt with ``candidate``."""
        return _ListeningClient(client, self, candidate)

    def sent(self, candidate: Candidate, request: UpstreamRequest) -> Sent:
        """An attempt begins."""
        headers = tuple(request.headers)
        sent = Sent(self.now(), candidate, request.method, request.url, headers, Pieces(self._room), Pieces(self._room))
        sent.asked.add(sent.at, request.body)
        self.attempts.append(sent)
        return sent

    def give_back(self) -> None:
        """It is needed no more."""
        for pieces in (self.raw, self.answer):
            pieces.give_back()
        for sent in self.attempts:
            sent.asked.give_back()
            sent.body.give_back()


@attrs.frozen
class _ListeningClient:
    _client: Client
    _capture: Capture
    _candidate: Candidate

    async def send(self, request: UpstreamRequest, **how: Any) -> UpstreamResponse:
        sent = self._capture.sent(self._candidate, request)
        try:
            response = await self._client.send(request, **how)
        except UpstreamFailure as failure:
            sent.failed = failure.detail.message
            sent.ended = self._capture.now()
            raise
        sent.status, sent.answered = response.status, self._capture.now()
        sent.headers = tuple(response.headers.items())
        return cast(UpstreamResponse, _OverheardResponse(response, sent, self._capture))


@attrs.frozen
class _OverheardResponse:
    """As much of :class:`UpstreamResponse` as the relay needs."""

    _response: UpstreamResponse
    _sent: Sent
    _capture: Capture

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    def deliver(self, sink: BodySink) -> None:
        self._response.deliver(_OverheardBody(sink, self._sent, self._capture))

    async def read(self, limit: int) -> bytes:
        try:
            data = await self._response.read(limit)
        except UpstreamFailure as failure:
            self._sent.failed = failure.detail.message
            raise
        finally:
            self._sent.ended = self._capture.now()
        self._sent.body.add(self._capture.now(), data)
        return data

    def pause(self) -> None:
        self._response.pause()

    def resume(self) -> None:
        self._response.resume()

    def cancel(self) -> None:
        self._response.cancel()


@attrs.frozen
class _OverheardBody:
    """The sink of an upstream's body."""

    _sink: BodySink
    _sent: Sent
    _capture: Capture

    def received(self, data: bytes) -> None:
        self._sent.body.add(self._capture.now(), data)
        self._sink.received(data)

    def ended(self, failure: UpstreamFailure | None) -> None:
        self._sent.ended = self._capture.now()
        if failure is not None:
            self._sent.failed = failure.detail.message
        self._sink.ended(failure)


class _Overheard:
    """A reply that is listened to."""

    def __init__(self, reply: Reply, capture: Capture) -> None:
        self._reply = reply
        self._capture = capture

    @property
    def begun(self) -> bool:
        return self._reply.begun

    @property
    def gone(self) -> bool:
        return self._reply.gone

    @property
    def status(self) -> int:
        return self._reply.status

    def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        if not self.begun and not self.gone:
            self._capture.status, self._capture.answer_headers = status, tuple(headers)
        self._reply.begin(status, headers)

    def write(self, data: bytes) -> None:
        if not self.gone:
            self._capture.answer.add(self._capture.now(), data)
        self._reply.write(data)

    def attach(self, producer: IPushProducer) -> None:
        self._reply.attach(producer)

    def detach(self) -> None:
        self._reply.detach()
