"""What was measured, as a table."""

from __future__ import annotations

from collections.abc import Iterable

import attrs


@attrs.frozen
class Figure:
    """One number.

    :ivar beside: nginx's, measured in the same run.
    :ivar most: the target: at most so much.
    :ivar note: what else to compare it with, where there is no target.
    """

    name: str
    value: float
    unit: str
    beside: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.most is None else self.value <= self.most

    @property
    def target(self) -> str:
        """The target in words."""
        return self.note if self.most is None else f"<= {self.most:g} {self.unit}"


HEADINGS = ("", "cliproxy", "", "nginx", "ratio", "target", "")


def table(figures: Iterable[Figure]) -> str:
    """The figures, one a line, each with its target."""
    rows = [HEADINGS, *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    left = {0, 2, 5, 6}
    lines = []
    for row in rows:
        cells = [
            cell.ljust(w) if n in left else cell.rjust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    beside = ratio = ""
    if figure.beside is not None:
        beside = _number(figure.beside)
        ratio = f"{figure.value / figure.beside:.3f}" if figure.beside else ""
    verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
    return figure.name, _number(figure.value), figure.unit, beside, ratio, figure.target, verdict


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
