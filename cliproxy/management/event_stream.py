"""Events as server-sent events. A page that does not read costs nothing: what it misses is counted and said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.web.server import Request
from zope.interface import implementer

from cliproxy.jsontypes import JSONObject, dumps
from cliproxy.relay.events import Events

#: A comment so often, in seconds, that neither side thinks the other gone.
BEAT: Final = 15.0


@implementer(IPushProducer)
class EventStream:
    """One watcher's answer. ``done`` is cancelled when it leaves, and fires when it may watch no more."""

    def __init__(self, request: Request, events: Events, reactor: Any, allowed: Callable[[], bool]) -> None:
        """:param allowed: asked before anything is sent: keys are changed, and sessions end, while a page is open."""
        self._allowed = allowed
        self.done: Deferred[None] = Deferred(self._left)
        self._request = request
        self._events = events
        self._reactor = reactor
        self._paused = False
        self._missed = 0
        self._beat: IDelayedCall | None = None

    def begin(self, opening: JSONObject) -> None:
        """Begin, with what is the case now."""
        request = self._request
        request.setHeader("Content-Type", "text/event-stream")
        request.setHeader("Cache-Control", "no-cache")
        request.setHeader("X-Accel-Buffering", "no")  # nginx would gather a stream otherwise
        request.registerProducer(self, True)
        self._write("hello", opening)
        self._events.watch(self._send)
        self._beat = self._reactor.callLater(BEAT, self._tick)

    def _send(self, kind: str, data: JSONObject) -> None:
        if self._paused:
            self._missed += 1
        elif self._may_watch():
            self._write(kind, data)

    def _write(self, kind: str, data: JSONObject) -> None:
        self._request.write(b"event: %s\ndata: %s\n\n" % (kind.encode(), dumps(data)))

    def _tick(self) -> None:
        self._beat = self._reactor.callLater(BEAT, self._tick)
        if self._may_watch() and not self._paused:
            self._request.write(b": \n\n")

    def _may_watch(self) -> bool:
        """Whether it still may; one that may not has its answer ended."""
        if self.done.called:
            return False
        if not self._allowed():
            self._left(None)
            self._request.unregisterProducer()
            self.done.callback(None)
            return False
        return True

    def _left(self, _: object) -> None:
        self._events.leave(self._send)
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None

    def pauseProducing(self) -> None:
        """The page does not read."""
        self._paused = True

    def resumeProducing(self) -> None:
        """It reads again; it is told what it has missed."""
        self._paused = False
        missed, self._missed = self._missed, 0
        if missed:
            self._send("missed", {"count": missed})

    def stopProducing(self) -> None:
        """It is gone: the cancelled route cleans up."""
