"""Answers given inside the process, for upstreams that are not on the network (the ``demo`` provider)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cliproxy.providers.interface import UpstreamRequest
from cliproxy.upstream.response import UpstreamResponse


class LocalAnswer(Protocol):
    """An answer.

    :ivar headers: (name, value) in order.
    :ivar pieces: the body; each piece is made when it is its turn.
    :ivar interval: seconds before each piece.
    """

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Sequence[tuple[str, str]]: ...

    @property
    def pieces(self) -> Iterable[bytes]: ...

    @property
    def interval(self) -> float: ...


#: Answers the requests of one URL scheme.
LocalUpstream: TypeAlias = Callable[[UpstreamRequest], LocalAnswer]


def respond(clock: IReactorTime, answer: LocalAnswer, origin: str) -> UpstreamResponse:
    """The response that gives ``answer``, at the pace of its reader."""
    source = _Pieces(clock, answer)
    headers: dict[str, str] = {}
    for name, value in answer.headers:
        lower = name.lower()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    raw = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    source.response = UpstreamResponse(answer.status, headers, raw, origin, source, decode=False)
    return source.response


class _Pieces:
    """The source of a local body."""

    response: UpstreamResponse | None

    def __init__(self, clock: IReactorTime, answer: LocalAnswer) -> None:
        self._clock = clock
        self._pieces: Iterator[bytes] = iter(answer.pieces)
        self._interval = answer.interval
        self._turn: IDelayedCall | None = None
        self._flowing = False

    def resume(self) -> None:
        if not self._flowing and self.response is not None:
            self._flowing = True
            if self._interval > 0:
                self._turn = self._clock.callLater(self._interval, self._next)
            else:
                while self._flowing:
                    self._give()

    def pause(self) -> None:
        self._flowing = False
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.cancel()

    def abort(self) -> None:
        self.pause()
        self.response = None

    def _next(self) -> None:
        self._turn = self._clock.callLater(self._interval, self._next)
        self._give()

    def _give(self) -> None:
        piece = next(self._pieces, None)
        response = self.response
        if response is None:
            return
        if piece is None:
            self.abort()
            response.finished(None)
        else:
            response.arrived(piece)
