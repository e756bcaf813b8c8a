"""The demo model: the same request gets the same bytes, and every feature of a Chat client has something to try."""

from typing import Any

import pytest

from cliproxy.errors import RequestFault
from cliproxy.jsontypes import dumps, loads
from cliproxy.providers.demo import DemoAnswer, answer
from cliproxy.providers.interface import UpstreamRequest
from cliproxy.providers.registry import PROVIDERS
from tests.providers.calls import EMBED, credential, finished, prepared

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock"}}


def asked(body: dict[str, Any]) -> DemoAnswer:
    return answer(UpstreamRequest("POST", "demo:/chat/completions", [], dumps({"model": "demo"} | body)))


def said(prompt: Any, **body: Any) -> dict[str, Any]:
    """The first choice of a whole answer."""
    (chunk,) = asked({"messages": [{"role": "user", "content": prompt}]} | body).pieces
    choice: dict[str, Any] = loads(chunk)["choices"][0]
    return choice


def streamed(prompt: Any, **body: Any) -> list[dict[str, Any]]:
    chunks = list(asked({"messages": [{"role": "user", "content": prompt}], "stream": True} | body).pieces)
    assert chunks[-1] == b"data: [DONE]\n\n"
    return [loads(chunk.removeprefix(b"data: ")) for chunk in chunks[:-1]]


def deltas(chunks: list[dict[str, Any]], name: str) -> list[Any]:
    found = [chunk["choices"][0]["delta"].get(name) for chunk in chunks if chunk["choices"]]
    return [value for value in found if value]


def test_a_call_is_prepared_for_the_demo_scheme_without_any_key() -> None:
    request = prepared("demo", {"messages": []}, on=credential("demo"), stream=True)
    assert request.url == "demo:/chat/completions"
    assert request.streams
    assert PROVIDERS["demo"].urls(credential("demo"), "demo") == [("generate, stream", "demo:/chat/completions")]


def test_it_only_chats() -> None:
    with pytest.raises(RequestFault) as caught:
        finished("demo", {"input": "x"}, operation=EMBED)
    assert caught.value.detail.status == 501


def test_the_same_request_gets_the_same_bytes() -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "stream": True, "tools": [WEATHER]}
    assert list(asked(body).pieces) == list(asked(body).pieces)


def test_it_says_back_what_it_was_told() -> None:
    choice = said("Hello there")
    assert 'You said: "Hello there".' in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"


def test_a_stream_comes_word_by_word_and_says_what_the_whole_answer_says() -> None:
    words = deltas(streamed("Hello there"), "content")
    assert len(words) > 10
    assert all(len(word.split()) == 1 for word in words)
    assert "".join(words) == said("Hello there")["message"]["content"]


def test_a_stream_begins_with_the_role_and_ends_with_the_reason_and_the_usage_if_wanted() -> None:
    chunks = streamed("hi", stream_options={"include_usage": True})
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    usage = chunks[-1]["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert all("usage" not in chunk for chunk in streamed("hi"))


def test_words_are_paced_but_for_the_fast_model() -> None:
    assert asked({"messages": [], "stream": True}).interval > 0
    assert asked({"messages": [], "stream": True, "model": "demo-fast"}).interval == 0


@pytest.mark.parametrize("prompt", ["What does get_weather say?", "Please call it", "Use the tool", "use a tool now"])
def test_a_prompt_that_asks_for_a_tool_gets_a_call(prompt: str) -> None:
    choice = said(prompt, tools=[WEATHER])
    (call,) = choice["message"]["tool_calls"]
    assert (call["function"]["name"], loads(call["function"]["arguments"])) == ("get_weather", {"city": "demo"})
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None


def test_quoted_words_become_the_arguments() -> None:
    (call,) = said('get_weather for "Paris"', tools=[WEATHER])["message"]["tool_calls"]
    assert loads(call["function"]["arguments"]) == {"city": "Paris"}


def test_two_tools_named_are_two_calls_with_two_ids_unless_the_client_wants_one() -> None:
    calls = said("get_weather and clock", tools=[WEATHER, CLOCK])["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["get_weather", "clock"]
    assert len({call["id"] for call in calls}) == 2
    assert (
        len(said("get_weather and clock", tools=[WEATHER, CLOCK], parallel_tool_calls=False)["message"]["tool_calls"])
        == 1
    )


def test_tool_choice_is_obeyed() -> None:
    assert "tool_calls" not in said("get_weather", tools=[WEATHER], tool_choice="none")["message"]
    assert said("hi", tools=[WEATHER], tool_choice="required")["message"]["tool_calls"]
    forced = {"type": "function", "function": {"name": "clock"}}
    (call,) = said("hi", tools=[WEATHER, CLOCK], tool_choice=forced)["message"]["tool_calls"]
    assert call["function"]["name"] == "clock"


def test_a_prompt_that_asks_for_no_tool_gets_words() -> None:
    assert "tool_calls" not in said("recall the clockwork", tools=[WEATHER, CLOCK])["message"]


def test_a_streamed_call_gives_its_name_first_and_its_arguments_after() -> None:
    first, second = (pieces[0] for pieces in deltas(streamed("get_weather", tools=[WEATHER]), "tool_calls"))
    assert (first["function"]["name"], first["function"]["arguments"]) == ("get_weather", "")
    assert second == {"index": 0, "function": {"arguments": '{"city":"demo"}'}}


def test_after_a_result_it_sums_up_instead_of_calling_again() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "call get_weather"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "22 degrees"},
    ]
    message = said("", messages=messages, tools=[WEATHER])["message"]
    assert message["content"] == "The tool get_weather answered: 22 degrees"
    assert "tool_calls" not in message


