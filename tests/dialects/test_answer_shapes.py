"""Answers shaped as reports say (docs/spec/reports.md 4, 5, 8, 11), whole and streamed, through the transcoder."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cliproxy.dialects.registry import DIALECTS
from cliproxy.dialects.transcoder import translate
from cliproxy.ir.request import FunctionTool
from cliproxy.jsontypes import dumps
from tests.corpus.told import told
from tests.dialects.driving import asking

CLAUDE_ASKS = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}],
               "thinking": {"type": "enabled", "budget_tokens": 2048}}  # fmt: skip
RESPONSES_ASKS = {"model": "m", "input": "hi"}
TOLD = {"claude": "claude", "openai": "openai", "gemini": "gemini", "responses": "openai-response"}


def carried(source: str, target: str, said: Any, body: Any = None) -> tuple[Any, list[str]]:
    """What a client of ``target`` gets of an upstream's answer, a body or a list of payloads, and what was lost."""
    asked = asking(DIALECTS[target], DIALECTS[source], body)
    streamed = isinstance(said, list)
    coder = translate(DIALECTS[source], DIALECTS[target], asked, from_stream=streamed, to_stream=streamed)
    sent = b"".join(b"data: " + dumps(payload) + b"\n\n" for payload in said) if streamed else dumps(said)
    out = b"".join([*coder.receive(sent), *coder.close()])
    lost = [loss.what for loss in coder.losses]
    if not streamed:
        return json.loads(out), lost
    lines = [line[6:] for line in out.decode().splitlines() if line.startswith("data: {")]
    return told(TOLD[target], [json.loads(line) for line in lines]), lost


def chat(*messages: tuple[int, Any], finish: str = "stop", streamed: bool) -> Any:
    """A Chat answer of such messages, each with its choice's index."""
    key = "delta" if streamed else "message"
    choices = [{"index": index, key: message, "finish_reason": None} for index, message in messages]
    choices[-1]["finish_reason"] = finish
    head = {"id": "c", "model": "m", "created": 1}
    return [{**head, "choices": [choice]} for choice in choices] if streamed else {**head, "choices": choices}


THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "let me "}, {"type": "text", "text": "see"}]}
CALL = {"index": 0, "id": "k", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
OWN = [
    ([THINKING, {"type": "text", "text": "Paris"}], "let me see", "Paris"),
    ([{"type": "thinking", "thinking": "let me see"}, {"type": "text", "text": "Pa"}, "ris"], "let me see", "Paris"),
    ({"type": "text", "text": "Paris"}, None, "Paris"),
    ([{"type": "text", "text": "Paris"}, {"type": "text", "text": ""}], None, "Paris"),
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("content", "thought", "text"), OWN)
def test_a_list_of_parts_is_read_where_text_is_usual(
    streamed: bool, content: Any, thought: str | None, text: str
) -> None:
    body, lost = carried("openai", "claude", chat((0, {"content": content}), streamed=streamed), CLAUDE_ASKS)
    assert "".join(block.get("text", "") for block in body["content"]) == text
    thoughts = [block["thinking"] for block in body["content"] if block["type"] == "thinking"]
    assert thoughts == ([thought] if thought else [])
    assert lost == []


@pytest.mark.parametrize("streamed", [False, True])
def test_a_part_that_says_nothing_in_words_is_a_loss(streamed: bool) -> None:
    content = [{"type": "text", "text": "a"}, {"type": "reference", "reference_ids": [1]}]
    body, lost = carried("openai", "claude", chat((0, {"content": content}), streamed=streamed), CLAUDE_ASKS)
    assert [block["type"] for block in body["content"]] == ["text"]
    assert lost == ["openai reference part"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("second", [0, 1, 7])
def test_calls_of_a_second_choice_belong_to_the_text_of_the_first(streamed: bool, second: int) -> None:
    said = chat((0, {"content": "I look."}), (second, {"tool_calls": [CALL]}), finish="tool_calls", streamed=streamed)
    for choice in said["choices"] if not streamed else [chunk["choices"][0] for chunk in said]:
        choice["finish_reason"] = "tool_calls"
    body, lost = carried("openai", "claude", said, CLAUDE_ASKS)
    assert [block["type"] for block in body["content"]] == ["text", "tool_use"]
    assert body["content"][1]["input"] == {"a": 1}
    assert body["stop_reason"] == "tool_use"
    assert lost == []


def test_two_answers_stay_two() -> None:
    """What a client asked for twice is not put together."""
    said = chat((0, {"content": "a"}), (1, {"content": "b"}), streamed=False)
    body, lost = carried("openai", "claude", said, CLAUDE_ASKS)
    assert [block["text"] for block in body["content"]] == ["a"]
    assert len(lost) == 1


def responses(*events: Any) -> list[Any]:
    end = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [], "usage": {}}}
    return [{"type": "response.created", "response": {"id": "r", "model": "m"}}, *events, end]


