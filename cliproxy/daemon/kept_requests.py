"""``request-log``, the error files that are kept without it, and ``record-dir``: what crossed a request, written when it is
over."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

from twisted.application.service import Service

from cliproxy.errors import RequestFault
from cliproxy.front.call import body_of, header_map
from cliproxy.jsontypes import dumps
from cliproxy.logs.background import Background
from cliproxy.logs.cassette import cassette
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
#: What all cassettes of ``record-dir`` hold; the oldest go.
RECORD_BYTES: Final = 512 * 1024 * 1024
CASSETTE: Final = ".cassette.json"
_CASSETTES: Final = re.compile(r"\.cassette\.json$")

#: What is done in the background.
Work = Callable[[], object]


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
        self._recorded: LogFolder | None = None
        self.files = RequestFiles(folder, _ERROR_FILES)
        daemon.request_files = self.files

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
        self._daemon.front.refused = self.refused if on else None

    def listen(self, exchange: Exchange) -> None:
        """An exchange is to begin."""
        settings = exchange.snapshot.settings
        if settings.request_log or settings.record_dir is not None:
            clock, now = self._reactor, self._daemon.now()
            exchange.capture = Capture(exchange, _target(exchange), now, clock, self._room)

    def ended(self, record: Record, exchange: Exchange) -> None:
        """An exchange is over."""
        settings = exchange.snapshot.settings
        if exchange.capture is not None:
            works = [self._cassette(record, exchange, exchange.capture)] if settings.record_dir is not None else []
            works += [self._whole(record, exchange.capture)] if settings.request_log else []
            self._do(works, exchange.capture.give_back)
        if not settings.request_log and exchange.path and (record.status >= 400 or _broke(record)):
            self._write_error(record, exchange)

    def refused(self, request: Any, fault: RequestFault) -> None:
        """A request became no exchange. Those of strangers, and what is none of the vendors' calls, are not kept."""
        if request.method != b"POST" or request.caller is None or request.path.startswith(b"/v0/"):
            return
        now = self._daemon.now()
        body = Pieces(self._room)
        body.add(0.0, body_of(request))
        path, headers = request.path.decode("latin-1"), tuple(header_map(request).items())
        asked = Asked(path, headers, *kept(body), now)
        told = Told(fault.detail.status, (), b"", failure=fault.detail.message)
        self._do([self._file(request.id, asked, told, error=not self._daemon.settings.request_log)], body.give_back)

    def _whole(self, record: Record, capture: Capture) -> Work:
        asked = Asked(capture.path, capture.headers, *kept(capture.raw), capture.began)
        told = Told(record.status, tuple(capture.answer_headers), *kept(capture.answer), record.failure)
        return self._file(record.id, asked, told, error=False, sent=tuple(capture.attempts))

    def _cassette(self, record: Record, exchange: Exchange, capture: Capture) -> Work:
        settings, redaction = exchange.snapshot.settings, Redaction(exchange.snapshot.secrets)
        assert settings.record_dir is not None
        if self._recorded is None or self._recorded.path != settings.record_dir:
            self._recorded = LogFolder(settings.record_dir, RECORD_BYTES, _CASSETTES)
        folder = self._recorded
        name = file_name(redaction.target(capture.path), capture.began, record.id, ending=CASSETTE)
        chosen = exchange.plan.route.candidates[:1] if exchange.plan is not None else ()
        strict = exchange.strict
        return lambda: folder.write(name, cassette(capture, record, settings, strict, chosen, redaction))

    def _write_error(self, record: Record, exchange: Exchange) -> None:
        body = Pieces(self._room)
        body.add(0.0, exchange.inbound.raw)
        data = body.whole()
        missing = body.missing or exchange.size - len(data)
        headers, began = tuple(exchange.inbound.headers.items()), record.time - record.seconds
        asked = Asked(_target(exchange), headers, data, missing, began)
        answer = b"" if exchange.failed is None else dumps(exchange.dialect.encode_error(exchange.failed))
        told = Told(record.status, (), answer, failure=record.failure)
        work = self._file(record.id, asked, told, error=True, tried=tuple(record.attempts))
        self._do([work], body.give_back)

    def _file(self, call_id: str, asked: Asked, told: Told, *, error: bool, **more: Any) -> Work:
        redaction = Redaction(self._daemon.relay.snapshot.secrets)
        name = file_name(redaction.target(asked.path), asked.began, call_id, error=error)
        return lambda: self.files.write(name, request_text(asked, told, redaction, **more))

    def _do(self, works: Sequence[Work], over: Callable[[], object]) -> None:
        """Have it done, and ``over`` called when it is, or when there is too much of it."""

        def work() -> None:
            try:
                for one in works:
                    one()
            finally:
                self._background.say(over)

        if not self._background.do(work):
            over()


def _broke(record: Record) -> bool:
    """Its answer had begun well."""
    return bool(record.failure) and not record.cancelled


def kept_requests(daemon: CliproxyService, folder: LogFolder, reactor: Any) -> KeptRequests:
    """:class:`KeptRequests` that writes in a thread of its own until the process ends."""
    background = Background("request logs", reactor.callFromThread)
    reactor.addSystemEventTrigger("after", "shutdown", background.stop)
    return KeptRequests(daemon, folder, reactor, background)


def _target(exchange: Exchange) -> str:
    """The path and its query, as it may have been written."""
    pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='/:,')}" for name, value in exchange.query.items())
    return exchange.path.decode("latin-1") + (f"?{pairs}" if pairs else "")
