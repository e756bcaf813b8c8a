"""Chat Completions requests, both ways."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.dialects.interface import EncodeContext
from cliproxy.errors import RequestFault
from cliproxy.ir.content import (
    CacheHint,
    MediaPart,
    OpaquePart,
    Part,
    ReasoningPart,
    Signature,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from cliproxy.ir.loss import Loss
from cliproxy.ir.request import (
    BuiltinTool,
    CompletionRequest,
    FunctionTool,
    Message,
    OutputFormat,
    Sampling,
    SystemSegment,
    Thinking,
    ToolChoice,
)
from tests.dialects.driving import CHAT, check_chat_request, corpus, minting

CLOSED = {"type": "object", "properties": {}, "additionalProperties": False}


def decoded(*messages: dict[str, Any], **members: Any) -> CompletionRequest:
    """A body's request."""
    return CHAT.decode_request({"model": "m", "messages": list(messages), **members}, minting())


def encoded(request: CompletionRequest, *, stream: bool = False) -> tuple[Any, list[Loss]]:
    """A request's body and its losses; the body is one the SDK's types know."""
    context = EncodeContext("up", minting(), stream=stream)
    body = CHAT.encode_request(request, context)
    check_chat_request(body)
    return body, context.losses


def foreign(*messages: Message, origin: str = "claude", **members: Any) -> CompletionRequest:
    """A request read from another dialect."""
    return CompletionRequest(origin, "m", list(messages), **members)


def user(*parts: Part, was_list: bool = True) -> Message:
    return Message("user", list(parts), content_was_list=was_list)


def assistant(*parts: Part, was_list: bool = True) -> Message:
    return Message("assistant", list(parts), content_was_list=was_list)


@pytest.mark.parametrize(("name", "body"), corpus("openai", "request"))
def test_the_dialects_own_bodies_survive(name: str, body: Any) -> None:
    """Decode then encode changes nothing but the model's name and, in a stream, the wish for usage."""
    context = EncodeContext("up", minting(), stream=body["stream"])
    again = CHAT.encode_request(CHAT.decode_request(body, minting()), context)
    assert again == {**body, "model": "up"}
    assert context.losses == []


def test_a_streaming_upstream_is_always_asked_for_usage() -> None:
    """The wish for usage is merged into the client's stream options; the client's own body is not touched."""
    body = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_obfuscation": False}}
    request = CHAT.decode_request(body, minting())
    again = CHAT.encode_request(request, EncodeContext("up", minting(), stream=True))
    assert again["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    assert body["stream_options"] == {"include_obfuscation": False}
    assert not request.include_usage


def test_an_upstream_that_does_not_stream_gets_no_stream_options() -> None:
    """OpenAI refuses them without a stream."""
    body = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
    again = CHAT.encode_request(CHAT.decode_request(body, minting()), EncodeContext("up", minting()))
    assert again == {"model": "up", "messages": [], "stream": False}


def test_a_spoken_answer_is_a_loss_of_meaning() -> None:
    """Only OpenAI's own Chat can answer in sound."""
    assert decoded(modalities=["text", "audio"]).dropped == [Loss("audio output", "modalities", meaning=True)]
    assert decoded(modalities=["text"]).dropped == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": ["a"]}]},
            "messages[1].content[0]",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages[0].content[0].file"),
        ({"messages": [{"role": "assistant", "tool_calls": [1]}]}, "messages[0].tool_calls[0]"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]},
            "messages[0].tool_calls[0].function.name",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_path(body: Any, param: str) -> None:
    """A body that is not Chat is a 400 that names the JSON path at fault."""
    with pytest.raises(RequestFault) as caught:
        CHAT.decode_request(body, minting())
    assert (caught.value.detail.status, caught.value.detail.param) == (400, param)
    assert param in caught.value.detail.message


