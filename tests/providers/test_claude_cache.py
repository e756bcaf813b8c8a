"""Where automatic cache breakpoints go, and where they do not."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.providers.claude_cache import MOST_BREAKPOINTS, mark_for_caching

MARK = {"type": "ephemeral"}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def text(value: str, marked: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": value} | ({"cache_control": MARK} if marked else {})


def marked(**body: Any) -> dict[str, Any]:
    mark_for_caching(body)
    return body


def test_the_last_tool_the_last_system_block_and_the_turn_before_last_are_marked() -> None:
    body = marked(
        tools=[{"name": "a"}, {"name": "b"}],
        system=[text("one"), text("two")],
        messages=[user("first"), {"role": "assistant", "content": "ok"}, user([text("second")]), user("third")],
    )
    assert body["tools"] == [{"name": "a"}, {"name": "b", "cache_control": MARK}]
    assert body["system"] == [text("one"), text("two", marked=True)]
    assert body["messages"][2] == user([text("second", marked=True)])
    assert body["messages"][0] == user("first")


def test_plain_text_becomes_one_marked_block() -> None:
    body = marked(system="be brief", messages=[user("first"), user("second")])
    assert body["system"] == [text("be brief", marked=True)]
    assert body["messages"][0] == user([text("first", marked=True)])


def test_one_user_message_is_not_marked() -> None:
    assert marked(messages=[user("only")]) == {"messages": [user("only")]}


def test_a_section_the_client_marked_is_left_alone() -> None:
    tools = [{"name": "a", "cache_control": MARK}, {"name": "b"}]
    nested = user([{"type": "tool_result", "content": [text("x", marked=True)]}])
    body = marked(tools=list(tools), system="s", messages=[nested, user("second")])
    assert body["tools"] == tools
    assert body["messages"] == [nested, user("second")]
    assert body["system"] == [text("s", marked=True)]


def test_never_more_than_four_with_the_clients_own() -> None:
    four = user([text(str(at), marked=True) for at in range(4)])
    assert marked(tools=[{"name": "a"}], system="s", messages=[four]) == {
        "tools": [{"name": "a"}],
        "system": "s",
        "messages": [four],
    }
    three = user([text(str(at), marked=True) for at in range(3)])
    body = marked(tools=[{"name": "a"}], system="s", messages=[three])
    assert (body["tools"], body["system"]) == ([{"name": "a", "cache_control": MARK}], "s")


def test_a_request_that_caches_as_a_whole_has_its_messages_left_alone() -> None:
    body = marked(cache_control=MARK, messages=[user("first"), user("second")])
    assert body["messages"] == [user("first"), user("second")]


def test_thinking_empty_text_and_deferred_tools_are_never_marked() -> None:
    body = marked(
        tools=[{"name": "a"}, {"name": "b", "defer_loading": True}],
        system=[text("s"), text(" ")],
        messages=[user([text("first"), {"type": "thinking", "thinking": "t"}, text("")]), user("second")],
    )
    assert "cache_control" not in body["tools"][1]
    assert body["tools"][0]["cache_control"] == MARK
    assert body["system"] == [text("s", marked=True), text(" ")]
    assert body["messages"][0]["content"][0] == text("first", marked=True)


BLOCKS = st.lists(st.builds(text, st.sampled_from(["", "x"]), st.booleans()), max_size=3)


@given(
    st.lists(st.fixed_dictionaries({"name": st.just("t")}, optional={"cache_control": st.just(MARK)}), max_size=3),
    BLOCKS | st.sampled_from(["", "s"]),
    st.lists(st.builds(user, BLOCKS | st.just("x")), max_size=4),
)
def test_what_is_added_never_takes_the_total_past_four(tools: Any, system: Any, messages: Any) -> None:
    def count(value: Any) -> int:
        if isinstance(value, list):
            return sum(map(count, value))
        return ("cache_control" in value) + sum(map(count, value.values())) if isinstance(value, dict) else 0

    body = {"tools": tools, "system": system, "messages": messages}
    before = count(body)
    mark_for_caching(body)
    assert count(body) <= max(before, MOST_BREAKPOINTS)


@pytest.mark.parametrize(
    ("where", "marked"),
    [("tools", ["tools", "system"]), ("system", ["system"]), ("messages", ["messages"])],
)
def test_nothing_short_stands_before_what_lasts(where: str, marked: list[str]) -> None:
    """Before a client's one-hour mark none of ours is put: Anthropic refuses a longer one behind a shorter one."""
    hour = {"type": "ephemeral", "ttl": "1h"}
    text = {"type": "text", "text": "x"}
    body: dict[str, Any] = {
        "tools": [{"name": "t", "input_schema": {}}],
        "system": [dict(text)],
        "messages": [{"role": "user", "content": [dict(text)]}],
    }
    last = body[where][-1]["content"][-1] if where == "messages" else body[where][-1]
    last["cache_control"] = hour
    mark_for_caching(body)
    assert [name for name in body if "cache_control" in str(body[name])] == marked


def test_what_others_hold_of_the_body_stays_as_it_was() -> None:
    """A retry with another credential begins from the same messages."""
    text = {"type": "text", "text": "x"}
    body: dict[str, Any] = {
        "tools": [{"name": "t", "input_schema": {}}],
        "system": [dict(text)],
        "messages": [{"role": "user", "content": [dict(text)]}] * 2,
    }
    before = deepcopy(body)
    mine = dict(body)
    mark_for_caching(mine)
    assert all("cache_control" in str(mine[name]) for name in mine)
    assert body == before
