"""An upstream's answer: its head at once, its body to a sink that sets the pace."""

from __future__ import annotations

from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from cliproxy.errors import UpstreamFailure
from cliproxy.wire.coding import GZIP_MAGIC, DamagedCoding, Decoder, GzipDecoder, decoder_for
from cliproxy.wire.http1 import raw_fields


class BodySink(Protocol):
    """Who takes a response body."""

    def received(self, data: bytes) -> None:
        """More of the body, decoded; never empty."""

    def ended(self, failure: UpstreamFailure | None) -> None:
        """The last call: the body is whole, or it broke off for the reason given."""


class Source(Protocol):
    """Where a body comes from: a connection, or a local answer. It calls :meth:`UpstreamResponse.arrived` and
    :meth:`UpstreamResponse.finished`."""

    def pause(self) -> None:
        """Send nothing more, as soon as that can be had."""

    def resume(self) -> None:
        """Go on."""

    def abort(self) -> None:
        """Nobody wants the rest."""


class _Open:
    """The body is still coming."""


_OPEN: Final = _Open()


@implementer(IPushProducer)
class UpstreamResponse:
    """A response whose head is complete.

    The body waits until :meth:`deliver` or :meth:`read` asks for it. While it waits or is paused, at most what the wire
    had already handed over is held, and nothing more is read from it.

    :ivar status: the HTTP status; redirects are not followed.
    :ivar headers: lower-case names, repeated fields joined with ``", "``. They describe the body as delivered: when a
        content coding is undone, ``content-encoding`` and ``content-length`` are gone.
    """

    __slots__ = (
        "_decoder",
        "_draining",
        "_end",
        "_origin",
        "_paused",
        "_pending",
        "_raw",
        "_sink",
        "_sniffing",
        "_source",
        "headers",
        "status",
    )

    def __init__(
        self, status: int, headers: dict[str, str], raw: str, origin: str, source: Source | None, *, decode: bool
    ) -> None:
        """
        :param raw: the header lines as they came.
        :param origin: the upstream, for error messages.
        :param decode: undo the content coding, and gzip without a header.
        :raises DamagedCoding: a coding that cannot be undone.
        """
        self.status = status
        self.headers = headers
        self._raw = raw
        self._origin = origin
        self._source = source
        self._sink: BodySink | None = None
        self._pending: list[bytes] = []
        self._end: UpstreamFailure | _Open | None = _OPEN
        self._paused = False
        self._draining = False
        self._decoder: Decoder | None = None
        self._sniffing = False
        if decode:
            coding = headers.get("content-encoding")
            if coding is not None:
                self._decoder = decoder_for(coding)
            if self._decoder is not None:
                del headers["content-encoding"]
                headers.pop("content-length", None)
            else:
                self._sniffing = True

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The header fields in order, names as spelled, repeats kept; the coding's among them."""
        return raw_fields(self._raw)

    # The reader's side.

    def deliver(self, sink: BodySink) -> None:
        """Give the body to ``sink``, from now on and perhaps at once. May be called once, instead of :meth:`read`."""
        if self._sink is not None:
            raise RuntimeError("the body of a response can be delivered once")
        self._sink = sink
        self._drain()

    async def read(self, limit: int) -> bytes:
        """The whole decoded body. Of one longer than ``limit`` the first ``limit`` bytes, and the rest is cancelled.

        :raises UpstreamFailure: the body broke off, fell silent, or cannot be decoded.
        """
        collector = _Collector(self, limit)
        self.deliver(collector)
        return await collector.done

    def pause(self) -> None:
        """Deliver nothing more until :meth:`resume`; the upstream's socket is not read meanwhile."""
        self._paused = True
        if self._source is not None:
            self._source.pause()

    def resume(self) -> None:
        """Deliver again."""
        if self._paused:
            self._paused = False
            self._drain()

    def cancel(self) -> None:
        """Close the connection if the body is not over. No callback follows. May be called again."""
        self._end = None
        self._sink = _NOBODY
        self._pending.clear()
        self._decoder = None
        source, self._source = self._source, None
        if source is not None:
            source.abort()

    pauseProducing = pause
    resumeProducing = resume
    stopProducing = cancel

    # The source's side.

    def arrived(self, data: bytes) -> None:
        """More of the body, as it was sent."""
        if self._sniffing:
            data = self._sniff(data)
        if not data:
            return
        if self._decoder is not None:
            self._decoder.feed(data)
        elif self._sink is None or self._paused or self._pending or self._draining:
            self._pending.append(data)
        else:
            self._sink.received(data)
            return
        self._drain()

    def finished(self, failure: UpstreamFailure | None, data: bytes = b"") -> None:
        """``data`` was the last the source had; from here on it is left alone."""
        self._source = None
        if data:
            self.arrived(data)
        if self._end is not _OPEN:
            return
        self._sniffing = False
        self._end = failure
        self._drain()

    def _sniff(self, data: bytes) -> bytes:
        """Recognise gzip that no header announces by its two magic bytes."""
        if self._pending:
            data = self._pending.pop() + data
        if data == GZIP_MAGIC[:1]:
            self._pending.append(data)
            return b""
        self._sniffing = False
        if data.startswith(GZIP_MAGIC):
            self._decoder = GzipDecoder()
        return data

    def _drain(self) -> None:
        """Hand out what is held, as far as the sink lets us; then the end, or ask the source for more."""
        if self._draining:
            return
        if self._sink is None:
            if self._source is not None:
                self._source.pause()
            return
        self._draining = True
        try:
            while not self._paused and (data := self._next()):
                self._sink.received(data)
        finally:
            self._draining = False
        if self._paused or self._sink is _NOBODY:
            return
        if self._end is _OPEN:
            if self._source is not None:
                self._source.resume()
        else:
            self._say_end()

    def _next(self) -> bytes:
        if self._decoder is None:
            if self._sniffing or not self._pending:
                return b""
            data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
            self._pending.clear()
            return data
        try:
            return self._decoder.read()
        except DamagedCoding as fault:
            self._break_off(fault)
            return b""

    def _break_off(self, fault: DamagedCoding) -> None:
        """The body cannot be decoded: that is its end, whatever the wire still has."""
        self._decoder = None
        self._end = UpstreamFailure.transport(f"{self._origin} answered with {fault}")
        source, self._source = self._source, None
        if source is not None:
            source.abort()

    def _say_end(self) -> None:
        if self._end is None and self._decoder is not None:
            try:
                self._decoder.close()
            except DamagedCoding as fault:
                self._break_off(fault)
        sink, self._sink = self._sink, _NOBODY
        failure = self._end
        if sink is not None and not isinstance(failure, _Open):
            sink.ended(failure)


class _Nobody:
    """The sink of a body that is over or unwanted."""

    def received(self, data: bytes) -> None:
        pass

    def ended(self, failure: UpstreamFailure | None) -> None:
        pass


_NOBODY: Final = _Nobody()


class _Collector:
    """A sink that keeps the first ``limit`` bytes."""

    def __init__(self, response: UpstreamResponse, limit: int) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: response.cancel())
        self._response = response
        self._limit = limit
        self._size = 0
        self._pieces: list[bytes] = []

    def received(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > self._limit:
            self._response.cancel()
            self.done.callback(b"".join(self._pieces)[: self._limit])

    def ended(self, failure: UpstreamFailure | None) -> None:
        if failure is None:
            self.done.callback(b"".join(self._pieces))
        else:
            self.done.errback(failure)
