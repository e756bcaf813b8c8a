"""Three keys and nothing else: today's default names are served, whatever the vendors' lists are like."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from cliproxy.discovery.discovery import Discovery
from cliproxy.settings.load import loads
from tests.support.world import Received, Vendor, World

FILES = {
    "keys": """
claude-api-key: [{api-key: a, base-url: http://anthropic.test}]
codex-api-key: [{api-key: o, base-url: http://openai.test/v1}]
gemini-api-key: [{api-key: g, base-url: http://google.test}]
""",
    "presets": """
providers:
- {preset: anthropic, base-url: http://anthropic.test, keys: [a]}
- {preset: openai, base-url: http://openai.test, keys: [o]}
- {preset: gemini, base-url: http://google.test, keys: [g]}
""",
}
#: What a first request asks for: Claude Code, Codex, Gemini CLI, aider, and the READMEs of the three SDKs.
CHAT = {"messages": [{"role": "user", "content": "x"}]}
MESSAGES = {**CHAT, "max_tokens": 5}
RESPONSES = {"input": "x"}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
FIRST: list[tuple[str, str, Any]] = [
    *(("anthropic.test", name, ("/v1/messages", MESSAGES)) for name in ("claude-opus-5-5", "claude-sonnet-5")),
    *(
        ("anthropic.test", name, ("/v1/messages", MESSAGES))
        for name in ("claude-haiku-4-5", "claude-haiku-4-5-20251001")
    ),
    ("anthropic.test", "claude-sonnet-4-5-20250929", ("/v1/messages", MESSAGES)),
    *(
        ("openai.test", name, ("/v1/responses", RESPONSES))
        for name in ("gpt-5.6-sol", "gpt-5.5-codex", "gpt-6", "gpt-4o")
    ),
    *(
        ("google.test", name, (f"/v1beta/models/{name}:generateContent", CONTENTS))
        for name in ("gemini-3-pro-preview",)
    ),
    *(("google.test", name, (f"/v1beta/models/{name}:generateContent", CONTENTS)) for name in ("gemini-2.5-flash",)),
    *(("google.test", name, (f"/v1beta/models/{name}:generateContent", CONTENTS)) for name in ("gemini-4-flash",)),
    *(("openai.test", name, ("/v1/chat/completions", CHAT)) for name in ("gpt-5.2", "gpt-4o", "o3", "openai/gpt-4o")),
    *(
        ("anthropic.test", name, ("/v1/chat/completions", CHAT))
        for name in ("anthropic/claude-sonnet-4-5", "claude-opus-5")
    ),
    *(
        ("google.test", name, ("/v1/chat/completions", CHAT))
        for name in ("gemini/gemini-2.5-pro", "google/gemini-3-pro")
    ),
]


def down(request: Received) -> None:
    request.cut()


def huge(request: Received) -> None:
    request.begin()
    request.chunk(b'{"data": [' + b'{"id": "x"},' * 1_000_000)


def lying(request: Received) -> None:
    """A list in which nothing is what one wants, and everything is what one does not."""
    names = ["claude-old", "gpt-old", "gemini-old", "\x00", "<script>", "a" * 10_000, "../../etc", "claude-\r\nX: y"]
    request.answer(200, {"data": [{"id": name, "context_length": -1, "created": "soon"} for name in names] + [None, 7]})


LISTS: dict[str, Callable[[Received], None]] = {
    "silent": lambda request: None,
    "down": down,
    "refusing": lambda request: request.answer(401, {"error": {"message": "no"}}),
    "html": lambda request: request.answer(200, b"<!doctype html><title>Login</title>", {"Content-Type": "text/html"}),
    "empty": lambda request: request.answer(200, {"data": [], "object": "list"}),
    "huge": huge,
    "deep": lambda request: request.answer(200, b'{"data":' + b"[" * 100_000),
    "lying": lying,
}


@pytest.mark.parametrize("lists", LISTS)
@pytest.mark.parametrize("file", FILES)
def test_todays_default_names_are_served_whatever_the_lists_are_like(file: str, lists: str) -> None:
    world = World(loads("api-keys: [sk-test]" + FILES[file]).settings)
    asked: list[tuple[str, Received]] = []

    def vendor(host: str) -> Vendor:
        made = world.vendor(host)

        def script(request: Received) -> None:
            if request.method == "GET":
                LISTS[lists](request)
            else:
                asked.append((host, request))

        made.script = script
        return made

    vendors = {host: vendor(host) for host in ("anthropic.test", "openai.test", "google.test")}
    service = world.service
    Discovery(
        lambda: service.relay.snapshot,
        service.learned,
        service.client,
        world.reactor,
        random.Random(1),
        service.tokens.ready,
        None,
    ).setServiceParent(service)
    for moment in ("at once", "later"):
        world.flow()
        for host, name, (path, body) in FIRST:
            call = world.post(path, {"model": name, **body} if "contents" not in body else body)
            assert asked, f"{name} {moment}: {call.status} {call.body!r}"
            found, request = asked.pop()
            sent = request.target if host == "google.test" else request.json["model"]
            assert (found, asked) == (host, []) and name.rpartition("/")[2] in sent, name
            call.leave()
            world.flow()
        world.pass_time(40)
    assert all(vendor.requests[0].method == "GET" for vendor in vendors.values())
    world.close()


@pytest.mark.parametrize("file", FILES)
def test_the_catalogue_is_listed_until_a_list_has_come(file: str) -> None:
    world = World(loads("api-keys: [sk-test]" + FILES[file]).settings)
    listed = {each["id"]: each["owned_by"] for each in world.get("/v1/models").json["data"]}
    assert {"claude-opus-5", "gpt-5.5", "gemini-2.5-pro"} <= set(listed)
    world.close()


def test_embeddings_of_openais_key_go_to_its_embeddings_path() -> None:
    found = loads("api-keys: [k]\ncodex-api-key: [{api-key: o, base-url: https://api.openai.com/v1}]").settings
    world = World(found)
    (candidate,) = world.service.relay.snapshot.router.resolve("text-embedding-3-small").candidates
    spoken = candidate.credential.spoken("openai", candidate.model, embeds=True)
    assert (spoken.provider, spoken.base_url) == ("openai-compatibility", "https://api.openai.com/v1")
    assert candidate.credential.spoken("openai", "gpt-5.5").provider == "codex"
    world.close()
