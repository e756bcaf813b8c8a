"""Log events as lines of text, for files and pipes: the original's form, which its pages and scripts read."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any, Final

from twisted.logger import LogLevel, formatEvent

from cliproxy.relay.record import Record, said
from cliproxy.wire.escape import visible

_NOBODY: Final = "--------"
_LEVELS: Final = {LogLevel.debug: "debug", LogLevel.info: "info", LogLevel.warn: "warn"}
_ID: Final = re.compile(r"\[([0-9a-f]{8})\] ")


def level_word(event: dict[str, Any]) -> str:
    """``debug``, ``info``, ``warn`` or ``error``."""
    return _LEVELS.get(event.get("log_level", LogLevel.info), "error")


def message(event: dict[str, Any]) -> str:
    """What an event says, with its traceback where it has one. Nothing in it steers a terminal."""
    text = formatEvent(event) or repr(event.get("log_failure") or "")
    failure = event.get("log_failure")
    if failure is not None:
        text += "\n" + failure.getTraceback()
    return "\n".join(map(visible, text.rstrip("\n").split("\n")))


def split_id(text: str) -> tuple[str, str]:
    """A message's request id, "" for none, and the message without it."""
    found = _ID.match(text)
    return (found[1], text[found.end() :]) if found else ("", text)


def where(event: dict[str, Any]) -> str:
    """The module that an event comes from, without what is the same for all of ours."""
    name: str = event.get("log_namespace") or "-"
    return name.removeprefix("cliproxy.").rpartition(".")[0] if name.startswith("cliproxy.") else name


def plain_lines(event: dict[str, Any]) -> str:
    """The event as whole lines: ``[time] [request id] [level] ...``, local time."""
    level = level_word(event)
    at = event.get("log_time", 0.0)
    records: Sequence[Record] | None = event.get("records")
    if records is not None:
        return "".join(_line(record.time or at, record.id, level, said(record)) for record in records)
    call, text = split_id(message(event))
    return _line(at, call, level, f"[{where(event)}] {text}")


def _line(at: float, call: str, level: str, text: str) -> str:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    return f"[{stamp}] [{call or _NOBODY}] [{level:<5}] {text}\n"
