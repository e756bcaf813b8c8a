"""``python -m tests.strict``: every feature and pair before strict vendors; the table of what was refused."""

from __future__ import annotations

import sys
from collections import Counter

from tests.strict.asking import VENDORS, every, judged
from tests.strict.features import FEATURES


def main() -> int:
    """Ask everything; 1 when a vendor refused something."""
    asked: Counter[tuple[str, str]] = Counter()
    refused: Counter[tuple[str, str]] = Counter()
    reasons: dict[str, list[str]] = {}
    for one in every():
        pair = one.client, one.vendor
        asked[pair] += 1
        why = judged(one)
        refused[pair] += bool(why)
        for reason in why:
            reasons.setdefault(f"{one.vendor}: {reason}", []).append(f"{one.client} {' + '.join(one.features)}")
    print(f"{sum(asked.values())} requests: {len(FEATURES)} features, alone and in pairs; refused of asked\n")
    print(f"{'client':<12}" + "".join(f"{vendor:>16}" for vendor in VENDORS))
    for client in VENDORS:
        cells = (f"{refused[client, vendor]} of {asked[client, vendor]}" for vendor in VENDORS)
        print(f"{client:<12}" + "".join(f"{cell:>16}" for cell in cells))
    for reason, where in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"\n{len(where)} x {reason}\n    {'; '.join(where[:4])}")
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
