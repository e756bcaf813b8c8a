"""The pump: an upstream's body through a transcoder to the client, held back until it shows content.

Before the first content event everything the transcoder says is held (up to :data:`HOLD_EVENTS` pieces or
:data:`HOLD_BYTES`), so that an error inside a 200 can still fail over. After that, the client's socket sets the pace.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from cliproxy.dialects.transcoder import Transcoder
from cliproxy.errors import ErrorDetail, FailureKind, RequestFault, UpstreamFailure
from cliproxy.relay.budget import BUSY_SECONDS, Budget
from cliproxy.upstream.client import UpstreamResponse

HOLD_EVENTS: Final = 64
HOLD_BYTES: Final = 256 * 1024
#: The most of an answer, in the upstream's bytes, that is gathered for a client that waits for the whole.
GATHER_BYTES: Final = 64 * 1024 * 1024


class Sink(Protocol):
    """Where the pump pours: the client's side of the reply."""

    def write(self, data: bytes) -> None:
        """Take bytes."""

    def attach(self, producer: IPushProducer) -> None:
        """Pace ``producer`` from now on."""

    def detach(self) -> None:
        """Stop pacing."""


@implementer(IPushProducer)
class Pump:
    """One upstream body on its way. Call :meth:`held` and then :meth:`pour`, or :meth:`whole` alone; each has a form for who
    does not wait (``hold`` and ``let_go``, ``begin``, ``gather`` and ``gathered``), in which ``woken`` is called instead.

    :ivar over: nothing more will come.
    :ivar paused: the client does not read.
    :ivar passed: pieces given to the client.
    :ivar woken: called once, when what was begun is to be gone on with; None when nobody is to be called.
    :ivar refusal: the daemon had no room for the answer; its upstream did nothing wrong.
    :ivar failure: why the upstream's answer is not whole, once known; None after a whole one.
    """

    _log = Logger()

    def __init__(
        self,
        response: UpstreamResponse,
        transcoder: Transcoder,
        mask: Callable[[bytes], bytes] = bytes,
        budget: Budget | None = None,
    ) -> None:
        """
        :param mask: takes the secrets out of an error that the upstream wrote into its answer.
        :param budget: for an answer that is gathered; None for one without bounds.
        """
        self._response = response
        self._mask = mask
        self.transcoder = transcoder
        self._pieces: list[bytes] = []
        self._held_bytes = 0
        self._holding = False
        self._budget = budget
        self._gathering = False
        self._gathered = 0
        self._sink: Sink | None = None
        self._attached = False
        self.woken: Callable[[], object] | None = None
        self.over = False
        self.paused = False
        self.passed = 0
        self.failure: UpstreamFailure | None = None
        self.refusal: RequestFault | None = None

    # -- the upstream's side

    def received(self, data: bytes) -> None:
        """Bytes of the upstream's body."""
        if self.over or (self._gathering and not self._has_room(len(data))):
            return
        transcoder = self.transcoder
        try:
            pieces = transcoder.receive(data)
            if transcoder.ended:
                pieces += transcoder.close()
        except Exception:
            self._give_up()
            return
        self._pass(pieces if transcoder.failed is None else [self._mask(piece) for piece in pieces])
        if transcoder.ended:
            self._end()
        elif self._holding and self._shown():
            self._response.pause()
            self._fire()

    def ended(self, failure: UpstreamFailure | None) -> None:
        """The upstream's body ended, whole (None) or not."""
        if self.over:
            return
        try:
            pieces = self.transcoder.close() if failure is None else self.transcoder.fail(failure.detail)
        except Exception:
            self._give_up()
            return
        self.failure = failure
        self._pass(pieces if self.transcoder.failed is None else [self._mask(piece) for piece in pieces])
        self._end()

    def _give_up(self) -> None:
        """A decoder met what it was not built for: the stream is lost, the daemon is not."""
        self._log.failure("an upstream answer could not be translated")
        self._pass(self.transcoder.fail(ErrorDetail(502, "the upstream's answer could not be read")))
        self._end()

    def _end(self) -> None:
        """The terminal event is out. A failed upstream is closed; a finished one runs out and is used again."""
        self.over = True
        failed = self.transcoder.failed
        if failed is not None:
            self._response.cancel()
            if self.failure is None:
                self.failure = UpstreamFailure(masked(failed, self._mask))
        self._fire()

    def _has_room(self, size: int) -> bool:
        """Whether so many bytes more can be gathered; an answer that cannot is over, and its upstream let go."""
        assert self._budget is not None
        self._gathered += size
        if self._gathered > GATHER_BYTES:
            self._gathered -= size
            detail = ErrorDetail(502, f"the upstream's answer is longer than {GATHER_BYTES // 1024 // 1024} MiB")
        elif not self._budget.take(size):
            self._gathered -= size
            detail = ErrorDetail(
                503, "the daemon holds as many messages as it may (max-bodies-mb)", retry_after=BUSY_SECONDS
            )
            self.refusal = RequestFault(detail)
        else:
            return True
        self.failure = UpstreamFailure(detail)
        self.over = True
        self._response.cancel()
        self._fire()
        return False

    # -- the hold

    def _pass(self, pieces: list[bytes]) -> None:
        if not pieces:
            return
        if self._sink is not None:
            self.passed += len(pieces)
            self._sink.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        else:
            self._pieces += pieces
            self._held_bytes += sum(map(len, pieces))

    def _shown(self) -> bool:
        return self.transcoder.started or len(self._pieces) > HOLD_EVENTS or self._held_bytes > HOLD_BYTES

    def _fire(self) -> None:
        woken, self.woken = self.woken, None
        if woken is not None:
            woken()

    async def _wait(self) -> None:
        waiter: Deferred[None] = Deferred()
        self.woken = partial(waiter.callback, None)
        try:
            await waiter
        except CancelledError:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Nobody wants the rest: the connection is closed."""
        self.woken = None
        self._response.cancel()
        self._give_back()

    async def held(self) -> None:
        """Wait for the first content, the end, or a full hold. Cancelling closes the connection.

        :raises UpstreamFailure: the answer failed before it showed content.
        """
        if not self.hold():
            await self._wait()
        self.let_go()

    def hold(self) -> bool:
        """Begin :meth:`held`; whether there is nothing to wait for."""
        self._holding = True
        self._response.deliver(self)
        return self.over or self._shown()

    def let_go(self) -> None:
        """End :meth:`held`.

        :raises UpstreamFailure: the answer failed before it showed content.
        """
        self._holding = False
        self.transcoder = getattr(self.transcoder, "settled", self.transcoder)
        if self.failure is not None and not self.transcoder.started:
            raise self.failure

    async def whole(self) -> bytes:
        """The whole answer as the client's one body. Cancelling closes the connection.

        :raises UpstreamFailure: the answer failed.
        :raises RequestFault: it cannot be held, which is nobody's fault but ours.
        """
        try:
            if not self.gather():
                await self._wait()
        except BaseException:  # raised again: what is not gathered any more is not counted
            self._give_back()
            raise
        return self.gathered()

    def gather(self) -> bool:
        """Begin :meth:`whole`; whether there is nothing to wait for."""
        self._gathering = self._budget is not None
        self._response.deliver(self)
        return self.over

    def gathered(self) -> bytes:
        """End :meth:`whole`.

        :raises UpstreamFailure: the answer failed.
        :raises RequestFault: it cannot be held, which is nobody's fault but ours.
        """
        self._give_back()
        if self.refusal is not None:
            raise self.refusal
        if self.failure is not None:
            raise self.failure
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)

    def _give_back(self) -> None:
        gathered, self._gathered = self._gathered, 0
        if self._budget is not None and gathered:
            self._budget.give(gathered)

    # -- the client's side

    async def pour(self, sink: Sink) -> None:
        """Give the client what was held and all that follows; returns when the answer is over, whole or not.

        Cancelling closes the upstream connection.
        """
        try:
            if not self.begin(sink):
                await self._wait()
        finally:
            self.detach()

    def begin(self, sink: Sink) -> bool:
        """Begin :meth:`pour`, which ends with :meth:`detach`; whether there is nothing to wait for."""
        self._sink = sink
        pieces, self._pieces = self._pieces, []
        self._pass(pieces)
        if self.over:
            return True
        sink.attach(self)
        self._attached = True
        self._response.resume()
        return self.over

    def detach(self) -> None:
        """The client's socket paces nothing any more."""
        if self._attached and self._sink is not None:
            self._attached = False
            self._sink.detach()

    def cut(self, detail: ErrorDetail) -> None:
        """End the stream from our side (shutdown): the client gets its dialect's terminal error."""
        if not self.over:
            self.failure = UpstreamFailure(detail, FailureKind.TRANSPORT)
            self._pass(self.transcoder.fail(detail))
            self._end()

    def pauseProducing(self) -> None:
        """The client's socket is full."""
        self.paused = True
        if not self.over:
            self._response.pause()

    def resumeProducing(self) -> None:
        """It has room again."""
        self.paused = False
        if not self.over:
            self._response.resume()

    def stopProducing(self) -> None:
        """The client is gone; the cancelled route closes the upstream."""


def masked(detail: ErrorDetail, mask: Callable[[bytes], bytes]) -> ErrorDetail:
    """The failure in words without a secret."""

    def said(text: str) -> str:
        return mask(text.encode("utf-8", "replace")).decode("utf-8", "replace")

    return attrs.evolve(
        detail,
        message=said(detail.message),
        type=detail.type and said(detail.type),
        code=detail.code and said(detail.code),
        param=detail.param and said(detail.param),
        more=tuple((name, said(value) if isinstance(value, str) else value) for name, value in detail.more),
    )