def test_optional_members_of_a_wrong_type_are_absent() -> None:
    """A wrong type in an optional member is not an error."""
    request = decoded(
        {"role": "user", "content": "x"},
        temperature="hot", max_tokens=True, stop=3, tools="none", tool_choice=4, stream="yes", n=1.5, metadata=[],
        reasoning_effort=3, response_format="json", parallel_tool_calls="no", stream_options=1,
    )  # fmt: skip
    assert request.sampling == Sampling()
    assert (request.tools, request.tool_choice, request.stream, request.metadata) == ([], None, False, None)
    assert (request.thinking, request.format, request.parallel) == (None, None, None)


def test_system_text_is_hoisted_from_anywhere_and_its_move_recorded() -> None:
    """System and developer messages become segments in order; one that stood in the conversation loses its place."""
    request = decoded(
        {"role": "system", "content": "A"},
        {"role": "user", "content": "x"},
        {"role": "developer", "content": [{"type": "text", "text": "B"}, {"type": "text", "text": ""}]},
    )
    assert [segment.text for segment in request.system] == ["A", "B"]
    assert len(request.messages) == 1
    assert request.dropped == [Loss("position of a mid-conversation system message", "messages[2]")]
    assert encoded(foreign(system=request.system, dropped=request.dropped))[1] == request.dropped


def test_cache_marks_are_read_from_parts_messages_and_tools() -> None:
    """The extension some Chat clients send is understood wherever it stands."""
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    request = decoded(
        {"role": "system", "content": "S", **mark},
        {"role": "user", "content": [{"type": "text", "text": "T", **mark}]},
        tools=[{"type": "function", "function": {"name": "f"}, **mark}],
    )
    hint = CacheHint("1h")
    assert request.system == [SystemSegment("S", cache=hint)]
    assert request.messages[0].parts == [TextPart("T", cache=hint)]
    assert request.tools == [FunctionTool("f", cache=hint)]


def test_media_is_read_from_every_spelling() -> None:
    """Images by bytes, address or plain string; sounds; files by bytes or id."""
    request = decoded(
        {"role": "user", "content": [
            {"type": "image_url", "image_url": "https://ex.test/a.png"},
            {"type": "image_url", "image_url": {"url": "data:image/gif;base64,QUI", "detail": "low"}},
            {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "video_url", "video_url": {"url": "x"}},
        ]},
    )  # fmt: skip
    assert request.messages[0].parts == [
        MediaPart("image", url="https://ex.test/a.png"),
        MediaPart("image", mime="image/gif", data="QUI=", detail="low"),
        MediaPart("audio", mime="audio/mpeg", data="QQ=="),
        MediaPart("file", file_id="file-1"),
        OpaquePart("openai", {"type": "video_url", "video_url": {"url": "x"}}),
    ]


def test_an_assistant_message_is_read_in_order() -> None:
    """Reasoning, then text, then refusal, then calls; a Gemini signature hides in a call."""
    request = decoded(
        {"role": "assistant", "content": "t", "reasoning": "r", "refusal": "no", "tool_calls": [
            {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}},
             "extra_content": {"google": {"thought_signature": "QUJD"}}},
            {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "raw"}}]},
    )  # fmt: skip
    assert request.messages[0].parts == [
        ReasoningPart("r", from_dialect="openai"),
        TextPart("t"),
        TextPart("no", refusal=True),
        ToolCallPart("c1", "f", '{"a":1}', signature=Signature("gemini", "QUJD")),
        ToolCallPart("c2", "g", "raw", custom=True),
    ]


def test_results_in_a_row_are_one_group_and_know_their_calls() -> None:
    """Tool messages form one user message; each result knows the name and kind of the call it answers."""
    call = {"role": "assistant", "tool_calls": [
        {"id": "c1", "function": {"name": "f", "arguments": "{}"}}, {"id": "c2", "custom": {"name": "g", "input": "i"}},
    ]}  # fmt: skip
    request = decoded(
        call,
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "one"}]},
        {"role": "user", "content": "x"},
    )
    assert request.messages[1].parts == [
        ToolResultPart("c2", [TextPart("two")], name="g", custom=True),
        ToolResultPart("c1", [TextPart("one")], name="f", content_was_list=True),
    ]
    assert len(request.messages) == 3


