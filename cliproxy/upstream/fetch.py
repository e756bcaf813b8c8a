"""A small answer, whole, through treq over the client's own egress: for model lists and tokens, not for completions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
from treq.client import HTTPClient
from twisted.internet.defer import Deferred, TimeoutError, succeed
from twisted.internet.error import ConnectionClosed
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import RequestTransmissionFailed, ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from cliproxy.errors import UpstreamFailure
from cliproxy.upstream.client import Client

_BROKEN: Final = (ConnectionClosed, RequestTransmissionFailed, ResponseFailed, ResponseNeverReceived)


@attrs.frozen
class Fetched:
    """An answer. ``headers`` have lower-case names."""

    status: int
    body: bytes
    headers: Mapping[str, str] = attrs.field(factory=dict)


async def fetch(
    client: Client,
    reactor: Any,
    method: str,
    url: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    proxy_url: str = "",
    seconds: float = 30.0,
    limit: int = 1024 * 1024,
) -> Fetched:
    """One request; redirects are answers.

    :param seconds: for all of it.
    :param limit: bytes of an answer; more is a failure.
    :raises UpstreamFailure: there is no answer, or no whole one. Its message holds neither body nor query.
    """
    fetching = Deferred.fromCoroutine(_fetch(client, method, url, Headers(_lists(headers)), body, proxy_url, limit))
    where = url.partition("?")[0]
    try:
        return await fetching.addTimeout(seconds, reactor)
    except TimeoutError:
        raise UpstreamFailure.transport(f"{where} did not answer within {seconds:g} s") from None
    except _BROKEN as error:
        raise UpstreamFailure.transport(f"{where}: the connection broke ({type(error).__name__})") from None


def _lists(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The last of a name counts."""
    return {name.lower(): [value] for name, value in headers}


async def _fetch(
    client: Client, method: str, url: str, headers: Headers, body: bytes, proxy_url: str, limit: int
) -> Fetched:
    treq = HTTPClient(client.agent(proxy_url))
    response = await treq.request(
        method, url, headers=headers, data=_Whole(body) if body else None, unbuffered=True, allow_redirects=False
    )
    reader = _Reader(limit)
    response.deliverBody(reader)
    await reader.done
    if len(reader.data) > limit:
        raise UpstreamFailure.transport(f"the answer of {url.partition('?')[0]} is too large")
    names = response.headers.getAllRawHeaders()
    return Fetched(response.code, bytes(reader.data), {k.decode().lower(): v[-1].decode("latin-1") for k, v in names})


@implementer(IBodyProducer)
class _Whole:
    """A body that is written in one piece, at once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length = len(data)

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(self._data)
        return succeed(None)

    def stopProducing(self) -> None:
        """It is all written."""

    def pauseProducing(self) -> None:
        """It is all written."""

    def resumeProducing(self) -> None:
        """It is all written."""


class _Reader(Protocol):
    """Gathers a body. Cancelling, or a body beyond the limit, closes the connection."""

    def __init__(self, limit: int) -> None:
        self.data = bytearray()
        self.done: Deferred[None] = Deferred(self._close)
        self._limit = limit

    def _close(self, _: object = None) -> None:
        if self.transport is not None:
            self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        if len(self.data) <= self._limit:
            self.data += data
            if len(self.data) > self._limit:
                self._close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.done.called:
            whole = reason.check(ResponseDone, PotentialDataLoss) is not None or len(self.data) > self._limit
            self.done.callback(None) if whole else self.done.errback(reason)