def added(index: int, call: str) -> Any:
    item = {"id": f"fc{index}", "type": "function_call", "call_id": call, "name": "f", "arguments": ""}
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def argued(text: str, **place: Any) -> Any:
    return {"type": "response.function_call_arguments.delta", "delta": text, **place}


def ended(index: int, call: str) -> Any:
    return {**added(index, call), "type": "response.output_item.done"}


@pytest.mark.parametrize(
    "places",
    [
        [{"output_index": 0}], [{"item_id": "fc0"}], [{"call_id": "k0"}], [{}], [{"item_id": "other"}],
        [{"item_id": "other", "output_index": 9}, {"item_id": "another"}, {}], [{"item_id": "", "output_index": None}],
    ],
)  # fmt: skip
def test_argument_events_find_the_open_call(places: list[Any]) -> None:
    half = [argued(text, **places[at % len(places)]) for at, text in enumerate(('{"a"', ":", "1}"))]
    done = {"type": "response.function_call_arguments.done", "arguments": '{"a":1}', **places[-1]}
    body, lost = carried("responses", "claude", responses(added(0, "k0"), *half, done, ended(0, "k0")), CLAUDE_ASKS)
    assert [block["input"] for block in body["content"]] == [{"a": 1}]
    assert lost == []


def test_argument_events_find_the_call_they_name() -> None:
    """Two calls under way at once."""
    events = responses(
        added(0, "k0"),
        added(1, "k1"),
        argued('{"a":0}', item_id="fc0"),
        argued('{"b"', call_id="k1"),
        argued(":1}", output_index=1),
        ended(0, "k0"),
        ended(1, "k1"),
    )
    body, _ = carried("responses", "claude", events, CLAUDE_ASKS)
    assert [block["input"] for block in body["content"]] == [{"a": 0}, {"b": 1}]


def test_arguments_that_come_before_their_call_are_kept() -> None:
    events = responses(argued('{"a":', output_index=0), argued("1}", output_index=0), ended(0, "k0"))
    body, _ = carried("responses", "claude", events, CLAUDE_ASKS)
    assert [block["input"] for block in body["content"]] == [{"a": 1}]


def tool(name: str, space: str | None = None, kind: str = "function") -> Any:
    one = {"type": kind, "name": name, "parameters": {"type": "object", "properties": {}}}
    return one if space is None else {"type": "namespace", "name": space, "tools": [one]}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("tools", "called", "name", "space"),
    [
        ([tool("exec", "a")], "exec", "exec", "a"),
        ([tool("exec", "a")], "a__exec", "exec", "a"),
        ([tool("exec", "a"), tool("exec", "b")], "exec", "exec", None),
        ([tool("exec", "a"), tool("exec")], "exec", "exec", None),
        ([tool("b", "a"), tool("a__b")], "a__b", "a__b", None),
    ],
)
def test_a_bare_name_finds_the_one_tool_it_can_mean(
    streamed: bool, tools: Any, called: str, name: str, space: Any
) -> None:
    call = {"index": 0, "id": "k", "type": "function", "function": {"name": called, "arguments": "{}"}}
    said = chat((0, {"tool_calls": [call]}), finish="tool_calls", streamed=streamed)
    body, _ = carried("openai", "responses", said, {**RESPONSES_ASKS, "tools": tools})
    assert [(item["name"], item.get("namespace")) for item in body["output"]] == [(name, space)]


