"""The upstream's side of a transcoder: bytes in, well-ordered events out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

from cliproxy.dialects.halves import HalfJoiner
from cliproxy.dialects.interface import DONE, Dialect, Mint, Payload, StreamDecoder
from cliproxy.dialects.members import objects
from cliproxy.dialects.unsaid import note_unsaid
from cliproxy.errors import ErrorDetail, UpstreamFailure
from cliproxy.ir.content import OpaquePart
from cliproxy.ir.events import Event, ResponseFinished, StreamFailed
from cliproxy.ir.grammar import CUT, Sequencer, fold, settled_whole, unfold
from cliproxy.ir.loss import Loss
from cliproxy.ir.response import CompletionResponse
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, loads, loads_tolerant, read_again
from cliproxy.wire.blocks import BlockReader
from cliproxy.wire.sse import MAX_BLOCK, Block

MALFORMED = ErrorDetail(502, "upstream sent a malformed event")
TOO_LONG = ErrorDetail(502, "upstream stream line too long")
NOT_JSON = ErrorDetail(502, "upstream answered 200 with a body that is not JSON")
BODY_TOO_LONG = ErrorDetail(502, "upstream answer too long")

#: What a decoder may trip over when a payload is JSON, but not shaped like its dialect.
_MISSHAPEN = (AttributeError, IndexError, KeyError, TypeError, ValueError)


class Reader(Protocol):
    """Bytes of one answer in, events out."""

    def receive(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes."""

    def close(self) -> list[Event]:
        """The input ended. The last event is a terminal one, unless one was given before."""


def block_payloads(block: Block) -> list[Payload]:
    """The payloads a block carries: one as a rule, several for an array or for data lines that lack their blank lines.

    JSON that is no object is passed over; an SSE ``event:`` name becomes the ``type`` of a payload that has none.

    :raises InvalidJSON: the data is neither JSON nor ``[DONE]``.
    """
    data = block.data
    if data is None:
        return []
    try:
        value = loads(data)
    except InvalidJSON:
        return _lines(block)
    return _objects(value, block.event)


def odd_payloads(block: Block) -> list[Payload]:
    """The payloads of a block that :func:`block_payloads` refuses, read tolerantly (docs/spec/reports.md 1). Their strings may
    hold halves of surrogate pairs: see :mod:`cliproxy.dialects.halves`.

    :raises InvalidJSON: the tolerant reader refuses it too.
    """
    data = block.data or b""
    try:
        return _objects(read_again(data), block.event)
    except InvalidJSON:
        lines = data.strip().splitlines()
        if len(lines) == 1:
            raise
    found: list[Payload] = []
    for line in lines:
        found += [DONE] if line.strip() == b"[DONE]" else _objects(read_again(line), "")
    return found


def _objects(value: JSON, event: str) -> list[Payload]:
    if isinstance(value, dict):
        if event and "type" not in value:
            value["type"] = event
        return [value]
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def _lines(block: Block) -> list[Payload]:
    text = (block.data or b"").strip()
    if not text:
        return []
    if text == b"[DONE]":
        return [DONE]
    lines = text.splitlines()
    if len(lines) == 1:
        raise InvalidJSON("neither JSON nor [DONE]")
    return [payload for line in lines for payload in block_payloads(Block(line, line))]


def is_whole(block: Block) -> bool:
    """Whether the last block of a stream that ended without a blank line holds payloads, and not the stump of one."""
    try:
        return bool(payloads_of(block))
    except InvalidJSON:
        return False


def payloads_of(block: Block) -> list[Payload]:
    """:func:`block_payloads`, or :func:`odd_payloads` where that refuses.

    :raises InvalidJSON: both refuse.
    """
    try:
        return block_payloads(block)
    except InvalidJSON:
        return odd_payloads(block)


def decode_safely(decoder: StreamDecoder, payload: JSONObject) -> list[Event]:
    """``decoder.decode(payload)``, where a payload the decoder cannot walk through is the upstream's failure, not
    ours."""
    try:
        return decoder.decode(payload)
    except UpstreamFailure as failure:
        return [StreamFailed(failure.detail)]
    except _MISSHAPEN:
        return [StreamFailed(MALFORMED)]


def close_decoder(decoder: StreamDecoder, done: bool) -> list[Event]:
    """``decoder.close(done)``, ending in failure where the decoder had nothing to end with."""
    events = decoder.close(done)
    if events and isinstance(events[-1], ResponseFinished | StreamFailed):
        return events
    return [*events, StreamFailed(CUT)]


