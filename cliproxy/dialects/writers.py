"""The client's side of a transcoder: well-ordered events in, bytes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

from cliproxy.dialects.interface import AnswerContext, Dialect, Payload, StreamEncoder
from cliproxy.ir.events import Event, ResponseFinished, StreamFailed
from cliproxy.ir.grammar import fold
from cliproxy.jsontypes import JSONObject, dumps


class Writer(Protocol):
    """Events of one answer in, the client's bytes out.

    :ivar target: the client's dialect.
    """

    target: Dialect

    def write(self, event: Event) -> list[bytes]:
        """The frames an event becomes."""

    def close(self) -> list[bytes]:
        """What can only be written when all is there. Nothing when the answer failed."""


#: Rewrites a payload of an answer (a model's name, say). The very same object means nothing changed, None withholds it.
Edit = Callable[[JSONObject], JSONObject | None]


def edited(payloads: list[Payload], edit: Edit | None) -> list[Payload]:
    """The payloads as ``edit`` wants them."""
    if edit is None:
        return payloads
    out: list[Payload] = []
    for payload in payloads:
        kept = edit(payload) if isinstance(payload, dict) else payload
        if kept is not None:
            out.append(kept)
    return out


@attrs.define
class StreamWriter:
    """Writes an SSE stream."""

    target: Dialect
    asked: AnswerContext
    edit: Edit | None = None
    _encoder: StreamEncoder = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._encoder = self.target.stream_encoder(self.asked)

    def write(self, event: Event) -> list[bytes]:
        """The event's frames, one a payload."""
        frame = self.target.frame
        return [frame(payload) for payload in edited(self._encoder.encode(event), self.edit)]

    def close(self) -> list[bytes]:
        """Nothing: the terminal event wrote the end."""
        return []


@attrs.define
class ArrayWriter:
    """Writes the payloads as one JSON array, ``[{...}\\n,\\n{...}\\n]``: a Gemini client that asked for
    ``alt=json``."""

    target: Dialect
    asked: AnswerContext
    edit: Edit | None = None
    _encoder: StreamEncoder = attrs.field(init=False)
    _opened: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._encoder = self.target.stream_encoder(self.asked)

    def write(self, event: Event) -> list[bytes]:
        """The event's elements, and the closing bracket after a terminal one."""
        frames: list[bytes] = []
        for payload in edited(self._encoder.encode(event), self.edit):
            frames.append((b",\n" if self._opened else b"[") + dumps(payload) + b"\n")
            self._opened = True
        if isinstance(event, ResponseFinished | StreamFailed):
            frames.append(b"]" if self._opened else b"[]")
        return frames

    def close(self) -> list[bytes]:
        """Nothing: the terminal event wrote the end."""
        return []


@attrs.define
class BodyWriter:
    """Gathers the events and writes one body. ``whole`` gives the body in place of folding (``StreamedWhole``)."""

    target: Dialect
    asked: AnswerContext
    edit: Edit | None = None
    whole: Callable[[], JSONObject | None] | None = None
    _events: list[Event] = attrs.field(factory=list, init=False)

    def write(self, event: Event) -> list[bytes]:
        """Nothing yet."""
        self._events.append(event)
        return []

    def close(self) -> list[bytes]:
        """The body, when the answer finished."""
        if not self._events or not isinstance(self._events[-1], ResponseFinished):
            return []
        body = self.whole() if self.whole is not None else None
        if body is None:
            body = self.target.encode_response(fold(self._events), self.asked)
        return [dumps(body if self.edit is None else self.edit(body))]
