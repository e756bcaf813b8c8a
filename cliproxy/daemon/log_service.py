"""The log begins when the daemon does: in its last process, and as the user that it runs as."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service

from cliproxy.logs.application_log import ApplicationLog


class LogService(Service):
    """Starts the log. It ends after the last service, for those have something to say; twistd ends the process by a signal,
    and nothing runs after that."""

    name = "log"

    def __init__(self, log: ApplicationLog, reactor: Any) -> None:
        self._log = log
        self._reactor = reactor

    def startService(self) -> None:
        """Begin to write."""
        super().startService()
        self._log.start()
        self._reactor.addSystemEventTrigger("after", "shutdown", self._log.stop)
