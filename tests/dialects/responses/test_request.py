"""Responses requests, both ways, and what Codex puts in them."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.dialects import signatures
from cliproxy.dialects.interface import EncodeContext
from cliproxy.dialects.responses.decode_content import redacted_envelope
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
from tests.dialects.driving import (
    CHAT,
    RESPONSES,
    check_chat_request,
    check_responses_request,
    corpus,
    minting,
    to_request,
)

OPENAI = "gAAAAABpexample"

CLOSED = {"type": "object", "properties": {}, "additionalProperties": False}


def decoded(*items: Any, **members: Any) -> CompletionRequest:
    """A body's request."""
    return RESPONSES.decode_request({"model": "m", "input": list(items), **members}, minting())


def encoded(request: CompletionRequest, *, stream: bool = False) -> tuple[Any, list[Loss]]:
    """A request's body and its losses; the body is one the SDK's types know."""
    context = EncodeContext("up", minting(), stream=stream)
    body = RESPONSES.encode_request(request, context)
    check_responses_request(body)
    return body, context.losses


def foreign(*messages: Message, origin: str = "claude", **members: Any) -> CompletionRequest:
    """A request read from another dialect."""
    return CompletionRequest(origin, "m", list(messages), **members)


def user(*parts: Part) -> Message:
    return Message("user", list(parts))


def assistant(*parts: Part) -> Message:
    return Message("assistant", list(parts))


@pytest.mark.parametrize(("name", "body"), corpus("responses", "request"))
def test_the_dialects_own_bodies_survive(name: str, body: Any) -> None:
    """Decode then encode changes nothing but the model's name: store, include and namespaces stay as they are."""
    context = EncodeContext("up", minting(), stream=body.get("stream", False))
    again = RESPONSES.encode_request(RESPONSES.decode_request(body, minting()), context)
    assert again == {**body, "model": "up"}
    assert context.losses == []


@pytest.mark.parametrize(("name", "body"), corpus("responses", "request"))
def test_bodies_become_chat_that_the_sdk_knows(name: str, body: Any) -> None:
    """Everything Codex sends has a Chat form."""
    check_chat_request(to_request(RESPONSES, CHAT, body)[0])


@pytest.mark.parametrize(("name", "body"), corpus("openai", "request"))
def test_chat_bodies_become_responses_that_the_sdk_knows(name: str, body: Any) -> None:
    """Everything a Chat client sends has a Responses form."""
    check_responses_request(to_request(CHAT, RESPONSES, body)[0])


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": 7}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": 7}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [7]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0].name"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
    ],
)
def test_what_cannot_be_read_is_refused_by_path(body: Any, param: str) -> None:
    """A body that is not Responses is a 400 that names the JSON path at fault."""
    with pytest.raises(RequestFault) as caught:
        RESPONSES.decode_request(body, minting())
    assert (caught.value.detail.status, caught.value.detail.param) == (400, param)
    assert param in caught.value.detail.message


def test_instructions_alone_are_a_request() -> None:
    """Without input, the instructions are the system text."""
    request = RESPONSES.decode_request({"instructions": "Be brief."}, minting())
    assert (request.system, request.messages) == ([SystemSegment("Be brief.")], [])


def test_optional_members_of_a_wrong_type_are_absent() -> None:
    """A wrong type in an optional member is not an error."""
    request = decoded(
        temperature="x", max_output_tokens=True, tools={}, tool_choice=[], text="x", reasoning="high", stream=1,
        metadata="x", include="x", instructions=3,
    )  # fmt: skip
    assert request == CompletionRequest("responses", "m", [], extras=request.extras)


