"""``python -m bench [beside] [costs] [memory] [--quick] [--peer NAME=COMMAND]``: measure, and print tables with the targets."""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from bench import beside, costs, memory, report, usage
from bench.figures import Figure, table
from bench.peers import given, installed
from bench.rig import Unavailable

#: Measured of this daemon alone.
SECTIONS: dict[str, tuple[str, Callable[[Path, bool], Iterator[Figure]]]] = {
    "costs": (
        "Translating, in this process",
        lambda folder, quick: chain(costs.requests(quick=quick), costs.events(quick=quick)),
    ),
    "usage": ("Counting requests, and asking for a million", lambda folder, quick: usage.figures(folder, quick=quick)),
    "memory": ("Memory and hang-ups", lambda folder, quick: memory.figures(folder, quick=quick)),
}


def main() -> int:
    """Run the sections asked for. 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="bench", description="What the daemon costs. README.rst says what it means.")
    parser.add_argument("sections", nargs="*", metavar="beside|costs|usage|memory", help="all, when none is named")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND", help="one more proxy to measure")
    asked = parser.parse_args()
    unknown = set(asked.sections) - {*SECTIONS, "beside"}
    if unknown:
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    missed = 0
    with tempfile.TemporaryDirectory(prefix="cliproxy-bench-") as folder:
        for name, (title, section) in SECTIONS.items():
            if not asked.sections or name in asked.sections:
                missed += _alone(title, section, Path(folder) / name, asked.quick)
        if not asked.sections or "beside" in asked.sections:
            missed += _beside(Path(folder) / "beside", asked.peer, asked.quick)
    return 1 if missed else 0


def _alone(title: str, section: Callable[[Path, bool], Iterator[Figure]], folder: Path, quick: bool) -> int:
    print(f"\n{title}", flush=True)
    try:
        figures = list(section(folder, quick))
    except Unavailable as reason:
        print(f"  left out: {reason}")
        return 0
    print(table(figures), flush=True)
    return sum(figure.met is False for figure in figures)


def _beside(folder: Path, more: list[str], quick: bool) -> int:
    print("\nBeside nginx", flush=True)
    peers, every = [*installed(), *map(given, more)], beside.cells()
    try:
        found = beside.measure(peers, folder, quick=quick)
    except Unavailable as reason:
        print(f"  left out: {reason}")
        return 0
    print(report.table(found, every, [peer.name for peer in peers]), flush=True)
    report.keep(found, every, datetime.datetime.now(tz=datetime.UTC).date().isoformat())
    short = beside.missed(found, every)
    if short:
        print(f"short of what must be: {', '.join(short)}")
    return len(short)


if __name__ == "__main__":
    sys.exit(main())
