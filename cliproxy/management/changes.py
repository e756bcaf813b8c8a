"""Changes of the configuration's document. What does not change keeps its comments and its spelling (``${NAME}``). Pure.

A document is a ruamel.yaml tree; what its entries mean, and clients are shown, are plain values beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from cliproxy.errors import RequestFault
from cliproxy.jsontypes import JSON, JSONObject

#: Members that only answers have.
SHOWN_ONLY: Final = frozenset({"auth-index", "auth_index"})
_IDENTITIES: Final = ("api-key", "upstream-api-key", "from", "name")
_MISSING: Final = object()


def assign(document: Any, keys: Sequence[str], value: JSON) -> None:
    """Set what ``keys`` lead to."""
    for key in keys[:-1]:
        if not isinstance(document.get(key), dict):
            document[key] = {}
        document = document[key]
    document[keys[-1]] = merged(document.get(keys[-1]), value, _MISSING)


def remove(document: Any, keys: Sequence[str]) -> None:
    """Take away what ``keys`` lead to.

    :raises RequestFault: 404, there is none.
    """
    for key in keys[:-1]:
        document = document.get(key) if isinstance(document, dict) else None
    if not isinstance(document, dict) or keys[-1] not in document:
        raise RequestFault.bad(f"there is no {'.'.join(keys)[:200]}", status=404, code="not_found")
    del document[keys[-1]]


def merged(node: Any, new: JSON, was: Any) -> Any:
    """``node`` where it already says ``new``, or what is to stand in its place.

    :param was: what ``node`` means, as clients are shown it.
    """
    if new == was and was is not _MISSING:
        return node
    if isinstance(node, dict) and isinstance(new, dict):
        update(node, new, was if isinstance(was, dict) else dict(node))
        return node or {}  # of an empty one the comments could not be written where they stood
    if isinstance(node, list) and isinstance(new, list) and any(isinstance(each, dict) for each in new):
        return relisted(node, new, was if isinstance(was, list) else list(node))
    return without_shown(new)


def update(node: Any, new: JSONObject, was: JSONObject) -> None:
    """Make the mapping ``node`` say ``new``. What was not shown is not touched."""
    for key in [*was, *(key for key in new if key not in was)]:
        if key in SHOWN_ONLY:
            continue
        if key not in new:
            node.pop(key, None)
        elif key not in was or new[key] != was[key]:
            node[key] = merged(node.get(key), new[key], was.get(key, _MISSING))


def without_shown(value: JSON) -> JSON:
    """The value without members that only answers have."""
    if isinstance(value, dict):
        return {key: without_shown(each) for key, each in value.items() if key not in SHOWN_ONLY}
    return [without_shown(each) for each in value] if isinstance(value, list) else value


def aligned(nodes: Sequence[Any], shown: Sequence[JSON], same: Callable[[Any, JSON], bool]) -> list[int | None]:
    """For each entry that is shown, its place in the document, which may hold others between them."""
    places: list[int | None] = []
    begin = 0
    for item in shown:
        found = next((place for place in range(begin, len(nodes)) if same(nodes[place], item)), None)
        places.append(found)
        begin = begin if found is None else found + 1
    return places


def same_entry(node: Any, shown: JSON) -> bool:
    """Whether ``shown`` may be what ``node`` is: a variable stands for any value."""
    if not isinstance(node, dict) or not isinstance(shown, dict):
        return bool(node == shown)
    name = next((each for each in _IDENTITIES if each in shown or each in node), "")
    text = str(node.get(name, "")).strip()
    return "$" in text or text == str(shown.get(name, "")).strip()


def identity(entry: JSON) -> tuple[str, str]:
    """By what two versions of an entry are known for the same one: its key or name, and its address."""
    if not isinstance(entry, dict):
        return str(entry), ""
    name = next((each for each in _IDENTITIES if each in entry), "")
    address = "" if name == "name" else str(entry.get("base-url") or "").strip().rstrip("/")
    return str(entry.get(name) or "").strip(), address


def relisted(nodes: Any, new: Sequence[JSON], was: Sequence[JSON]) -> Any:
    """The list ``nodes`` so that it says ``new``: entries that stay are the nodes they were."""
    places = aligned(nodes, was, same_entry)
    left = list(range(len(was)))
    result: list[Any] = []
    kept: list[int | None] = []
    for item in new:
        found = next((number for number in left if identity(was[number]) == identity(item)), None)
        place = None if found is None else places[found]
        if found is not None:
            left.remove(found)
        kept.append(place)
        result.append(merged(None, item, _MISSING) if place is None else merged(nodes[place], item, was[found or 0]))
    return relaid(nodes, result, kept)


def relaid(nodes: Any, result: Sequence[Any], kept: Sequence[int | None]) -> Any:
    """The list ``nodes`` made into ``result``, in place while entries keep their order: comments stand beside them.

    :param kept: for each entry of ``result``, where it stood; None for a new one.
    """
    stay = [place for place in kept if place is not None]
    if not stay or stay != sorted(set(stay)):
        return list(result)
    for old in reversed(range(len(nodes))):
        if old not in stay:
            del nodes[old]
    for number, (node, place) in enumerate(zip(result, kept, strict=True)):
        if place is None:
            nodes.insert(number, node)
        elif nodes[number] is not node:
            nodes[number] = node
    return nodes


def is_index(index: JSON, items: Sequence[Any]) -> bool:
    """Whether ``index`` is a place in ``items``."""
    return isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(items)


def index_of(text: str, items: Sequence[Any]) -> int | None:
    """The place that a query names; None for what is none."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 6 and int(text) < len(items) else None


def taken(nodes: Any, places: Sequence[int | None], gone: Iterable[int], name: Callable[[Any], object]) -> Any:
    """The list without the entries that are shown as ``gone``, nor those like them that are not shown: they would come up.

    :param places: of what is shown.
    :param name: by what two entries are known for the same.
    :raises RequestFault: 409, one of them is no longer where it was.
    """
    found = [places[number] for number in gone]
    going = {place for place in found if place is not None}
    if len(going) < len(found):
        raise RequestFault.bad("the file says something else than what is in force; read it again", status=409)
    names = [name(nodes[place]) for place in going]
    going |= {place for place, node in enumerate(nodes) if place not in places and name(node) in names}
    if len(going) == len(nodes):
        return []
    for place in sorted(going, reverse=True):
        del nodes[place]
    return nodes
