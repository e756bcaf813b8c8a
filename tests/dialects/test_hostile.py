"""Bodies and payloads nobody should send to Anthropic's and Google's dialects, and what they do: nothing surprising."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliproxy.dialects.claude import DIALECT as CLAUDE
from cliproxy.dialects.claude.passthrough import repair as repair_claude
from cliproxy.dialects.gemini import DIALECT as GEMINI
from cliproxy.dialects.gemini.passthrough import repair as repair_gemini
from cliproxy.dialects.interface import AnswerContext, Dialect, EncodeContext
from cliproxy.dialects.openai import DIALECT as CHAT
from cliproxy.dialects.responses import DIALECT as RESPONSES
from cliproxy.errors import RequestFault, UpstreamFailure
from cliproxy.jsontypes import dumps
from tests.dialects.driving import NOW, from_events, minting, to_events

_WORDS = st.sampled_from(
    [
        "messages",
        "contents",
        "role",
        "content",
        "parts",
        "text",
        "type",
        "source",
        "data",
        "system",
        "tools",
        "name",
        "id",
    ]
    + [
        "functionCall",
        "functionResponse",
        "function_call",
        "args",
        "response",
        "thought",
        "thoughtSignature",
        "inlineData",
    ]
    + ["tool_use", "tool_result", "tool_use_id", "thinking", "signature", "input", "image", "document", "base64", "url"]
    + [
        "candidates",
        "finishReason",
        "usageMetadata",
        "usage",
        "delta",
        "index",
        "content_block",
        "message",
        "error",
        "code",
    ]
    + [
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_start",
        "message_delta",
        "text_delta",
    ]
    + [
        "generationConfig",
        "thinkingConfig",
        "toolConfig",
        "functionDeclarations",
        "parameters",
        "input_schema",
        "tool_choice",
    ]
    + [
        "user",
        "assistant",
        "model",
        "object",
        "output_config",
        "format",
        "json_schema",
        "schema",
        "stop_reason",
        "+/8gY2xhdWRl",
    ]
)
_SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | _WORDS
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=6), max_leaves=12
)
_BODIES = st.dictionaries(_WORDS, _JSON, max_size=6)
_BLOCKS = st.fixed_dictionaries(
    {"type": _SCALARS | st.lists(_SCALARS, max_size=1)},
    optional={
        **dict.fromkeys(("text", "content", "source", "input", "id"), _JSON),
        **dict.fromkeys(("name", "tool_use_id", "thinking", "signature", "data"), _WORDS),
    },
)
_CLAUDE = st.builds(
    lambda turns, rest: {
        **rest,
        "model": "m",
        "messages": [{"role": role, "content": content} for role, content in turns],
    },
    st.lists(st.tuples(_WORDS, st.lists(_BLOCKS | _JSON, max_size=3) | _JSON), max_size=4),
    _BODIES,
)
_GEMINI = st.builds(
    lambda contents, rest: {**rest, "contents": contents},
    st.lists(
        st.fixed_dictionaries({}, optional={"role": _JSON, "parts": st.lists(_BODIES, max_size=3) | _JSON}), max_size=4
    ),
    _BODIES,
)

DIALECTS = pytest.mark.parametrize("dialect", [CLAUDE, GEMINI], ids=lambda dialect: dialect.name)


@DIALECTS
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_requests_are_read_or_refused(dialect: Dialect, data: Any) -> None:
    """Any JSON object is read, and can then be written in every dialect, or is a 400 that names a place."""
    body = data.draw(_CLAUDE if dialect is CLAUDE else _GEMINI)
    try:
        request = dialect.decode_request(body, minting())
    except RequestFault as fault:
        assert fault.detail.status == 400
        assert fault.detail.param
        return
    for target in (CLAUDE, GEMINI, CHAT, RESPONSES):
        dumps(target.encode_request(request, EncodeContext("up", minting())))


@settings(max_examples=60, deadline=None)
@given(claude=_CLAUDE, gemini=_GEMINI)
def test_repairs_judge_nothing(claude: Any, gemini: Any) -> None:
    """Mending a raw body never fails: what is wrong with it is the vendor's to say."""
    repair_claude(claude)
    repair_gemini(gemini)


@DIALECTS
@settings(max_examples=80, deadline=None)
@given(body=_BODIES)
def test_answers_are_read_or_failures(dialect: Dialect, body: Any) -> None:
    """Any JSON object is an answer every client can be given, or an upstream failure."""
    try:
        response = dialect.decode_response(body, minting())
    except UpstreamFailure as failure:
        assert 400 <= failure.detail.status <= 599
        return
    for target in (CLAUDE, GEMINI, CHAT, RESPONSES):
        dumps(target.encode_response(response, AnswerContext("m", minting(), NOW)))


@DIALECTS
@settings(max_examples=80, deadline=None)
@given(payloads=st.lists(_BODIES, max_size=6))
def test_streams_end_once(dialect: Dialect, payloads: list[Any]) -> None:
    """Any payloads are a stream that begins, ends, and can be written for every client."""
    events = to_events(dialect, payloads)
    assert [type(event).__name__ in ("ResponseFinished", "StreamFailed") for event in events].count(True) == 1
    for target in (CLAUDE, GEMINI, CHAT, RESPONSES):
        from_events(target, events)
