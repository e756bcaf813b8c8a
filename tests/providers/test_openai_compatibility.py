"""OpenAI-compatible upstreams."""

from typing import Any

from cliproxy.providers.registry import PROVIDERS
from cliproxy.settings.model import NO_SECRET
from tests.providers.calls import COMPACT, COUNT, EMBED, call, credential, finished, header, prepared

KIND = "openai-compatibility"


def test_chat_goes_under_the_base_url_with_a_bearer_key() -> None:
    request = prepared(KIND, {"messages": []})
    assert (request.method, request.url, request.streams) == (
        "POST",
        "https://compat.example/v1/chat/completions",
        False,
    )
    assert header(request, "authorization") == ["Bearer k-secret"]
    assert header(request, "accept") == ["application/json"]
    assert header(request, "content-type") == ["application/json"]


def test_a_keyless_endpoint_gets_no_authorization() -> None:
    request = prepared(KIND, on=credential(KIND, key=NO_SECRET))
    assert header(request, "authorization") == []


def test_a_stream_asks_for_events_and_reports_its_usage() -> None:
    request = prepared(KIND, {"messages": []}, stream=True)
    assert request.streams
    assert header(request, "accept") == ["text/event-stream"]
    assert header(request, "cache-control") == ["no-cache"]
    assert b'"stream":true' in request.body
    assert b'"stream_options":{"include_usage":true}' in request.body


def test_the_clients_other_stream_options_stay() -> None:
    body = finished(KIND, {"stream_options": {"include_usage": False, "include_obfuscation": False}}, stream=True)
    assert body["stream_options"] == {"include_usage": True, "include_obfuscation": False}


def test_the_upstreams_model_name_is_sent() -> None:
    assert finished(KIND, {"model": "alias(high)"}, model="real")["model"] == "real"


def test_a_body_that_is_not_streamed_says_so_only_where_the_client_did() -> None:
    assert finished(KIND, {"stream": None})["stream"] is False
    assert "stream" not in finished(KIND, {})


def test_compaction_and_embeddings_have_their_own_paths_and_no_stream() -> None:
    compact = prepared(KIND, {"input": "x", "stream": True}, operation=COMPACT, stream=True)
    assert (compact.url, compact.streams) == ("https://compat.example/v1/responses/compact", False)
    assert b"stream" not in compact.body
    embed = prepared(KIND, {"input": "x"}, operation=EMBED)
    assert embed.url == "https://compat.example/v1/embeddings"
    assert embed.body == b'{"input":"x","model":"m"}'


def test_tokens_are_not_counted_upstream() -> None:
    assert not PROVIDERS[KIND].counts_upstream
    assert finished(KIND, {"messages": []}, operation=COUNT) == {"messages": [], "model": "m"}


def test_openais_reasoning_families_are_limited_by_the_word_they_take() -> None:
    for model in ("gpt-5.4", "o3", "openai/gpt-5-mini", "gpt-6"):
        body = finished("openai-compatibility", {"messages": [], "max_tokens": 9}, model=model)
        assert (body.get("max_completion_tokens"), "max_tokens" in body) == (9, False), model
    for model in ("gpt-4o", "mistral-large", "gpt-oss-120b"):
        assert finished("openai-compatibility", {"messages": [], "max_tokens": 9}, model=model)["max_tokens"] == 9, (
            model
        )


def test_openais_models_get_no_member_of_other_vendors_that_the_client_did_not_write() -> None:
    def sent(model: str, **members: Any) -> tuple[bool, bool, int]:
        thought = {"role": "assistant", "content": "x", "reasoning_content": "why"}
        made = call({"messages": [thought], "top_k": 4}, model=model, **members)
        PROVIDERS[KIND].finish_body(made, credential(KIND))
        return "top_k" in made.body, "reasoning_content" in made.body["messages"][0], len(made.losses)

    for model in ("gpt-4o", "gpt-5.4", "openai/o3", "chatgpt-4o-latest"):
        assert sent(model) == (False, False, 2), model
        assert sent(model, client_dialect="openai") == (True, True, 0)
    for model in ("gpt-oss-120b", "deepseek-chat", "qwen3-coder", "olmo-2"):
        assert sent(model) == (True, True, 0), model
