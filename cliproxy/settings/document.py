"""YAML text to a small tree whose every node knows its line. Nothing is constructed from tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

import attrs
import yaml

from cliproxy.jsontypes import JSON
from cliproxy.settings.problems import Report

#: Aliases repeat what they name. A document may stand for so many nodes, which is a thousand large configurations.
MOST_NODES = 1_000_000

#: More brackets than this are read by the slow reader, which knows when they are nested too deeply.
_MOST_OPENED = 100_000

_TAG = "tag:yaml.org,2002:"
#: What the parser quotes of the text, names of its own tokens excepted: it may be a key.
_QUOTED = re.compile(r"(['\"])(?!<)[^'\"]{2,}\1")


@attrs.frozen(eq=False)
class Scalar:
    """A single value as it is written. ``tag`` is YAML's short name for its type: str, int, float, bool, null, timestamp."""

    text: str
    tag: str
    line: int

    @property
    def null(self) -> bool:
        """Whether nothing is written."""
        return self.tag == "null"


@attrs.frozen(eq=False)
class Items:
    """A list."""

    items: tuple[Node, ...]
    line: int


@attrs.frozen(eq=False)
class Member:
    """One key's value. ``line`` is the key's."""

    line: int
    node: Node


@attrs.frozen(eq=False)
class Members:
    """A mapping, in the document's order."""

    members: dict[str, Member]
    line: int


Node: TypeAlias = Scalar | Items | Members

NULL = Scalar("", "null", 0)


def parse(text: str, report: Report) -> Node:
    """The document's tree; :data:`NULL` when it is empty or cannot be read, which ``report`` then says."""
    try:
        root = _composed(text)
        return NULL if root is None else _Builder(report).build(root)
    except yaml.MarkedYAMLError as error:
        mark, why = _said(error)
        report.add("", f"is not YAML: {why}", line=mark.line + 1 if mark else 0)
    except yaml.YAMLError as error:
        report.add("", f"is not YAML: {str(error).splitlines()[0]}")
    except RecursionError:
        report.add("", "is nested too deeply to be a configuration")
    return NULL


def _composed(text: str) -> yaml.Node | None:
    """With libyaml where it is, ten times as fast; what it refuses is read once more by the reader whose words are known."""
    fast = getattr(yaml, "CSafeLoader", None)
    if fast is not None and text.count("[") + text.count("{") < _MOST_OPENED:  # libyaml has no bound on nesting
        try:
            return yaml.compose(text, Loader=fast)
        except yaml.YAMLError:
            pass
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _said(error: yaml.MarkedYAMLError) -> tuple[yaml.Mark | None, str]:
    """Where a document went wrong, and how, for who has written it and not for who has written the parser."""
    problem, context = error.problem or "", error.context or ""
    if "quoted scalar" in context and "end of stream" in problem:
        return error.context_mark, "a quote is opened here and never closed"
    if "'\\t'" in problem:
        return error.problem_mark, "a tab stands where YAML has blanks only"
    return error.problem_mark or error.context_mark, _QUOTED.sub("...", problem or context)


class _Builder:
    def __init__(self, report: Report) -> None:
        self._report = report
        self._built: dict[int, tuple[Node, int]] = {}
        self._open: set[int] = set()

    def build(self, root: yaml.Node) -> Node:
        node, size = self._node(root, "")
        if size > MOST_NODES:
            self._report.add("", "aliases make this document too large to be a configuration", line=node.line)
            return NULL
        return node

    def _node(self, raw: yaml.Node, path: str) -> tuple[Node, int]:
        """The node, and how many it stands for when aliases are written out."""
        known = self._built.get(id(raw))
        if known is not None:
            return known
        line = raw.start_mark.line + 1
        if id(raw) in self._open:
            self._report.add(path, "an alias stands inside what it names", line=line)
            return NULL, 1
        self._open.add(id(raw))
        built = self._content(raw, path, line)
        self._open.discard(id(raw))
        self._built[id(raw)] = built
        return built

    def _content(self, raw: yaml.Node, path: str, line: int) -> tuple[Node, int]:
        if isinstance(raw, yaml.SequenceNode):
            parts = [self._node(item, f"{path}[{index}]") for index, item in enumerate(raw.value)]
            return Items(tuple(node for node, _ in parts), line), 1 + sum(size for _, size in parts)
        if isinstance(raw, yaml.MappingNode):
            return self._mapping(raw, path, line)
        return Scalar(raw.value, raw.tag.removeprefix(_TAG), line), 1

    def _mapping(self, raw: yaml.MappingNode, path: str, line: int) -> tuple[Node, int]:
        members: dict[str, Member] = {}
        merged: dict[str, Member] = {}
        total = 1
        for key, value in raw.value:
            at = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._report.add(path, "a key is to be a word, not a list or a mapping", line=at)
                continue
            here = join(path, key.value)
            node, size = self._node(value, here)
            total += size
            if key.tag == f"{_TAG}merge":
                for source in self._merge_sources(node, here, at):
                    merged = {**source.members, **merged}
            elif key.value in members:
                self._report.add(here, f"is given twice; first on line {members[key.value].line}", line=at)
            else:
                members[key.value] = Member(at, node)
        return Members(
            {**members, **{key: member for key, member in merged.items() if key not in members}}, line
        ), total

    def _merge_sources(self, node: Node, path: str, line: int) -> Iterator[Members]:
        for source in node.items if isinstance(node, Items) else (node,):
            if isinstance(source, Members):
                yield source
            else:
                self._report.add(path, "only mappings can be merged", line=line)


def join(path: str, key: str) -> str:
    """The path of ``key`` in the mapping at ``path``."""
    return f"{path}.{key}" if path else key


def plain(node: Node) -> JSON:
    """The node as a JSON value; dates and the like stay as they are written."""
    if isinstance(node, Members):
        return {key: plain(member.node) for key, member in node.members.items()}
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return _SCALARS.get(node.tag, str)(node.text)


def truth(text: str) -> bool | None:
    """A YAML boolean as text, or None."""
    return _TRUTH.get(text.lower())


def whole_number(text: str) -> int | None:
    """A YAML integer as text (decimal, 0x, 0o, 0b, with ``_``), or None."""
    try:
        return int(text.replace("_", ""), 0)
    except ValueError:
        return None


def _number(text: str) -> JSON:
    whole = whole_number(text)
    if whole is not None:
        return whole
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return text


_TRUTH = {"true": True, "yes": True, "on": True, "y": True, "false": False, "no": False, "off": False, "n": False}
_SCALARS = {"null": lambda _: None, "bool": truth, "int": _number, "float": _number}
