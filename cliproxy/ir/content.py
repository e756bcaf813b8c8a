"""What messages are made of.

Every part may carry ``extras``: members of one dialect that no other can say, kept under that dialect's name
so that decode and encode in the same dialect lose nothing. Encoders of other dialects never look at them.
"""

from __future__ import annotations

from typing import Literal

import attrs

from cliproxy.jsontypes import JSON, JSONObject


@attrs.define
class Extras:
    """Members only ``origin`` understands, spelt as it spelt them."""

    origin: str
    members: JSONObject


@attrs.define
class CacheHint:
    """Cache the prompt up to and including the part this sits on. ``ttl`` is ``"5m"``, ``"1h"`` or None."""

    ttl: str | None = None


@attrs.define
class Signature:
    """Opaque proof of reasoning. ``origin`` is the vendor that minted it: openai, claude, gemini, bypass or unknown."""

    origin: str
    value: str


@attrs.define
class TextPart:
    """Text. ``refusal`` marks a refusal the source marked as one. ``signature`` is Gemini's on a text part."""

    text: str
    cache: CacheHint | None = None
    refusal: bool = False
    signature: Signature | None = None
    extras: Extras | None = None


@attrs.define
class ReasoningPart:
    """The model's reasoning: shown text, a signature, or (``redacted``) only the vendor's sealed bytes.

    ``from_dialect`` is the dialect in which it arrived, for replay rules.
    """

    text: str
    signature: Signature | None = None
    redacted: str | None = None
    from_dialect: str | None = None
    extras: Extras | None = None


@attrs.define
class MediaPart:
    """An image, a sound or a file: exactly one of ``data`` (standard base64, padded), ``url`` and ``file_id``."""

    kind: Literal["image", "audio", "file"]
    mime: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    filename: str | None = None
    detail: str | None = None
    cache: CacheHint | None = None
    signature: Signature | None = None
    extras: Extras | None = None


@attrs.define
class ToolCallPart:
    """The model calls a tool. ``arguments`` stays JSON text; ``id`` always exists.

    ``minted`` says that the id is ours, because the vendor gave none. ``custom`` is a free-text tool:
    ``arguments`` is then the raw input text, not JSON.
    """

    id: str
    name: str
    arguments: str
    signature: Signature | None = None
    custom: bool = False
    minted: bool = False
    cache: CacheHint | None = None
    extras: Extras | None = None


@attrs.define
class ToolResultPart:
    """What a tool answered. ``name`` is the tool's, when the source says it. ``custom`` as in the call."""

    call_id: str
    parts: list[Part]
    name: str | None = None
    is_error: bool = False
    custom: bool = False
    minted: bool = False
    content_was_list: bool = False
    cache: CacheHint | None = None
    extras: Extras | None = None


@attrs.define
class OpaquePart:
    """A part that only ``origin`` can say (server-tool traces and the like), kept whole."""

    origin: str
    value: JSON


Part = TextPart | ReasoningPart | MediaPart | ToolCallPart | ToolResultPart | OpaquePart
