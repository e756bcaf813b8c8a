"""Log events in their three forms."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from cliproxy.ir.loss import Loss
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import loads
from cliproxy.logs.plain import plain_lines
from cliproxy.logs.structured import json_lines
from cliproxy.logs.terminal import TerminalLines, wants_colour
from cliproxy.relay.record import Record
from tests.logs.picture import PICTURE, drawn

AT = 1_770_000_000.0


@pytest.fixture(autouse=True)
def _utc() -> Iterator[None]:
    """Local time is UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def exchange(**more: Any) -> Record:
    """An exchange that went well."""
    facts: dict[str, Any] = {
        "id": "0123abcd", "status": 200, "seconds": 2.5, "first": 0.25, "client": "laptop", "dialect": "openai",
        "model": "gpt-5", "credential": "router-1", "usage": Usage(input=1200, cached=800, output=45), "time": AT,
    }  # fmt: skip
    return Record(**{**facts, **more})


def event(*records: Record, level: LogLevel = LogLevel.info) -> dict[str, Any]:
    """What the access log emits."""
    return {"records": records, "log_level": level, "log_time": AT + 9}


def said(text: str, level: LogLevel = LogLevel.info, **more: Any) -> dict[str, Any]:
    """What anybody else emits."""
    where = "cliproxy.daemon.reload.Reloader"
    return {
        "log_format": "{text}",
        "text": text,
        "log_level": level,
        "log_time": AT,
        "log_namespace": where,
        **more,
    }


def bare(width: int, *records: Record) -> list[str]:
    """The lines of a terminal so wide, without colour."""
    return TerminalLines(lambda: width, False)(event(*records)).splitlines()


def test_plain_is_the_originals_form() -> None:
    """Time, request id, level; a batch is one line a record, each with its own time."""
    lines = plain_lines(event(exchange(), exchange(id="ffff0000", time=AT + 1))).splitlines()
    assert lines[0] == (
        "[2026-02-02 02:40:00] [0123abcd] [info ] laptop openai gpt-5 -> router-1 200"
        " attempts=0 affinity=none seconds=2.500 first=0.250 tokens=1200/800/45"
    )
    assert lines[1].startswith("[2026-02-02 02:40:01] [ffff0000] [info ] ")
    assert plain_lines(said("no\x1b[1m", LogLevel.warn)) == (
        "[2026-02-02 02:40:00] [--------] [warn ] [daemon.reload] no\\x1b[1m\n"
    )
    assert plain_lines(said("[0123abcd] amp")).split("] ", 3)[1:] == ["[0123abcd", "[info ", "[daemon.reload] amp\n"]


def test_a_failure_has_its_traceback_in_every_form() -> None:
    """Whole, and as one JSON line."""
    try:
        raise KeyError("gone")
    except KeyError:
        broken = said("broke", LogLevel.critical, log_failure=Failure())
    for lines in (plain_lines(broken), TerminalLines(lambda: 80, False)(broken)):
        assert "error" in lines.splitlines()[0]
        assert "KeyError: 'gone'" in lines
    assert json_lines(broken).count("\n") == 1
    assert "KeyError: 'gone'" in loads(json_lines(broken).encode())["message"]


def test_json_says_every_number() -> None:
    """One object a line, with the ledger's names."""
    lines = json_lines(event(exchange(), exchange(dialect="", method="GET", path="/x", status=404)))
    first, second = (loads(line.encode()) for line in lines.splitlines())
    assert first["time"] == "2026-02-02T02:40:00.000Z"
    assert (first["event"], first["id"], first["key"], first["asked"]) == ("request", "0123abcd", "laptop", "gpt-5")
    assert (first["input"], first["cached"], first["output"], first["first_ms"]) == (1200, 800, 45, 250.0)
    assert (second["method"], second["path"], second["status"]) == ("GET", "/x", 404)
    assert loads(json_lines(said("hi")).encode()) == {
        "time": "2026-02-02T02:40:00.000Z", "level": "info", "event": "log", "source": "daemon.reload", "message": "hi",
    }  # fmt: skip


def test_a_terminal_shows_everything_aligned() -> None:
    """The same columns at the same places, whatever is in them."""
    records = [
        exchange(),
        exchange(client="a-name-that-is-long", model="x" * 90, seconds=754.0, usage=None, first=None),
        exchange(usage=Usage(input=128_000, cached=12_345, output=1), losses=[Loss("top_k", True)] * 3),
        Record(id="0123abcd", status=404, seconds=0.0, peer="10.0.0.1", method="GET", path="/nowhere", time=AT),
    ]
    lines = bare(120, *records)
    places = {re.search(r" (200|404) ", line).start() for line in lines[:2]}  # type: ignore[union-attr]
    assert len(places) == 1
    assert lines[0].split() == [
        "02:40:00", "0123abcd", "laptop", "openai", "->", "gpt-5", "->", "router-1", "200", "2.50s", "0.25s", "1200/800/45",
    ]  # fmt: skip
    assert "a-name-th~" in lines[1]
    assert "12m34s" in lines[1]
    assert lines[2].endswith("128k/12.3k/1 3 lost")
    assert "GET /nowhere 10.0.0.1" in lines[3]


@pytest.mark.parametrize("width", [60, 66, 72, 80, 90, 100, 110, 120, 200])
def test_a_line_is_as_wide_as_the_terminal(width: int) -> None:
    """What matters less goes first; status and route are always there."""
    long = exchange(model="m" * 300, client="客" * 30, losses=[Loss("a", True)])
    for record in (exchange(), long):
        (line,) = bare(width, record)
        assert len(line) <= width
        assert "openai -> " in line
        assert " 200 " in line


def test_a_reason_is_never_cut_by_the_width() -> None:
    """The line is longer then, and still one."""
    (line,) = bare(60, exchange(status=502, failure="the upstream said no\nand why " + "y" * 100))
    assert line.endswith("said no\\nand why " + "y" * 100)


def test_nothing_steers_the_terminal() -> None:
    """Whatever a client writes is shown, not done."""
    lines = TerminalLines(lambda: 200, False)(
        event(exchange(model="\x1b[2J\r\n", client="\x07", credential="\u202e", failure="\x1b]0;x\x07"))
    )
    assert lines.count("\n") == 1
    assert lines[:-1].isprintable()


def test_colours_by_outcome() -> None:
    """Green, yellow, red and dim; none where they are not wanted, with the same text."""
    coloured = TerminalLines(lambda: 120, True)
    for record, colour in (
        (exchange(), "32"), (exchange(status=400), "33"), (exchange(status=429, failure="x"), "31"),
        (exchange(status=502), "31"), (exchange(failure="cut"), "31"), (exchange(status=0), "2"),
    ):  # fmt: skip
        text = coloured(event(record))
        assert re.search(rf"\x1b\[{colour}m({record.status or 'gone'}) *\x1b\[0m", text), text
        assert re.sub(r"\x1b\[\d+m", "", text).rstrip() == bare(120, record)[0]
    assert "\x1b[31merror: no\x1b[0m" in coloured(said("no", LogLevel.error))


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm"}, True)],
)  # fmt: skip
def test_colour_is_asked_for(environment: dict[str, str], wanted: bool) -> None:
    """``NO_COLOR`` and dumb terminals have none."""
    assert wants_colour(environment) is wanted


def test_the_picture_in_the_docs_is_what_is_written() -> None:
    """docs/terminal.svg is drawn by ``python -m tests.logs.picture``."""
    assert PICTURE.read_text(encoding="utf-8") == drawn()
