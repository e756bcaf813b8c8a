"""JSON objects read one level deep, for bodies that pass nearly as they came: what nobody asks for is checked, but not built.

All of the body is validated; members are cut out by the parser, never by a search.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Sequence, ValuesView
from typing import Any, Final

import msgspec

from cliproxy.jsontypes import BOM, JSON, JSONObject, loads, loads_mending

#: A smaller body is parsed whole in the time that this takes.
LEAST: Final = 4 * 1024

_cut: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_whole: Final = msgspec.json.Decoder().decode
#: How an escape of a plain letter begins.
_ESCAPE: Final = b"\\u00"
_MISSING: Final = object()


class Shallow(JSONObject):
    """An object whose members are parsed when they are asked for, and then remembered. To be read only."""

    __slots__ = ("_seen",)

    def __init__(self, members: dict[str, Any]) -> None:
        super().__init__(members)
        self._seen: dict[str, JSON] = {}

    def look(self, name: str) -> JSON:
        """A member as it stands, not to be changed; None when there is none."""
        value = super().get(name)
        if type(value) is not msgspec.Raw:
            return value
        if name not in self._seen:
            self._seen[name] = _exactly(value)
        return self._seen[name]

    def taken(self) -> Taken:
        """A copy to edit."""
        return Taken(self)

    def forget(self) -> None:
        """Remember nothing of what was parsed."""
        self._seen = {}

    def get(self, name: str, default: JSON = None) -> JSON:
        return self.look(name) if name in self else default

    def __getitem__(self, name: str) -> JSON:
        if name not in self:
            raise KeyError(name)
        return self.look(name)

    # Whoever goes through all of it has it parsed; the built-in type would hand out what was cut.

    def whole(self) -> JSONObject:
        """As a plain dict."""
        return {name: self.look(name) for name in self}

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        return self.whole().items()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        return self.whole().values()

    def copy(self) -> JSONObject:
        return self.whole()

    def __or__(self, other: Any) -> Any:
        return self.whole() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.whole()

    def __eq__(self, other: object) -> bool:
        return self.whole() == (other.whole() if isinstance(other, Shallow) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None


class Taken(Shallow):
    """A copy of an object read one level deep, to edit. What :meth:`get` gives may be changed, and is written anew."""

    __slots__ = ()

    def __init__(self, members: Shallow) -> None:
        dict.__init__(self, dict.items(members))
        self._seen = members._seen

    def get(self, name: str, default: JSON = None) -> JSON:
        value = dict.get(self, name, _MISSING)
        if value is _MISSING:
            return default
        if type(value) is msgspec.Raw:
            value = _exactly(value)
            dict.__setitem__(self, name, value)
        return value

    def __getitem__(self, name: str) -> JSON:
        if name not in self:
            raise KeyError(name)
        return self.get(name)

    def pop(self, name: str, *default: JSON) -> JSON:
        if name not in self:
            return dict.pop(self, name, *default)
        value = self.get(name)
        del self[name]
        return value

    def setdefault(self, name: str, default: JSON = None) -> JSON:
        if name not in self:
            self[name] = default
        return self[name]

    def whole(self) -> JSONObject:
        return {name: self.get(name) for name in self}


def _exactly(value: Any) -> JSON:
    """A member that was cut out, its integers as they are, however large.

    :raises InvalidJSON: it holds a number that no reader can.
    """
    try:
        return _whole(value)
    except (msgspec.MsgspecError, RecursionError):
        return loads(memoryview(value))


def loads_body(data: bytes) -> tuple[JSON, bytes]:
    """:func:`loads_mending`, integers as they are, however large, and a large object as a :class:`Shallow` one. In what that
    passes over, numbers that no reader can hold (``1e999``) are found when they are asked for.

    :raises InvalidJSON: with line and column.
    """
    try:
        if not data.isascii():
            str(data, "utf-8")
        return (Shallow(_cut(data)) if len(data) >= LEAST else _whole(data)), data
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return loads_mending(data)  # the strict reader says why, or mends it


def ambiguous(body: JSONObject, data: bytes, names: Sequence[str]) -> str | None:
    """Why two readers of ``data``, which is ``body``, may read two different values of a member in ``names``: it stands there
    twice, or names are written with escapes. None where they cannot.

    RFC 8259, section 4: what is done with names that are not unique differs from reader to reader.
    """
    quoted = [b'"%b"' % name.encode() for name in names]
    if len(data) < LEAST and _ESCAPE not in data and all(data.count(name) < 2 for name in quoted):
        return None
    try:
        cut = body if isinstance(body, Shallow) else _cut(data.removeprefix(BOM))
    except (msgspec.MsgspecError, RecursionError):
        return "it is nested too deeply to be looked through"
    values = [bytes(value) for value in dict.values(cut)]
    # Written without blanks, every name once, it is exactly so long; a second member would make it longer.
    if len(data) == 1 + sum(len(name.encode()) + 4 for name in dict.keys(cut)) + sum(map(len, values)):
        return None
    for name, word in zip(names, quoted, strict=True):
        if data.count(word) - sum(value.count(word) for value in values) > 1:
            return f"{name} stands there twice"
    if data.count(_ESCAPE) > sum(value.count(_ESCAPE) for value in values):
        return "names of members are written with escapes"
    return None


def look(body: JSONObject, name: str) -> JSON:
    """A member that is only looked at, and not to be changed; None when there is none."""
    return body.look(name) if isinstance(body, Shallow) else body.get(name)