def decode_body(source: Dialect, data: bytes, mint: Mint) -> CompletionResponse:
    """A whole answer's bytes, read: one object, or the array of a stream's payloads that Gemini answers with where no SSE
    is asked for.

    :raises UpstreamFailure: not JSON, not the dialect, or an error.
    """
    try:
        body = loads_tolerant(data)
    except InvalidJSON:
        raise UpstreamFailure(NOT_JSON) from None
    if isinstance(body, list):
        return _decode_array(source, body, mint)
    if not isinstance(body, dict):
        raise UpstreamFailure(NOT_JSON)
    try:
        return settled_whole(source.decode_response(body, mint))
    except _MISSHAPEN:
        raise UpstreamFailure(ErrorDetail(502, "upstream answered 200 with a body that is not its dialect")) from None


def _decode_array(source: Dialect, payloads: list[JSON], mint: Mint) -> CompletionResponse:
    decoder = source.stream_decoder(mint)
    raw = [event for payload in objects(payloads) for event in decode_safely(decoder, payload)]
    sequencer = Sequencer()
    return fold(event for said in (*raw, *close_decoder(decoder, False)) for event in sequencer.feed(said))


@attrs.define
class StreamReader:
    """Reads a stream. ``tap`` is shown every payload before it is decoded.

    A payload that is not even JSON to the tolerant reader fails the stream: it may have held content, and an answer with a hole
    in it is not whole.
    """

    source: Dialect
    mint: Mint
    tap: Callable[[JSONObject], None] | None = None
    limit: int = MAX_BLOCK
    _blocks: BlockReader = attrs.field(init=False)
    _decoder: StreamDecoder = attrs.field(init=False)
    _sequencer: Sequencer = attrs.field(factory=Sequencer, init=False)
    _halves: HalfJoiner | None = attrs.field(default=None, init=False)
    _done: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._blocks = BlockReader(self.limit)
        self._decoder = self.source.stream_decoder(self.mint)

    def receive(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes, in order."""
        events: list[Event] = []
        feed = self._sequencer.feed
        for block in self._blocks.feed(data):
            for event in self._decode(block):
                events += feed(event)
        if self._blocks.too_long:
            events += feed(StreamFailed(TOO_LONG))
        return events if self._halves is None else self._halves.join(events)

    def close(self) -> list[Event]:
        """The input ended: the last block, if whole, and the end."""
        events: list[Event] = []
        raw: list[Event] = []
        for block in self._blocks.close():
            if is_whole(block):  # or else the cut came in its middle: whether that matters, the decoder knows
                raw += self._decode(block)
        raw += close_decoder(self._decoder, self._done)
        for event in raw:
            events += self._sequencer.feed(event)
        return events if self._halves is None else self._halves.join(events)

    def _odd(self, block: Block) -> list[Payload] | None:
        """What the tolerant reader makes of a block. From here on every event is looked at for halves of characters."""
        try:
            payloads = odd_payloads(block)
        except InvalidJSON:
            return None
        self._halves = self._halves or HalfJoiner()
        return payloads

    def _decode(self, block: Block) -> list[Event]:
        events: list[Event] = []
        try:
            payloads = block_payloads(block)
        except InvalidJSON:
            odd = self._odd(block)
            if odd is None:
                return [StreamFailed(MALFORMED)]
            payloads = odd
        for payload in payloads:
            if not isinstance(payload, dict):
                if self.source.ends_with_done:
                    self._done = True
                    events += close_decoder(self._decoder, True)
                continue
            if self.tap is not None:
                self.tap(payload)
            events += decode_safely(self._decoder, payload)
        return events


@attrs.define
class BodyReader:
    """Reads a whole body and gives it as a stream's events when it is there. What no stream can say is noted in ``losses``."""

    source: Dialect
    mint: Mint
    losses: list[Loss]
    limit: int = MAX_BLOCK
    _body: bytearray = attrs.field(factory=bytearray, init=False)
    _failed: bool = attrs.field(default=False, init=False)

    def receive(self, data: bytes) -> list[Event]:
        """Nothing, until the whole is there; a failure when it grows past the limit."""
        if self._failed:
            return []
        self._body += data
        if len(self._body) <= self.limit:
            return []
        self._failed = True
        self._body.clear()
        return [StreamFailed(BODY_TOO_LONG)]

    def close(self) -> list[Event]:
        """The whole answer's events."""
        if self._failed:
            return []
        try:
            response = decode_body(self.source, bytes(self._body), self.mint)
        except UpstreamFailure as failure:
            return [StreamFailed(failure.detail)]
        if response.alternatives:
            self.losses.append(Loss("further candidates"))
        for part in response.parts:
            if isinstance(part, OpaquePart):
                note_unsaid(self.losses, part)
        return unfold(response)
