"""Log events for people: one aligned line a request, as wide as the terminal is, coloured where that is wanted."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from cliproxy.logs.plain import level_word, message
from cliproxy.relay.record import Record, asked
from cliproxy.wire.escape import visible

#: The route gets so many columns at least; what matters less goes first where there is no room.
_ROUTE_LEAST: Final = 30
_ROUTE_FLOOR: Final = 12
_DISPENSABLE: Final = ("losses", "first", "id", "client", "tokens")
_WIDTHS: Final = {"time": 8, "id": 8, "client": 10, "status": 4, "seconds": 6, "first": 6, "tokens": 15, "losses": 7}
_REASON_LONGEST: Final = 300

_DIM, _BOLD, _RED, _GREEN, _YELLOW, _CYAN = "2", "1", "31", "32", "33", "36"
_LEVEL_COLOURS: Final = {"debug": _DIM, "info": "", "warn": _YELLOW, "error": _RED}


def wants_colour(environment: Mapping[str, str]) -> bool:
    """Not with ``NO_COLOR`` (https://no-color.org), and not on a dumb terminal."""
    return not environment.get("NO_COLOR") and environment.get("TERM", "") != "dumb"


class TerminalLines:
    """Makes the lines.

    :param width: how many columns there are now.
    """

    def __init__(self, width: Callable[[], int], colour: bool) -> None:
        self._width = width
        self._colour = colour

    def __call__(self, event: dict[str, Any]) -> str:
        """The event as whole lines."""
        at = event.get("log_time", 0.0)
        if "records" in event:
            width = self._width()
            return "".join(self._request(record, record.time or at, width) + "\n" for record in event["records"])
        level, text = level_word(event), message(event)
        word = "" if level == "info" else f"{level}: "
        return f"{self._paint(_clock(at), _DIM)} {self._paint(word + text, _LEVEL_COLOURS[level])}\n"

    def _request(self, record: Record, at: float, width: int) -> str:
        colour = _colour_of(record)
        losses = f"{len(record.losses)} lost" if record.losses else ""
        columns = {
            "time": self._cell(_clock(at), "time", _DIM),
            "id": self._cell(record.id, "id", _DIM),
            "client": self._cell(record.client, "client", _CYAN),
            "route": "",
            "status": self._cell(str(record.status or "gone"), "status", colour),
            "seconds": self._cell(_span(record.seconds), "seconds", right=True),
            "first": self._cell("" if record.first is None else _span(record.first), "first", _DIM, right=True),
            "tokens": f"{_tokens(record):>{_WIDTHS['tokens']}}",
            "losses": self._cell(losses, "losses", _YELLOW),
        }
        room = width - sum(_WIDTHS[name] + 1 for name in columns if name != "route")
        for name in _DISPENSABLE:
            if room >= _ROUTE_LEAST:
                break
            if name != "losses" or not losses:
                del columns[name]
                room += _WIDTHS[name] + 1
        columns["route"] = self._paint(_padded(_route(record), max(room, _ROUTE_FLOOR)), _BOLD)
        line = " ".join(columns.values()).rstrip()
        if not record.failure:
            return line
        return f"{line}  {self._paint(visible(record.failure[:_REASON_LONGEST]), colour)}"  # however wide that becomes

    def _cell(self, text: str, name: str, colour: str = "", *, right: bool = False) -> str:
        return self._paint(_padded(visible(text), _WIDTHS[name], right), colour)

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if colour and self._colour and not text.isspace() else text


def _colour_of(record: Record) -> str:
    if record.status == 0:
        return _DIM
    if record.status >= 500 or record.failure:
        return _RED if record.alarming else _YELLOW
    return _YELLOW if record.status >= 400 else _GREEN


def _route(record: Record) -> str:
    if not record.dialect:
        return visible(f"{asked(record)} {record.peer}".rstrip())
    return visible(f"{record.dialect} -> {record.model} -> {record.credential or '-'}")


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _span(seconds: float) -> str:
    if seconds < 99.95:
        return f"{seconds:.2f}s" if seconds < 9.995 else f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 100 else f"{minutes // 60}h{minutes % 60:02}m"


def _tokens(record: Record) -> str:
    usage = record.usage
    return "" if usage is None else "/".join(map(_count, (usage.input, usage.cached, usage.output)))


def _count(tokens: int | None) -> str:
    if tokens is None:
        return "-"
    if tokens < 10_000:
        return str(tokens)
    if tokens < 999_500:
        return f"{tokens / 1000:.1f}k" if tokens < 99_950 else f"{tokens / 1000:.0f}k"
    return f"{tokens / 1_000_000:.1f}M"


def _cells(text: str) -> int:
    """How many columns a terminal gives to the text."""
    return len(text) if text.isascii() else sum(map(_cell_width, text))


def _cell_width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _padded(text: str, width: int, right: bool = False) -> str:
    """The text in exactly so many columns; one that is longer is cut and ends with ``~``."""
    cells = _cells(text)
    if cells > width:
        while cells > width - 1:
            cells -= _cell_width(text[-1])
            text = text[:-1]
        text, cells = text + "~", cells + 1
    blank = " " * (width - cells)
    return blank + text if right else text + blank
