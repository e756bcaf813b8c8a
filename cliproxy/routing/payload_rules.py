"""The ``payload:`` rules: members the operator sets in bodies on their way to an upstream (operations.md 11).

They run on the body in the provider's dialect, after thinking. A rule that cannot be applied is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy

import attrs

from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.settings.model import Payload, PayloadModel, PayloadRule

_SEGMENT = re.compile(r"((?:[^.\\]|\\.)*)(?:\.|$)", re.DOTALL)
_UNSETTABLE = re.compile(r"(?<!\\)[*?#|]")

#: The original's other words for a client's dialect.
_SOURCES = {"openai-response": "responses", "codex": "responses", "anthropic": "claude", "google": "gemini"}

Path = tuple[str, ...]


@attrs.frozen
class Asked:
    """What a rule's conditions look at, besides the body.

    :ivar protocol: the provider's word for its dialect: gemini, claude, openai, codex, openai-response.
    :ivar names: the model's names a rule may mean: the upstream's, the client's without suffix, the client's with it.
    :ivar source: the client's dialect.
    :ivar headers: the client's, names in lower case.
    """

    protocol: str
    names: Sequence[str]
    source: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)


def apply(body: JSONObject, rules: Payload, asked: Asked, *, original: JSONObject) -> list[str]:
    """Apply the five lists to ``body``, in place: default, default-raw, override, override-raw, filter. Gives the paths at
    which an override or a filter did away with a value that was there.

    :param original: the client's own body in the provider's dialect. What it holds, null included, no default touches.
    """
    taken: set[Path] = set()
    for path, value in _settings((*rules.default, *rules.default_raw), asked, body):
        if path not in taken and not _holds(original, path) and _set(body, path, value):
            taken.add(path)
    changed = []
    for path, value in _settings((*rules.override, *rules.override_raw), asked, body):
        before = _value(body, path)
        if _set(body, path, value) and before is not None and before != value:
            changed.append(".".join(path))
    for rule in rules.filter:
        gone = map(_parse, rule.params) if _wanted(rule.models, asked, body) else ()
        changed += [".".join(path) for path in gone if path and _remove(body, path)]
    return changed


def glob_matches(pattern: str, name: str) -> bool:
    """Whether ``name`` is what ``pattern`` says, ``*`` standing for any run of characters. Case counts; linear time."""
    first, *rest = pattern.split("*")
    if not rest:
        return first == name
    last = rest.pop()
    if not name.startswith(first) or not name.endswith(last) or len(name) < len(first) + len(last):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in rest:
        at = name.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _settings(rules: Iterable[PayloadRule], asked: Asked, body: JSONObject) -> Iterable[tuple[Path, JSON]]:
    """The paths and values of the rules that match, in their order."""
    for rule in rules:
        if not _wanted(rule.models, asked, body):
            continue
        for text, value in rule.params:
            path = _parse(text)
            if path:
                yield path, value


def _wanted(models: Iterable[PayloadModel], asked: Asked, body: JSONObject) -> bool:
    return any(_matches(model, asked) and _conditions_hold(model, body) for model in models)


def _matches(model: PayloadModel, asked: Asked) -> bool:
    if not model.name or (model.protocol and model.protocol.lower() != asked.protocol.lower()):
        return False
    if model.from_protocol and _SOURCES.get(model.from_protocol.lower(), model.from_protocol.lower()) != asked.source:
        return False
    if not all(glob_matches(value, asked.headers.get(name.lower(), "")) for name, value in model.headers):
        return False
    return any(glob_matches(model.name, name) for name in asked.names if name)


def _conditions_hold(model: PayloadModel, body: JSONObject) -> bool:
    equal = (_found(body, path) == value for pairs in model.match for path, value in pairs)
    unlike = (_found(body, path) != value for pairs in model.not_match for path, value in pairs)
    there = (_found(body, path) is not None for path in model.exist)
    absent = (_found(body, path) is None for path in model.not_exist)
    return all(equal) and all(unlike) and all(there) and all(absent)


def _found(body: JSONObject, text: str) -> JSON:
    """What the body holds at a path; None where it holds nothing."""
    path = _parse(text)
    return _value(body, path) if path else None


def _remove(body: JSONObject, path: Path) -> bool:
    *way, last = path
    holder = _value(body, tuple(way)) if way else body
    if isinstance(holder, dict) and last in holder:
        del holder[last]
    elif isinstance(holder, list) and last.isdecimal() and int(last) < len(holder):
        del holder[int(last)]
    else:
        return False
    return True


def _parse(text: str) -> Path | None:
    r"""``a.b\.c.0`` as (a, b.c, 0); None for a blank path and for one that is a query."""
    text = text.strip().removeprefix(".")
    if not text or _UNSETTABLE.search(text):
        return None
    pieces: list[str] = []
    at = 0
    while (match := _SEGMENT.match(text, at)) is not None:
        pieces.append(re.sub(r"\\(.)", r"\1", match.group(1)))
        at = match.end()
        if at >= len(text):
            return tuple(pieces)
    return None


def _holds(body: JSON, path: Path) -> bool:
    for segment in path:
        if isinstance(body, dict) and segment in body:
            body = body[segment]
        elif isinstance(body, list) and segment.isdecimal() and int(segment) < len(body):
            body = body[int(segment)]
        else:
            return False
    return True


def _value(body: JSON, path: Path) -> JSON:
    for segment in path:
        body = _child(body, segment)
    return body


def _set(body: JSONObject, path: Path, value: JSON) -> bool:
    """Set ``path`` to a copy of ``value``; False, with nothing changed, where something else is in the way."""
    holder: JSON = body
    for depth, segment in enumerate(path[:-1]):
        inner = _child(holder, segment)
        if inner is None:
            return _put(holder, segment, _nested(path[depth + 1 :], value))
        holder = inner
    return _put(holder, path[-1], deepcopy(value))


def _child(holder: JSON, segment: str) -> JSON:
    """The value at ``segment``; None where there is none."""
    if isinstance(holder, dict):
        return holder.get(segment)
    if isinstance(holder, list) and segment.isdecimal() and int(segment) < len(holder):
        return holder[int(segment)]
    return None


def _nested(path: Path, value: JSON) -> JSON:
    """``value`` in the containers that ``path`` asks for: arrays for indices, objects for names."""
    made = deepcopy(value)
    for segment in reversed(path):
        made = [made] if segment in ("0", "-1") else {segment: made}
    return made


def _put(holder: JSON, segment: str, value: JSON) -> bool:
    if isinstance(holder, dict):
        holder[segment] = value
        return True
    if not isinstance(holder, list):
        return False
    if segment == "-1" or segment == str(len(holder)):
        holder.append(value)
        return True
    if not segment.isdecimal() or int(segment) > len(holder):
        return False
    holder[int(segment)] = value
    return True
