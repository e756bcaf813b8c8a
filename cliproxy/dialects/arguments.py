"""A call's arguments: text in, an object where a dialect wants one, and nothing ever emptied (docs/spec/reports.md 3)."""

from __future__ import annotations

import re
from typing import Final

import attrs

from cliproxy.ir.events import Finish
from cliproxy.ir.loss import Loss
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, dumps_text, loads, loads_tolerant

#: The one member under which arguments that are no object reach a dialect that only knows objects, whole, as text.
UNPARSED: Final = "unparsed_arguments"
#: What a call is called that came without a name: no client has such a tool, and says so to the model.
UNNAMED: Final = "unnamed_tool"

_ESCAPES: Final = re.compile(r'\\.|"', re.DOTALL)
_CONTROLS: Final = re.compile(r"[\x00-\x1f]")


def as_object(text: str, losses: list[Loss], where: str = "") -> JSONObject:
    """Argument text as an object. What cannot be read as one is carried whole under :data:`UNPARSED`, and is a loss."""
    value = read(text)
    if value is not None:
        return value
    losses.append(Loss("arguments that are no object", where))
    return {UNPARSED: text}


def as_text(value: JSON) -> str:
    """A member that should be an object as argument text: text that is one is read as one, other values are kept as JSON."""
    if value is None:
        return "{}"
    if isinstance(value, str) and read(value) is not None:
        return value or "{}"
    return dumps_text(value)


def read(text: str) -> JSONObject | None:
    """Argument text as an object: parsed, else read tolerantly, out of a JSON string, or with its single quotes doubled. No
    text, and ``null``, are no arguments. None when it is no object."""
    if not text.strip():
        return {}
    value = _value(text)
    if isinstance(value, str):
        value = _value(value)
    if value is None and text.strip() == "null":
        return {}
    return value if isinstance(value, dict) else None


def spelt(text: str) -> str:
    """Argument text in strict JSON where it can be read as an object; else as it came."""
    try:
        if isinstance(loads(text), dict):
            return text
    except InvalidJSON:
        pass
    value = _value(text, quotes=False)
    if isinstance(value, str):
        value = _value(value, quotes=False)
    return dumps_text(value) if isinstance(value, dict) else text


def is_cut(text: str, finish: Finish, *, last: bool) -> bool:
    """Whether the output limit cut a call. One that is all the limit left of an answer has not even begun its arguments."""
    return finish.unified == "length" and (read(text) is None or (last and not text.strip()))


def _value(text: str, *, quotes: bool = True) -> JSON:
    for candidate in (text, _double_quoted(text)) if quotes and "'" in text else (text,):
        try:
            return loads_tolerant(candidate)
        except InvalidJSON:
            continue
    return None


@attrs.define
class ArgumentText:
    """One call's argument text, delta by delta, made strict JSON on its way: raw control characters in strings are escaped, and
    JSON text inside a string, which is known by its first character, waits for its end and comes out of it."""

    _seen: list[str] = attrs.field(factory=list, init=False)
    _held: bool = attrs.field(default=False, init=False)
    _begun: bool = attrs.field(default=False, init=False)
    _inside: bool = attrs.field(default=False, init=False)
    _backslash: bool = attrs.field(default=False, init=False)

    def feed(self, text: str) -> str:
        """What may be told of the text so far."""
        if not self._begun and (start := text.lstrip()):
            self._begun = True
            self._held = start[0] == '"'
        if self._held or text.isprintable():
            self._seen.append(text)
            return "" if self._held else text
        for seen in self._seen:
            self._escaped(seen)
        self._seen.clear()
        return self._escaped(text)

    def end(self) -> str:
        """The rest."""
        return spelt("".join(self._seen)) if self._held else ""

    def _escaped(self, text: str) -> str:
        out: list[str] = []
        start = 0
        if self._backslash and text:
            start, self._backslash = 1, False
            out.append(text[0])
        at = start
        for found in _ESCAPES.finditer(text, start):
            out.append(self._plain(text[at : found.start()]))
            out.append(found.group())
            at = found.end()
            self._inside = not self._inside if found.group() == '"' else self._inside
        rest = text[at:]
        self._backslash = rest.endswith("\\")
        return "".join(out) + self._plain(rest)

    def _plain(self, text: str) -> str:
        return _CONTROLS.sub(lambda char: dumps_text(char.group())[1:-1], text) if self._inside else text


def _double_quoted(text: str) -> str:
    """Single-quoted strings spelt with double quotes, as some models write their arguments."""
    out: list[str] = []
    quote = ""
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == "\\" and quote:
            escaped = text[position : position + 1]
            position += 1
            out.append("'" if escaped == "'" else char + escaped)
        elif not quote and char in "'\"":
            quote = char
            out.append('"')
        elif quote and char == quote:
            quote = ""
            out.append('"')
        elif char == '"':
            out.append('\\"')
        else:
            out.append(char)
    return "".join(out)
