"""``python -m tests.simulation --seeds 10000``: many lives; the first seed that breaks an invariant is printed."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.simulation import Broken, Simulation


def main() -> int:
    """Run the seeds; 1 when one breaks."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many lives (200)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    options = parser.parse_args()
    began, attempts = time.monotonic(), 0
    for seed in range(options.first, options.first + options.seeds):
        simulation = Simulation(seed)
        try:
            simulation.run()
        except Broken as broken:
            print(broken, file=sys.stderr)
            print(f"again: python -m tests.simulation --first {seed} --seeds 1", file=sys.stderr)
            return 1
        attempts += simulation.attempts.total()
    print(f"{options.seeds} seeds, {attempts} attempts, no invariant broken, {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
