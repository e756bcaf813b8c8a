"""JSON in and out. ``orjson`` lives here and nowhere else."""

from __future__ import annotations

from typing import Any, TypeAlias

import orjson

#: Any JSON value. Members are looked at before they are trusted, so ``Any`` is honest here.
JSON: TypeAlias = Any
JSONObject: TypeAlias = dict[str, Any]


class InvalidJSON(ValueError):
    """The bytes are not JSON (RFC 8259, UTF-8); the message says where."""


class TooDeep(ValueError):
    """The value is nested too deeply to be written. What can be read may be four times as deep as what can be written."""


def loads(data: bytes | bytearray | memoryview | str) -> JSON:
    """Parse strictly: UTF-8 only, no NaN, no trailing bytes.

    :raises InvalidJSON: with line and column.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidJSON(str(error)) from None


def dumps(value: JSON) -> bytes:
    """Compact UTF-8 JSON, key order kept.

    :raises TooDeep: it is nested more than some 250 levels deep.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        if "ecursion" in str(error):
            raise TooDeep(str(error)) from None
        raise


def dumps_text(value: JSON) -> str:
    """:func:`dumps` as text: what tool arguments and embedded JSON strings want."""
    return dumps(value).decode()
