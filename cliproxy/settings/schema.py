"""The schema is the model: keys, types, limits and defaults are read off :mod:`cliproxy.settings.model`'s classes.

A null, and an empty list or mapping, count as absent. A text may be written as any scalar and is taken as it is written:
``api-key: 123`` and ``name: 4.10`` keep their digits.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from cliproxy.settings import ignored_keys
from cliproxy.settings.document import Items, Members, Node, Scalar, join, plain, truth, whole_number
from cliproxy.settings.model import NO_SECRET, ClientHeader, Secret
from cliproxy.settings.problems import Report
from cliproxy.settings.rules import NO_RULE, Rule, key_of, rule_of

#: ``${NAME}`` anywhere in a text, or ``$NAME`` that is all of it: a secret may hold a dollar sign.
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|^\$([A-Za-z_][A-Za-z0-9_]*)$")
#: A suggestion is worth making from this likeness on.
_NEAR = 0.75
#: A key that is nearly this one is an error: without it the daemon would serve everybody.
_DOOR = "api-keys"
_SELECTOR = re.compile(r"(payload\.[a-z-]+\[\d+\])\.models\[\d+\]\.[^.\[]+")
#: An entry that credentials are made of, or one of its keys.
_CREDENTIAL = re.compile(
    r"(?:(?:gemini|claude|codex|vertex)-api-key|openai-compatibility|providers|oauth-providers|ampcode\.upstream-api-keys)"
    r"\[\d+\](\.(?:keys|api-key-entries)\[\d+\])?"
)
#: What belongs in no name, address or key: each may come to stand in a header or a log.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
#: A name this long with a digit in it may be an API key that a colon followed, and is not said.
_KEY_LIKE = 9
_COPY = re.compile(r"\$([A-Za-z][A-Za-z0-9_-]*)")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class _Absent:
    """Nothing usable is written: the default stands."""


_ABSENT = _Absent()


@attrs.frozen
class Key:
    """One key of a mapping: its field, the type of its value, and what it allows."""

    field: attrs.Attribute[Any]
    type: Any
    rule: Rule


@functools.cache
def keys_of(kind: type) -> Mapping[str, Key]:
    """The keys of one of the model's classes, by their YAML names."""
    hints = typing.get_type_hints(kind)
    return {key_of(field): Key(field, hints[field.name], rule_of(field)) for field in attrs.fields(kind)}


