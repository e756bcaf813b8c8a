"""A response's body on its way to a client as it is, at the client's pace. gzip that no header announces is undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.web.server import Request
from zope.interface import implementer

from cliproxy.amp.incoming import KeyMask
from cliproxy.errors import UpstreamFailure
from cliproxy.upstream.client import UpstreamResponse
from cliproxy.wire.coding import GZIP_MAGIC, DamagedCoding, GzipDecoder

#: What may be gzip is held up to this size, so that a damaged body can still pass as it is.
HOLD: Final = 512 * 1024
#: The length of what unpacks to more than this is not worked out: it is sent in chunks.
_MEASURED: Final = 16 * 1024 * 1024


@implementer(IPushProducer)
class Pipe:
    """One body. ``request`` has its status and headers already; they leave with the first bytes.

    :param heard: is told what came, as it came.
    :param mask: for a body that is not packed.
    """

    def __init__(
        self,
        response: UpstreamResponse,
        request: Request,
        heard: Callable[[bytes], None] | None = None,
        mask: KeyMask | None = None,
    ) -> None:
        self._response = response
        self._request = request
        self._mask = mask if "content-encoding" not in response.headers else None
        self._heard = heard
        self._done: Deferred[None] = Deferred()
        self._first: bytearray | None = None  # held until it is known whether it is gzip
        self._decoder: GzipDecoder | None = None
        self._paused = False
        self._over = False
        self._failure: UpstreamFailure | None = None

    async def run(self) -> None:
        """Until the body has ended. Cancelling closes the upstream connection."""
        request, response = self._request, self._response
        if _may_be_unmarked_gzip(response):
            self._first = bytearray()
        request.registerProducer(self, True)
        try:
            response.deliver(self)
            if not self._over and self._first is None:
                request.write(b"")  # a stream whose first word is long in coming still shows its head
            await self._done
        except CancelledError:
            response.cancel()
            raise
        finally:
            if request.channel is not None and request.producer is not None:
                request.unregisterProducer()

    # -- the upstream's side

    def received(self, data: bytes) -> None:
        """More of the body."""
        if self._heard is not None:
            self._heard(data)
        if self._decoder is not None:
            self._decoder.feed(data)
            self._unpack()
        elif self._first is None:
            self._write(data)
        else:
            self._first += data
            if len(self._first) > HOLD or bytes(self._first[:2]) != GZIP_MAGIC[: len(self._first)]:
                self._decide(whole=False)

    def ended(self, failure: UpstreamFailure | None) -> None:
        """The last of it."""
        self._over, self._failure = True, failure
        if self._first is not None:
            self._decide(whole=failure is None)
        if self._decoder is not None:
            self._unpack()
        else:
            self._end()

    def _decide(self, *, whole: bool) -> None:
        """Unpack what was held and what follows, or let it pass as it is."""
        assert self._first is not None
        data, self._first = bytes(self._first), None
        if not data:
            return
        try:
            size = _unpacked_size(data, whole=whole)
        except DamagedCoding:
            self._write(data)
            return
        headers = self._request.responseHeaders
        headers.removeHeader(b"Content-Length")
        if size is not None:
            headers.setRawHeaders(b"Content-Length", [b"%d" % size])
        self._decoder = GzipDecoder()
        self._decoder.feed(data)
        self._unpack()

    def _unpack(self) -> None:
        """Give the client what it will take; at the end of it all, end."""
        assert self._decoder is not None
        try:
            while not self._paused and (piece := self._decoder.read()):
                self._write(piece)
            if self._over and not self._paused:
                self._decoder.close()
                self._end()
        except DamagedCoding as fault:
            self._response.cancel()
            self._failure = UpstreamFailure.transport(f"ampcode.com answered with {fault}")
            self._end()

    def _write(self, data: bytes) -> None:
        if self._mask is None:
            self._request.write(data)
        elif clean := self._mask.feed(data):
            self._request.write(clean)

    def _end(self) -> None:
        """A body that broke off ends without a clean end, and without a word."""
        transport: Any = self._request.transport
        if self._mask is not None and self._failure is None and (rest := self._mask.close()):
            self._request.write(rest)
        if self._failure is not None and transport is not None:
            transport.abortConnection()
        if not self._done.called:
            self._done.callback(None)

    # -- the client's side

    def pauseProducing(self) -> None:
        """The client's socket is full."""
        self._paused = True
        self._response.pause()

    def resumeProducing(self) -> None:
        """It has room again."""
        self._paused = False
        if self._decoder is not None and not self._done.called:
            self._unpack()
        if not self._paused:
            self._response.resume()

    def stopProducing(self) -> None:
        """The client is gone; the cancelled route closes the upstream."""


def _may_be_unmarked_gzip(response: UpstreamResponse) -> bool:
    headers = response.headers
    stream = headers.get("content-type", "").lower().startswith("text/event-stream")
    return response.status != 206 and not stream and "content-encoding" not in headers


def _unpacked_size(data: bytes, *, whole: bool) -> int | None:
    """How much gzip ``data`` unpacks to, without keeping it; None when it is not whole, or too much to work out.

    :raises DamagedCoding: it is not gzip, or not to the end.
    """
    if data[:2] != GZIP_MAGIC:
        raise DamagedCoding("something else")
    decoder, size = GzipDecoder(), 0
    decoder.feed(data)
    while piece := decoder.read():
        size += len(piece)
        if not whole or size > _MEASURED:
            return None
    if not whole:
        return None
    decoder.close()
    return size
