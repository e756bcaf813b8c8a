"""docs/terminal.svg: what the terminal shows, drawn from what the code writes. ``python -m tests.logs.picture`` draws it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from twisted.logger import LogLevel

from cliproxy.ir.loss import Loss
from cliproxy.ir.usage import Usage
from cliproxy.logs.terminal import TerminalLines
from cliproxy.relay.record import Record

PICTURE = Path(__file__).parents[2] / "docs" / "terminal.svg"
COLUMNS = 124
AT = 1_770_042_000.0
_COLOURS = {"1": "#ffffff", "2": "#8b949e", "31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "36": "#79c0ff"}
_CELL, _LINE, _EDGE = 7.8, 19, 14


def _ended(at: float, id: str, client: str, status: int, seconds: float, **more: Any) -> Record:
    return Record(time=AT + at, id=id, client=client, status=status, seconds=seconds, **more)


def events() -> list[dict[str, Any]]:
    """A minute of a daemon's life."""
    lost = [Loss("top_k", True), Loss("cache_control", False)]
    claude = {"dialect": "claude", "model": "claude-sonnet-4-5", "credential": "claude-1"}
    records = [
        _ended(2, "3f9a1c2e", "laptop", 200, 4.18, first=0.71, usage=Usage(input=48_211, cached=47_104, output=612), **claude),
        _ended(3, "b8c49942", "ci", 200, 1.02, first=0.38, dialect="openai", model="gpt-5", credential="openrouter-2",
               usage=Usage(input=1204, cached=0, output=88), losses=lost),
        _ended(9, "91de4a5d", "-", 401, 0.0, method="POST", path="/v1/messages", peer="10.0.0.7", failure="Missing API key"),
        _ended(12, "7d991bb7", "laptop", 200, 31.9, first=1.44, usage=Usage(input=151_870, cached=148_002, output=9), **claude),
        _ended(20, "c1d759dd", "phone", 0, 6.3, first=0.52, dialect="gemini", model="gemini-2.5-pro", credential="gemini-1"),
        _ended(41, "eb1266f8", "ci", 429, 0.01, dialect="responses", model="gpt-5", failure="every credential is cooling down"),
    ]  # fmt: skip
    said = {"log_level": LogLevel.info, "log_format": "{text}"}
    first = {
        **said,
        "log_time": AT,
        "text": "cliproxy 0.2.0 listens on http://127.0.0.1:8317: 4 credentials, 31 models",
    }
    cooling = {
        **said,
        "log_level": LogLevel.warn,
        "log_time": AT + 38,
        "text": "openrouter-2 cools down for 15 s: 429, Rate limit reached",
    }
    requests = [{"records": [record], "log_level": LogLevel.info} for record in records]
    return [first, *requests[:-1], cooling, requests[-1]]


def drawn() -> str:
    """The picture; UTC must be local time."""
    lines = "".join(map(TerminalLines(lambda: COLUMNS, True), events())).splitlines()
    width, height = 2 * _EDGE + int(_CELL * 140), 2 * _EDGE + _LINE * len(lines)
    rows = [_row(line, number) for number, line in enumerate(lines)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="13"'
        ' font-family="ui-monospace, Menlo, Consolas, monospace">\n'
        "<title>cliproxy run in a terminal: one line a request</title>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>\n' + "\n".join(rows) + "\n</svg>\n"
    )


def _row(line: str, number: int) -> str:
    spans, column, colour = [], 0, "#c9d1d9"
    for part in re.split(r"(\x1b\[\d+m)", line):
        if part.startswith("\x1b"):
            colour = _COLOURS.get(part[2:-1], "#c9d1d9")
            continue
        for word in re.finditer(r"\S+(?: \S+)*", part):
            x = _EDGE + _CELL * (column + word.start())
            spans.append(f'<tspan x="{x:.1f}" fill="{colour}">{escape(word[0])}</tspan>')
        column += len(part)
    return f'<text y="{_EDGE + _LINE * (number + 1) - 6}">{"".join(spans)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
