"""Coding agents before every kind of upstream: the requests of :mod:`tests.real.agents`, and answers they can work with."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.real import agents, grammar, raw
from tests.real.clients import Tool
from tests.real.house import UPSTREAMS, House
from tests.support.vendors import script

pytestmark = pytest.mark.real

EVERY = pytest.mark.parametrize("kind", UPSTREAMS)


def _claude_content(payloads: list[Any]) -> list[dict[str, Any]]:
    """The content blocks of a streamed message, as an agent would put them into its history."""
    blocks: list[dict[str, Any]] = []
    texts: dict[int, str] = {}
    for event in payloads:
        if event["type"] == "content_block_start":
            blocks.append(dict(event["content_block"]))
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            member = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}.get(
                delta["type"]
            )
            if member:
                blocks[event["index"]][member] += delta[member]
            else:
                texts[event["index"]] = texts.get(event["index"], "") + delta["partial_json"]
    for index, text in texts.items():
        blocks[index]["input"] = json.loads(text or "{}")
    return blocks


@EVERY
def test_claude_code(house: House, kind: str) -> None:
    """Claude Code's loop runs over two turns: cache marks, system role, deferred tools, adaptive thinking, a picture."""
    url = f"{house.daemon.url}/v1/messages?beta=true"
    headers = agents.claude_code_headers(house.daemon.key)
    first = agents.claude_code(f"{kind}-fake", "first-tool")
    answer = raw.call(url, first, headers)
    assert answer.status == 200, answer.body
    grammar.check_stream("claude", answer.payloads)
    content = _claude_content(answer.payloads)
    assert [block["name"] for block in content if block["type"] == "tool_use"] == ["Bash"]
    heard = house.last(kind).heard
    assert "You are an agent." in heard.system
    second = raw.call(url, agents.claude_code_after_tool(first, content), headers)
    assert second.status == 200, second.body
    text = "".join(block.get("text", "") for block in _claude_content(second.payloads))
    assert "Bash = " in text and "done, see picture" in text
    assert agents.PIXEL in house.last(kind).body.decode(), "the picture was lost"


def test_claude_code_reaches_claude_whole(house: House) -> None:
    """Before its own vendor nothing of Claude Code's request is lost, its beta flags included."""
    headers = agents.claude_code_headers(house.daemon.key)
    asked = agents.claude_code("claude-fake", "plain")
    answer = raw.call(f"{house.daemon.url}/v1/messages?beta=true", asked, headers)
    assert answer.status == 200, answer.body
    record = house.last("claude")
    arrived = record.json
    for tool in arrived["tools"]:  # a cache mark may be added where there was none
        tool.pop("cache_control", None)
    assert arrived == asked
    assert record.header("anthropic-beta") == headers["anthropic-beta"]
    assert record.header("anthropic-version") == headers["anthropic-version"]


def test_cache_marks_added_are_ones_the_vendor_takes(house: House) -> None:
    """The marks the daemon adds of itself keep the vendor's rules: none on a deferred tool, none of five minutes before one
    of an hour, four in all."""
    for ttl, system in (("5m", False), ("1h", False), ("1h", True)):
        asked = agents.claude_code("claude-fake", "plain", stream=False)
        asked["system"] = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
        if system:
            asked["system"][1]["cache_control"] = {"type": "ephemeral", "ttl": ttl}
        else:
            asked["messages"][-1]["content"][0]["cache_control"] = {"type": "ephemeral", "ttl": ttl}
        answer = raw.call(f"{house.daemon.url}/v1/messages", asked, agents.claude_code_headers(house.daemon.key))
        assert answer.status == 200, (ttl, system, answer.body)


@EVERY
def test_claude_code_counts(house: House, kind: str) -> None:
    """Claude Code's twenty-five counts at once are answered for every kind of upstream."""
    headers = agents.claude_code_headers(house.daemon.key)

    def one(number: int) -> raw.Answer:
        url = f"{house.daemon.url}/v1/messages/count_tokens?beta=true"
        return raw.call(url, agents.claude_code_count(f"{kind}-fake", number), headers)

    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(one, range(1, 26)))
    assert {answer.status for answer in answers} == {200}, answers[0].body
    assert all(answer.json["input_tokens"] > 0 for answer in answers)


@EVERY
def test_codex(house: House, kind: str) -> None:
    """Codex's turn runs with all its kinds of tools, and its call goes home with the reasoning before it."""
    url = f"{house.daemon.url}/v1/responses"
    headers = agents.codex_headers(house.daemon.key)
    answer = raw.call(url, agents.codex(f"{kind}-fake", "first-tool"), headers)
    assert answer.status == 200, answer.body
    grammar.check_stream("responses", answer.payloads)
    output = answer.payloads[-1]["response"]["output"]
    calls = [item for item in output if item["type"] == "function_call"]
    assert [call["name"] for call in calls] == ["exec_command"]
    history = [*output, {"type": "function_call_output", "call_id": calls[0]["call_id"], "output": "ok, ran"}]
    second = raw.call(url, agents.codex(f"{kind}-fake", "first-tool", history), headers)
    assert second.status == 200, second.body
    said = [item for item in second.payloads[-1]["response"]["output"] if item["type"] == "message"]
    assert said[0]["content"][0]["text"] == "The tools said: exec_command = ok, ran"


