"""What is wrong with a configuration, each thing with its place; collected, so that all of it is said at once."""

from __future__ import annotations

import enum

import attrs


class Severity(enum.Enum):
    """What a problem does to the load."""

    WARNING = "warning"
    """Said, and nothing else."""
    SKIPPED = "skipped"
    """An error that stays in its own entry: the entry is left out, the rest is used, ``cliproxy check`` exits 1."""
    ERROR = "error"
    """The configuration is not used."""


@attrs.frozen
class Problem:
    """One problem. ``line`` counts from 1; 0 is no line. ``path`` is dotted, list items count from 0: ``api-keys[0].key``."""

    source: str
    line: int
    path: str
    sentence: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: {self.path}: {self.sentence}" if self.path else f"{place}: {self.sentence}"


@attrs.define
class Report:
    """Collects problems while a document is read.

    :ivar source: what the document is called in problems, usually its path.
    :ivar left_out: the paths of entries that are not to be used.
    :ivar places: the line of every path met so far, so that later checks need only name the path.
    """

    source: str
    places: dict[str, int] = attrs.field(factory=dict)
    problems: list[Problem] = attrs.field(factory=list)
    left_out: set[str] = attrs.field(factory=set)

    def add(self, path: str, sentence: str, severity: Severity = Severity.ERROR, line: int | None = None) -> None:
        """Note a problem at ``path``; ``line`` overrides the path's own."""
        self.problems.append(Problem(self.source, self.line(path) if line is None else line, path, sentence, severity))

    def warn(self, path: str, sentence: str, line: int | None = None) -> None:
        """Note a warning."""
        self.add(path, sentence, Severity.WARNING, line)

    def leave_out(self, entry: str, path: str, sentence: str) -> None:
        """Note a problem at ``path`` that costs the ``entry`` around it."""
        self.left_out.add(entry)
        self.add(path, sentence, Severity.SKIPPED)

    def line(self, path: str) -> int:
        """The line of ``path`` or of the nearest path around it; 0 when the document has none of them."""
        while path and path not in self.places:
            cut = max(path.rfind("."), path.rfind("["))
            path = path[:cut] if cut > 0 else ""
        return self.places.get(path, 0)

    def ordered(self) -> tuple[Problem, ...]:
        """The problems in the document's order."""
        return tuple(sorted(self.problems, key=lambda problem: problem.line))

    @property
    def fatal(self) -> bool:
        """Whether any problem forbids using the configuration."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)