def test_a_new_question_after_a_result_may_be_answered_with_a_call_again() -> None:
    messages = [
        {"role": "user", "content": "call get_weather"},
        {"role": "tool", "tool_call_id": "c1", "content": "22 degrees"},
        {"role": "assistant", "content": "22 degrees"},
        {"role": "user", "content": "call get_weather"},
    ]
    assert said("", messages=messages, tools=[WEATHER])["message"]["tool_calls"]


def test_reasoning_is_shown_when_asked_for() -> None:
    choice = said("hi", reasoning_effort="low")
    assert choice["message"]["reasoning_content"]
    chunks = streamed("hi", reasoning_effort="low", stream_options={"include_usage": True})
    assert "".join(deltas(chunks, "reasoning_content")) == choice["message"]["reasoning_content"]
    assert chunks[-1]["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    assert "reasoning_content" not in said("hi", reasoning_effort="none")["message"]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_cuts_the_answer(name: str) -> None:
    choice = said("hi", **{name: 3})
    assert len(choice["message"]["content"].split()) == 3
    assert choice["finish_reason"] == "length"


def test_structured_output_is_an_instance_of_the_schema() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert loads(said("hi", response_format=wanted)["message"]["content"]) == {"n": 0}
    assert isinstance(loads(said("hi", response_format={"type": "json_object"})["message"]["content"]), dict)


def test_pictures_and_files_are_acknowledged() -> None:
    content = [{"type": "text", "text": "look"}, {"type": "image_url"}, {"type": "image_url"}, {"type": "file"}]
    assert said(content)["message"]["content"].startswith("I was given 2 images and 1 file. ")


def test_it_counts_for_those_who_want_a_long_answer() -> None:
    assert said("count to 5")["message"]["content"] == "1 2 3 4 5"


def test_the_error_models_fail_with_the_status_in_their_name() -> None:
    limited = asked({"model": "demo-error-429", "messages": []})
    assert (limited.status, dict(limited.headers)["retry-after"]) == (429, "1")
    assert loads(b"".join(limited.pieces))["error"]["type"] == "rate_limit_error"
    assert asked({"model": "demo-error-500", "messages": []}).status == 500


@pytest.mark.parametrize(
    "messages",
    [
        [],
        ["odd"],
        [{"role": "user"}],
        [{"role": "user", "content": [None, {"type": "text", "text": 5}]}],
        [{"role": "tool"}],
    ],
)
def test_odd_messages_are_answered_all_the_same(messages: list[Any]) -> None:
    assert asked({"messages": messages, "tools": ["odd", {"function": 5}]}).status == 200


def test_a_body_without_messages_is_refused() -> None:
    refused = asked({"messages": "hi"})
    assert refused.status == 400
    assert loads(b"".join(refused.pieces))["error"]["param"] == "messages"


@pytest.mark.parametrize(
    "prompt",
    [
        "say hi",
        [
            {"type": "text", "text": "<system-reminder>\nDo this.\n</system-reminder>\n"},
            {"type": "text", "text": "say hi"},
        ],
        "<environment_context>\n  <cwd>/w</cwd>\n</environment_context>\nsay hi",
        [{"type": "text", "text": "say hi"}, {"type": "text", "text": "<system-reminder>No.</system-reminder>"}],
    ],
)
def test_the_users_words_are_answered_and_not_an_agents_reminders(prompt: Any) -> None:
    assert said(prompt)["message"]["content"].startswith('You said: "say hi".')


def test_a_prompt_that_is_nothing_but_a_tag_is_answered_whole() -> None:
    assert "<b>x</b>" in said("<b>x</b>")["message"]["content"]