@EVERY
def test_codex_patches(house: House, kind: str) -> None:
    """A free-form tool call in Codex's history, and its output, are understood by every vendor."""
    asked = agents.codex(f"{kind}-fake", "plain", agents.codex_patch())
    answer = raw.call(f"{house.daemon.url}/v1/responses", asked, agents.codex_headers(house.daemon.key))
    assert answer.status == 200, answer.body
    assert house.last(kind).heard.results == [("apply_patch", "Success. Updated a.txt")]


@pytest.mark.parametrize("kind", [kind for kind in UPSTREAMS if kind != "responses"])
def test_codex_free_form_call(house: House, kind: str) -> None:
    """A call of Codex's free-form tool by a vendor that knows functions only comes as Codex expects it: as plain text."""
    url = f"{house.daemon.url}/v1/responses"
    headers = agents.codex_headers(house.daemon.key)
    answer = raw.call(url, agents.codex(f"{kind}-fake", "patch"), headers)
    assert answer.status == 200, answer.body
    output = answer.payloads[-1]["response"]["output"]
    calls = [item for item in output if item["type"] == "custom_tool_call"]
    assert [(call["name"], call["input"]) for call in calls] == [("apply_patch", script.PATCH)], output
    history = [*output, {"type": "custom_tool_call_output", "call_id": calls[0]["call_id"], "output": "patched"}]
    second = raw.call(url, agents.codex(f"{kind}-fake", "patch", history), headers)
    assert second.status == 200, second.body
    assert "apply_patch = patched" in second.body.decode()


@pytest.mark.parametrize("kind", [kind for kind in UPSTREAMS if kind != "responses"])
def test_codex_namespaces(house: House, kind: str) -> None:
    """A tool of a namespace is callable by a vendor that knows none, and its call comes back in its namespace."""
    url = f"{house.daemon.url}/v1/responses"
    headers = agents.codex_headers(house.daemon.key)
    asked = agents.codex(f"{kind}-fake", "last-tool")
    asked["tools"] = [tool for tool in asked["tools"] if tool["type"] in ("function", "custom", "namespace")]
    answer = raw.call(url, asked, headers)
    assert answer.status == 200, answer.body
    output = answer.payloads[-1]["response"]["output"]
    calls = [item for item in output if item["type"] == "function_call"]
    assert [(call.get("namespace"), call["name"]) for call in calls] == [("mcp__docs", "lookup")], output
    history = [*output, {"type": "function_call_output", "call_id": calls[0]["call_id"], "output": "found"}]
    second = raw.call(url, {**agents.codex(f"{kind}-fake", "last-tool", history), "tools": asked["tools"]}, headers)
    assert second.status == 200, second.body
    assert " = found" in second.body.decode()