@attrs.define
class Reader:
    """Reads nodes as the model's values; what is wrong goes to the report, and the default stays.

    :ivar environ: for the keys that may name environment variables.
    :ivar said: the ignored keys that were spoken of: each is once, in however many entries it stands.
    """

    report: Report
    environ: Mapping[str, str]
    said: set[str] = attrs.field(factory=set)

    def mapping(self, kind: type, node: Node, path: str) -> Any:
        """An instance of ``kind``, one of the model's classes. Absent members without a default are blank."""
        keys = keys_of(kind)
        values: dict[str, Any] = {}
        if isinstance(node, Members):
            for name, member in node.members.items():
                here = join(path, name)
                self.report.places[here] = member.line
                if name not in keys:
                    self._unknown(name, here, keys, member.node)
                    continue
                value = self.value(keys[name].type, member.node, here, keys[name].rule)
                if value is not _ABSENT:
                    values[keys[name].field.name] = value
        elif not _empty(node):
            self._wrong(path, "a mapping", node)
        for name, key in keys.items():
            if key.rule.required and not values.get(key.field.name):
                self.report.add(join(path, name), "is required", line=node.line)
            if key.field.default is attrs.NOTHING:
                values.setdefault(key.field.name, _blank(key.type))
        return kind(**values)

    def value(self, kind: Any, node: Node, path: str, rule: Rule = NO_RULE) -> Any:
        """A value of the type, or :data:`_ABSENT` when nothing usable is written."""
        if isinstance(node, Scalar) and node.null:
            return _ABSENT
        if isinstance(kind, types.UnionType):
            kind = next(part for part in typing.get_args(kind) if part is not types.NoneType)
        if typing.get_origin(kind) is tuple:
            element = typing.get_args(kind)[0]
            if typing.get_origin(element) is tuple and typing.get_args(element)[1] is not ...:
                return self._pairs(typing.get_args(element)[1], node, path, rule)
            return self._items(element, node, path, rule)
        if kind is Any:
            return plain(node)
        if attrs.has(kind) and kind is not Secret:
            return self.mapping(kind, node, path)
        if not isinstance(node, Scalar):
            return self._wrong(path, _WORDS[kind], node)
        return self._scalar(kind, node, path, rule)

    def _items(self, element: Any, node: Node, path: str, rule: Rule) -> Any:
        if _empty(node):
            return _ABSENT
        if rule.one_for_list and isinstance(node, Scalar):
            node = Items((node,), node.line)
        if not isinstance(node, Items):
            return self._wrong(path, "a list", node)
        values = []
        for index, item in enumerate(node.items):
            here = f"{path}[{index}]"
            self.report.places[here] = item.line
            if rule.shorthand and isinstance(item, Scalar):
                value = self._from_shorthand(element, rule.shorthand, item, here)
            else:
                value = self.value(element, item, here, rule)
            values.append(_blank(element) if value is _ABSENT else value)
        return tuple(values)

    def _from_shorthand(self, kind: type, name: str, node: Scalar, path: str) -> Any:
        key = keys_of(kind)[name]
        value = self.value(key.type, node, path, key.rule)
        return kind(**{key.field.name: _blank(key.type) if value is _ABSENT else value})

    def _pairs(self, element: Any, node: Node, path: str, rule: Rule) -> Any:
        if _empty(node):
            return _ABSENT
        if not isinstance(node, Members):
            return self._wrong(path, "a mapping", node)
        pairs = []
        if element is str:  # headers: their values may be keys
            rule = attrs.evolve(rule, environment=True)
        for name, member in node.members.items():
            here = join(path, name)
            self.report.places[here] = member.line
            copied = self._copied(member.node, here) if element is str else None
            value = self.value(element, member.node, here, rule) if copied is None else copied
            if element is Any and value is _ABSENT:
                value = None
            if value is not _ABSENT:
                pairs.append((name.strip(), value))
        if element is str:
            pairs = [pair for pair in pairs if all(pair) and self._header(pair, join(path, pair[0]))]
        return tuple(pairs)

    def _copied(self, node: Node, path: str) -> ClientHeader | None:
        """``$Name`` alone: the client's header of this name, unless a variable of the environment has it."""
        found = _COPY.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
        if found is None or found[1] in self.environ:
            return None
        if _VARIABLE.fullmatch(found[0]):
            self.report.warn(
                path, f"copies the client's header {found[1]}: there is no environment variable of this name"
            )
        return ClientHeader(found[1])

    def _header(self, pair: tuple[str, str], path: str) -> bool:
        """Maps of text to text are headers everywhere in the model."""
        if not _HEADER_NAME.fullmatch(pair[0]):
            self.report.add(path, "is not a header's name")
        else:
            return True
        return False

    def _scalar(self, kind: Any, node: Scalar, path: str, rule: Rule) -> Any:
        if kind is bool:
            answer = truth(node.text) if node.tag == "bool" or node.text in ("y", "Y", "n", "N") else None
            return self._wrong(path, _WORDS[kind], node) if answer is None else answer
        if kind is int:
            number = whole_number(node.text) if node.tag == "int" else None
            return self._wrong(path, _WORDS[kind], node) if number is None else self._limited(number, path, rule)
        if kind is float:
            fraction = _finite(plain(node)) if node.tag in ("int", "float") else None
            return self._wrong(path, _WORDS[kind], node) if fraction is None else self._limited(fraction, path, rule)
        text = self._text(node.text, path, attrs.evolve(rule, environment=True) if kind is Secret else rule)
        if kind is Secret:
            return Secret(text)
        if kind is Path:
            return self._path(text, path) if text else _ABSENT
        return text if not rule.choices else self._choice(text, path, rule.choices)

    def _limited(self, number: float, path: str, rule: Rule) -> Any:
        if rule.inherits and number < 0:
            return _ABSENT
        if rule.floor is not None and number < rule.floor:
            self.report.warn(path, f"{number} counts as {rule.floor}")
            return rule.floor
        if rule.least is not None and number < rule.least:
            self.report.add(path, f"{number} is too small; the smallest allowed is {rule.least}")
            return _ABSENT
        if rule.most is not None and number > rule.most:
            self.report.add(path, f"{number} is too large; the largest allowed is {rule.most}")
            return _ABSENT
        return number

    def _text(self, text: str, path: str, rule: Rule) -> str:
        if not rule.exact:
            text = text.strip()
        if _UNWRITABLE.search(text):
            self.report.add(path, "holds a line break or a control character, which no header may")
            return ""
        if rule.environment:
            for braced, bare in _VARIABLE.findall(text):
                if (braced or bare) not in self.environ:
                    self._unset(braced or bare, path)
            text = _VARIABLE.sub(lambda match: self.environ.get(match[1] or match[2], ""), text)
        problem = rule.check(text) if rule.check and text else None
        if problem:
            self.report.add(path, problem)
        return text

    def _unset(self, variable: str, path: str) -> None:
        """A variable that is not set costs its key, or the entry around it; the others work on. A door stays shut."""
        sentence = f"names the environment variable {variable}, which is not set"
        entry = _CREDENTIAL.match(path)
        if entry is None:
            self.report.add(path, sentence)
        else:
            what = "key" if entry[1] else "entry"
            self.report.leave_out(entry[0], path, f"{sentence}; the {what} is left out")

    def _path(self, text: str, path: str) -> Any:
        """``~`` is the home directory; after it, backslashes separate as slashes do."""
        try:
            return Path(text.replace("\\", "/") if text.startswith("~") else text).expanduser()
        except RuntimeError:
            self.report.add(path, f"names a home directory that there is not: {text.partition('/')[0]}")
            return _ABSENT

    def _choice(self, text: str, path: str, choices: Mapping[str, tuple[str, ...]]) -> Any:
        spelled = {spelling: word for word, others in choices.items() for spelling in (word, *others)}
        word = text.lower()
        if not word:
            return _ABSENT
        if word in spelled:
            return spelled[word]
        self.report.add(path, f"{text!r} is not one of {', '.join(choices)}{_meant(word, list(spelled))}")
        return _ABSENT

    def _unknown(self, name: str, path: str, keys: Mapping[str, Key], node: Node) -> None:
        known = ignored_keys.sentence(path)
        if known is not None:
            shape = ignored_keys.shape_of(path)
            if shape in self.said or ignored_keys.at_rest(path, plain(node)):
                return
            self.said.add(shape)
        line = self.report.line(path)
        selector = _SELECTOR.fullmatch(path)
        if selector is not None and known is None:
            self.report.leave_out(selector[1], path, "is not a condition known here: the whole rule is left out")
            return
        if path == name and known is None and _DOOR in _near(name, list(keys)):
            self.report.add(path, f"is not a key known here{_meant(name, list(keys))}", line=line)
            return
        if len(name) >= _KEY_LIKE and any(letter.isdigit() for letter in name):  # "- sk-1234: mine"
            path = f"{path.removesuffix(name)}{name[:3]}..."
        self.report.warn(path, known or f"is not a key known here and is ignored{_meant(name, list(keys))}", line)

    def _wrong(self, path: str, wanted: str, node: Node) -> _Absent:
        self.report.add(path, f"is to be {wanted}, not {_kind_word(node)}", line=self.report.line(path) or node.line)
        return _ABSENT


