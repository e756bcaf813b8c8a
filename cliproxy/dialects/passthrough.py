"""The identity lane's transcoders: bytes pass as they came while a decoder listens."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from cliproxy.dialects.facts import Facts, WholeBody
from cliproxy.dialects.interface import Dialect, Payload, StreamDecoder, StreamEncoder
from cliproxy.dialects.readers import (
    MALFORMED,
    TOO_LONG,
    close_decoder,
    decode_safely,
    is_whole,
    payloads_of,
)
from cliproxy.dialects.writers import Edit
from cliproxy.errors import ErrorDetail
from cliproxy.ir.events import (
    ResponseStarted,
    StreamFailed,
)
from cliproxy.ir.response import CompletionResponse
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, dumps, loads, loads_tolerant
from cliproxy.wire.blocks import BlockReader
from cliproxy.wire.sse import MAX_BLOCK, Block


@attrs.define
class PassedStream(Facts):
    """A stream passed on block by block, byte for byte, only ever in whole blocks.

    Every payload is parsed, so that a broken one is found; once content has begun, those that are only more of it are
    not decoded. What differs from the upstream's bytes: Chat usage nobody asked for is withheld, Gemini's wrapper and
    whatever in its blocks is not a plain data line is removed, ``edit`` rewrites payloads, and a failure ends the
    stream in the dialect's own error.
    """

    dialect: Dialect = attrs.field(kw_only=True)
    edit: Edit | None = attrs.field(kw_only=True, default=None)
    limit: int = attrs.field(kw_only=True, default=MAX_BLOCK)
    _blocks: BlockReader = attrs.field(init=False)
    _decoder: StreamDecoder = attrs.field(init=False)
    _is_mid_answer: Callable[[JSONObject], bool] = attrs.field(init=False)
    _named: bool = attrs.field(init=False)
    _passes_untouched: bool = attrs.field(init=False)
    _opening: ResponseStarted | None = attrs.field(default=None, init=False)
    _sequence: int = attrs.field(default=-1, init=False)
    _emitted: bool = attrs.field(default=False, init=False)
    _done: bool = attrs.field(default=False, init=False)
    _array_end: bytes = attrs.field(default=b"", init=False)

    def __attrs_post_init__(self) -> None:
        self._blocks = BlockReader(self.limit)
        self._decoder = self.dialect.stream_decoder(self.asked.mint)
        rules = self.dialect.passthrough
        self._is_mid_answer = rules.is_mid_answer
        self._named = rules.names_events
        self._passes_untouched = self.edit is None and not rules.data_lines_only

    def receive(self, data: bytes) -> list[bytes]:
        """The blocks that ``data`` completes, and the dialect's error when one of them breaks the stream."""
        frames: list[bytes] = []
        for block in self._blocks.feed(data):
            if self.ended:
                return frames
            if self._passes_untouched and self.started and self._is_plainly_more(block):
                frames.append(block.raw)
            else:
                frames += self._pass(block)
            self._emitted = self._emitted or bool(frames)
        if self._blocks.too_long and not self.ended:
            frames += self._break(TOO_LONG)
        return frames

    def close(self) -> list[bytes]:
        """The upstream ended: the last block, when whole, then the dialect's error unless the stream was complete."""
        frames: list[bytes] = []
        for block in self._blocks.close():
            if self.ended:
                return []
            if not is_whole(block):
                continue  # cut in the middle: whether the stream was whole without it, the decoder knows
            frames += self._pass(block)
            if frames and not self._blocks.is_array and not frames[-1].endswith(b"\n\n"):
                frames.append(b"\n\n")
        if not self.ended:
            for event in close_decoder(self._decoder, self._done):
                self.note(event)
            if self.failed is not None:
                frames += self._error_frames(self.failed)
            elif self._array_end:
                frames.append(self._array_end)
        return frames

    def fail(self, detail: ErrorDetail) -> list[bytes]:
        """The upstream died: the dialect's error, when the client has seen anything of this stream."""
        if self.ended:
            return []
        self.note_failure(detail)
        return self._error_frames(detail) if self._emitted else []

    def _pass(self, block: Block) -> list[bytes]:
        """One block, on its way: what the client gets of it."""
        if not self._may_pass(block):
            block = Block(b"", block.data)
        try:
            payloads = payloads_of(block)
        except InvalidJSON:
            return self._break(MALFORMED)
        if not payloads:
            return self._pass_bare(block)
        changed = not block.raw or (self._blocks.is_array and self.edit is not None)
        if self.started and not changed and self.edit is None and self._is_more(payloads):
            return [block.raw]
        rewritten: list[Payload] = []
        for payload in payloads:
            if not isinstance(payload, dict):
                self._listen_to_done()
                if self.failed is not None:
                    return self._error_frames(self.failed)
                rewritten.append(payload)
                continue
            self._listen(payload)
            if self.failed is not None and not self.dialect.passthrough.is_error(payload):
                return self._error_frames(self.failed)
            kept = self._rewrite(payload)
            changed = changed or kept is not payload
            if kept is not None:
                rewritten.append(kept)
        if not changed:
            return [block.raw]
        return self._framed(rewritten)

    def _pass_bare(self, block: Block) -> list[bytes]:
        """A block without a payload: comments pass, an array's closing bracket waits until the end is known to be good."""
        if block.data is not None or not block.raw:
            return []
        if self._blocks.is_array:
            self._array_end = block.raw
            return []
        return [block.raw]

    def _framed(self, payloads: list[Payload]) -> list[bytes]:
        """Payloads that are not passed as they came, in the stream's framing."""
        if not self._blocks.is_array:
            return [frame for payload in payloads if (frame := self.dialect.frame(payload))]
        frames: list[bytes] = []
        for payload in payloads:
            frames.append((b",\n" if self._emitted or frames else b"[") + dumps(payload))
        return frames

    def _may_pass(self, block: Block) -> bool:
        """Whether the block's bytes suit the client."""
        rules = self.dialect.passthrough
        if rules.names_events and block.data is not None and not block.event:
            return False
        if not rules.data_lines_only or self._blocks.is_array:
            return True
        return block.data is not None and block.raw.rstrip(b"\r\n") == b"data: " + block.data

    def _is_plainly_more(self, block: Block) -> bool:
        """:meth:`_is_more` for what most blocks are, one payload in its dialect's usual framing. False says nothing."""
        if not block.data or (self._named and not block.event) or not block.raw:
            return False
        try:
            payload = loads(block.data)
        except InvalidJSON:
            return False
        return isinstance(payload, dict) and self._is_more([payload])

    def _is_more(self, payloads: list[Payload]) -> bool:
        """Whether a block is only more of a content that has begun: nothing to learn from it, nothing to change in it."""
        payload = payloads[0]
        if not isinstance(payload, dict) or len(payloads) > 1 or not self._is_mid_answer(payload):
            return False
        self._note_sequence(payload)
        return True

    def _note_sequence(self, payload: JSONObject) -> None:
        number = payload.get("sequence_number")
        if isinstance(number, int):
            self._sequence = number

    def _listen(self, payload: JSONObject) -> None:
        self._note_sequence(payload)
        if self.started and self._is_mid_answer(payload):
            return
        for event in decode_safely(self._decoder, payload):
            if isinstance(event, ResponseStarted):
                self._opening = self._opening or event
            self.note(event)

    def _listen_to_done(self) -> None:
        if not self.dialect.ends_with_done:
            return
        self._done = True
        for event in close_decoder(self._decoder, True):
            self.note(event)

    def _rewrite(self, payload: JSONObject) -> JSONObject | None:
        """The payload as the client is to have it; the very same object when nothing changes, None to withhold it."""
        rewrite = self.dialect.passthrough.pass_payload
        kept = payload if rewrite is None else rewrite(payload, self.asked)
        return kept if self.edit is None or kept is None else self.edit(kept)

    def _break(self, detail: ErrorDetail) -> list[bytes]:
        self.note_failure(detail)
        return self._error_frames(detail)

    def _error_frames(self, detail: ErrorDetail) -> list[bytes]:
        """The dialect's terminal error, continuing what the client has seen: an encoder brought up to date writes
        it."""
        encoder: StreamEncoder = self.dialect.stream_encoder(self.asked)
        if self._opening is not None:
            encoder.encode(self._opening)
        payloads = encoder.encode(StreamFailed(detail))
        for payload in payloads:
            if isinstance(payload, dict) and "sequence_number" in payload:
                self._sequence += 1
                payload["sequence_number"] = self._sequence
        frames = self._framed(payloads)
        return [*frames, b"]"] if self._blocks.is_array else frames


@attrs.define
class PassedBody(WholeBody):
    """A whole body passed on as it came, once it was found to be the dialect's answer."""

    def written(self, data: bytes, response: CompletionResponse) -> bytes:
        """The very bytes, unless ``edit`` changes something or a wrapper is to come off."""
        dialect, rewrite = self.source, self.source.passthrough.pass_body
        if self.edit is None and rewrite is None:
            return data
        body: JSON = loads_tolerant(data)
        if not isinstance(body, dict):  # a stream's payloads in an array, for a client that asked for one object
            body = dialect.encode_response(response, self.asked)
            data = dumps(body)
        kept = body if rewrite is None else rewrite(body)
        edited = kept if self.edit is None else self.edit(kept)
        return data if edited is body else dumps(edited)
