"""What the client is given: an answer's head and body, or an error in its own dialect."""

from __future__ import annotations

from typing import Any

from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.failover.failover import Failover
from cliproxy.jsontypes import InvalidJSON, dumps, loads
from cliproxy.relay.exchange import JSON_HEADERS, SSE_HEADERS, Exchange
from cliproxy.relay.pump import Pump
from cliproxy.relay.recording import cost_of
from cliproxy.wire.headers import retry_after


class Delivery:
    """Writes replies, and gives back the leases of what it has written."""

    def __init__(self, reactor: Any, failover: Failover) -> None:
        self._reactor = reactor
        self._failover = failover

    def whole(self, exchange: Exchange, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        """An answer that is not streamed.

        :param headers: the attempt's own.
        """
        reply, lease = exchange.reply, exchange.lease
        assert lease is not None
        self._failover.finish(lease)
        length = () if reply.begun else (("Content-Length", str(len(body))),)
        cost = cost_of(exchange)
        priced = () if cost.source == "unknown" else (("X-Cliproxy-Cost-Usd", f"{cost.usd:.8f}"),)
        reply.begin(200, [*JSON_HEADERS, *length, *self._headers(exchange), *priced, *headers])
        reply.write(body)

    def begin(self, exchange: Exchange) -> None:
        """The head of a stream."""
        kind = JSON_HEADERS if exchange.inbound.alt else SSE_HEADERS
        exchange.reply.begin(200, [*kind, *self._headers(exchange)])
        exchange.inbound.release()

    def poured(self, exchange: Exchange, pump: Pump) -> None:
        """A stream is out, whole or not."""
        assert exchange.lease is not None
        exchange.failed = pump.failure.detail if pump.failure is not None else None
        self._failover.finish(exchange.lease, pump.failure)

    def broken_off(self, exchange: Exchange) -> None:
        """The client left while it was answered, or the daemon failed: whoever took a lease gives it back."""
        if exchange.lease is not None:
            self._failover.finish(exchange.lease, cancelled=True)

    def fail(self, exchange: Exchange, failure: UpstreamFailure) -> None:
        """Answer with the upstream's failure: with its own error body, where the client speaks its dialect."""
        same = failure.dialect == exchange.dialect.name
        self.refuse(exchange, failure.detail, verbatim=failure.body if same and is_container(failure.body) else b"")

    def refuse(
        self, exchange: Exchange, detail: ErrorDetail, headers: tuple[tuple[str, str], ...] = (), verbatim: bytes = b""
    ) -> None:
        """Answer with an error: as an HTTP status while that is possible, in the stream once it has begun."""
        reply, dialect = exchange.reply, exchange.dialect
        exchange.failed = detail
        if not reply.begun:
            body = verbatim or dumps(dialect.encode_error(detail))
            retry = [("Retry-After", retry_after(detail.retry_after))] if detail.retry_after else []
            length = ("Content-Length", str(len(body)))
            reply.begin(detail.status, [*JSON_HEADERS, length, *retry, *self._headers(exchange), *headers])
            reply.write(body)
        elif exchange.inbound.stream:
            reply.write(b"".join(map(dialect.frame, dialect.terminal_error(detail))))
        else:
            reply.write(verbatim or dumps(dialect.encode_error(detail)))

    def _headers(self, exchange: Exchange) -> list[tuple[str, str]]:
        """What every answer says of itself."""
        headers = exchange.trace.headers()
        if exchange.losses:
            headers.append(("X-Cliproxy-Losses", str(len(exchange.losses))))
        upstream = exchange.trace.waited + sum(attempt.seconds for attempt in exchange.trace.attempts)
        now = self._reactor.seconds()
        headers.append(("X-Cliproxy-Overhead-Ms", f"{max(0.0, now - exchange.started - upstream) * 1000:.1f}"))
        if exchange.admission is not None:
            headers += exchange.admission.headers(exchange.dialect, now)
        return headers


def is_container(data: bytes) -> bool:
    """Whether ``data`` is a JSON object, or an array such as Google puts its errors in."""
    try:
        return isinstance(loads(data), dict | list)
    except InvalidJSON:
        return False
