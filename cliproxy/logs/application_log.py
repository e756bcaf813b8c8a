"""The daemon's log: what is worth a line, in which form, and where it goes. A reload changes all three."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from twisted.logger import ILogObserver, LogLevel
from zope.interface import implementer

from cliproxy.logs.destinations import LogFile, Stream, main_file
from cliproxy.logs.folder import LogFolder
from cliproxy.logs.plain import plain_lines
from cliproxy.logs.structured import json_lines
from cliproxy.logs.terminal import TerminalLines, wants_colour
from cliproxy.logs.writer import Writer
from cliproxy.settings.model import Settings

#: What the libraries below us tell of themselves is for those who look for bugs.
_OURS: Final = ("cliproxy.", "stdout", "stderr")
_ALL_COLUMNS: Final = 120


@implementer(ILogObserver)
class ApplicationLog:
    """An observer of everything that is logged.

    :param place: where lines go that do not go to ``main.log``.
    :param least: the least level that is worth a line; None for what the configuration says.
    :param now: Unix seconds.
    :param folder: where ``main.log`` is; it follows the configuration.
    :ivar in_file: lines go there.
    """

    def __init__(
        self,
        place: Stream | LogFile,
        folder: LogFolder,
        environment: Mapping[str, str],
        now: Callable[[], float],
        least: LogLevel | None = None,
    ) -> None:
        self._place = place
        self._environment = environment
        self._now = now
        self._stated = least
        self._least = least or LogLevel.info
        self._lines: Callable[[dict[str, Any]], str] = plain_lines
        self._writer = Writer(place, self._dropped)
        self.folder = folder
        self.in_file = False
        self.start, self.stop = self._writer.start, self._writer.stop

    def configure(self, settings: Settings) -> None:
        """Do as the configuration says from now on."""
        self._least = self._stated or (LogLevel.debug if settings.debug else LogLevel.info)
        self.folder.become(LogFolder.of(settings, self._environment))
        self.in_file = settings.logging_to_file
        self._lines = self._form(settings.log_format)
        self._writer.lead(main_file(self.folder, self._now) if self.in_file else self._place)

    def __call__(self, event: dict[str, Any]) -> None:
        """Write the event's lines, if it is worth any."""
        level = event.get("log_level", LogLevel.info)
        if level < self._least:
            return
        namespace: str = event.get("log_namespace") or ""
        if level < LogLevel.warn and self._stated is not LogLevel.debug and not namespace.startswith(_OURS):
            return
        self._writer.write(self._lines(event))

    def _form(self, stated: str) -> Callable[[dict[str, Any]], str]:
        if stated == "json":
            return json_lines
        if stated == "auto" and not self.in_file and isinstance(self._place, Stream):
            descriptor = self._place.descriptor
            if os.isatty(descriptor):
                return TerminalLines(partial(_columns, descriptor), wants_colour(self._environment))
        return plain_lines

    def _said(self, text: str, level: LogLevel = LogLevel.info) -> str:
        """A line of the log's own."""
        where = "cliproxy.logs.writer.Writer"
        return self._lines(
            {"log_format": "{text}", "text": text, "log_level": level, "log_time": self._now(), "log_namespace": where}
        )

    def _dropped(self, count: int) -> str:
        return self._said(f"the log could not be written for a while: {count} lines were dropped", LogLevel.warn)


def _columns(descriptor: int) -> int:
    try:
        return os.get_terminal_size(descriptor).columns or _ALL_COLUMNS
    except OSError:
        return _ALL_COLUMNS
