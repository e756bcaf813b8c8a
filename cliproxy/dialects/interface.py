"""What a dialect is: JSON to the IR and back, for requests, answers, streams and errors.

Each spoke has its :class:`Dialect` (``cliproxy.dialects.openai.DIALECT`` and so on). Decoders and
encoders are pure: the clock and the ids they use are given to them. Nothing here waits.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import attrs

from cliproxy.dialects.limits import Limit, limit_headers
from cliproxy.dialects.members import integer
from cliproxy.dialects.toolids import NameRules
from cliproxy.errors import ErrorDetail
from cliproxy.ir.content import ToolCallPart
from cliproxy.ir.embeddings import EmbeddingAnswer, EmbeddingRequest
from cliproxy.ir.events import Event
from cliproxy.ir.held import Held
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import CompletionRequest, Thinking
from cliproxy.ir.response import CompletionResponse
from cliproxy.jsontypes import JSON, JSONObject, loads

#: Gives a fresh id with the prefix asked for: ``mint("call_") -> "call_" + 24 alphanumerics``.
Mint = Callable[[str], str]


class StreamEnd(enum.Enum):
    """The Chat stream's ``[DONE]``, the one payload that is not JSON."""

    DONE = "[DONE]"


DONE = StreamEnd.DONE

#: One framed payload: a JSON object, or :data:`DONE`.
Payload = JSONObject | StreamEnd


@attrs.define
class EncodeContext:
    """What a request encoder is told besides the request.

    :ivar model: the upstream's model name, suffix already removed.
    :ivar stream: whether the upstream is to stream.
    :ivar max_output_tokens: the model's known maximum, when the catalogue has one (Anthropic's mandatory ``max_tokens``).
    :ivar tools: the types of vendors' own tools that the upstream takes though its dialect has none.
    :ivar losses: every drop is appended here.
    """

    model: str
    mint: Mint
    stream: bool = False
    max_output_tokens: int | None = None
    tools: tuple[str, ...] = ()
    losses: list[Loss] = attrs.field(factory=list)


@attrs.define
class AnswerContext:
    """What the client asked, for those who write its answer.

    :ivar model: the name to report when the upstream reports none.
    :ivar request: the client's own request; None when only the answer is known.
    :ivar raw: the bytes of ``body``, when it is to be parsed only if it is asked for.
    :ivar tool_names: wire name -> the client's own spelling (see :mod:`cliproxy.dialects.toolids`).
    :ivar now: Unix seconds, for dialects that must write a time the upstream did not give.
    """

    model: str
    mint: Mint
    now: int
    request: CompletionRequest | None = None
    _body: JSONObject | None = None
    tool_names: Mapping[str, str] = attrs.field(factory=dict)
    losses: list[Loss] = attrs.field(factory=list)
    raw: bytes = b"{}"
    _used: set[str] | None = attrs.field(default=None, init=False)

    def call_id(self, stated: str) -> str:
        """The id a call of the answer is given: its own, or with a number behind it where the conversation has used it, since
        clients pair calls and results by id alone. Each id is given once."""
        if self._used is None:
            messages = self.request.messages if self.request is not None else ()
            self._used = {part.id for message in messages for part in message.parts if isinstance(part, ToolCallPart)}
        fresh, count = stated, 0
        while fresh in self._used:
            count += 1
            fresh = f"{stated}_{count}"
        self._used.add(fresh)
        return fresh

    @property
    def body(self) -> JSONObject:
        """The client's own JSON, for dialects that echo it (Responses)."""
        if self._body is None:
            self._body = loads(self.raw)
        return self._body

    @property
    def include_usage(self) -> bool:
        """Whether a Chat client asked for the usage chunk."""
        return self.request is not None and self.request.include_usage


class StreamDecoder(Protocol):
    """Payloads of one upstream stream in, events out. Events obey :mod:`cliproxy.ir.events` but for overlap of parts,
    which the sequencer mends."""

    def decode(self, payload: JSONObject) -> list[Event]:
        """One payload. Unknown kinds give nothing; tolerance rules are streaming.md's.

        The framer has put an SSE ``event:`` name in as ``type`` where the JSON has none.
        """

    def close(self, done: bool) -> list[Event]:
        """The input ended; ``done`` when a ``[DONE]`` was seen. Gives the terminal event: finished or failed.

        Usage and finish are given here, or earlier only when the dialect has its own terminal payload.
        After a terminal event has been given, gives nothing.
        """


