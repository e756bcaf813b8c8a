"""What was measured, as a table."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import attrs


@attrs.frozen
class Figure:
    """One number.

    :ivar most: the target: at most so much.
    """

    name: str
    value: float
    unit: str
    most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.most is None else self.value <= self.most

    @property
    def target(self) -> str:
        """The target in words."""
        return "" if self.most is None else f"<= {self.most:g} {self.unit}"


HEADINGS = ("", "cliproxy", "", "target", "")


def table(figures: Iterable[Figure]) -> str:
    """The figures, one a line, each with its target."""
    return aligned([HEADINGS, *map(_row, figures)], left={0, 2, 3, 4})


def aligned(rows: Sequence[Sequence[str]], left: Container[int]) -> str:
    """Rows of cells as text, the columns ``left`` to the left and all others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(w) if n in left else cell.rjust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
    return figure.name, number(figure.value), figure.unit, figure.target, verdict


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
