"""``cliproxy usage`` as a table."""

from __future__ import annotations

from cliproxy.cli.usage import table


def test_columns_line_up() -> None:
    """Every group a row, the sum last, money with four decimals."""
    counts = {"requests": 2, "failed": 0, "input": 1200, "cached": 0, "output": 7}
    money = {"cost_usd": 0.5, "lost_usd": 0.0, "saved_usd": 0.0}
    told = {"by": "key", "total": {**counts, **money}, "groups": [{"name": "laptop", **counts, **money}]}
    lines = table(told).splitlines()
    assert [line.split()[0] for line in lines] == ["key", "laptop", "total"]
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split()[6] == "0.5000"