def test_results_without_an_id_are_paired_by_name_then_by_age() -> None:
    """Legacy function messages carry no id: the oldest open call of the name answers, else the oldest, else none."""
    request = decoded(
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "assistant", "function_call": {"name": "g", "arguments": "{}"}},
        {"role": "function", "name": "g", "content": "G"},
        {"role": "function", "name": "other", "content": "F"},
        {"role": "function", "name": "f", "content": "orphan"},
    )
    calls = [part for message in request.messages[:2] for part in message.parts]
    results = request.messages[2].parts
    assert all(isinstance(part, ToolCallPart) and part.minted for part in calls)
    assert [result.call_id for result in results[:2]] == [calls[1].id, calls[0].id]  # type: ignore[union-attr]
    assert results[2].call_id not in {calls[0].id, calls[1].id}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("choice", "neutral"),
    [
        ("auto", ToolChoice("auto")),
        ("required", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("required", ["f"], exact=True)),
        ({"type": "custom", "custom": {"name": "f"}}, ToolChoice("required", ["f"], exact=True)),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"function": {"name": "f"}}]}},
            ToolChoice("auto", ["f"]),
        ),
        ({"type": "web_search_preview"}, ToolChoice("required", builtin="web_search")),
        ({"type": "function"}, None),
        ({}, None),
    ],
)
def test_tool_choice_is_read(choice: Any, neutral: ToolChoice | None) -> None:
    """Words, one tool, an allowed set, a vendor's tool; nonsense is no choice."""
    read = decoded(tool_choice=choice).tool_choice
    if neutral is not None:
        neutral.raw = choice
    assert read == neutral


def test_web_search_is_read_from_every_spelling() -> None:
    """Options, a tool of its type, or a key: all ask for a web search."""
    options = {"user_location": {"type": "approximate", "approximate": {"country": "FR"}}, "search_context_size": "low"}
    tools = decoded(
        tools=[{"type": "web_search_preview"}, {"google_search": {}}, {"code_execution": {}}, {"type": "other"}],
        web_search_options=options,
    ).tools
    assert [tool.kind for tool in tools if isinstance(tool, BuiltinTool)] == [
        "web_search", "web_search", "code_execution", "other", "web_search",
    ]  # fmt: skip
    assert isinstance(tools[-1], BuiltinTool)
    assert tools[-1].options == {
        "user_location": {"type": "approximate", "country": "FR"},
        "search_context_size": "low",
    }


