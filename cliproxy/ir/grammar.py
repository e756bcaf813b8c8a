"""The order of a streamed answer: mending it, folding it into a whole answer, unfolding one into a stream."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.ir.content import MediaPart, Part, ReasoningPart, TextPart, ToolCallPart
from cliproxy.ir.events import (
    Event,
    Finish,
    Opaque,
    PartDelta,
    PartEnded,
    PartStarted,
    ResponseFinished,
    ResponseStarted,
    StreamFailed,
    UsageReported,
)
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from cliproxy.jsontypes import InvalidJSON, loads

#: What a stream that stops before its end is told as (streaming.md 8).
CUT = ErrorDetail(502, "upstream stream ended before completion")


def settled(finish: Finish, *, called: bool, answered: bool) -> Finish | ErrorDetail:
    """The end of an answer as its content bears it out: no end for the sake of calls without one, and no good end of nothing
    where something was promised.

    :param answered: there is content besides reasoning.
    """
    if not answered and finish.hollow:
        return nothing(finish)
    if finish.unified == "tool_calls" and not called:
        return attrs.evolve(finish, unified="stop")
    return finish


def nothing(finish: Finish) -> ErrorDetail:
    """What an answer without content is told as, in the vendor's own words."""
    return ErrorDetail(502, f"upstream answered with nothing: {finish.sentence or finish.raw}")


def settled_whole(response: CompletionResponse) -> CompletionResponse:
    """A whole answer with its finish :func:`settled`.

    :raises UpstreamFailure: it is empty, and its finish says that it should not be.
    """
    parts = response.parts
    answered = any(
        not isinstance(part, ReasoningPart) and (not isinstance(part, TextPart) or part.text) for part in parts
    )
    finish = settled(response.finish, called=any(isinstance(part, ToolCallPart) for part in parts), answered=answered)
    if isinstance(finish, ErrorDetail):
        raise UpstreamFailure(finish)
    response.finish = finish
    return response


@attrs.define
class _Waiting:
    """A part that began while another was open: its events, in order."""

    start: PartStarted
    rest: list[PartDelta | PartEnded] = attrs.field(factory=list)


@attrs.define
class Sequencer:
    """Puts a decoder's events into the order that :mod:`cliproxy.ir.events` promises (streaming.md 7.3).

    One part is open at a time. Parts that overlap it wait, whole, in the order they began, and follow when it ends.
    Chat never says that a call has ended, so an open call whose arguments are a complete JSON object ends when another
    part begins; of what still comes for it nothing but white space can be lost, and it is.

    The first ``ResponseStarted`` counts, and one is made up where a decoder gave none. Usage waits for the end. Before
    ``ResponseFinished``, whose finish is :func:`settled`, every part is closed. Before ``StreamFailed`` nothing is: to
    close a half-sent call would pass it off as whole, so encoders may meet a failure with a part open, and what still
    waits is dropped. ``Ping`` and ``Opaque`` pass at any time.
    """

    _started: bool = attrs.field(default=False, init=False)
    _ended: bool = attrs.field(default=False, init=False)
    _called: bool = attrs.field(default=False, init=False)
    _answered: bool = attrs.field(default=False, init=False)
    _head: PartStarted | None = attrs.field(default=None, init=False)
    _arguments: list[str] = attrs.field(factory=list, init=False)
    _arguments_judged: int = attrs.field(default=0, init=False)
    _waiting: dict[int, _Waiting] = attrs.field(factory=dict, init=False)
    _usage: UsageReported | None = attrs.field(default=None, init=False)

    def feed(self, event: Event) -> list[Event]:
        """The events that may pass now that ``event`` has come."""
        if self._ended:
            return []
        if isinstance(event, PartDelta):
            return self._delta(event)
        if isinstance(event, PartStarted):
            return self._start(event)
        if isinstance(event, PartEnded):
            return self._end(event)
        if isinstance(event, ResponseStarted):
            if self._started:
                return []
            self._started = True
            return [event]
        if isinstance(event, UsageReported):
            self._usage = event
            return []
        if isinstance(event, ResponseFinished):
            return self._finish(event)
        if isinstance(event, StreamFailed):
            self._ended = True
        elif isinstance(event, Opaque):
            self._answered = True
        return [event]

    def _opening(self) -> list[Event]:
        if self._started:
            return []
        self._started = True
        return [ResponseStarted()]

    def _delta(self, event: PartDelta) -> list[Event]:
        if not event.text:
            return []
        if self._head is not None and self._head.key == event.key:
            if self._head.kind == "tool_call":
                self._arguments.append(event.text)
            return [event]
        if event.key in self._waiting:
            self._waiting[event.key].rest.append(event)
        return []

    def _start(self, event: PartStarted) -> list[Event]:
        self._called = self._called or event.kind == "tool_call"
        self._answered = self._answered or event.kind != "reasoning"
        if self._head is None:
            return self._opening() + self._open(event)
        out: list[Event] = []
        self._waiting[event.key] = _Waiting(event)
        if self._head_is_complete_call():
            out.append(PartEnded(self._head.key))
            out += self._advance()
        return out

    def _end(self, event: PartEnded) -> list[Event]:
        if self._head is not None and self._head.key == event.key:
            return [event, *self._advance()]
        if event.key in self._waiting:
            self._waiting[event.key].rest.append(event)
        return []

    def _finish(self, event: ResponseFinished) -> list[Event]:
        self._ended = True
        finish = settled(event.finish, called=self._called, answered=self._answered)
        if isinstance(finish, ErrorDetail):
            return [StreamFailed(finish)]
        out = self._opening()
        while self._head is not None:
            out.append(PartEnded(self._head.key))
            out += self._advance()
        if self._usage is not None:
            out.append(self._usage)
        out.append(event if finish is event.finish else ResponseFinished(finish))
        return out

    def _open(self, event: PartStarted) -> list[Event]:
        self._head = event
        self._arguments = []
        self._arguments_judged = 0
        return [event]

    def _advance(self) -> list[Event]:
        """The head has ended: let the waiting parts follow, up to the first that is still open."""
        out: list[Event] = []
        self._head = None
        while self._waiting and self._head is None:
            part = self._waiting.pop(next(iter(self._waiting)))
            out += self._open(part.start)
            for event in part.rest:
                out.append(event)
                if isinstance(event, PartEnded):
                    self._head = None
                elif part.start.kind == "tool_call":
                    self._arguments.append(event.text)
            if self._waiting and self._head_is_complete_call():
                out.append(PartEnded(part.start.key))
                self._head = None
        return out

    def _head_is_complete_call(self) -> bool:
        """Whether the open part is a call with whole arguments. Looked at again only when more of them has come."""
        if self._head is None or self._head.kind != "tool_call" or self._head.custom:
            return False
        if len(self._arguments) == self._arguments_judged or not self._arguments[-1].rstrip().endswith("}"):
            return False
        self._arguments_judged = len(self._arguments)
        try:
            return isinstance(loads("".join(self._arguments)), dict)
        except InvalidJSON:
            return False


