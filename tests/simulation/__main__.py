"""``python -m tests.simulation --seeds 10000``: many lives; the first seed that breaks an invariant is printed."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.simulation.daemon import DaemonLife
from tests.simulation.simulation import Broken, Simulation


def main() -> int:
    """Run the seeds; 1 when one breaks."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many lives (200)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--daemon", action="store_true", help="the whole daemon, over connections in memory")
    options = parser.parse_args()
    life, flag = (DaemonLife, " --daemon") if options.daemon else (Simulation, "")
    began = time.monotonic()
    for seed in range(options.first, options.first + options.seeds):
        try:
            life(seed).run()
        except Exception as broken:
            print(broken if isinstance(broken, Broken) else traceback.format_exc(), file=sys.stderr)
            print(f"again: python -m tests.simulation{flag} --first {seed} --seeds 1", file=sys.stderr)
            return 1
    print(f"{options.seeds} seeds, no invariant broken, {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