def test_results_come_first_and_their_pictures_follow() -> None:
    """A user message of results and text becomes tool messages and then one user message, pictures first."""
    body, losses = encoded(
        foreign(
            assistant(ToolCallPart("c1", "f", ""), ToolCallPart("c2", "f", "{}")),
            user(
                ToolResultPart("c1", [TextPart("a"), TextPart("b"), MediaPart("image", mime="image/png", data="AA==")]),
                TextPart("then"),
                ToolResultPart("c2", [TextPart("c")], is_error=True),
            ),
        )
    )
    assert body["messages"][0]["content"] == ""
    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert body["messages"][1:] == [
        {"role": "tool", "tool_call_id": "c1", "content": "a\n\nb"},
        {"role": "tool", "tool_call_id": "c2", "content": "c"},
        {"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}, {"type": "text", "text": "then"}]},
    ]  # fmt: skip
    assert losses == [Loss("tool result error flag", "messages[1]")]


@pytest.mark.parametrize(
    ("origin", "was_list", "texts", "content"),
    [
        ("claude", False, ["a"], "a"),
        ("claude", True, ["a"], [{"type": "text", "text": "a"}]),
        ("gemini", True, ["a", "b"], "ab"),
        ("responses", True, ["a"], "a"),
        ("responses", True, ["a", "b"], [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
    ],
)
def test_content_is_a_string_where_the_client_wrote_one(
    origin: str, was_list: bool, texts: list[str], content: Any
) -> None:
    """String against array follows the client's own form."""
    body, _ = encoded(foreign(user(*map(TextPart, texts), was_list=was_list), origin=origin))
    assert body["messages"] == [{"role": "user", "content": content}]


def test_blank_text_and_empty_messages_are_dropped() -> None:
    """White space alone is no content, and a message without content is none."""
    body, losses = encoded(
        foreign(user(TextPart("  ")), assistant(TextPart("")), user(TextPart("x")), system=[SystemSegment(" ")])
    )
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    assert losses == []


def test_reasoning_is_shown_as_text_only() -> None:
    """Texts are joined by a blank line; signatures and redacted data are lost, and said to be."""
    body, losses = encoded(
        foreign(
            assistant(
                ReasoningPart("one", signature=Signature("claude", "s")),
                ReasoningPart("", redacted="zzz"),
                ReasoningPart("two"),
                TextPart("t"),
                TextPart("no", refusal=True),
                MediaPart("image", mime="image/png", data="AA=="),
            )
        )
    )
    assert body["messages"] == [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "t"}],
            "refusal": "no",
            "reasoning_content": "one\n\ntwo",
        }
    ]
    assert losses == [
        Loss("reasoning signature", "messages[0]"),
        Loss("redacted_thinking", "messages[0]"),
        Loss("assistant image", "messages[0]", meaning=True),
    ]


def test_media_is_written_or_named_or_lost() -> None:
    """What Chat can hold is written, what it can only name becomes text, the rest is a loss of meaning."""
    body, losses = encoded(
        foreign(
            user(
                MediaPart("image", url="https://ex.test/a.png", detail="low"),
                MediaPart("image", mime="image/png", url="gs://b/a.png"),
                MediaPart("file", mime="application/pdf", data="QQ=="),
                MediaPart("file", mime="text/csv", data="QQ==", filename="a.csv"),
                MediaPart("file", url="https://ex.test/d"),
                MediaPart("audio", mime="audio/x-wav", data="QQ=="),
                MediaPart("audio", mime="audio/ogg", data="QQ=="),
                MediaPart("file", file_id="file_1"),
                OpaquePart("claude", {"type": "server_tool_use"}),
            )
        )
    )
    assert body["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "https://ex.test/a.png", "detail": "low"}},
        {"type": "text", "text": "File: gs://b/a.png (Type: image/png)"},
        {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,QQ=="}},
        {"type": "file", "file": {"filename": "a.csv", "file_data": "data:text/csv;base64,QQ=="}},
        {"type": "text", "text": "File: https://ex.test/d"},
        {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}},
    ]
    assert losses == [
        Loss("audio", "messages[0]", meaning=True),
        Loss("file by id", "messages[0]", meaning=True),
        Loss("server_tool_use part", "messages[0]"),
    ]


def test_cache_marks_are_lost_everywhere_they_stand() -> None:
    """Chat has no cache marks: each place that had one is named, and none changes the meaning."""
    hint = CacheHint()
    _, losses = encoded(
        foreign(
            user(TextPart("x", cache=hint), MediaPart("image", url="https://ex.test/a.png", cache=hint)),
            assistant(ToolCallPart("c", "f", "{}", cache=hint)),
            user(ToolResultPart("c", [TextPart("r")], cache=hint)),
            system=[SystemSegment("S", cache=hint)],
            tools=[FunctionTool("f", cache=hint)],
        )
    )
    assert [(loss.what, loss.where) for loss in losses] == [
        ("cache_control", where)
        for where in ("system", "messages[0]", "messages[0]", "messages[1]", "messages[2]", "tools[0]")
    ]
    assert not any(loss.meaning for loss in losses)


