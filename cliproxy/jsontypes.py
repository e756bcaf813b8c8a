"""JSON in and out. ``orjson`` lives here, and ``msgspec`` here and in :mod:`cliproxy.shallow`, and nowhere else.

What the strict reader refuses may be read a second time, tolerantly (docs/spec/reports.md 1): vendors' servers write bytes that
are not UTF-8, halves of a surrogate pair, ``NaN``, and raw control characters in strings.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, TypeAlias

import msgspec
import orjson

BOM: Final = b"\xef\xbb\xbf"

#: Any JSON value. Members are looked at before they are trusted, so ``Any`` is honest here.
JSON: TypeAlias = Any
JSONObject: TypeAlias = dict[str, Any]


class InvalidJSON(ValueError):
    """The bytes are not JSON (RFC 8259, UTF-8); the message says where."""


class TooDeep(ValueError):
    """The value is nested too deeply to be written. What can be read may be four times as deep as what can be written."""


def loads(data: bytes | bytearray | memoryview | str) -> JSON:
    """Parse strictly: UTF-8 only, no NaN, no trailing bytes. A byte order mark before it is passed over.

    :raises InvalidJSON: with line and column.
    """
    if isinstance(data, bytes | bytearray) and data.startswith(BOM):
        data = memoryview(data)[len(BOM) :]
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidJSON(str(error)) from None


def loads_tolerant(data: bytes | bytearray | memoryview | str) -> JSON:
    """:func:`loads`, and what it refuses once more: bytes that are not UTF-8 and halves of a surrogate pair become U+FFFD,
    numbers that are none become null, raw control characters are taken.

    :raises InvalidJSON: this reader refuses it too.
    """
    try:
        return loads(data)
    except InvalidJSON:
        return mended(read_again(data))


def loads_mending(data: bytes) -> tuple[JSON, bytes]:
    """:func:`loads` of what a client wrote, and the bytes to use from here on. A history that was cut in the middle of an emoji
    has half of it for good: the half is U+FFFD, in both. Nothing else that the strict reader refuses is taken.

    :raises InvalidJSON: with line and column.
    """
    try:
        return loads(data), data
    except InvalidJSON as refused:
        try:
            value = mended(_HALVES.decode(str(data, "utf-8")))
        except (ValueError, RecursionError):
            raise refused from None
    return value, dumps(value)


def read_again(data: bytes | bytearray | memoryview | str) -> JSON:
    """The second reading, of what :func:`loads` has refused. Its strings may hold halves of surrogate pairs, whose other halves
    may be in the next payload: they become text by :func:`mended`.

    :raises InvalidJSON: it is not JSON for this reader either.
    """
    text = data if isinstance(data, str) else str(data, "utf-8-sig", "replace")
    try:
        return _SECOND.decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidJSON(str(error)) from None


def mended(value: JSON) -> JSON:
    """A value read by :func:`read_again` with every half of a surrogate pair joined to its other half, or U+FFFD.

    :raises InvalidJSON: it is nested too deeply to be walked through.
    """
    try:
        return _mended(value)
    except RecursionError:
        raise InvalidJSON("nested too deeply") from None


def _mended(value: JSON) -> JSON:
    if isinstance(value, str):
        return mended_text(value)
    if isinstance(value, dict):
        return {mended_text(key): _mended(member) for key, member in value.items()}
    return [_mended(member) for member in value] if isinstance(value, list) else value


def mended_text(text: str) -> str:
    """:func:`mended` for one string."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def dumps(value: JSON) -> bytes:
    """Compact UTF-8 JSON, key order kept. Halves of surrogate pairs, which UTF-8 has no bytes for, leave as they came: escaped.

    :raises TooDeep: it is nested more than some 250 levels deep.
    """
    try:
        return orjson.dumps(value, default=_as_it_came)
    except orjson.JSONEncodeError as error:
        if "ecursion" in str(error):
            raise TooDeep(str(error)) from None
        if "64-bit" in str(error):
            return _exactly(value)
        if "surrogates" not in str(error):
            raise
        return _escaped(value)


def _exactly(value: JSON) -> bytes:
    """Integers of more than 64 bits, as a client wrote them."""
    try:
        return msgspec.json.encode(value)
    except RecursionError:
        raise TooDeep("nested too deeply") from None


def _as_it_came(value: object) -> orjson.Fragment:
    """What was read, checked and never looked into."""
    if isinstance(value, msgspec.Raw):
        return orjson.Fragment(bytes(value))
    raise TypeError


def _escaped(value: JSON) -> bytes:
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except RecursionError:
        raise TooDeep("nested too deeply") from None


def dumps_text(value: JSON) -> str:
    """:func:`dumps` as text: what tool arguments and embedded JSON strings want."""
    return dumps(value).decode()


def _integer(digits: str) -> int | float:
    """As the strict reader has it: what needs more than 64 bits is a float."""
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(digits)


def _fraction(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _refused(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


#: As strict as :func:`loads`, but for halves of surrogate pairs.
_HALVES: Final = json.JSONDecoder(parse_int=_integer, parse_constant=_refused)
#: ``NaN`` and the infinities are null.
_SECOND: Final = json.JSONDecoder(
    strict=False, parse_int=_integer, parse_float=_fraction, parse_constant=lambda _word: None
)


def dumps_readable(value: JSON) -> bytes:
    """JSON for people: indented by two."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)
