"""Every preset over real requests through the daemon, against a vendor that knows its own address, key and members, and refuses
everything else. Clients of all four dialects are served by each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cliproxy.settings.load import loads
from cliproxy.vendors.presets import PRESETS
from tests.support.vendor_addresses import EXPECTED
from tests.support.world import Received, World

#: Further ways of vendors, by their documentation: paths behind the host.
ALSO = {
    "azure-foundry": ("/openai/v1/responses", "/anthropic/v1/messages"),
    "bedrock-mantle": ("/v1/responses", "/anthropic/v1/messages"),
    "dashscope": ("/apps/anthropic/v1/messages",),
    "fireworks": ("/inference/v1/messages",),
    "groq": ("/openai/v1/responses",),
    "huggingface": ("/v1/responses",),
    "llama.cpp": ("/v1/messages",),
    **dict.fromkeys(("ollama", "lmstudio", "vllm"), ("/v1/messages", "/v1/responses")),
}
#: What Chat endpoints refuse, by their documentation or their users' reports.
REFUSED = {
    "groq": {"logprobs", "top_logprobs", "logit_bias", "messages[].name"},
    "cerebras": {"frequency_penalty", "presence_penalty", "logit_bias", "parallel_tool_calls", "service_tier"},
    "xai": {"presence_penalty", "frequency_penalty", "stop"},
    "mistral": {"messages[].name", "messages[].reasoning_content"},
    **dict.fromkeys(
        ("deepseek", "moonshot", "zai", "minimax", "perplexity", "together", "nvidia", "sambanova", "ollama"),
        {"max_completion_tokens"},
    ),
}
#: Endpoints that refuse whatever they do not know: all that they know.
KNOWN = {
    "mistral": {
        *(
            "model",
            "messages",
            "temperature",
            "top_p",
            "max_tokens",
            "stream",
            "stop",
            "random_seed",
            "response_format",
        ),
        *(
            "tools",
            "tool_choice",
            "presence_penalty",
            "frequency_penalty",
            "n",
            "parallel_tool_calls",
            "reasoning_effort",
        ),
    },
    "messages": {
        *(
            "model",
            "messages",
            "max_tokens",
            "system",
            "tools",
            "tool_choice",
            "thinking",
            "output_config",
            "temperature",
        ),
        *("top_p", "top_k", "stop_sequences", "stream", "metadata", "service_tier", "container", "mcp_servers"),
        *("context_management", "cache_control", "output_format"),
    },
    "gemini": {
        *(
            "contents",
            "systemInstruction",
            "tools",
            "toolConfig",
            "safetySettings",
            "generationConfig",
            "cachedContent",
        ),
    },
}
TOOL = {"name": "look", "description": "d", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}
#: A client of each dialect that says everything it can.
CLIENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": (
        "/v1/chat/completions",
        {
            "messages": [
                {"role": "system", "content": "be good"},
                {"role": "user", "content": "hello", "name": "ann"},
                {"role": "assistant", "content": "hm", "reasoning_content": "thought"},
                {"role": "user", "content": "go on"},
            ],
            "max_completion_tokens": 4000,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": ["END"],
            "seed": 7,
            "presence_penalty": 0.1,
            "frequency_penalty": 0.1,
            "logit_bias": {"50": 1},
            "logprobs": True,
            "top_logprobs": 2,
            "user": "u",
            "metadata": {"a": "b"},
            "store": False,
            "service_tier": "auto",
            "parallel_tool_calls": True,
            "prompt_cache_key": "k",
            "tools": [{"type": "function", "function": TOOL}],
            "tool_choice": "auto",
        },
    ),
    "responses": (
        "/v1/responses",
        {
            "instructions": "be good",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
            "max_output_tokens": 4000,
            "reasoning": {"effort": "low", "summary": "auto"},
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "parallel_tool_calls": True,
            "prompt_cache_key": "k",
            "tools": [{"type": "function", "strict": False, **TOOL}],
            "tool_choice": "auto",
        },
    ),
    "claude": (
        "/v1/messages",
        {
            "system": [{"type": "text", "text": "be good", "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
            "max_tokens": 4000,
            "metadata": {"user_id": "u"},
            "stop_sequences": ["END"],
            "tools": [{"name": "look", "description": "d", "input_schema": TOOL["parameters"]}],
        },
    ),
    "gemini": (
        "/v1beta/models/{model}:generateContent",
        {
            "systemInstruction": {"parts": [{"text": "be good"}]},
            "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
            "generationConfig": {"maxOutputTokens": 4000, "temperature": 0.5, "stopSequences": ["END"]},
            "tools": [{"functionDeclarations": [TOOL]}],
        },
    ),
}
KEY = rsa.generate_private_key(65537, 2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


class Refused(Exception):
    """What the vendor does not take."""


def _check(preset: str, request: Received, host: str, paths: set[str]) -> None:
    if request.headers["host"].lower() != host.lower():
        raise Refused(f"host {request.headers['host']}")
    if request.target.partition("?")[0] not in paths:
        raise Refused(f"path {request.target}")
    keys = [(n, v) for n, v in request.headers.items() if "key" in n or n == "authorization"]
    wanted = (
        ("x-api-key", "K") if preset == "azure-foundry" and "/anthropic/" in request.target else EXPECTED[preset][1]
    )
    if keys != ([wanted] if wanted else []):
        raise Refused(f"keys {keys}")
    body, path = request.json, request.target.partition("?")[0]
    known = _known(preset, path)
    if known is not None and (unknown := set(body) - known):
        raise Refused(f"members {unknown}")
    if path.endswith("/chat/completions"):
        refused = {name for name in REFUSED.get(preset, ()) if name in body}
        refused |= {f"messages[].{name}" for message in body["messages"] for name in message} & REFUSED.get(
            preset, set()
        )
        if refused:
            raise Refused(f"members {refused}")
        if not body.get("max_tokens") and not body.get("max_completion_tokens"):
            raise Refused("no limit")
    if path.endswith("/messages") and request.headers.get("anthropic-version") != "2023-06-01":
        raise Refused("no anthropic-version")
    if path.lower().endswith("rawpredict") and body.get("anthropic_version") != "vertex-2023-10-16":
        raise Refused("no anthropic_version")
    if not request.headers["user-agent"].startswith("cliproxy/"):
        raise Refused("user agent")


def _known(preset: str, path: str) -> set[str] | None:
    if path.endswith("/messages"):
        return KNOWN["messages"]
    if "/publishers/anthropic/" in path:
        return (KNOWN["messages"] - {"model"}) | {"anthropic_version", "anthropic_beta"}
    if "enerateContent" in path:
        return KNOWN["gemini"]
    return KNOWN.get(preset)


def _answer(request: Received) -> None:
    """``hi``, in the dialect and the shape that was asked for."""
    path, stream = request.target.partition("?")[0], request.json.get("stream") is True
    if path.endswith("/chat/completions"):
        message = {"role": "assistant", "content": "hi"}
        if not stream:
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            request.answer(
                200, {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
            )
            return
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        events: list[tuple[str, Any]] = [
            ("", {**chunk, "choices": [{"index": 0, "delta": message, "finish_reason": None}]}),
            ("", {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
            ("", b"[DONE]"),
        ]
    elif path.endswith("/responses"):
        item = {"type": "message", "id": "i", "role": "assistant", "status": "completed"}
        item["content"] = [{"type": "output_text", "text": "hi", "annotations": []}]  # type: ignore[assignment]
        whole = {
            "id": "r",
            "object": "response",
            "created_at": 1,
            "model": "m",
            "status": "completed",
            "output": [item],
        }
        if not stream:
            request.answer(200, whole)
            return
        part = {"item_id": "i", "output_index": 0, "content_index": 0}
        events = [
            (e["type"], e)
            for e in (
                {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
                {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
                {"type": "response.output_text.delta", **part, "delta": "hi"},
                {"type": "response.output_item.done", "output_index": 0, "item": item},
                {"type": "response.completed", "response": whole},
            )
        ]
    elif "enerateContent" in path:
        content = {"role": "model", "parts": [{"text": "hi"}]}
        whole = {"candidates": [{"index": 0, "content": content, "finishReason": "STOP"}]}
        if "stream" not in path:
            request.answer(200, whole)
            return
        events = [("", whole)]
    else:
        message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
        message["usage"] = {"input_tokens": 1, "output_tokens": 1}  # type: ignore[assignment]
        text = {"type": "text", "text": "hi"}
        if not stream:
            request.answer(200, {**message, "content": [text], "stop_reason": "end_turn"})
            return
        events = [
            (e["type"], e)
            for e in (
                {"type": "message_start", "message": message},
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
                {"type": "message_stop"},
            )
        ]
    request.begin()
    for name, event in events:
        request.event(event, name)
    request.end()


class Served:
    """A daemon with one preset, at its vendor's own host, in clear."""

    def __init__(self, preset: str, directory: Path, base: str = "") -> None:
        self.preset, self.asked = preset, list[Received]()
        self.problems: list[str] = []
        urls = [urlsplit(url) for url in EXPECTED[preset][0].values()]
        self.host = urls[0].netloc
        self.model = PRESETS[preset].families[0].replace("*", "m")
        self.paths = {url.path.replace("/m:", f"/{self.model}:") for url in urls} | set(ALSO.get(preset, ()))
        self.paths |= {
            path.replace(":generate", ":streamGenerate").replace(":raw", ":streamRaw") for path in self.paths
        }
        account = {"client_email": "me@p", "private_key": KEY.decode(), "token_uri": "http://token.test/t"}
        (directory / "sa.json").write_text(json.dumps(account))
        keys = {"google": f"[{{service-account: {directory}/sa.json, project: P}}]", "none": "[]"}.get(
            PRESETS[preset].auth, "[K]"
        )
        text = (
            f"api-keys: [sk-test]\nauth-dir: {directory}/auth\nproviders:\n- preset: {preset}\n  keys: {keys}\n"
            f"  resource: R\n  region: us-east-1\n  base-url: {base or f'http://{self.host}'}\n"
        )
        self.world = World(loads(text).settings)
        hostname, _, port = self.host.partition(":")
        self.world.vendor(hostname.lower(), int(port or 80)).script = self._serve
        self.world.vendor("token.test").script = lambda request: request.answer(
            200, {"access_token": "K", "expires_in": 3600}
        )

    def _serve(self, request: Received) -> None:
        self.asked.append(request)
        try:
            _check(self.preset, request, self.host, self.paths)
        except Refused as refused:
            self.problems.append(str(refused))
            request.answer(400, {"error": {"message": str(refused), "type": "invalid_request_error"}})
        else:
            _answer(request)

    def ask(self, dialect: str, **more: Any) -> Any:
        path, body = CLIENTS[dialect]
        named = {} if dialect == "gemini" else {"model": self.model}
        headers = {"anthropic-version": "2023-06-01"} if dialect == "claude" else {}
        call = self.world.post(path.format(model=self.model), {**named, **body, **more}, headers)
        self.world.flow()
        return call


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def make(preset: str, base: str = "") -> Served:
        made.append(Served(preset, tmp_path, base))
        return made[-1]

    yield make
    for each in made:
        each.world.close()


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_client_of_each_dialect_is_served(served: Callable[..., Served], preset: str, dialect: str) -> None:
    vendor = served(preset)
    call = vendor.ask(dialect)
    assert vendor.problems == []
    assert (call.status, b"hi" in call.body, len(vendor.asked)) == (200, True, 1), call.body
    if dialect != "gemini":
        call = vendor.ask(dialect, stream=True)
        assert vendor.problems == []
        assert (call.status, call.ended, b"hi" in call.body) == (200, True, True), call.body