def test_a_plain_tool_of_a_later_array_keeps_its_own_name() -> None:
    """One in a namespace was declared before under that very name; both can be called, and each comes home."""
    items = [{"type": "additional_tools", "tools": [tool("a__b")]}, {"role": "user", "content": "hi"}]
    request = DIALECTS["responses"].decode_request(
        {"model": "m", "tools": [tool("b", "a")], "input": items}, lambda _: "x"
    )
    names = [each.name for each in request.tools if isinstance(each, FunctionTool)]
    assert names == ["a__b", "a__b_1"]
    call = {"index": 0, "id": "k", "type": "function", "function": {"name": "a__b_1", "arguments": "{}"}}
    body, _ = carried("openai", "responses", chat((0, {"tool_calls": [call]}), streamed=False),
                      {"model": "m", "tools": [tool("b", "a")], "input": items})  # fmt: skip
    assert [(item["name"], item.get("namespace")) for item in body["output"]] == [("a__b", None)]


CITED = {"type": "url_citation", "url": "https://ex.test/"}
SAYING = {
    ("openai", False): {
        "id": "c",
        "choices": [{"index": 0, "message": {"content": "a", "annotations": [CITED]}, "finish_reason": "stop"}],
    },
    ("openai", True): [
        {
            "id": "c",
            "choices": [{"index": 0, "delta": {"content": "a", "annotations": [CITED]}, "finish_reason": "stop"}],
        }
    ],
    ("claude", False): {
        "type": "message",
        "content": [{"type": "text", "text": "a", "citations": [CITED]}],
        "stop_reason": "end_turn",
    },
    ("claude", True): [
        {"type": "message_start", "message": {"id": "m"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": CITED}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": CITED}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ],
    ("gemini", False): {
        "candidates": [{"content": {"parts": [{"text": "a"}]}, "groundingMetadata": {"k": [1]}, "finishReason": "STOP"}]
    },
    ("gemini", True): [
        {
            "candidates": [
                {"content": {"parts": [{"text": "a"}]}, "groundingMetadata": {"k": [1]}, "finishReason": "STOP"}
            ]
        }
    ],
    ("responses", False): {
        "id": "r",
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "a", "annotations": [CITED]}]}],
    },
    ("responses", True): responses(
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {
                "id": "m",
                "type": "message",
                "content": [{"type": "output_text", "text": "a", "annotations": [CITED]}],
            },
        }
    ),
}


@pytest.mark.parametrize("target", sorted(DIALECTS))
@pytest.mark.parametrize(("source", "streamed"), SAYING)
def test_sources_that_an_answer_names_are_passed_on_or_lost_by_name(source: str, streamed: bool, target: str) -> None:
    if source == target:
        return
    body, lost = carried(source, target, SAYING[source, streamed])
    assert lost == ["citations"]
    assert "a" in json.dumps(body)


SOUND = {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}
SPOKEN = {"candidates": [{"content": {"parts": [{"text": "a"}, SOUND]}, "finishReason": "STOP"}]}


@pytest.mark.parametrize("target", ["openai", "claude", "responses"])
@pytest.mark.parametrize("said", [SPOKEN, [SPOKEN]])
def test_sound_that_nobody_else_can_say_is_a_loss(target: str, said: Any) -> None:
    _, lost = carried("gemini", target, said)
    assert lost == ["generated audio"]


@pytest.mark.parametrize("target", ["openai", "claude", "gemini"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_vendors_own_tool_at_work_is_a_loss(target: str, streamed: bool) -> None:
    search = {"type": "web_search_call", "id": "ws", "status": "completed"}
    spoken = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
    whole = {"id": "r", "status": "completed", "output": [search, spoken]}
    told_ = [
        {"type": "response.output_item.done", "output_index": at, "item": item}
        for at, item in enumerate((search, spoken))
    ]
    _, lost = carried("responses", target, responses(*told_) if streamed else whole)
    assert lost == ["responses web_search_call part"]


@pytest.mark.parametrize(("argued", "lost"), [('{"a":', True), ("", True), ('{"a":1}', False)])
def test_a_call_that_the_limit_cut_is_a_loss_in_a_stream_too(argued: str, lost: bool) -> None:
    """Its half JSON is at the client, whose SDK reads it as cut; ``stop_reason`` says why."""
    call = {**CALL, "function": {"name": "f", "arguments": argued}}
    said = chat((0, {"tool_calls": [call]}), finish="length", streamed=True)
    body, losses = carried("openai", "claude", said, CLAUDE_ASKS)
    assert body["stop_reason"] == "max_tokens"
    assert losses == (["call cut by the output limit"] if lost else [])
