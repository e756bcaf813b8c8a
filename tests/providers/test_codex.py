"""The Responses endpoint that only streams."""

import pytest

from cliproxy.errors import RequestFault
from cliproxy.providers.codex import is_chatgpt
from cliproxy.providers.interface import Operation
from cliproxy.providers.registry import PROVIDERS
from tests.providers.calls import COMPACT, EMBED, call, credential, finished, header, prepared

KIND = "codex"
GENERATE = Operation.GENERATE


def test_every_request_is_streamed_to_responses() -> None:
    request = prepared(KIND, {"input": []})
    assert (request.url, request.streams) == ("https://chatgpt.com/backend-api/codex/responses", True)
    assert header(request, "authorization") == ["Bearer k-secret"]
    assert header(request, "accept") == ["text/event-stream"]


def test_of_the_clients_headers_only_openai_beta_goes_along() -> None:
    sent = {"openai-beta": "responses=v1", "originator": "x", "user-agent": "codex/1", "authorization": "Bearer client"}
    request = prepared(KIND, {"input": []}, client_headers=sent)
    assert header(request, "openai-beta") == ["responses=v1"]
    assert header(request, "originator") == []
    assert header(request, "user-agent")[0].startswith("cliproxy/")
    assert header(request, "authorization") == ["Bearer k-secret"]


def test_what_the_endpoint_insists_on_is_set() -> None:
    body = finished(KIND, {"input": [], "store": True, "stream": False, "parallel_tool_calls": False, "include": ["x"]})
    assert body == {
        "input": [],
        "store": False,
        "stream": True,
        "parallel_tool_calls": False,
        "include": ["reasoning.encrypted_content"],
        "model": "m",
        "instructions": "",
    }


@pytest.mark.parametrize(
    "name",
    [
        *("prompt_cache_retention", "safety_identifier", "user", "max_output_tokens", "metadata"),
        *("max_completion_tokens", "temperature", "top_p", "service_tier", "truncation"),
    ],
)
def test_what_chatgpts_backend_refuses_is_removed_there_as_a_loss_and_stays_anywhere_else(name: str) -> None:
    for operation in (GENERATE, COMPACT):
        made = call({"input": [], name: 1}, operation=operation)
        PROVIDERS[KIND].finish_body(made, credential(KIND))
        assert name not in made.body
        assert [loss.where for loss in made.losses] == [name]
        made = call({"input": [], name: 1}, operation=operation)
        PROVIDERS[KIND].finish_body(made, credential(KIND, base_url="https://api.openai.com/v1"))
        assert (made.body[name], made.losses) == (1, [])


def test_openai_and_compatible_servers_get_what_a_responses_client_sent() -> None:
    sent = {"input": "Hi", "store": True, "stream": False, "include": ["x"], "previous_response_id": "resp_1"}
    on = credential(KIND, base_url="https://api.openai.com/v1")
    made = call(dict(sent), client_dialect="responses")
    PROVIDERS[KIND].finish_body(made, on)
    assert (made.body, made.losses) == ({**sent, "model": "m"}, [])
    assert PROVIDERS[KIND].prepare(made, on).streams is False


@pytest.mark.parametrize(("member", "value"), [("background", False), ("truncation", "disabled")])
def test_a_default_said_aloud_is_no_loss(member: str, value: object) -> None:
    made = call({"input": [], member: value})
    PROVIDERS[KIND].finish_body(made, credential(KIND))
    assert member not in made.body
    assert made.losses == []


@pytest.mark.parametrize(
    ("url", "backend"),
    [
        ("https://chatgpt.com/backend-api/codex", True),
        ("http://127.0.0.1:1/mirror/codex/", True),
        ("https://api.openai.com/v1", False),
        ("https://codex.example/v1", False),
    ],
)
def test_chatgpts_backend_is_known_by_its_host_or_path(url: str, backend: bool) -> None:
    assert is_chatgpt(url) is backend


def test_a_clients_instructions_stay() -> None:
    assert finished(KIND, {"input": [], "instructions": "Be brief."})["instructions"] == "Be brief."


def test_plain_input_becomes_one_user_message() -> None:
    assert finished(KIND, {"input": "Hi"})["input"] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    ]


def test_system_items_become_the_developers() -> None:
    items = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, "odd"]
    assert finished(KIND, {"input": items})["input"] == [
        {"role": "developer", "content": "s"},
        {"role": "user", "content": "u"},
        "odd",
    ]


def test_a_responses_clients_cache_key_is_its_own() -> None:
    body = finished(KIND, {"input": [], "prompt_cache_key": "mine"}, client_dialect="responses")
    assert body["prompt_cache_key"] == "mine"


def test_a_claude_user_gets_a_steady_cache_key_that_does_not_tell_who() -> None:
    def key(user: str, model: str = "m") -> str:
        made = finished(KIND, {"input": []}, client_dialect="claude", claude_user_id=user, model=model)
        return str(made["prompt_cache_key"])

    assert key("user-1") == key("user-1")
    assert len({key("user-1"), key("user-2"), key("user-1", "other")}) == 3
    assert "user-1" not in key("user-1")
    assert [len(part) for part in key("user-1").split("-")] == [8, 4, 4, 4, 12]


def test_a_claude_client_without_a_user_gets_no_cache_key() -> None:
    assert "prompt_cache_key" not in finished(KIND, {"input": []}, client_dialect="claude")


def test_compaction_has_its_own_path_and_is_no_stream() -> None:
    request = prepared(KIND, {"input": [], "stream": False}, operation=COMPACT)
    assert (request.url, request.streams) == ("https://chatgpt.com/backend-api/codex/responses/compact", False)
    assert request.body == b'{"input":[],"model":"m","instructions":""}'
    assert header(request, "accept") == ["application/json"]


def test_embeddings_are_not_offered() -> None:
    with pytest.raises(RequestFault) as caught:
        finished(KIND, {"input": "x"}, operation=EMBED)
    assert caught.value.detail.status == 501