def test_assistant_items_in_a_row_are_one_message() -> None:
    """Reasoning, text and calls form one turn; outputs in a row form one group; a user message ends both."""
    request = decoded(
        {"role": "user", "content": "q"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"}, {"text": "b"}],
         "encrypted_content": OPENAI},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "t"},
                                                             {"type": "refusal", "refusal": "no"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "p", "input": "raw"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "one"}]},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": {"odd": 1}},
        {"role": "user", "content": [{"type": "input_text", "text": "more"}]},
    )  # fmt: skip
    assert request.messages == [
        Message("user", [TextPart("q")], content_was_list=False),
        Message("assistant", [
            ReasoningPart("a\n\nb", signature=Signature("openai", OPENAI), from_dialect="responses"),
            TextPart("t"), TextPart("no", refusal=True),
            ToolCallPart("c1", "f", "{}"), ToolCallPart("c2", "p", "raw", custom=True)]),
        Message("user", [
            ToolResultPart("c1", [TextPart("one")], content_was_list=True),
            ToolResultPart("c2", [TextPart('{"odd":1}')], custom=True)]),
        Message("user", [TextPart("more")]),
    ]  # fmt: skip


def test_system_items_are_hoisted_after_the_instructions() -> None:
    """Instructions first, then system and developer items in order; one that moved is recorded."""
    request = decoded(
        {"role": "system", "content": "B"}, {"role": "user", "content": "x"},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "C"}]},
        instructions="A",
    )  # fmt: skip
    assert [segment.text for segment in request.system] == ["A", "B", "C"]
    assert request.dropped == [Loss("position of a mid-conversation system message", "input[2]")]


def test_conversations_kept_elsewhere_are_a_loss_of_meaning() -> None:
    """What OpenAI stores cannot be fetched for another vendor: strict translation must be able to refuse it."""
    request = decoded({"type": "item_reference", "id": "msg_1"}, previous_response_id="resp_1")
    assert request.dropped == [
        Loss("previous_response_id", "previous_response_id", meaning=True),
        Loss("item_reference", "input[0]", meaning=True),
    ]


def test_media_is_read_from_every_spelling() -> None:
    """Images by bytes, address or id; files by bytes, address or id; sounds."""
    request = decoded(
        {"role": "user", "content": [
            {"type": "input_image", "image_url": "data:image/webp;base64,QUI=", "detail": "high"},
            {"type": "input_image", "file_id": "file-1"},
            {"type": "input_file", "file_url": "https://ex.test/d"},
            {"type": "input_file", "file_id": "file-2"},
            {"type": "input_file", "filename": "a.csv", "file_data": "data:text/csv;base64,QQ=="},
            {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}},
            {"type": "input_audio"},
        ]},
    )  # fmt: skip
    assert request.messages[0].parts == [
        MediaPart("image", mime="image/webp", data="QUI=", detail="high"),
        MediaPart("image", file_id="file-1"),
        MediaPart("file", mime="application/pdf", url="https://ex.test/d"),
        MediaPart("file", file_id="file-2"),
        MediaPart("file", mime="text/csv", data="QQ==", filename="a.csv"),
        MediaPart("audio", mime="audio/wav", data="QQ=="),
        OpaquePart("responses", {"type": "input_audio"}),
    ]


def test_vendor_items_are_kept_whole_for_their_own_dialect() -> None:
    """Traces of vendor tools stay in their turn as opaque parts; a generated image is an image."""
    trace = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    output = {"type": "computer_call_output", "call_id": "c", "output": {}}
    request = decoded(
        trace,
        {"type": "image_generation_call", "result": "QQ==", "output_format": "webp"},
        {"role": "assistant", "content": "t"},
        output,
    )
    assert request.messages[0].parts == [
        OpaquePart("responses", trace), MediaPart("image", mime="image/webp", data="QQ=="), TextPart("t"),
    ]  # fmt: skip
    assert request.messages[1].parts == [OpaquePart("responses", output)]


@pytest.mark.parametrize(
    ("sealed", "part"),
    [
        (OPENAI, ReasoningPart("s", signature=Signature("openai", OPENAI), from_dialect="responses")),
        ("QUJDRA==", ReasoningPart("s", signature=Signature("unknown", "QUJDRA=="), from_dialect="responses")),
        (
            signatures.wrap(Signature("gemini", "xyz")),
            ReasoningPart("s", signature=Signature("gemini", "xyz"), from_dialect="responses"),
        ),
        (redacted_envelope("zzz", 0), ReasoningPart("", redacted="zzz", from_dialect="claude")),
        (None, ReasoningPart("s", from_dialect="responses")),
    ],
)
def test_sealed_reasoning_comes_home_as_its_vendors(sealed: str | None, part: ReasoningPart) -> None:
    """What another vendor sealed is unwrapped and named; Anthropic's redacted thinking is redacted thinking again."""
    item = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": sealed}
    assert decoded(item).messages[0].parts == [part]


