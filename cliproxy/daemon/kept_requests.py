"""``request-log``, and the error files that are kept without it: what crossed a request, written when it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from twisted.application.service import Service

from cliproxy.errors import RequestFault
from cliproxy.front.call import body_of, header_map
from cliproxy.jsontypes import dumps
from cliproxy.logs.background import Background
from cliproxy.logs.folder import LogFolder
from cliproxy.logs.redaction import Redaction
from cliproxy.logs.request_files import RequestFiles, file_name
from cliproxy.logs.request_text import Asked, Told, kept, request_text
from cliproxy.relay.budget import Budget
from cliproxy.relay.capture import Capture, Pieces
from cliproxy.relay.exchange import Exchange
from cliproxy.relay.record import Record
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Settings

#: What is held of all requests that are to be written, in bytes.
ROOM: Final = 64 * 1024 * 1024
#: ``error-logs-max-files`` where it says less than none.
_ERROR_FILES: Final = 10


class KeptRequests(Service):
    """Keeps requests in the folder of logs.

    :ivar files: what is kept.
    """

    name = "requests"

    def __init__(self, daemon: CliproxyService, folder: LogFolder, reactor: Any, background: Background) -> None:
        self._daemon = daemon
        self._reactor = reactor
        self._room = Budget(ROOM)
        self._background = background
        self.files = RequestFiles(folder, _ERROR_FILES)

    def startService(self) -> None:
        """Listen, from now on."""
        super().startService()
        self._daemon.configured.append(self.configure)
        self._daemon.ended.append(self.ended)
        self.configure(self._daemon.settings)

    def stopService(self) -> None:
        """Listen no more. What is still to be written is."""
        super().stopService()
        self._daemon.front.listen = self._daemon.front.refused = None

    def configure(self, settings: Settings) -> None:
        """Do as the configuration says from now on."""
        files = settings.error_logs_max_files
        self.files.most_errors = _ERROR_FILES if files < 0 else files
        on = self.running and not settings.commercial_mode
        self._daemon.front.listen = self.listen if on else None
        self._daemon.front.refused = self.refused if on and not settings.request_log else None

    def listen(self, exchange: Exchange) -> None:
        """An exchange is to begin."""
        if exchange.snapshot.settings.request_log:
            clock, now = self._reactor, self._daemon.now()
            exchange.capture = Capture(exchange, _target(exchange), now, clock, self._room)

    def ended(self, record: Record, exchange: Exchange) -> None:
        """An exchange is over."""
        if exchange.capture is not None:
            self._write_whole(record, exchange, exchange.capture)
        elif exchange.path and (record.status >= 400 or (record.failure and not record.cancelled)):
            self._write_error(record, exchange)

    def refused(self, request: Any, fault: RequestFault) -> None:
        """A request became no exchange. Those of strangers, and what is none of the vendors' calls, are not kept."""
        if request.method != b"POST" or request.caller is None or request.path.startswith(b"/v0/"):
            return
        now = self._daemon.now()
        body = Pieces(self._room)
        body.add(0.0, body_of(request))
        asked = Asked(
            request.path.decode("latin-1"), tuple(header_map(request).items()), body.whole(), now, body.missing
        )
        told = Told(fault.detail.status, (), b"", failure=fault.detail.message)
        self._write(request.id, asked, told, error=True, over=body.give_back)

    def _write_whole(self, record: Record, exchange: Exchange, capture: Capture) -> None:
        body, missing = kept(capture.raw)
        asked = Asked(capture.path, capture.headers, body, capture.began, missing)
        body, missing = kept(capture.answer)
        told = Told(record.status, tuple(capture.answer_headers), body, missing, record.failure)
        self._write(record.id, asked, told, error=False, over=capture.give_back, sent=tuple(capture.attempts))

    def _write_error(self, record: Record, exchange: Exchange) -> None:
        body = Pieces(self._room)
        body.add(0.0, exchange.inbound.raw)
        headers = tuple(exchange.inbound.headers.items())
        began = record.time - record.seconds
        asked = Asked(
            _target(exchange), headers, body.whole(), began, body.missing or exchange.size - len(body.whole())
        )
        answer = b"" if exchange.failed is None else dumps(exchange.dialect.encode_error(exchange.failed))
        told = Told(record.status, (), answer, failure=record.failure)
        self._write(record.id, asked, told, error=True, over=body.give_back, tried=tuple(record.attempts))

    def _write(
        self, call_id: str, asked: Asked, told: Told, *, error: bool, over: Callable[[], object], **more: Any
    ) -> None:
        redaction = Redaction(self._daemon.relay.snapshot.secrets)
        name = file_name(redaction.target(asked.path), asked.began, call_id, error=error)

        def work() -> None:
            try:
                self.files.write(name, request_text(asked, told, redaction, **more))
            finally:
                self._background.say(over)

        if not self._background.do(work):
            over()


def kept_requests(daemon: CliproxyService, folder: LogFolder, reactor: Any) -> KeptRequests:
    """:class:`KeptRequests` that writes in a thread of its own until the process ends."""
    background = Background("request logs", reactor.callFromThread)
    reactor.addSystemEventTrigger("after", "shutdown", background.stop)
    return KeptRequests(daemon, folder, reactor, background)


def _target(exchange: Exchange) -> str:
    """The path and its query, as it may have been written."""
    pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='/:,')}" for name, value in exchange.query.items())
    return exchange.path.decode("latin-1") + (f"?{pairs}" if pairs else "")
