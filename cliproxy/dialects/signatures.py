"""Reasoning signatures: whose they are, and how a foreign one travels through a client and comes home.

A signature is one vendor's opaque proof of its own reasoning; any other vendor rejects it. The proxy keeps no state, so
what it needs to know when the signature comes back must be in the value itself:

* a value that shows its vendor (:func:`shown_vendor`) travels as it is, and so does every value in the slots where the
  wire rules pin it raw: Responses ``encrypted_content``, and Anthropic's signatures in Gemini's ``thoughtSignature``;
* any other foreign value travels as ``base64("cliproxy:" + vendor + ":" + value)``. That is valid base64, so Google's SDK
  takes it, and its first twelve characters are the same in both alphabets, so it is known again after that SDK has
  re-encoded it.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

import attrs

from cliproxy.ir.content import Signature

#: Tells Gemini to skip the check, on calls that no Gemini model signed (Google's documented escape).
SENTINEL: Final = "skip_thought_signature_validator"

_BYPASS: Final = frozenset({SENTINEL, "context_engineering_is_the_way_to_go"})

_ORIGINS: Final = frozenset(("openai", "claude", "gemini", "bypass", "unknown"))

_MARK: Final = b"cliproxy:"
_WRAPPED: Final = base64.b64encode(_MARK).decode()

_URL_SAFE: Final = str.maketrans("+/", "-_")
_STANDARD: Final = str.maketrans("-_", "+/")
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}")


def standard_base64(value: str) -> str:
    """Base64 in the standard alphabet, padded; Google's SDKs write the URL-safe one. A value that is neither is kept."""
    if "-" in value or "_" in value:
        value = value.translate(_STANDARD)
    short = len(value) % 4
    return value + "=" * (4 - short) if short > 1 else value


def decoded(value: str) -> bytes | None:
    """The bytes behind base64 of either alphabet, padded or not; None when it is not base64."""
    try:
        return base64.b64decode(standard_base64(value), validate=True)
    except (binascii.Error, ValueError):
        return None


def fits_gemini(value: str) -> bool:
    """Whether Google's SDK can read the value as bytes: base64 of one alphabet, with no stray bits in the last symbol.

    The SDK refuses the whole response over a ``thoughtSignature`` that it cannot read.
    """
    if not value or _BASE64.fullmatch(value) is None:
        return False
    canonical = standard_base64(value)
    raw = decoded(canonical)
    tail = canonical[-4:]
    return raw is not None and base64.b64encode(raw[(len(canonical) // 4 - 1) * 3 :]).decode() == tail


def wrap(signature: Signature) -> str:
    """The signature in an envelope that names its vendor."""
    return base64.b64encode(_MARK + f"{signature.origin}:{signature.value}".encode()).decode()


def unwrap(value: str) -> Signature | None:
    """The signature inside an envelope of :func:`wrap`, byte for byte; None when the value is not one."""
    if not value.startswith(_WRAPPED):
        return None
    raw = decoded(value)
    if raw is None:
        return None
    try:
        origin, colon, inner = raw[len(_MARK) :].decode().partition(":")
    except UnicodeDecodeError:
        return None
    return Signature(origin, inner) if colon and origin in _ORIGINS else None


#: A call's id is no longer than this with any vendor, so that one which carries a signature may go to any.
ID_LIMIT: Final = 64


def signed_id(call_id: str, signature: Signature) -> str:
    """A call's id that carries the call's signature, for clients in whose dialect a call has no other place for it. One
    within :data:`ID_LIMIT` goes anywhere; a longer one is for where there is no other way."""
    return f"{call_id}_{wrap(signature).translate(_URL_SAFE).rstrip('=')}"


def split_id(call_id: str) -> tuple[str, Signature | None]:
    """The call's own id, and the signature that :func:`signed_id` put behind it."""
    own, mark, rest = call_id.partition(f"_{_WRAPPED}")
    signature = unwrap(_WRAPPED + rest) if mark else None
    return (call_id, None) if signature is None else (own, signature)


def shown_vendor(value: str) -> str | None:
    """The vendor a value shows by itself: ``openai``, ``claude``, ``gemini``, ``bypass``, or None.

    OpenAI's are Fernet tokens. Anthropic's newer ones name the model in clear. For the rest the outermost protobuf
    fields are looked at: Anthropic's hold, in field 2, a header message (field 1) that opens with a varint field;
    Google's hold a blob with the version byte 1 where a message would begin.
    """
    if value.startswith("gAAAA"):
        return "openai"
    if value in _BYPASS:
        return "bypass"
    raw = decoded(value)
    if raw is None:
        return None
    if b"claude" in raw:
        return "claude"
    return _shape(raw)


def _shape(raw: bytes) -> str | None:
    inner = _opened(raw, 0x12)
    blob = _opened(raw if inner is None else inner, 0x0A)
    if not blob:
        return None
    if inner is not None and blob[0] in (0x08, 0x18):
        return "claude"
    return "gemini" if blob[0] == 0x01 else None


def _opened(raw: bytes, tag: int) -> bytes | None:
    """What follows tag and length of the protobuf field ``raw`` opens with, if its tag is ``tag``."""
    if raw[:1] != bytes((tag,)):
        return None
    for at in range(1, min(len(raw), 6)):
        if raw[at] < 0x80:
            return raw[at + 1 :]
    return None


@attrs.frozen(kw_only=True)
class Slot:
    """A dialect's opaque place for signatures.

    :ivar vendor: whose signatures its upstreams give.
    :ivar assumed: whose a client's value is that shows no vendor; of what is unknown the target decides what to do with it.
    :ivar wrapped: whose signatures go to its clients in an envelope, unless they show their vendor.
    :ivar as_bytes: clients read the value as base64, and spell it URL-safe.
    """

    vendor: str
    assumed: str = "unknown"
    wrapped: frozenset[str] = frozenset()
    as_bytes: bool = False


def replayed(value: str, slot: Slot) -> Signature:
    """A signature as a client sent it back: unwrapped, with its vendor (dialects.md 11)."""
    inner = unwrap(value)
    if inner is not None:
        return inner
    shown = shown_vendor(value)
    if shown == "claude" and slot.as_bytes:
        return Signature(shown, standard_base64(value))
    return Signature(shown or slot.assumed, value)


def minted(value: str, slot: Slot) -> Signature:
    """A signature as an upstream gave it: its own, unless it is an envelope or shows another vendor."""
    return unwrap(value) or Signature(shown_vendor(value) or slot.vendor, value)


def carried(signature: Signature, slot: Slot) -> str | None:
    """The value to put in the slot of a client; None when it cannot be carried."""
    value = signature.value
    if signature.origin in slot.wrapped and shown_vendor(value) != signature.origin:
        return wrap(signature)
    return value if not slot.as_bytes or fits_gemini(value) else None
