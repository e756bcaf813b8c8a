"""``python -m bench [beside] [costs] [memory] [--quick]``: measure, and print a table with the targets."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from bench import beside, costs, memory
from bench.figures import Figure, table
from bench.rig import Unavailable

Section = Callable[[Path, bool], Iterator[Figure]]

SECTIONS: dict[str, tuple[str, Section]] = {
    "costs": (
        "Translating, in this process",
        lambda folder, quick: chain(costs.requests(quick=quick), costs.events(quick=quick)),
    ),
    "memory": ("Memory and hang-ups", lambda folder, quick: memory.figures(folder, quick=quick)),
    "beside": ("Beside nginx", lambda folder, quick: beside.figures(folder, quick=quick)),
}


def main() -> int:
    """Run the sections asked for. 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="bench", description="What the daemon costs. README.rst says what it means.")
    parser.add_argument("sections", nargs="*", metavar="|".join(SECTIONS), help="all, when none is named")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    asked = parser.parse_args()
    unknown = set(asked.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    missed = 0
    with tempfile.TemporaryDirectory(prefix="cliproxy-bench-") as folder:
        for name, (title, section) in SECTIONS.items():
            if asked.sections and name not in asked.sections:
                continue
            print(f"\n{title}", flush=True)
            figures: list[Figure] = []
            try:
                figures += section(Path(folder) / name, asked.quick)
            except Unavailable as reason:
                print(f"  left out: {reason}")
                continue
            print(table(figures), flush=True)
            missed += sum(figure.met is False for figure in figures)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
