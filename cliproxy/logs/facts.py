"""Values of this package's attrs classes as JSON, and back: what differs from a class's defaults is said. Pure.

Nothing secret is said: a :class:`~cliproxy.settings.secret.Secret` is left out, and comes back as a word that is none.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from cliproxy.jsontypes import JSON, JSONObject
from cliproxy.settings.model import Secret

_REDACTED: Final = Secret("redacted")


def facts(value: Any, clean: Callable[[str], str]) -> JSON:
    """A value: an attrs instance, a tuple of values, or a scalar.

    :param clean: takes secrets out of a text.
    """
    if attrs.has(type(value)):
        members: JSONObject = {}
        for field in _said(type(value)):
            own = getattr(value, field.name)
            if not isinstance(own, Secret) and not _is_default(field, own):
                members[field.name] = facts(own, clean)
        return members
    if isinstance(value, tuple | list):
        return [facts(one, clean) for one in value]
    if isinstance(value, dict):
        return {clean(name): facts(one, clean) for name, one in value.items()}
    if isinstance(value, str | Path):
        return clean(str(value))
    return value if isinstance(value, bool | int | float) else None


def made(cls: Any, data: JSON) -> Any:
    """An instance of ``cls`` from what :func:`facts` said of one.

    :raises ValueError: the data do not fit the class.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{cls.__name__} is no object")
    hints = typing.get_type_hints(cls)
    members: dict[str, Any] = {}
    for field in _said(cls):
        if field.name in data:
            members[field.alias] = _value(hints[field.name], data[field.name], field.name)
        elif hints[field.name] is Secret:
            members[field.alias] = _REDACTED
    try:
        return cls(**members)
    except TypeError as error:
        raise ValueError(f"{cls.__name__}: {error}") from None


def _said(cls: Any) -> list[Any]:
    return [field for field in attrs.fields(cls) if field.init and not _derived(field)]


def _derived(field: Any) -> bool:
    return isinstance(field.default, attrs.Factory) and field.default.takes_self  # type: ignore[arg-type]


def _is_default(field: Any, value: Any) -> bool:
    default = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    return bool(default is not attrs.NOTHING and default == value)


def _value(hint: Any, data: JSON, name: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return data
    if origin in (types.UnionType, typing.Union):
        if data is None:
            return None
        return _value(next(one for one in arguments if one is not type(None)), data, name)
    if origin is tuple:
        if not isinstance(data, list):
            raise ValueError(f"{name} is no list")
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_value(arguments[0], one, name) for one in data)
        return tuple(_value(one, item, name) for one, item in zip(arguments, data, strict=True))
    if attrs.has(hint):
        return made(hint, data)
    kinds = (int, float) if hint is float else (hint,)
    if not isinstance(hint, type) or type(data) not in kinds:
        raise ValueError(f"{name} is no {getattr(hint, '__name__', hint)}")
    return data