_WORDS = {
    bool: "true or false",
    int: "a whole number (without quotes)",
    float: "a number (without quotes)",
    str: "a text",
    Path: "a path",
    Secret: "a text",
}
_TAG_WORDS = {"int": "a number", "float": "a fraction", "bool": "true or false", "str": "a text"}


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _kind_word(node: Node) -> str:
    if isinstance(node, Scalar):
        return _TAG_WORDS.get(node.tag, "this")
    return "a list" if isinstance(node, Items) else "a mapping"


def _meant(name: str, known: list[str]) -> str:
    near = _near(name, known)
    return f"; did you mean {near[0]}?" if near else ""


def _near(name: str, known: list[str]) -> list[str]:
    """The known word that ``name`` is nearly, if there is one."""
    return difflib.get_close_matches(name.lower().replace("_", "-"), known, n=1, cutoff=_NEAR)


def _empty(node: Node) -> bool:
    if isinstance(node, Scalar):
        return node.null
    return not (node.items if isinstance(node, Items) else node.members)


def _blank(kind: Any) -> Any:
    if kind is Secret:
        return NO_SECRET
    if attrs.has(kind):
        return kind(
            **{key.field.name: _blank(key.type) for key in keys_of(kind).values() if key.field.default is attrs.NOTHING}
        )
    return () if typing.get_origin(kind) is tuple else ""