def test_redacted_thinking_finds_its_place() -> None:
    """It stands after all that a Responses client reads, and goes back to where Anthropic had it."""
    said = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": t}]} for t in "ab"]
    sealed = [
        {"type": "reasoning", "summary": [], "encrypted_content": redacted_envelope(*at)}
        for at in (("x:y", 1), ("z", 3))
    ]
    parts = decoded(*said, *sealed).messages[0].parts
    assert parts == [
        TextPart("a"),
        ReasoningPart("", redacted="x:y", from_dialect="claude"),
        TextPart("b"),
        ReasoningPart("", redacted="z", from_dialect="claude"),
    ]


def test_codex_tools_are_declared_flat() -> None:
    """Namespaces become names of their own, a client-run search and its finds become functions, calls match them."""
    search = {"type": "tool_search", "execution": "client", "description": "d", "parameters": {"type": "object"}}
    space = {
        "type": "namespace",
        "name": "gh",
        "tools": [{"type": "function", "name": "list"}, {"type": "custom", "name": "sql"}],
    }
    found = {
        "type": "namespace",
        "name": "mcp__cal__",
        "tools": [{"type": "function", "name": "day", "description": "D"}],
    }
    request = decoded(
        {"type": "tool_search_call", "call_id": "s", "execution": "client", "arguments": {"q": "x"}},
        {"type": "tool_search_output", "call_id": "s", "execution": "client", "tools": [found]},
        {"type": "function_call", "call_id": "c", "name": "day", "namespace": "mcp__cal__", "arguments": "{}"},
        tools=[{"type": "function", "name": "gh__list"}, space, search, {"type": "tool_search"}],
        tool_choice={
            "type": "allowed_tools",
            "mode": "auto",
            "tools": [{"type": "function", "name": "list", "namespace": "gh"}],
        },
    )
    assert [tool.name if isinstance(tool, FunctionTool) else tool.kind for tool in request.tools] == [
        "gh__list", "gh__list_1", "gh__sql", "tool_search", "tool_search", "mcp__cal__day",
    ]  # fmt: skip
    assert request.tool_choice is not None
    assert request.tool_choice.names == ["gh__list_1"]
    assert request.messages[0].parts == [ToolCallPart("s", "tool_search", '{"q":"x"}')]
    assert request.messages[1].parts == [
        ToolResultPart("s", [TextPart('{"tools":[{"name":"mcp__cal__day","description":"D"}]}')])
    ]
    assert request.messages[2].parts == [ToolCallPart("c", "mcp__cal__day", "{}")]


def test_a_found_tool_is_declared_once() -> None:
    """Codex repeats earlier finds in every turn: a tool declared before is not declared again."""
    found = {"type": "tool_search_output", "call_id": "s", "tools": [{"type": "function", "name": "f"}]}
    request = decoded(found, {**found, "call_id": "t"}, tools=[{"type": "function", "name": "f"}])
    assert [tool.name for tool in request.tools if isinstance(tool, FunctionTool)] == ["f"]


def test_repeated_declarations_in_one_list_are_kept() -> None:
    """A name declared twice in one list is the upstream's to judge."""
    assert len(decoded(tools=[{"type": "function", "name": "f"}] * 2).tools) == 2


@pytest.mark.parametrize(
    ("choice", "neutral"),
    [
        ("none", ToolChoice("none")),
        ({"type": "function", "name": "f"}, ToolChoice("required", ["f"], exact=True)),
        ({"type": "custom", "name": "f"}, ToolChoice("required", ["f"], exact=True)),
        ({"type": "tool_search"}, ToolChoice("required", ["tool_search"], exact=True)),
        ({"type": "web_search_preview"}, ToolChoice("required", builtin="web_search")),
        ({"type": "code_interpreter"}, ToolChoice("required", builtin="code_execution")),
        ({"type": "function"}, None),
        ({}, None),
    ],
)
def test_tool_choice_is_read(choice: Any, neutral: ToolChoice | None) -> None:
    """Words, one tool, a vendor's tool; nonsense is no choice."""
    if neutral is not None:
        neutral.raw = choice
    assert decoded(tool_choice=choice).tool_choice == neutral