class StreamEncoder(Protocol):
    """Well-ordered events in, payloads of the client's stream out."""

    def encode(self, event: Event) -> list[Payload]:
        """The payloads an event becomes; often none, sometimes several."""


class EditRequest(Protocol):
    """The shape of :attr:`Passthrough.edit_request`."""

    def __call__(self, body: JSONObject, *, model: str, stream: bool) -> None: ...


class StreamedWhole(Protocol):
    """Puts a stream's payloads together for a client that did not ask for a stream."""

    def see(self, payload: JSONObject) -> None:
        """Note one payload of the stream."""

    def body(self) -> JSONObject | None:
        """The whole answer as the vendor put it; None when it never came."""


def say_model(body: JSONObject, model: str, stream: bool) -> None:
    """Name the model in a body of a dialect that says it there, and whether to stream, where that is or was said."""
    body["model"] = model
    if stream or "stream" in body:
        body["stream"] = stream


@attrs.frozen(kw_only=True, eq=False)
class Passthrough:
    """What is changed when client and upstream speak the same dialect (dialects.md 22): next to nothing.

    :ivar edit_request: makes a client's body an upstream's of the same dialect, in place: the model and ``stream`` are said
        where the dialect says them, and what the vendor would refuse of a conversation that others had a part in is mended.
        What the body holds is not changed, only replaced. (To find the model's name among the bytes of a large request and put
        another there takes longer than to write the request anew.)
    :ivar pass_payload: a stream's payload as the client is to have it: the very same object as a rule, None withholds it.
    :ivar pass_body: the same for a whole answer; None where its bytes need no reading.
    :ivar is_mid_answer: whether a payload is one more piece of content and nothing else, so that a listener who has seen the
        answer begin may skip it. Whatever can carry an error, usage, a finish or the start of a part is not.
    :ivar is_error: whether a payload is an error as the dialect's clients know it, so that it can be left to tell them itself.
    :ivar names_events: clients pass over a block that does not name its event.
    :ivar data_lines_only: clients take every line but a plain data line for JSON.
    :ivar streamed_whole: for a dialect whose stream holds the whole answer too.
    """

    edit_request: EditRequest
    is_mid_answer: Callable[[JSONObject], bool]
    is_error: Callable[[JSONObject], bool]
    pass_payload: Callable[[JSONObject, AnswerContext], JSONObject | None] | None = None
    pass_body: Callable[[JSONObject], JSONObject] | None = None
    names_events: bool = False
    data_lines_only: bool = False
    streamed_whole: Callable[[], StreamedWhole] | None = None


def _plain_count(tokens: int) -> JSONObject:
    return {"input_tokens": tokens}


def _read_plain_count(answer: JSONObject) -> int | None:
    return integer(answer.get("input_tokens"))


@attrs.frozen(kw_only=True, eq=False)
class Counting:
    """How a dialect counts a prompt's tokens (dialects.md 20).

    :ivar write: a count in the dialect's shape.
    :ivar read: the count in an upstream's answer, None where there is none.
    :ivar segments: the texts of a request body that count, inlined things as ``data:``; None where such bodies are not counted.
    :ivar vocabulary: what counts the prompts of models of unknown names.
    """

    write: Callable[[int], JSONObject] = _plain_count
    read: Callable[[JSONObject], int | None] = _read_plain_count
    segments: Callable[[JSONObject], Iterator[str]] | None = None
    vocabulary: str = "o200k_base"


NOT_EMBEDDINGS = ErrorDetail(502, "upstream answer holds no embeddings")


@attrs.frozen(kw_only=True, eq=False)
class Embeddings:
    """A dialect's embeddings.

    :ivar decode_request: reads a client's body; RequestFault with the path of what is no text.
    :ivar encode_request: writes an upstream's body, for its model of this name.
    :ivar decode_answer: reads an upstream's answer; UpstreamFailure (:data:`NOT_EMBEDDINGS`) when it holds none.
    :ivar encode_answer: writes a client's answer, given its body and the model's name to report.
    """

    decode_request: Callable[[JSONObject], EmbeddingRequest]
    encode_request: Callable[[EmbeddingRequest, str], JSONObject]
    decode_answer: Callable[[JSONObject], EmbeddingAnswer]
    encode_answer: Callable[[EmbeddingAnswer, JSONObject, str], JSONObject]