@attrs.define
class _Folding:
    """A part being put together."""

    start: PartStarted
    texts: list[str] = attrs.field(factory=list)
    end: PartEnded | None = None

    def part(self, cut: bool) -> Part:
        start, text = self.start, "".join(self.texts)
        signature = self.end.signature if self.end is not None and self.end.signature is not None else start.signature
        if start.kind == "tool_call":
            arguments = text if text or start.custom or cut else "{}"
            return ToolCallPart(
                id=start.call_id or "",
                name=start.name or "",
                arguments=arguments,
                signature=signature,
                custom=start.custom,
                minted=start.minted,
            )
        if start.kind == "reasoning":
            return ReasoningPart(text, signature=signature, redacted=start.redacted)
        if start.kind == "media" and start.media is not None:
            return start.media
        return TextPart(text, refusal=start.kind == "refusal", signature=signature)


def fold(events: Iterable[Event]) -> CompletionResponse:
    """A stream's events as one whole answer; the parts stand in the order they began.

    :raises UpstreamFailure: the stream failed, or stops before its end.
    """
    parts: dict[int, _Folding] = {}
    started = ResponseStarted()
    usage: Usage | None = None
    finish: Finish | None = None
    for event in events:
        if isinstance(event, PartDelta):
            parts[event.key].texts.append(event.text)
        elif isinstance(event, PartStarted):
            parts[event.key] = _Folding(event)
        elif isinstance(event, PartEnded):
            parts[event.key].end = event
        elif isinstance(event, ResponseStarted):
            started = event
        elif isinstance(event, UsageReported):
            usage = event.usage
        elif isinstance(event, ResponseFinished):
            finish = event.finish
        elif isinstance(event, StreamFailed):
            raise UpstreamFailure(event.detail)
    if finish is None:
        raise UpstreamFailure(CUT)
    return CompletionResponse(
        parts=[folding.part(finish.unified == "length") for folding in parts.values()],
        finish=finish,
        id=started.id,
        model=started.model,
        created=started.created,
        usage=usage if usage is not None else started.usage,
    )


def unfold(response: CompletionResponse) -> list[Event]:
    """A whole answer as the events of a stream, one delta a part (streaming.md 10).

    ``fold(unfold(r)) == r`` but for what a stream cannot say: further alternatives, extras, opaque parts, empty text,
    and the dialect a reasoning part came from.
    """
    events: list[Event] = [ResponseStarted(id=response.id, model=response.model, created=response.created)]
    for key, part in enumerate(response.parts):
        events += _unfold_part(key, part)
    if response.usage is not None:
        events.append(UsageReported(response.usage))
    events.append(ResponseFinished(response.finish))
    return events


def _unfold_part(key: int, part: Part) -> list[Event]:
    signature = None
    if isinstance(part, TextPart):
        if not part.text and part.signature is None:
            return []
        start, text, signature = PartStarted(key, "refusal" if part.refusal else "text"), part.text, part.signature
    elif isinstance(part, ReasoningPart):
        start, text, signature = PartStarted(key, "reasoning", redacted=part.redacted), part.text, part.signature
    elif isinstance(part, ToolCallPart):
        start = PartStarted(
            key,
            "tool_call",
            call_id=part.id,
            name=part.name,
            custom=part.custom,
            minted=part.minted,
            signature=part.signature,
        )
        text = part.arguments
    elif isinstance(part, MediaPart):
        start, text = PartStarted(key, "media", media=part), ""
    else:
        return []
    return [start, *([PartDelta(key, text)] if text else []), PartEnded(key, signature)]
