"""Heartbeats: what keeps idle connections alive while answers are awaited, from the moment the requests are accepted.

A beat before the first content fixes status 200; what fails after it is told in-band. Nothing is written while the client
does not read. Exchanges of one interval fall due in the order in which they came, so that one timer serves them all.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import attrs

from cliproxy.providers.interface import Operation
from cliproxy.relay.exchange import JSON_HEADERS, SSE_HEADERS, Exchange


@attrs.define(eq=False, slots=True)
class Beat:
    """One exchange's next beat; without an exchange there is none any more, for it is over."""

    due: float
    exchange: Exchange | None


@attrs.define(eq=False)
class _Line:
    """Who waits for beats of one interval, the next one first."""

    seconds: float
    beats: deque[Beat] = attrs.field(factory=deque)
    armed: bool = False


class Heartbeats:
    """Those of all exchanges."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._lines: dict[float, _Line] = {}

    def watch(self, exchange: Exchange) -> Beat | None:
        """Let it have beats until it is over, if its client is to have any: then the exchange is taken out of what is given."""
        seconds = _interval(exchange)
        if seconds <= 0:
            return None
        line = self._lines.get(seconds)
        if line is None:
            line = self._lines[seconds] = _Line(seconds)
        beat = Beat(self._reactor.seconds() + seconds, exchange)
        beats = line.beats
        while beats and beats[0].exchange is None:
            beats.popleft()
        beats.append(beat)
        if not line.armed:
            self._arm(line)
        return beat

    def _arm(self, line: _Line) -> None:
        """Wait for whoever is next. Without anybody the interval is forgotten: a reload may have changed it."""
        beats = line.beats
        while beats and beats[0].exchange is None:
            beats.popleft()
        line.armed = bool(beats)
        if beats:
            self._reactor.callLater(max(0.0, beats[0].due - self._reactor.seconds()), self._ring, line)
        else:
            del self._lines[line.seconds]

    def _ring(self, line: _Line) -> None:
        now, beats = self._reactor.seconds(), line.beats
        while beats and beats[0].due <= now:
            beat = beats.popleft()
            if beat.exchange is not None and not beat.exchange.reply.gone:
                _give(beat.exchange)
                beat.due = now + line.seconds
                beats.append(beat)
        self._arm(line)


def _interval(exchange: Exchange) -> float:
    settings, inbound = exchange.snapshot.settings, exchange.inbound
    if inbound.operation is not Operation.GENERATE:
        return 0
    if not inbound.stream:
        return settings.nonstream_keepalive_interval
    return settings.streaming.keepalive_seconds if exchange.dialect.heartbeat is not None else 0


def _give(exchange: Exchange) -> None:
    if exchange.pump is not None and exchange.pump.paused:
        return
    reply = exchange.reply
    if exchange.inbound.stream:
        reply.begin(200, SSE_HEADERS)
        reply.write(exchange.dialect.heartbeat or b"")
    else:
        reply.begin(200, JSON_HEADERS)
        reply.write(b"\n")
