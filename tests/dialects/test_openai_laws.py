"""Laws of the two OpenAI spokes, over whatever they can say."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.dialects.interface import AnswerContext, EncodeContext
from cliproxy.ir.content import MediaPart, Part, ReasoningPart, Signature, TextPart, ToolCallPart, ToolResultPart
from cliproxy.ir.events import Finish
from cliproxy.ir.grammar import fold, unfold
from cliproxy.ir.request import (
    CompletionRequest,
    FunctionTool,
    Message,
    OutputFormat,
    Sampling,
    SystemSegment,
    Thinking,
    ToolChoice,
)
from cliproxy.ir.response import CompletionResponse
from cliproxy.ir.usage import Usage
from tests.dialects.driving import (
    CHAT,
    RESPONSES,
    aggregated,
    asking,
    check_chat_stream,
    check_responses_stream,
    from_events,
    minting,
    to_body,
    to_events,
)

WORDS = st.text(alphabet="abc é€\n\"\\{}'", min_size=1, max_size=12).filter(lambda text: text.strip() != "")
NAMES = st.text(alphabet="abc_-9", min_size=1, max_size=8)
ARGUMENTS = st.dictionaries(NAMES, st.one_of(st.integers(-9, 9), WORDS), max_size=2).map(json.dumps)
PICTURES = st.sampled_from(
    [
        MediaPart("image", url="https://ex.test/a.png", detail="low"),
        MediaPart("image", mime="image/png", data="AAAA", detail="auto"),
    ]
)
FILES = st.sampled_from([MediaPart("file", mime="application/pdf", data="AAAA", filename="a.pdf")])


def fresh(part: Any) -> Any:
    """A copy, since parts are mutable and drawn more than once."""
    return attrs.evolve(part)


CLOSED = {"type": "object", "properties": {}, "additionalProperties": False}


@st.composite
def turns(draw: st.DrawFn) -> list[Message]:
    """A user's words, the model's words and calls, the results, and so on."""
    messages: list[Message] = []
    for turn in range(draw(st.integers(1, 3))):
        shown = st.one_of(WORDS.map(TextPart), PICTURES.map(fresh), FILES.map(fresh))
        messages.append(Message("user", draw(st.lists(shown, min_size=1, max_size=3))))
        calls = [
            ToolCallPart(f"call_{turn}_{index}", name, arguments)
            for index, (name, arguments) in enumerate(draw(st.lists(st.tuples(NAMES, ARGUMENTS), max_size=2)))
        ]
        said: list[Part] = [TextPart(text) for text in draw(st.lists(WORDS, min_size=0 if calls else 1, max_size=1))]
        messages.append(Message("assistant", [*said, *calls]))
        if calls:
            answers = [ToolResultPart(call.id, [TextPart(draw(WORDS))]) for call in calls]
            messages.append(Message("user", draw(st.permutations(answers))))
    return messages


@st.composite
def requests(draw: st.DrawFn) -> CompletionRequest:
    """A request that both OpenAI dialects can say in full."""
    tools: list[Any] = [
        FunctionTool(name, draw(st.none() | WORDS), dict(CLOSED), strict=draw(st.booleans()))
        for name in draw(st.lists(NAMES, max_size=3, unique=True))
    ]
    choices = [ToolChoice("auto"), ToolChoice("required", [tools[0].name], exact=True)] if tools else [None]
    limits = st.builds(
        Sampling, max_tokens=st.none() | st.integers(1, 9), temperature=st.none() | st.sampled_from([0, 0.5])
    )
    return CompletionRequest(
        origin="other",
        model="up",
        messages=draw(turns()),
        system=[SystemSegment(text) for text in draw(st.lists(WORDS, max_size=2))],
        tools=tools,
        tool_choice=draw(st.sampled_from(choices)),
        parallel=draw(st.none() | st.booleans()) if tools else None,
        sampling=draw(limits),
        format=draw(st.none() | st.just(OutputFormat("json_schema", name="n", schema=dict(CLOSED), strict=True))),
        thinking=draw(st.none() | st.sampled_from([Thinking("level", level="low"), Thinking("none", level="none")])),
        stream=draw(st.booleans()),
        user=draw(st.none() | NAMES),
        verbosity=draw(st.none() | st.just("low")),
    )


def bare(request: CompletionRequest) -> CompletionRequest:
    """A request without the traces of how its dialect spelt it."""
    choice, thinking = request.tool_choice, request.thinking
    messages = [Message(message.role, [_plain(part) for part in message.parts]) for message in request.messages]
    return attrs.evolve(
        request,
        origin="other", extras=None, store=None, include_usage=False, messages=messages,
        tool_choice=None if choice is None else attrs.evolve(choice, raw=None),
        thinking=None if thinking is None else attrs.evolve(thinking, summary=None),
    )  # fmt: skip


def _plain(part: Part) -> Part:
    return attrs.evolve(part, name=None, content_was_list=False) if isinstance(part, ToolResultPart) else part


@pytest.mark.parametrize("dialect", [CHAT, RESPONSES], ids=lambda dialect: str(dialect.name))
@given(request=requests())
def test_a_request_written_and_read_is_the_same_request(dialect: Any, request: CompletionRequest) -> None:
    """What the IR says of a request, the dialect's body says too, and nothing is lost on the way."""
    context = EncodeContext("up", minting(), stream=request.stream)
    body = dialect.encode_request(request, context)
    assert bare(dialect.decode_request(body, minting())) == bare(request)
    assert context.losses == []


