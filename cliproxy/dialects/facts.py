"""What is known of an answer while it passes, and a whole body gathered."""

from __future__ import annotations

import attrs

from cliproxy.dialects.interface import AnswerContext, Dialect
from cliproxy.dialects.readers import BODY_TOO_LONG, decode_body
from cliproxy.dialects.writers import Edit
from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.ir.events import (
    Event,
    Finish,
    PartDelta,
    PartStarted,
    ResponseFinished,
    ResponseStarted,
    StreamFailed,
    UsageReported,
)
from cliproxy.ir.grammar import nothing
from cliproxy.ir.loss import Loss
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from cliproxy.wire.sse import MAX_BLOCK


@attrs.define
class Facts:
    """What is known of an answer so far: the read-only side of every transcoder.

    :ivar started: the first content (text, reasoning, call, media, refusal) has come.
    :ivar ended: the terminal event has come, good or bad.
    :ivar failed: why the answer is not whole.
    :ivar model: the model the upstream reports.
    :ivar id: what the upstream calls its answer.
    """

    asked: AnswerContext
    started: bool = attrs.field(default=False, init=False)
    ended: bool = attrs.field(default=False, init=False)
    usage: Usage | None = attrs.field(default=None, init=False)
    finish: Finish | None = attrs.field(default=None, init=False)
    failed: ErrorDetail | None = attrs.field(default=None, init=False)
    model: str | None = attrs.field(default=None, init=False)
    id: str | None = attrs.field(default=None, init=False)

    @property
    def losses(self) -> list[Loss]:
        """What the answer's encoder could not say."""
        return self.asked.losses

    def note(self, event: Event) -> None:
        """Take in one event. After the terminal one nothing counts."""
        if self.ended or isinstance(event, PartDelta):
            return
        if isinstance(event, PartStarted):
            self.started = True
        elif isinstance(event, ResponseStarted):
            self.model = self.model or event.model
            self.id = self.id or event.id
            self.usage = self.usage or event.usage
        elif isinstance(event, UsageReported):
            self.usage = event.usage
        elif isinstance(event, ResponseFinished):
            if event.finish.hollow and not self.started:
                self.note_failure(nothing(event.finish))
                return
            self.finish = event.finish
            self.ended = True
        elif isinstance(event, StreamFailed):
            self.note_failure(event.detail)

    def note_failure(self, detail: ErrorDetail) -> None:
        """The answer failed."""
        self.failed = detail
        self.ended = True

    def note_response(self, response: CompletionResponse) -> None:
        """Take in a whole answer."""
        self.started = self.ended = True
        self.model, self.usage, self.finish = response.model, response.usage, response.finish
        self.id = response.id


@attrs.define
class WholeBody(Facts):
    """A whole body: gathered, read as ``source``'s answer, and then written."""

    source: Dialect = attrs.field(kw_only=True)
    edit: Edit | None = attrs.field(kw_only=True, default=None)
    limit: int = attrs.field(kw_only=True, default=MAX_BLOCK)
    _body: bytearray = attrs.field(factory=bytearray, init=False)

    def receive(self, data: bytes) -> list[bytes]:
        """Nothing, until the whole is there."""
        if not self.ended:
            self._body += data
            if len(self._body) > self.limit:
                self.note_failure(BODY_TOO_LONG)
                self._body.clear()
        return []

    def close(self) -> list[bytes]:
        """The body."""
        if self.ended:
            return []
        data = bytes(self._body)
        try:
            response = decode_body(self.source, data, self.asked.mint)
        except UpstreamFailure as failure:
            self.note_failure(failure.detail)
            return []
        self.note_response(response)
        return [self.written(data, response)]

    def written(self, data: bytes, response: CompletionResponse) -> bytes:
        """What the client gets for ``data``, which says ``response``."""
        raise NotImplementedError

    def fail(self, detail: ErrorDetail) -> list[bytes]:
        """The upstream died: there is no body."""
        if not self.ended:
            self.note_failure(detail)
        return []
