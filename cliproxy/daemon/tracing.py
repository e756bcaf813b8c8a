"""Spans leave for a collector by OTLP over HTTP, as JSON, through the daemon's own client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from cliproxy import __version__
from cliproxy.errors import UpstreamFailure
from cliproxy.jsontypes import dumps
from cliproxy.relay.exchange import Exchange
from cliproxy.relay.record import Record
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Settings
from cliproxy.upstream.fetch import fetch
from cliproxy.usage.spans import exported
from cliproxy.wire.traceparent import TraceContext

#: Records wait so long, in seconds, and so many at most go at once; what cannot wait is dropped.
WAIT: Final = 5.0
BATCH: Final = 256
MOST_WAITING: Final = 4096
_SECONDS: Final = 10.0
_SAID_EVERY: Final = 60.0


def endpoint_of(settings: Settings, environment: Mapping[str, str]) -> str:
    """Where traces go: what is configured, else OpenTelemetry's variables; empty for nowhere."""
    if settings.tracing.endpoint:
        return settings.tracing.endpoint
    exact = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    base = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip().rstrip("/")
    return exact or (f"{base}/v1/traces" if base else "")


class Tracing(Service):
    """Gathers the records of traces that are kept, and sends them. A collector that does not answer costs their spans only."""

    name = "tracing"
    _log = Logger()

    def __init__(self, daemon: CliproxyService, reactor: Any) -> None:
        self._daemon = daemon
        self._reactor = reactor
        self._waiting: list[tuple[Record, TraceContext]] = []
        self._timer: IDelayedCall | None = None
        self._sending: Deferred[None] | None = None
        self._dropped = 0
        self._said = -_SAID_EVERY
        daemon.ended.append(self.take)
        daemon.configured.append(self.configure)

    def startService(self) -> None:
        """Begin."""
        super().startService()
        self.configure(self._daemon.settings)

    def configure(self, settings: Settings) -> None:
        """Do as the configuration says from now on."""
        on = bool(endpoint_of(settings, self._daemon.environment))
        self._daemon.relay.sample = settings.tracing.sample if on else None

    def take(self, record: Record, exchange: Exchange) -> None:
        """An exchange is over."""
        context = exchange.tracing
        if context is None or not context.sampled or self._daemon.relay.sample is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        self._waiting.append((record, context))
        if self._sending is None and len(self._waiting) >= BATCH:
            self._send()
        elif self._timer is None:
            self._timer = self._reactor.callLater(WAIT, self._due)

    def _due(self) -> None:
        self._timer = None
        self._send()

    def _send(self) -> None:
        if self._sending is None and self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            self._sending = Deferred.fromCoroutine(self._export(batch))
            self._sending.addErrback(lambda failure: self._log.failure("spans were not sent", failure))
            self._sending.addCallback(self._sent)

    def _sent(self, _: object) -> None:
        self._sending = None
        if len(self._waiting) >= BATCH:
            self._send()
        elif self._waiting and self._timer is None and self.running:
            self._timer = self._reactor.callLater(WAIT, self._due)

    async def _export(self, batch: list[tuple[Record, TraceContext]]) -> None:
        settings = self._daemon.settings
        url = endpoint_of(settings, self._daemon.environment)
        headers = [("content-type", "application/json"), *settings.tracing.headers]
        body, why = dumps(exported(batch, __version__)), ""
        try:
            answer = await fetch(
                self._daemon.client, self._reactor, "POST", url, headers=headers, body=body, seconds=_SECONDS
            )
            why = "" if 200 <= answer.status < 300 else f"it answered {answer.status}"
        except UpstreamFailure as failure:
            why = failure.detail.message
        if why:
            self._dropped += len(batch)
            self._say(url, why)

    def _say(self, url: str, why: str) -> None:
        now = self._reactor.seconds()
        if now - self._said >= _SAID_EVERY:
            self._said = now
            where = url.partition("?")[0]
            self._log.warn(
                "no traces to {url}: {why}; {lost} requests' are lost", url=where, why=why, lost=self._dropped
            )

    async def _last(self) -> None:
        if self._sending is not None:
            await self._sending
        while self._waiting:
            self._send()
            if self._sending is not None:
                await self._sending

    def stopService(self) -> Deferred[None]:
        """Send the last of it."""
        super().stopService()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return Deferred.fromCoroutine(self._last()).addTimeout(_SECONDS, self._reactor).addErrback(lambda _: None)
