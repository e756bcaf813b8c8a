"""What the code cites, a reader can open: pages of docs/spec and their sections, and nothing that is not here."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import docutils.core
import pytest

ROOT = Path(__file__).parents[1]
SPEC = ROOT / "docs" / "spec"
PAGES = {page.name: page.read_text(encoding="utf-8") for page in SPEC.glob("*.md")}
SECTION = r"\d+(?:\.\d+)*"
#: "dialects.md 10", "dialects.md 2 and 8", "streaming.md 3-7, 9"; what follows a page name without a number cites the page.
CITATION = re.compile(rf"\b([a-z]+)\.md(?:[ ,]+({SECTION}(?:(?:, | and |-){SECTION})*))?")
UNREACHABLE = re.compile(r"(?i)\.\./shared|start documents?|the behaviour table|house-review|\bseeds/")


def texts() -> Iterator[tuple[str, str]]:
    """(path from the root, text) of everything that may cite."""
    for folder, patterns in {
        "cliproxy": ["*.py"],
        "tests": ["*.py"],
        "bench": ["*"],
        "docs": ["*.rst", "*.md"],
        "etc": ["*"],
    }.items():
        for pattern in patterns:
            for path in sorted((ROOT / folder).rglob(pattern)):
                if path.is_file() and path != Path(__file__) and "__pycache__" not in path.parts:
                    yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8", errors="replace")
    for name in ("README.rst", "CONTRIBUTING.rst", "SECURITY.rst"):
        yield name, (ROOT / name).read_text(encoding="utf-8")


def sections(page: str) -> set[str]:
    """The numbers of a page's headings, and of the numbered points under each, as ``section.point`` and as ``point``."""
    found: set[str] = set()
    section = ""
    for line in PAGES[page].splitlines():
        heading = re.match(rf"#+ ({SECTION})\.? ", line)
        point = re.match(r"(\d+)\. ", line)
        if heading:
            section = heading[1]
            found.add(section)
        elif point:
            found |= {point[1], f"{section}.{point[1]}"}
    return found


def faults(name: str, text: str) -> Iterator[str]:
    for citation in CITATION.finditer(text):
        page, numbers = f"{citation[1]}.md", citation[2] or ""
        if page not in PAGES:
            yield f"{name}: cites {page}, which is not in docs/spec"
            continue
        for number in re.findall(SECTION, numbers):
            if number not in sections(page):
                yield f"{name}: cites {page} {number}, which that page does not have"
    for mention in UNREACHABLE.finditer(text):
        yield f"{name}: speaks of {mention[0]!r}, which a reader cannot open"


def test_every_cited_page_and_section_exists() -> None:
    """A citation that leads nowhere is worse than none."""
    assert [fault for name, text in texts() for fault in faults(name, text)] == []


@pytest.mark.parametrize(
    "text",
    ["see nowhere.md 1", "see dialects.md 99", "see dialects.md 2 and 99", "the behaviour table", "../shared/spec"],
)
def test_a_citation_that_leads_nowhere_is_found(text: str) -> None:
    """The test itself bites."""
    assert list(faults("x", text))


RENDERED = [*sorted(ROOT.glob("*.rst")), *sorted((ROOT / "docs").glob("*.rst"))]


@pytest.mark.parametrize("page", RENDERED, ids=lambda page: str(page.name))
def test_a_page_renders_without_a_warning(page: Path) -> None:
    """reStructuredText of docutils alone, as code hosts render it."""
    said = io.StringIO()
    overrides = {"warning_stream": said, "report_level": 2}
    docutils.core.publish_string(page.read_text(encoding="utf-8"), writer="html5", settings_overrides=overrides)
    assert said.getvalue() == ""


@pytest.mark.parametrize("page", RENDERED, ids=lambda page: str(page.name))
def test_what_a_page_links_to_exists(page: Path) -> None:
    """Every file of the project that it names."""
    named = re.findall(
        r"``((?:docs|etc|scripts|tests|cliproxy)/[\w./-]+\.\w+|[A-Z]+\.rst)``", page.read_text(encoding="utf-8")
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


#: Made by `make bench` when it is run.
MEASURED = "bench/results/beside.svg"


@pytest.mark.parametrize("page", RENDERED, ids=lambda page: str(page.name))
def test_a_picture_is_there(page: Path) -> None:
    """Every image that a page shows, beside the page; the plot of the bench once there is one."""
    shown = re.findall(r"\.\. image:: (\S+)", page.read_text(encoding="utf-8"))
    assert [name for name in shown if not (page.parent / name).exists() and name != MEASURED] == []
    assert all(ElementTree.parse(page.parent / name) for name in shown if name.endswith(".svg") and name != MEASURED)