@st.composite
def answers(draw: st.DrawFn, seals: bool) -> CompletionResponse:
    """An answer whose neighbouring parts differ in kind, so that their boundaries can be seen on any wire."""
    parts: list[Part] = []
    for kind in draw(st.lists(st.sampled_from(["text", "reasoning", "call", "image"]), max_size=5)):
        if kind == "text" and not (parts and isinstance(parts[-1], TextPart)):
            parts.append(TextPart(draw(WORDS)))
        elif kind == "reasoning" and not (parts and isinstance(parts[-1], ReasoningPart)):
            sealed = Signature("openai", "gAAAAABx") if seals and draw(st.booleans()) else None
            parts.append(ReasoningPart(draw(WORDS), signature=sealed))
        elif kind == "call":
            parts.append(ToolCallPart(f"c{len(parts)}", draw(NAMES), draw(ARGUMENTS)))
        elif kind == "image":
            parts.append(MediaPart("image", mime="image/png", data="AAAA"))
    called = any(isinstance(part, ToolCallPart) for part in parts)
    usage = Usage(
        *draw(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))), reasoning=draw(st.integers(0, 9))
    )
    finish = Finish("tool_calls") if called else Finish(draw(st.sampled_from(["stop", "length", "content_filter"])))
    return CompletionResponse(parts, finish, id="resp_1", model="m", created=7, usage=usage)


def plain(response: CompletionResponse) -> CompletionResponse:
    """An answer without the traces of how its dialect spelt it."""
    parts = [
        attrs.evolve(part, from_dialect=None) if isinstance(part, ReasoningPart) else part for part in response.parts
    ]
    return attrs.evolve(response, parts=parts, finish=Finish(response.finish.unified), extras=None)


ASKS_USAGE = {"model": "m", "messages": [], "stream_options": {"include_usage": True}}


@given(answers(seals=False))
def test_a_chat_stream_says_the_whole_answer(response: CompletionResponse) -> None:
    """Unfolded, streamed and folded again, an answer is the same answer; every chunk is the SDK's."""
    payloads = from_events(CHAT, unfold(response), asking(CHAT, CHAT, ASKS_USAGE))
    check_chat_stream(payloads)
    assert plain(fold(to_events(CHAT, payloads))) == plain(response)


@given(answers(seals=True))
def test_a_responses_stream_says_the_whole_answer(response: CompletionResponse) -> None:
    """Unfolded, streamed and folded again, an answer is the same answer; every event is the SDK's."""
    payloads = from_events(RESPONSES, unfold(response))
    check_responses_stream(payloads)
    assert plain(fold(to_events(RESPONSES, payloads))) == plain(response)


@given(answers(seals=True))
def test_a_responses_body_says_the_whole_answer(response: CompletionResponse) -> None:
    """Written whole and read again, an answer is the same, and is what the stream ends with."""
    body = RESPONSES.encode_response(response, AnswerContext("m", minting(), 7))
    assert plain(RESPONSES.decode_response(body, minting())) == plain(response)
    assert from_events(RESPONSES, unfold(response))[-1]["response"] == body


@given(answers(seals=True), st.data())
def test_the_final_response_alone_is_enough(response: CompletionResponse, data: st.DataObject) -> None:
    """Whichever events of a stream an upstream leaves out, what its last one repeats is delivered once."""
    payloads = from_events(RESPONSES, unfold(response))
    kept = [payload for payload in payloads[:-1] if data.draw(st.booleans()) and not payload["type"].endswith(".delta")]
    told = fold(to_events(RESPONSES, [*kept, payloads[-1]]))
    assert sorted(map(repr, plain(told).parts)) == sorted(map(repr, plain(response).parts))


@given(answers(seals=False))
def test_streams_and_bodies_agree_between_the_two(response: CompletionResponse) -> None:
    """A Responses answer reaches a Chat client the same way whole and aggregated from a stream."""
    body = RESPONSES.encode_response(response, AnswerContext("m", minting(), 7))
    streamed = from_events(RESPONSES, unfold(response))
    assert to_body(RESPONSES, CHAT, body) == aggregated(RESPONSES, CHAT, streamed)
