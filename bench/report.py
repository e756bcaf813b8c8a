"""What was measured beside the peers, kept: a table, a JSON file with versions and date, and a plot that a page can show."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bench.beside import Cell, Results, ratios
from bench.figures import aligned, number
from cliproxy import __version__
from cliproxy.jsontypes import dumps

RESULTS: Final = Path(__file__).with_name("results")
#: Of the plot.
_WIDTH, _BAR, _LABEL, _ROOM = 720, 15, 108, 70
_OURS, _OTHERS = "cliproxy", ("#8a94a6", "#a9b1bf", "#c4cad4", "#6f7a8d")
_STYLE: Final = """text{font:13px system-ui,sans-serif;fill:#1f2530}.h{font-weight:600}.n{fill:#5b6473;font-size:12px}
.o{fill:#1d6fdc}@media(prefers-color-scheme:dark){text{fill:#e7eaf0}.n{fill:#a3acba}.o{fill:#5aa2ff}}"""


def table(found: Results, every: Sequence[Cell], peers: Sequence[str]) -> str:
    """Each cell a line: every peer's figure, this daemon's in times nginx's, and what that should and must be."""
    aims = {cell.name: cell for cell in every}
    rows = [("", *peers, "of nginx", "goal", "must")]
    for name, row in found.items():
        cell, own = aims.get(name), ratios(found, name).get(_OURS)
        goal, must = (cell.goal, cell.must) if cell else (None, None)
        values = [number(row[who]) if who in row else "-" for who in peers]
        rows.append((name, *values, *(("" if value is None else f"{value:.3g}") for value in (own, goal, must))))
    return aligned(rows, left={0})


def versions() -> dict[str, str]:
    """What was measured, and where."""
    return {
        "cliproxy": __version__,
        "python": platform.python_version(),
        "nginx": _said(["nginx", "-v"]).rpartition("/")[2],
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def _said(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout + done.stderr).strip()


def keep(found: Results, every: Sequence[Cell], date: str, folder: Path = RESULTS) -> None:
    """Write the JSON file and the plot."""
    folder.mkdir(exist_ok=True)
    ratio = {name: ratios(found, name) for name in found}
    told = {"date": date, "versions": versions(), "figures": found, "of-nginx": ratio}
    (folder / "beside.json").write_bytes(dumps(told) + b"\n")
    (folder / "beside.svg").write_text(plot(found, every, date), encoding="utf-8")


def plot(found: Results, every: Sequence[Cell], date: str) -> str:
    """CPU per request or chunk of each peer, as an SVG that is readable on a light and on a dark page."""
    rows: list[str] = []
    y = 28
    for cell in every:
        row = found.get(cell.name)
        if not row:
            continue
        cost: Callable[[float], float] = (lambda value: 1e6 / value) if cell.rate else (lambda value: value)
        costs = {who: cost(value) for who, value in row.items() if value > 0}
        rows.append(f'<text class="h" x="0" y="{y}">{cell.name}</text>')
        y += 8
        rest = iter(_OTHERS * 3)
        for who, value in sorted(costs.items(), key=lambda pair: pair[1]):
            wide = max(2.0, (_WIDTH - _LABEL - _ROOM) * value / max(costs.values()))
            fill = 'class="o"' if who == _OURS else f'fill="{next(rest)}"'
            rows.append(f'<text x="{_LABEL - 8}" y="{y + 12}" text-anchor="end">{who}</text>')
            rows.append(f'<rect {fill} x="{_LABEL}" y="{y}" width="{wide:.1f}" height="{_BAR - 2}" rx="2"/>')
            rows.append(f'<text class="n" x="{_LABEL + wide + 6:.1f}" y="{y + 11}">{number(value)} us</text>')
            y += _BAR + 3
        y += 22
    title = "Microseconds of CPU a request or streamed chunk; shorter is better"
    rows.append(f'<text class="n" x="0" y="{y}">{title}. Measured in one run on {date}.</text>')
    body = "\n".join(rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 10}" role="img" aria-label="{title}">\n'
        f"<style>{_STYLE}</style>\n{body}\n</svg>\n"
    )