@pytest.mark.parametrize("tail", ["", "/"])
@pytest.mark.parametrize(
    ("preset", "lane"), [(name, lane) for name, preset in PRESETS.items() for lane in range(len(preset.lanes))]
)
def test_the_base_of_one_dialect_serves_them_all_and_nothing_is_doubled(
    served: Callable[..., Served], preset: str, lane: int, tail: str
) -> None:
    base = PRESETS[preset].lanes[lane].base.replace("{project}", "P").replace("{location}", "global")
    host = urlsplit(next(iter(EXPECTED[preset][0].values()))).netloc
    vendor = served(preset, f"http://{host}{urlsplit(PRESETS[preset].root).path}{base}{tail}")
    for dialect in CLIENTS:
        call = vendor.ask(dialect)
        assert (vendor.problems, call.status) == ([], 200), call.body


@pytest.mark.parametrize(
    ("preset", "model", "dialect", "path"),
    [
        ("azure-foundry", "claude-opus-5", "openai", "/anthropic/v1/messages"),
        ("azure-foundry", "gpt-5.5", "claude", "/openai/v1/chat/completions"),
        ("azure-openai", "gpt-5-codex", "openai", "/openai/v1/responses"),
        ("bedrock-mantle", "anthropic.claude-opus-4-8", "responses", "/anthropic/v1/messages"),
        ("bedrock-mantle", "qwen.qwen3", "claude", "/v1/chat/completions"),
        ("openrouter", "anthropic/claude-sonnet-4.5", "claude", "/api/v1/messages"),
        ("openrouter", "openai/gpt-5.5", "responses", "/api/v1/responses"),
        ("deepseek", "deepseek-chat", "claude", "/anthropic/v1/messages"),
        ("deepseek", "deepseek-chat", "responses", "/chat/completions"),
        ("openai", "o3-pro", "claude", "/v1/responses"),
    ],
)
def test_a_model_is_asked_for_where_its_vendor_serves_it(
    served: Callable[..., Served], preset: str, model: str, dialect: str, path: str
) -> None:
    vendor = served(preset)
    vendor.model = model
    call = vendor.ask(dialect)
    assert (vendor.problems, call.status) == ([], 200), call.body
    assert vendor.asked[-1].target == path


def test_what_is_taken_out_is_a_loss_and_strict_translation_refuses_what_it_meant(
    served: Callable[..., Served],
) -> None:
    vendor = served("xai")
    assert int(vendor.ask("openai").headers["x-cliproxy-losses"]) >= 3
    assert json.loads(vendor.asked[-1].body).keys().isdisjoint({"stop", "presence_penalty", "frequency_penalty"})
    vendor.ask("responses")
    assert vendor.asked[-1].json["reasoning"] == {"effort": "low"}


def test_the_page_has_every_vendor_in_lines_that_load() -> None:
    page = (Path(__file__).parents[2] / "docs" / "vendors.rst").read_text().partition("Each vendor in two lines")[2]
    block = page.partition("::\n\n")[2].partition("\nAddresses that hold")[0]
    loaded = loads("\n".join(line[4:] for line in block.splitlines()))
    assert [entry.preset for entry in loaded.settings.providers] == list(PRESETS)
    assert loaded.warnings == ()