@attrs.frozen(kw_only=True, eq=False)
class ThinkingFields:
    """Where a dialect keeps the wish to think (thinking.md 3, 7). Bodies are changed in place; members of a wrong type count as
    absent.

    :ivar read: the wish a body holds, None without one. There is no other reader of it.
    :ivar write: puts a wish where the body keeps it, in the place of what was there. What the dialect has no word for changes
        nothing.
    :ivar remove: takes the wish out: the model cannot think.
    :ivar counts_tokens: its clients think in budgets, not in words.
    :ivar adapts: thinking may be left to the model, guided by an effort, and a word switches it off whatever the model's least.
        Levels stand beside the thinking there; one alone does not switch it on.
    :ivar budget_below: the member that limits the answer, where a budget must be less than it.
    """

    read: Callable[[JSONObject], Thinking | None]
    write: Callable[[JSONObject, Thinking], None]
    remove: Callable[[JSONObject], None]
    counts_tokens: bool = False
    adapts: bool = False
    budget_below: str = ""


@attrs.frozen(kw_only=True, eq=False)
class Dialect:
    """One of the four wire formats, put together from its functions.

    :ivar name: ``openai``, ``responses``, ``claude`` or ``gemini``.
    :ivar heartbeat: what may be written to an idle SSE stream, or None where clients reject it.
    :ivar decode_request: reads a client's body. Optional members of a wrong type count as absent; what cannot be read as the
        dialect at all raises RequestFault with the JSON path in ``param``.
    :ivar encode_request: writes an upstream's body, before thinking, payload rules and provider work.
    :ivar decode_response: reads an upstream's whole answer; UpstreamFailure (502) when it is an error or not the dialect's.
    :ivar encode_response: writes a client's whole answer.
    :ivar stream_decoder: makes a decoder for one upstream stream.
    :ivar stream_encoder: makes an encoder for one client stream.
    :ivar frame: a payload as SSE bytes, in the form this dialect's clients insist on.
    :ivar decode_error: reads an upstream's error (providers.md 9.1): its status, and parsed JSON, or text when it was not JSON.
    :ivar encode_error: an error body in this dialect (providers.md 9.2).
    :ivar held_state: what a client's body names that only its vendor keeps.
    :ivar stable_prefix: what the system says in a client's body, and its first message: what every later turn repeats.
    :ivar names: how tools and calls are named.
    :ivar counting: how tokens are counted.
    :ivar thinking: where a body keeps the wish to think.
    :ivar passthrough: what is changed where the other side speaks the dialect too.
    :ivar embeddings: None where the vendor has none.
    :ivar limit_headers: what a limit of the client's has left, in headers its SDK reads.
    :ivar ends_with_done: ``[DONE]`` ends a stream; the others ignore it (streaming.md 1).
    :ivar echoes_request: an answer repeats what was asked.
    :ivar terminal_error: the payloads that end a stream already begun, when no encoder is at hand.
    """

    name: str
    heartbeat: bytes | None
    decode_request: Callable[[JSONObject, Mint], CompletionRequest]
    encode_request: Callable[[CompletionRequest, EncodeContext], JSONObject]
    decode_response: Callable[[JSONObject, Mint], CompletionResponse]
    encode_response: Callable[[CompletionResponse, AnswerContext], JSONObject]
    stream_decoder: Callable[[Mint], StreamDecoder]
    stream_encoder: Callable[[AnswerContext], StreamEncoder]
    frame: Callable[[Payload], bytes]
    decode_error: Callable[[int, JSON], ErrorDetail]
    encode_error: Callable[[ErrorDetail], JSON]
    terminal_error: Callable[[ErrorDetail], list[Payload]]
    held_state: Callable[[JSONObject], list[Held]]
    stable_prefix: Callable[[JSONObject], tuple[JSON, JSON]]
    names: NameRules
    counting: Counting
    thinking: ThinkingFields
    passthrough: Passthrough
    embeddings: Embeddings | None = None
    limit_headers: Callable[[Limit], list[tuple[str, str]]] = limit_headers
    ends_with_done: bool = False
    echoes_request: bool = False