def test_tools_and_choice_are_written_under_wire_names() -> None:
    """One spelling of a name is used in declarations, calls, choice and allowed sets."""
    body, _ = encoded(
        foreign(
            assistant(ToolCallPart("c", "a.b", "{}")),
            tools=[FunctionTool("a.b", None, dict(CLOSED), strict=True), FunctionTool("g", "d", {"type": "object"})],
            tool_choice=ToolChoice("required", ["a.b", "g"]),
            parallel=False,
        )
    )
    assert [tool["function"] for tool in body["tools"]] == [
        {"name": "a_b", "parameters": CLOSED, "strict": True},
        {"name": "g", "description": "d", "parameters": {"type": "object", "properties": {}}},
    ]
    assert body["tool_choice"]["allowed_tools"]["tools"][0]["function"]["name"] == "a_b"
    assert body["messages"][0]["tool_calls"][0]["function"]["name"] == "a_b"
    assert body["parallel_tool_calls"] is False


def test_choice_without_tools_is_not_written() -> None:
    """A choice and a switch about tools mean nothing where there are none."""
    body, _ = encoded(foreign(tool_choice=ToolChoice("auto"), parallel=True))
    assert {"tool_choice", "parallel_tool_calls", "tools"}.isdisjoint(body)


def test_vendor_tools_are_handed_on_translated_or_lost() -> None:
    """Chat takes functions alone, but for what its endpoint is said to take besides."""
    raw = {"type": "file_search", "vector_store_ids": ["v"]}
    request = foreign(
        tools=[
            BuiltinTool("file_search", "responses", {}, raw),
            BuiltinTool("web_search", "claude", {"max_uses": 3}, {}),
            BuiltinTool("bash", "claude", {}, {}),
        ],
        tool_choice=ToolChoice("required", builtin="file_search", raw={"type": "file_search"}),
    )
    losses: list[Loss] = []
    body = CHAT.encode_request(
        request, EncodeContext("up", minting(), tools=("file_search", "web_search"), losses=losses)
    )
    assert body["tools"] == [raw, {"type": "web_search"}]
    assert body["tool_choice"] == {"type": "file_search"}
    assert losses == [Loss("web search max_uses", "tools[1]"), Loss("built-in tool bash", "tools[2]", meaning=True)]
    body, losses = encoded(request)
    assert {"tools", "tool_choice"}.isdisjoint(body)
    assert [loss.what for loss in losses] == [
        "built-in tool file_search", "built-in tool web_search", "built-in tool bash",
    ]  # fmt: skip
    assert all(loss.meaning for loss in losses)


def test_everything_chat_can_say_is_said_without_loss() -> None:
    """Limits, sampling, format, effort and the rest are written; nothing is recorded."""
    body, losses = encoded(
        foreign(
            user(TextPart("x"), was_list=False),
            sampling=Sampling(
                max_tokens=9, temperature=0.5, top_p=0.9, top_k=40, stop=["E"], seed=1, presence_penalty=0.1,
                frequency_penalty=0.2, n=2, logprobs=True, top_logprobs=3, logit_bias={"1": 2},
            ),
            format=OutputFormat("json_schema", schema=dict(CLOSED), strict=True),
            thinking=Thinking("budget", budget=20000),
            user="u", metadata={"k": "v"}, verbosity="low", service_tier="flex", prompt_cache_key="p", store=True,
        ),
        stream=True,
    )  # fmt: skip
    assert losses == []
    assert body == {
        "model": "up", "messages": [{"role": "user", "content": "x"}], "max_tokens": 9, "temperature": 0.5, "top_p": 0.9,
        "top_k": 40, "stop": ["E"], "seed": 1, "presence_penalty": 0.1, "frequency_penalty": 0.2, "n": 2,
        "logprobs": True, "top_logprobs": 3, "logit_bias": {"1": 2},
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "response", "schema": CLOSED, "strict": True}},
        "reasoning_effort": "high", "verbosity": "low", "user": "u", "metadata": {"k": "v"}, "service_tier": "flex",
        "prompt_cache_key": "p", "store": True, "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip
