"""Anthropic's Messages API."""

from typing import Any

import pytest

from cliproxy.errors import RequestFault
from cliproxy.jsontypes import loads
from tests.providers.calls import COMPACT, COUNT, EMBED, credential, finished, header, prepared

KIND = "claude"
ENABLED = {"type": "enabled", "budget_tokens": 2048}
ADAPTIVE = {"type": "adaptive"}


def user() -> dict[str, Any]:
    return {"role": "user", "content": "hi"}


def settled(body: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The body's members that thinking has a say in."""
    names = ("thinking", "context_management", "temperature", "top_k", "top_p")
    made = finished(KIND, {"messages": [user()], "max_tokens": 9000} | body, **members)
    return {name: made[name] for name in names if name in made}


def test_anthropic_itself_gets_the_key_in_its_own_header() -> None:
    request = prepared(KIND, {"messages": [user()]})
    assert request.url == "https://api.anthropic.com/v1/messages"
    assert header(request, "x-api-key") == ["k-secret"]
    assert header(request, "authorization") == []


@pytest.mark.parametrize(
    "base", ["https://gateway.example", "http://api.anthropic.com", "https://api.anthropic.com.evil.example"]
)
def test_any_other_host_gets_a_bearer_token(base: str) -> None:
    request = prepared(KIND, {"messages": [user()]}, on=credential(KIND, base_url=base))
    assert header(request, "authorization") == ["Bearer k-secret"]
    assert header(request, "x-api-key") == []


def test_the_version_is_the_clients_or_the_known_one() -> None:
    assert header(prepared(KIND), "anthropic-version") == ["2023-06-01"]
    request = prepared(KIND, client_headers={"anthropic-version": "2099-01-01"})
    assert header(request, "anthropic-version") == ["2099-01-01"]


def test_betas_of_header_and_body_are_joined_once_each_and_leave_the_body() -> None:
    request = prepared(KIND, {"betas": ["b", "c", 7]}, client_headers={"anthropic-beta": "a, b,,"})
    assert header(request, "anthropic-beta") == ["a,b,c"]
    assert "betas" not in loads(request.body)


def test_no_beta_of_our_own_is_asked_for() -> None:
    assert header(prepared(KIND), "anthropic-beta") == []


def test_other_headers_of_the_client_stay_here() -> None:
    sent = {
        "x-api-key": "client",
        "x-stainless-lang": "js",
        "x-app": "cli",
        "cookie": "c",
        "user-agent": "claude-cli/2",
    }
    request = prepared(KIND, client_headers=sent)
    names = {name.lower() for name, _ in request.headers}
    assert names == {"content-type", "user-agent", "accept", "x-api-key", "anthropic-version"}
    assert header(request, "x-api-key") == ["k-secret"]


def test_a_claude_client_gets_what_it_asks_and_any_other_is_streamed() -> None:
    assert not prepared(KIND, {"stream": False}, client_dialect="claude").streams
    assert prepared(KIND, {}, client_dialect="claude", stream=True).streams
    foreign = prepared(KIND, {}, client_dialect="openai")
    assert foreign.streams
    assert loads(foreign.body)["stream"] is True


@pytest.mark.parametrize("choice", ["any", "tool"])
def test_a_forced_tool_switches_thinking_off(choice: str) -> None:
    assert settled({"thinking": ENABLED, "tool_choice": {"type": choice}}, thinking_by_client=True) == {}
    assert settled({"thinking": ENABLED, "tool_choice": {"type": "auto"}}) == {"thinking": ENABLED}
    assert settled({"thinking": ADAPTIVE, "tool_choice": {"type": choice}}) == {"thinking": ADAPTIVE}


def test_thinking_we_switched_on_drops_sampling_that_contradicts_it() -> None:
    body = {"thinking": ENABLED, "temperature": 0.5, "top_k": 5, "top_p": 0.9}
    assert settled(dict(body)) == {"thinking": ENABLED}
    assert settled(dict(body, top_p=0.95)) == {"thinking": ENABLED, "top_p": 0.95}
    assert settled(dict(body), thinking_by_client=True) == body


def test_sampling_stays_where_nobody_thinks() -> None:
    body = {"temperature": 0.5, "thinking": {"type": "disabled"}}
    assert settled(dict(body)) == body


@pytest.mark.parametrize(
    ("client", "max_tokens", "thinking"),
    [
        ("gemini", 9000, {"type": "enabled", "budget_tokens": 1024}),
        ("gemini", 1025, {"type": "enabled", "budget_tokens": 1024}),
        ("gemini", 1024, None),
        ("claude", 9000, {"type": "enabled", "budget_tokens": 512}),
    ],
)
def test_a_foreign_clients_small_budget_becomes_one_anthropic_takes(
    client: str, max_tokens: int, thinking: Any
) -> None:
    """gemini-cli asks for 512 tokens; Anthropic takes no fewer than 1024, and they must fit below ``max_tokens``."""
    body = {"thinking": {"type": "enabled", "budget_tokens": 512}, "max_tokens": max_tokens}
    assert settled(body, client_dialect=client).get("thinking") == thinking
    said = settled(body, client_dialect=client, thinking_by_suffix=True)
    assert said["thinking"]["budget_tokens"] == 512, "a suffix is taken at its word"


def test_thinking_without_a_budget_gets_half_of_max_tokens() -> None:
    assert settled({"thinking": {"type": "enabled"}})["thinking"] == {"type": "enabled", "budget_tokens": 4500}
    assert settled({"thinking": {"type": "enabled"}, "max_tokens": 1500})["thinking"]["budget_tokens"] == 1024
    assert settled({"thinking": {"type": "enabled"}, "max_tokens": 1024}) == {}
    assert settled({"thinking": {"type": "adaptive"}}) == {"thinking": {"type": "adaptive"}}


CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        ([{"role": "assistant", "content": [CALL]}, RESULT], False),
        ([{"role": "assistant", "content": [{"type": "thinking"}, CALL]}, RESULT], True),
        ([{"role": "assistant", "content": [{"type": "redacted_thinking"}, CALL]}, RESULT], True),
        ([{"role": "assistant", "content": [CALL]}, RESULT, {"role": "assistant", "content": "done"}, user()], True),
        ([{"role": "assistant", "content": "text"}, user()], True),
    ],
)
def test_a_tool_loop_begun_without_thinking_goes_on_without(tail: list[Any], kept: bool) -> None:
    made = settled({"thinking": ENABLED, "messages": [user(), *tail]}, thinking_by_client=True)
    assert ("thinking" in made) is kept


CLEAR = {"type": "clear_thinking_20251015", "keep": "all"}
CLEAR_TOOLS = {"type": "clear_tool_uses_20250919"}
UNTHOUGHT = [user(), {"role": "assistant", "content": [CALL]}, RESULT]


def test_adaptive_thinking_goes_on_through_a_tool_loop_begun_without() -> None:
    body = {"thinking": ADAPTIVE, "context_management": {"edits": [CLEAR]}, "messages": UNTHOUGHT}
    made = settled(dict(body), thinking_by_client=True)
    assert made == {"thinking": ADAPTIVE, "context_management": {"edits": [CLEAR]}}


@pytest.mark.parametrize(
    ("edits", "kept"),
    [([CLEAR], {}), ([CLEAR, CLEAR_TOOLS], {"context_management": {"edits": [CLEAR_TOOLS]}}), ("odd", None)],
)
def test_with_thinking_go_the_context_edits_that_need_it(edits: Any, kept: Any) -> None:
    context = {"context_management": {"edits": edits}}
    made = settled({"thinking": ENABLED, **context, "messages": UNTHOUGHT}, thinking_by_client=True)
    assert made == (context if kept is None else kept)


def test_counting_sends_only_what_the_counter_takes() -> None:
    body = {
        "messages": [user()],
        "system": "s",
        "tools": [{"name": "f"}],
        "tool_choice": {"type": "auto"},
        "thinking": ENABLED,
        "max_tokens": 5,
        "stream": True,
        "temperature": 1,
        "metadata": {},
        "betas": ["b"],
    }
    request = prepared(KIND, body, operation=COUNT)
    assert request.url == "https://api.anthropic.com/v1/messages/count_tokens"
    assert set(loads(request.body)) == {"model", "messages", "system", "tools", "tool_choice", "thinking"}
    assert b"cache_control" not in request.body
    assert header(request, "anthropic-beta") == ["b"]
    assert not request.streams


@pytest.mark.parametrize("operation", [COMPACT, EMBED])
def test_compaction_and_embeddings_are_not_offered(operation: Any) -> None:
    with pytest.raises(RequestFault) as caught:
        finished(KIND, {}, operation=operation)
    assert caught.value.detail.status == 501


def test_a_body_of_odd_shapes_goes_up_for_the_vendor_to_judge() -> None:
    body = finished(
        KIND, {"messages": "odd", "tools": {}, "system": 5, "thinking": "on", "tool_choice": "any", "betas": "b"}
    )
    assert body["messages"] == "odd"
