"""What was measured, as a table."""

from __future__ import annotations

from collections.abc import Iterable

import attrs


@attrs.frozen
class Figure:
    """One number.

    :ivar beside: nginx's, measured in the same run.
    :ivar ratio_to_beside: the target is about ``value / beside``.
    :ivar least: the target: at least so much; ``most``: at most.
    """

    name: str
    value: float
    unit: str
    beside: float | None = None
    least: float | None = None
    most: float | None = None
    ratio_to_beside: bool = False

    @property
    def judged(self) -> float | None:
        """What the target is about."""
        if not self.ratio_to_beside:
            return self.value
        return self.value / self.beside if self.beside else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        judged = self.judged
        if judged is None or (self.least is None and self.most is None):
            return None
        return (self.least is None or judged >= self.least) and (self.most is None or judged <= self.most)

    @property
    def target(self) -> str:
        """The target in words."""
        if self.least is None and self.most is None:
            return ""
        sign, bound = (">=", self.least) if self.least is not None else ("<=", self.most)
        return f"{sign} {bound:g}" + (" of nginx" if self.ratio_to_beside else f" {self.unit}")


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
