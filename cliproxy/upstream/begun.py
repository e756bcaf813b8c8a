"""A request on its way to the head of its answer: over a kept connection, or over one that is made for it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cliproxy.errors import FailureKind, UpstreamFailure
from cliproxy.upstream.egress import Egress
from cliproxy.upstream.http11 import Connection, Sending, Taker, Timeouts
from cliproxy.upstream.response import UpstreamResponse
from cliproxy.wire.urls import Target


class Begun:
    """One request. A connection that was kept and turns out dead before a byte came is replaced by a fresh one, once."""

    __slots__ = (
        "_connecting",
        "_connection",
        "_egress",
        "_kept",
        "_sending",
        "_sent",
        "_taker",
        "_target",
        "_timeouts",
    )

    def __init__(self, taker: Taker, timeouts: Timeouts, sent: Callable[[], None] | None) -> None:
        """:param sent: called when the request leaves over a connection."""
        self._taker: Taker | None = taker
        self._timeouts = timeouts
        self._sent = sent
        self._connection: Connection | None = None
        self._connecting: Deferred[Connection] | None = None

    def send(self, sending: Sending, egress: Egress, target: Target) -> None:
        """Send it."""
        self._sending, self._egress, self._target = sending, egress, target
        connection = egress.take(target)
        self._kept = connection is not None
        if connection is None:
            self._connect()
        else:
            self._ask(connection)

    def cancel(self) -> None:
        """Nobody waits for the answer any more; nothing is told."""
        self._taker = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.give_up()
        elif self._connecting is not None:
            self._connecting.cancel()

    def _ask(self, connection: Connection) -> None:
        self._connection = connection
        if self._sent is not None:
            self._sent()
        connection.ask(self._sending, self)

    def _connect(self) -> None:
        self._connecting = Deferred.fromCoroutine(self._egress.connect(self._target, self._timeouts.connect))
        self._connecting.addCallbacks(self._connected, self._unconnected)

    def _connected(self, connection: Connection) -> None:
        self._connecting = None
        self._ask(connection)

    def _unconnected(self, failure: Failure) -> None:
        self._connecting = None
        assert isinstance(failure.value, Exception)
        self._tell(failure.value)

    def _tell(self, failure: Exception) -> None:
        taker, self._taker = self._taker, None
        if taker is not None:
            taker.failed(failure)

    # What the connection tells.

    def answered(self, response: UpstreamResponse) -> None:
        """The head is there."""
        self._connection = None
        del self._sending  # which may be large, and its answer long
        taker, self._taker = self._taker, None
        if taker is not None:
            taker.answered(response)

    def failed(self, failure: Exception) -> None:
        """There is no answer."""
        self._connection = None
        if self._kept and isinstance(failure, UpstreamFailure) and failure.kind is FailureKind.STALE:
            self._kept = False
            self._connect()
        else:
            self._tell(failure)
