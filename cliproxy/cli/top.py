"""``cliproxy top``: what the running daemon does, live in a terminal, over its owner's socket."""

from __future__ import annotations

import os
import select
import shutil
import sys
import termios
import tty
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, Final

import attrs
from twisted.python import usage

from cliproxy.cli.ask import Configured, Watch, ask
from cliproxy.cli.terminal import Terminal
from cliproxy.errors import CliproxyError
from cliproxy.jsontypes import JSONObject
from cliproxy.wire.escape import visible

#: How often the screen is drawn anew, and credentials and sums are asked for, in seconds.
_DRAW: Final = 1.0
_ASK: Final = 5.0
_ENTER, _LEAVE, _HOME, _REST = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l", "\x1b[H", "\x1b[J"


@attrs.define
class Board:
    """What there is to show.

    :ivar running: requests under way, by id, as the last event told them.
    :ivar ended: the last ones that ended, the newest first.
    """

    running: dict[str, JSONObject] = attrs.field(factory=dict)
    ended: deque[JSONObject] = attrs.field(factory=lambda: deque(maxlen=200))
    credentials: list[JSONObject] = attrs.field(factory=list)
    today: JSONObject = attrs.field(factory=dict)
    missed: int = 0

    def take(self, kind: str, data: JSONObject) -> None:
        """One event."""
        if kind in ("started", "attempt", "first"):
            self.running[data["id"]] = {**data, "kind": kind}
        elif kind == "finished":
            self.running.pop(data["id"], None)
            self.ended.appendleft(data)
        elif kind == "missed":
            self.missed += data["count"]
        elif kind == "hello":
            self.running.clear()

    def lines(self, width: int, height: int, now: float) -> list[str]:
        """The screen, at most ``height`` lines of at most ``width`` columns.

        :param now: Unix seconds.
        """
        minute = [one for one in self.ended if now - one["time"] < 60]
        failed = sum(one["outcome"] != "ok" for one in minute)
        day = self.today
        spent = f"   today {day['requests']} requests, ${day['cost_usd']:.2f}" if day else ""
        lines = [
            f"cliproxy   {len(self.running)} under way   {len(minute)} in the last minute, {failed} failed{spent}",
            "",
        ]
        room = max(2, height - len(self.credentials) - 7)
        live = [_running(one, now) for one in list(self.running.values())[-(room // 2) :]]
        rest = [_ended(one) for one in list(self.ended)[: room - len(live)]]
        lines += [_row("KEY", "ASKED", "SERVED BY", "STATE", "FIRST", "SECONDS", "TOKENS", "COST"), *live, *rest, ""]
        lines += [_credential(one, now) for one in self.credentials]
        if self.missed:
            lines.append(f"{self.missed} events were missed")
        return [visible(line)[:width] for line in lines[:height]]


def _row(key: str, asked: str, served: str, state: str, first: str, seconds: str, tokens: str, cost: str) -> str:
    head = f"{key[:12]:<12} {asked[:24]:<24} {served[:30]:<30} {state[:10]:<10}"
    return f"{head} {first:>6} {seconds:>8} {tokens:>13} {cost:>8}".rstrip()


def _running(one: JSONObject, now: float) -> str:
    state = {"started": "waits", "attempt": "asked", "first": "streams"}[one["kind"]]
    if one["failed"]:
        state = f"{state} #{len(one['failed']) + 1}"
    seconds = one["ms"] / 1000 + max(0.0, now - one["time"])
    return _row(one["key"], one["asked"], one["credential"] or "-", state, "", f"{seconds:.1f}", "", "")


def _ended(one: JSONObject) -> str:
    first = "" if one["first_ms"] is None else f"{one['first_ms'] / 1000:.2f}"
    tokens = "" if one["input"] is None else f"{one['input']}/{one['output'] or 0}"
    state = str(one["status"]) if one["outcome"] == "ok" else f"{one['status']} {one['outcome'][:6]}"
    served = " > ".join([*(each["credential"] for each in one["tries"][:-1]), one["credential"] or "-"])
    cost = f"${one['cost_usd']:.4f}" if one["cost_usd"] else ""
    return _row(
        one["key"], one["asked"] or one["endpoint"], served, state, first, f"{one['ms'] / 1000:.1f}", tokens, cost
    )


def _credential(one: JSONObject, now: float) -> str:
    cooling = [
        f"{each['model'] or 'all'} {each['reason']} {max(0.0, each['until'] - now):.0f} s" for each in one["cooldowns"]
    ]
    return f"{one['label'][:30]:<30} {one['provider'][:12]:<12} {'; '.join(cooling) if cooling else 'ready'}"


class Top(Configured):
    """Show what the running daemon does: requests as they run, what ended, credentials and their cool-downs. q ends it."""

    synopsis = "[options]"
    optFlags: ClassVar[list[list[Any]]] = [["once", None, "Print one screen and end"]]

    def postOptions(self) -> None:
        if not self["once"] and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise usage.UsageError("top needs a terminal; --once prints one screen")

    def run(self, terminal: Terminal) -> int:
        settings = self.settings()
        board = Board()
        newest = ask(settings, "GET", "/v0/management/usage/requests", {"limit": "50"})["requests"]
        board.ended.extend({**one, "time": _seconds(one["time"])} for one in newest)
        _look(settings, board)
        if self["once"]:
            columns = shutil.get_terminal_size((120, 50)).columns
            print("\n".join(board.lines(columns, 50, terminal.now())), file=terminal.out)
            return 0
        with Watch(settings, "/v0/management/events") as watch, _raw(terminal):
            _loop(settings, board, watch, terminal)
        return 0


def _look(settings: Any, board: Board) -> None:
    board.credentials = ask(settings, "GET", "/v0/management/credentials", {})["credentials"]
    days = ask(settings, "GET", "/v0/management/usage/summary", {"by": "day", "since": "1d"})["groups"]
    board.today = days[-1] if days else {}


def _loop(settings: Any, board: Board, watch: Watch, terminal: Terminal) -> None:
    """Draw, and read what comes, until q or the daemon's end."""
    asked = drawn = terminal.now()
    while True:
        now = terminal.now()
        if now - asked >= _ASK:
            asked = now
            _look(settings, board)
        size = shutil.get_terminal_size()
        screen = "\x1b[K\n".join(board.lines(size.columns, size.lines, now))
        print(f"{_HOME}{screen}\x1b[K{_REST}", end="", file=terminal.out, flush=True)
        drawn = now
        while (left := _DRAW - (terminal.now() - drawn)) > 0:
            ready, _, _ = select.select([watch, sys.stdin], [], [], left)
            if sys.stdin in ready and os.read(sys.stdin.fileno(), 64)[:1] in (b"q", b"\x03", b""):
                return
            if watch in ready:
                for kind, data in watch.read():
                    board.take(kind, data)


@contextmanager
def _raw(terminal: Terminal) -> Iterator[None]:
    """The terminal's other screen, keys at once; as it was, whatever happens."""
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    print(_ENTER, end="", file=terminal.out, flush=True)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        print(_LEAVE, end="", file=terminal.out, flush=True)
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        raise CliproxyError("the daemon's answer cannot be read") from None
