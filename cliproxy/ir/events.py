"""A streamed answer in no dialect's spelling.

Order (checked by :mod:`cliproxy.ir.grammar`): ``ResponseStarted`` first; then parts, one open at a time
(``PartStarted``, any ``PartDelta``, ``PartEnded``); ``UsageReported`` at most once just before the end; then exactly one of
``ResponseFinished`` and ``StreamFailed``. ``Opaque`` may stand anywhere and is for its own origin only.
"""

from __future__ import annotations

from typing import Literal

import attrs

from cliproxy.errors import ErrorDetail
from cliproxy.ir.content import MediaPart, Signature
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import JSON

PartKind = Literal["text", "reasoning", "tool_call", "media", "refusal"]


@attrs.define
class ResponseStarted:
    """The answer began. ``created`` is in Unix seconds; None members were not said. ``usage`` when known early."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    usage: Usage | None = None


@attrs.define
class PartStarted:
    """A part opened. ``key`` names it in its deltas. Tool calls carry id and name; media comes whole, here.

    ``redacted`` is a sealed reasoning part's data; it has no deltas.
    """

    key: int
    kind: PartKind
    call_id: str | None = None
    name: str | None = None
    custom: bool = False
    minted: bool = False
    media: MediaPart | None = None
    redacted: str | None = None
    signature: Signature | None = None


@attrs.define
class PartDelta:
    """More of a part: text, reasoning text, or argument text. Never empty."""

    key: int
    text: str


@attrs.define
class PartEnded:
    """A part closed. ``signature`` is the reasoning's, when the vendor gave one."""

    key: int
    signature: Signature | None = None


@attrs.define
class UsageReported:
    """The final counts."""

    usage: Usage


@attrs.define
class Finish:
    """Why the answer ended. ``unified`` is ours, ``raw`` the vendor's word; ``stop_sequence`` when it told which.

    ``hollow`` says that such an end without content is no answer; ``sentence`` is what the vendor said of it.
    """

    unified: Literal["stop", "tool_calls", "length", "content_filter"]
    raw: str | None = None
    stop_sequence: str | None = None
    hollow: bool = attrs.field(default=False, eq=False)
    sentence: str | None = attrs.field(default=None, eq=False)


@attrs.define
class ResponseFinished:
    """The clean end."""

    finish: Finish


@attrs.define
class StreamFailed:
    """The other end: the answer is not whole."""

    detail: ErrorDetail


@attrs.define
class Ping:
    """The upstream is alive; nothing else."""


@attrs.define
class Opaque:
    """A payload only ``origin`` understands."""

    origin: str
    payload: JSON


Event = (
    ResponseStarted
    | PartStarted
    | PartDelta
    | PartEnded
    | UsageReported
    | ResponseFinished
    | StreamFailed
    | Ping
    | Opaque
)