def test_codex_without_accept_encoding(house: House) -> None:
    """A client that names no coding gets none."""
    answer = raw.call(
        f"{house.daemon.url}/v1/responses",
        agents.codex("responses-fake", "plain"),
        agents.codex_headers(house.daemon.key),
    )
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("authorised", [True, False])
def test_websocket_upgrade_is_426_at_once(house: House, authorised: bool) -> None:
    """A WebSocket upgrade on /v1/responses is refused in one answer, so that Codex goes on over HTTP."""
    with socket.create_connection(("127.0.0.1", house.daemon.port), timeout=5) as connection:
        key = f"Authorization: Bearer {house.daemon.key}\r\n" if authorised else ""
        connection.sendall(
            f"GET /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:{house.daemon.port}\r\n{key}Connection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        head = connection.recv(4096)
    assert head.startswith(b"HTTP/1.1 426 " if authorised else (b"HTTP/1.1 426 ", b"HTTP/1.1 401 ")), head


@EVERY
def test_gemini_cli(house: House, kind: str) -> None:
    """gemini-cli's classifier gets JSON of its schema, and its stream holds data lines and nothing else."""
    base = f"{house.daemon.url}/v1beta/models/{kind}-fake"
    headers = agents.gemini_cli_headers(house.daemon.key)
    classified = raw.call(f"{base}:generateContent", agents.gemini_cli_classifier("json"), headers)
    assert classified.status == 200, classified.body
    text = "".join(
        part["text"] for part in classified.json["candidates"][0]["content"]["parts"] if not part.get("thought")
    )
    assert json.loads(text) == script.PERSON
    answer = raw.call(f"{base}:streamGenerateContent?alt=sse", agents.gemini_cli("first-tool"), headers)
    assert answer.status == 200, answer.body
    grammar.check_stream("gemini", answer.payloads)
    lines = answer.body.replace(b"\r\n", b"\n").split(b"\n")
    assert all(line.startswith(b"data: ") for line in lines if line), "gemini-cli takes any other line for JSON"
    calls = [
        part["functionCall"]["name"]
        for value in answer.payloads
        for candidate in value["candidates"]
        for part in candidate.get("content", {}).get("parts", ())
        if "functionCall" in part
    ]
    assert calls == ["run_shell_command"]


def test_gemini_cli_hears_no_heartbeat(house: House) -> None:
    """However long the vendor takes, a Gemini stream holds no comment."""
    import threading

    gate = house.vendor("claude").gate("pause")
    gate.clear()
    timer = threading.Timer(1.5, gate.set)  # longer than a heartbeat
    timer.start()
    url = f"{house.daemon.url}/v1beta/models/claude-fake:streamGenerateContent?alt=sse"
    answer = raw.call(url, agents.gemini_cli("pause") | {"tools": []}, agents.gemini_cli_headers(house.daemon.key))
    assert answer.status == 200, answer.body
    assert b"\n:" not in answer.body and not answer.body.startswith(b":")
    assert b"event:" not in answer.body


@EVERY
def test_snake_case_gemini(house: House, kind: str) -> None:
    """A Gemini body in snake_case with URL-safe base64 means what it means in camelCase."""
    url = f"{house.daemon.url}/v1beta/models/{kind}-fake:generateContent"
    answer = raw.call(url, agents.snake_case("tool"), agents.gemini_cli_headers(house.daemon.key))
    assert answer.status == 200, answer.body
    heard = house.last(kind).heard
    assert heard.system == "Snakes."
    assert heard.tools == ["get_weather"]
    assert heard.max_tokens == (None if kind == "responses" else 77)
    body = house.last(kind).body
    assert (b"-_-_" if kind == "gemini" else b"+/+/") in body or b"+/+/" in body


@EVERY
def test_amp(house: House, kind: str) -> None:
    """Amp's title is named by the tool it forces, and its main call streams, thinking and cache marks included."""
    headers = agents.amp_headers(house.daemon.key)
    url = f"{house.daemon.url}/v1/messages"
    titled = raw.call(url, agents.amp_title(f"{kind}-fake", "first-tool"), headers)
    assert titled.status == 200, titled.body
    assert [block["name"] for block in titled.json["content"] if block["type"] == "tool_use"] == ["set_title"]
    assert house.last(kind).heard.forced == "set_title"
    answer = raw.call(url, agents.amp_smart(f"{kind}-fake", "think"), headers)
    assert answer.status == 200, answer.body
    grammar.check_stream("claude", answer.payloads)
    content = _claude_content(answer.payloads)
    assert [block["type"] for block in content] == ["thinking", "text"]
    assert content[1]["text"] == script.PLAIN


STRANGE_NAMES = [
    ("claude", "mcp__a_server_with_quite_a_long_name__and_a_tool_whose_name_is_longer_than_sixty_four"),
    ("claude", "X" * 100),
    ("gemini", "files.read-all:v2"),
]


@pytest.mark.parametrize(("name", "tool"), STRANGE_NAMES)
@EVERY
def test_strange_tool_names(house: House, name: str, tool: str, kind: str) -> None:
    """A tool's name that a vendor refuses is spelt for it, and comes back as the client spells it, on both turns."""
    client = house.clients[name]
    tools = (Tool(tool, {"type": "object", "properties": {}}), Tool(tool[:-1], {"type": "object", "properties": {}}))
    for stream in (False, True):
        turn = client.ask(f"{kind}-fake", client.begin("scene:first-tool"), stream=stream, tools=tools)
        assert [call.name for call in turn.calls] == [tool]
        last = client.ask(f"{kind}-fake", client.answer(turn, {tool: "well"}), stream=stream, tools=tools)
        assert last.text.endswith(" = well")
        assert len(set(house.last(kind).heard.tools)) == 2


def test_openai_default_is_base64(house: House) -> None:
    """What the openai SDK sends for embeddings when nothing is said: base64, and that is what comes back."""
    headers = {"Authorization": f"Bearer {house.daemon.key}"}
    body = {"model": "gemini-fake-vectors", "input": "x", "encoding_format": "base64"}
    answer = raw.call(f"{house.daemon.url}/v1/embeddings", body, headers)
    assert answer.status == 200, answer.body
    assert isinstance(answer.json["data"][0]["embedding"], str)


def test_model_list_by_client(house: House) -> None:
    """/v1/models has the shape of the client that asks: Claude's for Claude Code, OpenAI's for the others."""
    url = f"{house.daemon.url}/v1/models"
    claude = raw.call(url, headers=agents.claude_code_headers(house.daemon.key)).json
    assert {"data", "has_more", "first_id", "last_id"} <= set(claude)
    assert claude["data"][0]["type"] == "model"
    codex = raw.call(url, headers=agents.codex_headers(house.daemon.key)).json
    assert codex["object"] == "list"
    known = {"display_name", "context_length", "max_completion_tokens"}
    assert (
        {"id", "object", "created", "owned_by"}
        <= set(codex["data"][0])
        <= {"id", "object", "created", "owned_by", *known}
    )
