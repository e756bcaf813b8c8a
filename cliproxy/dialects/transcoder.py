"""An upstream's answer in, the client's answer out: bytes to bytes, in any of the sixteen pairs, streamed or whole.

A transcoder is to the relay what ``h11.Connection`` is to an HTTP server: it is given bytes and gives bytes, and says
what it has learnt. It never waits, and chopping its input anywhere changes nothing.
"""

from __future__ import annotations

from typing import Protocol

import attrs

from cliproxy.dialects.arguments import ArgumentText
from cliproxy.dialects.facts import Facts, WholeBody
from cliproxy.dialects.interface import AnswerContext, Dialect
from cliproxy.dialects.passthrough import PassedBody, PassedStream
from cliproxy.dialects.readers import BodyReader, Reader, StreamReader
from cliproxy.dialects.unsaid import note_opaque
from cliproxy.dialects.writers import ArrayWriter, BodyWriter, Edit, StreamWriter, Writer
from cliproxy.errors import ErrorDetail
from cliproxy.ir.events import Event, Finish, Opaque, PartDelta, PartEnded, PartStarted, StreamFailed
from cliproxy.ir.loss import Loss
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import dumps


class Transcoder(Protocol):
    """One answer on its way to the client.

    While ``started`` is False the caller holds the returned bytes back, so that a failure before content can still be
    answered from another credential. After ``ended`` is True nothing more comes but, for a body, from :meth:`close`.
    """

    @property
    def started(self) -> bool:
        """The first content (text, reasoning, call, media, refusal) has come."""

    @property
    def ended(self) -> bool:
        """The terminal event has come, good or bad: the upstream need not be heard any more."""

    @property
    def usage(self) -> Usage | None:
        """The counts, as far as they are known."""

    @property
    def finish(self) -> Finish | None:
        """How the answer ended, when it ended well."""

    @property
    def failed(self) -> ErrorDetail | None:
        """Why the answer is not whole."""

    @property
    def model(self) -> str | None:
        """The model the upstream reports."""

    @property
    def id(self) -> str | None:
        """What the upstream calls its answer."""

    @property
    def losses(self) -> list[Loss]:
        """What the client's dialect could not say."""

    def receive(self, data: bytes) -> list[bytes]:
        """Upstream bytes in; what the client is to be sent. After a failure inside the stream that ends in the
        dialect's error."""

    def close(self) -> list[bytes]:
        """The upstream ended. An answer that is not complete sets ``failed`` and ends in the dialect's error; a body
        comes here."""

    def fail(self, detail: ErrorDetail) -> list[bytes]:
        """The upstream died or fell silent. The dialect's error, when anything was given out before; nothing
        otherwise."""


@attrs.define
class Translation(Facts):
    """A reader and a writer, back to back."""

    reader: Reader = attrs.field(kw_only=True)
    writer: Writer = attrs.field(kw_only=True)
    _emitted: bool = attrs.field(default=False, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _arguments: ArgumentText | None = attrs.field(default=None, init=False)

    def receive(self, data: bytes) -> list[bytes]:
        """What ``data`` becomes."""
        return [] if self.ended else self._write(self.reader.receive(data))

    def close(self) -> list[bytes]:
        """The end of the stream, or the body."""
        if self._closed:
            return []
        self._closed = True
        frames = [] if self.ended else self._write(self.reader.close())
        return frames + self.writer.close()

    def fail(self, detail: ErrorDetail) -> list[bytes]:
        """The dialect's error, after what was already sent."""
        if self.ended:
            return []
        if self._emitted:
            return self._write([StreamFailed(detail)])
        self.note_failure(detail)
        return []

    def _write(self, events: list[Event]) -> list[bytes]:
        frames: list[bytes] = []
        for event in events:
            self.note(event)
            if isinstance(event, Opaque):
                note_opaque(self.asked.losses, event, self.writer.target.name)
            if self._arguments is not None:
                frames += self._write_argument(event, self._arguments)
                continue
            frames += self.writer.write(event)
            if isinstance(event, PartStarted) and event.kind == "tool_call" and not event.custom:
                self._arguments = ArgumentText()
        self._emitted = self._emitted or bool(frames)
        return frames

    def _write_argument(self, event: Event, arguments: ArgumentText) -> list[bytes]:
        """An event while a call is open: its argument text leaves as strict JSON."""
        frames: list[bytes] = []
        if isinstance(event, PartDelta):
            text = arguments.feed(event.text)
            return self.writer.write(PartDelta(event.key, text)) if text else frames
        if isinstance(event, PartEnded):
            self._arguments = None
            rest = arguments.end()
            frames += self.writer.write(PartDelta(event.key, rest)) if rest else []
        return frames + self.writer.write(event)


@attrs.define
class BodyTranslation(WholeBody):
    """A whole answer from one dialect into another, without the detour over events: further candidates survive."""

    target: Dialect = attrs.field(kw_only=True)

    def written(self, data: bytes, response: CompletionResponse) -> bytes:
        """The answer in the target's dialect."""
        body = self.target.encode_response(response, self.asked)
        return dumps(body if self.edit is None else self.edit(body))


def translate(
    source: Dialect,
    target: Dialect,
    asked: AnswerContext,
    *,
    from_stream: bool,
    to_stream: bool,
    as_array: bool = False,
    edit: Edit | None = None,
) -> Transcoder:
    """A transcoder from what the upstream sends to what the client asked for.

    :param from_stream: the upstream answers with a stream (whatever was asked of it), not with one JSON body.
    :param to_stream: the client asked for a stream.
    :param as_array: the stream is to be a JSON array (a Gemini client's ``alt=json``), not server-sent events.
    :param edit: rewrites what the client gets, payload by payload (of a body: the whole object).
    """
    if source.name == target.name and from_stream == to_stream and not as_array:
        return pass_through(target, asked, stream=to_stream, edit=edit)
    if not from_stream and not to_stream:
        return BodyTranslation(asked, source=source, target=target, edit=edit)
    gathered = source.passthrough.streamed_whole
    whole = gathered() if gathered is not None and source.name == target.name else None
    reader: Reader = BodyReader(source, asked.mint, asked.losses)
    if from_stream:
        reader = StreamReader(source, asked.mint, tap=whole.see if whole is not None else None)
    writer: Writer = BodyWriter(target, asked, edit, whole.body if whole is not None else None)
    if to_stream:
        writer = (ArrayWriter if as_array else StreamWriter)(target, asked, edit)
    return Translation(asked, reader=reader, writer=writer)


def pass_through(dialect: Dialect, asked: AnswerContext, *, stream: bool, edit: Edit | None = None) -> Transcoder:
    """The identity lane: the upstream's own bytes, in whole blocks, while a decoder listens.

    :param edit: rewrites a payload (of a body: the whole object); the very same object leaves the bytes alone.
    """
    if stream:
        return PassedStream(asked, dialect=dialect, edit=edit)
    return PassedBody(asked, source=dialect, edit=edit)