def test_items_follow_the_order_of_the_turn() -> None:
    """Text before a call is a message before it; results come before what else a user message holds."""
    body, losses = encoded(
        foreign(
            user(TextPart("q")),
            assistant(
                ReasoningPart("sum", signature=Signature("openai", OPENAI)),
                TextPart("a"), TextPart("no", refusal=True), ToolCallPart("c1", "f.x", ""), TextPart("b"),
            ),
            user(TextPart("later"), ToolResultPart("c1", [TextPart("r"), TextPart("s")], is_error=True)),
            system=[SystemSegment("S"), SystemSegment("T", cache=CacheHint())],
        )
    )  # fmt: skip
    assert body["input"] == [
        {"type": "message", "role": "developer", "content": [
            {"type": "input_text", "text": "S"}, {"type": "input_text", "text": "T"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "q"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "sum"}], "encrypted_content": OPENAI},
        {"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}]},
        {"type": "function_call", "call_id": "c1", "name": "f_x", "arguments": "{}"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
        {"type": "function_call_output", "call_id": "c1", "output": "r\n\ns"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "later"}]},
    ]  # fmt: skip
    assert losses == [Loss("cache_control", "system"), Loss("tool result error flag", "messages[2]")]


def test_results_with_pictures_are_lists() -> None:
    """A result that holds more than text is an array of input parts."""
    picture = MediaPart("image", mime="image/png", data="AA==")
    call = assistant(ToolCallPart("c" * 70, "f", "{}"))
    body, _ = encoded(foreign(call, user(ToolResultPart("c" * 70, [TextPart("r"), picture]))))
    assert body["input"][1:] == [
        {"type": "function_call_output", "call_id": "c" * 64, "output": [
            {"type": "input_text", "text": "r"},
            {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"}]},
    ]  # fmt: skip


def test_only_openais_reasoning_goes_back_to_it() -> None:
    """Another vendor's proof, unsigned text and redacted thinking stay away, and each is said."""
    _, losses = encoded(
        foreign(
            assistant(
                ReasoningPart("r", signature=Signature("claude", "s")),
                ReasoningPart("t"),
                ReasoningPart("", redacted="zzz"),
                ReasoningPart("  "),
                ToolCallPart("c", "f", "{}", signature=Signature("gemini", "QUJD"), cache=CacheHint()),
            )
        )
    )
    assert [loss.what for loss in losses] == [
        "reasoning text", "reasoning signature", "reasoning text", "redacted_thinking", "reasoning signature", "cache_control",
    ]  # fmt: skip


def test_media_is_written_or_lost() -> None:
    """What Responses can hold or fetch is written, the rest is a loss of meaning."""
    body, losses = encoded(
        foreign(
            user(
                MediaPart("image", url="https://ex.test/a.png", detail="low"),
                MediaPart("file", mime="application/pdf", data="QQ=="),
                MediaPart("file", url="https://ex.test/d"),
                MediaPart("file", url="gs://b/d", mime="application/pdf"),
                MediaPart("audio", mime="audio/wav", data="QQ=="),
                MediaPart("file", file_id="file_1"),
                OpaquePart("claude", {"type": "server_tool_use"}),
            ),
            assistant(MediaPart("image", mime="image/png", data="AA==")),
        )
    )
    assert body["input"][0]["content"] == [
        {"type": "input_image", "image_url": "https://ex.test/a.png", "detail": "low"},
        {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,QQ=="},
        {"type": "input_file", "file_url": "https://ex.test/d"},
        {"type": "input_file", "file_url": "gs://b/d"},
    ]
    assert len(body["input"]) == 1
    assert losses == [
        Loss("audio", "messages[0]", meaning=True),
        Loss("file by id", "messages[0]", meaning=True),
        Loss("server_tool_use part", "messages[0]"),
        Loss("assistant image", "messages[1]", meaning=True),
    ]


def test_strict_is_always_said() -> None:
    """The API takes an absent ``strict`` for true and would refuse ordinary schemas."""
    body, _ = encoded(foreign(tools=[FunctionTool("f"), FunctionTool("g", "d", dict(CLOSED), strict=True)]))
    assert body["tools"] == [
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False},
        {"type": "function", "name": "g", "description": "d", "parameters": CLOSED, "strict": True},
    ]


def test_free_text_tools_of_chat_stay_free_text() -> None:
    """Responses knows custom tools: declaration, grammar, choice, call and result keep their kind."""
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
    body, losses = encoded(
        foreign(
            assistant(ToolCallPart("c", "p", "raw", custom=True)),
            user(ToolResultPart("c", [TextPart("ok")], custom=True)),
            origin="openai",
            tools=[FunctionTool("p", "d", custom=True, grammar=grammar)],
            tool_choice=ToolChoice("required", ["p"], exact=True),
        )
    )
    assert body["tools"] == [{"type": "custom", "name": "p", "description": "d", "format": grammar}]
    assert body["tool_choice"] == {"type": "custom", "name": "p"}
    assert body["input"] == [
        {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": "raw"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
    ]
    assert losses == []


def test_vendor_tools_are_translated_or_lost() -> None:
    """Web search with its options and code execution have a form here; the rest is a loss of meaning."""
    body, losses = encoded(
        foreign(
            tools=[
                BuiltinTool(
                    "web_search",
                    "claude",
                    {"allowed_domains": ["a"], "user_location": {"type": "approximate"}, "max_uses": 2},
                    {},
                ),
                BuiltinTool("code_execution", "gemini", {}, {}),
                BuiltinTool("url_context", "gemini", {}, {}),
            ],
            tool_choice=ToolChoice("required", builtin="web_search"),
        )
    )
    assert body["tools"] == [
        {"type": "web_search", "filters": {"allowed_domains": ["a"]}, "user_location": {"type": "approximate"}},
        {"type": "code_interpreter", "container": {"type": "auto"}},
    ]
    assert body["tool_choice"] == {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]}
    assert losses == [
        Loss("web search max_uses", "tools[0]"),
        Loss("built-in tool url_context", "tools[2]", meaning=True),
    ]


def test_everything_responses_can_say_is_said() -> None:
    """Limits, format, effort and the rest; nothing is stored, and sealed reasoning is always asked for."""
    body, losses = encoded(
        foreign(
            user(TextPart("x")),
            sampling=Sampling(max_tokens=9, temperature=0.5, top_p=0.9, logprobs=True, top_logprobs=3, n=1),
            format=OutputFormat("json_schema", schema={"type": "object"}, description="d"),
            thinking=Thinking("level", level="low"),
            user="u", metadata={"k": "v"}, verbosity="low", service_tier="flex", prompt_cache_key="p", store=True,
        ),
        stream=True,
    )  # fmt: skip
    assert losses == []
    assert body == {
        "model": "up",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}],
        "max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_logprobs": 3,
        "text": {"verbosity": "low", "format": {
            "type": "json_schema", "name": "response", "description": "d", "schema": {"type": "object", "properties": {}}}},
        "reasoning": {"effort": "low", "summary": "auto"}, "user": "u", "metadata": {"k": "v"}, "service_tier": "flex",
        "prompt_cache_key": "p", "store": False, "stream": True,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
    }  # fmt: skip


def test_sampling_responses_cannot_say_is_lost() -> None:
    """Exactly the members it lacks are named; those that change what is answered are losses of meaning."""
    _, losses = encoded(
        foreign(
            sampling=Sampling(
                top_k=4, stop=["E"], seed=1, presence_penalty=0.1, frequency_penalty=0.2, n=2, logit_bias={"1": 1},
                temperature=1.0,
            )
        )
    )  # fmt: skip
    assert {(loss.what, loss.meaning) for loss in losses} == {
        ("stop sequences", True), ("n", True), ("seed", False), ("presence_penalty", False),
        ("frequency_penalty", False), ("top_k", False), ("logit_bias", False),
    }  # fmt: skip
