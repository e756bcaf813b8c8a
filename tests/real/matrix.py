"""``python -m tests.real.matrix``: every SDK before every kind of upstream, as a table of passes.

Options: words that select checks by a part of their name. The cells are the ones ``tests/real/test_matrix.py`` runs.
"""

from __future__ import annotations

import sys
import traceback

from tests.real.checks import CHECKS, Cell
from tests.real.clients import CLIENTS
from tests.real.house import UPSTREAMS, open_house


def main(words: list[str]) -> int:
    """Run the matrix, print it, and give the exit code."""
    chosen = {name: run for name, run in CHECKS.items() if not words or any(word in name for word in words)}
    failures: dict[tuple[str, str], list[str]] = {(c, u): [] for c in CLIENTS for u in UPSTREAMS}
    with open_house() as house:
        for client, upstream in failures:
            cell = Cell(house, house.clients[client], upstream)
            for name, run in chosen.items():
                try:
                    run(cell)
                except Exception as error:
                    place = traceback.extract_tb(error.__traceback__)[-1]
                    sentence = " ".join(str(error).split())[:200]
                    failures[client, upstream].append(
                        f"{name}: {type(error).__name__} at line {place.lineno}: {sentence}"
                    )
    print(f"{'client / upstream':18}" + "".join(f"{upstream:>12}" for upstream in UPSTREAMS))
    for client in CLIENTS:
        passes = (f"{len(chosen) - len(failures[client, upstream])}/{len(chosen)}" for upstream in UPSTREAMS)
        print(f"{client:18}" + "".join(f"{count:>12}" for count in passes))
    for (client, upstream), sentences in failures.items():
        for sentence in sentences:
            print(f"  {client} -> {upstream}: {sentence}")
    return int(any(failures.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
