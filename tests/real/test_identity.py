"""Each SDK before an upstream of its own dialect, and what only such a pair can show: nothing is touched on the way."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from google import genai
from google.genai import types

from tests.real import raw
from tests.real.checks import TOOLS
from tests.real.clients import CLIENTS, BrokenStream
from tests.real.house import KINDS, SILENCE, UPSTREAMS, House, model_for
from tests.support.vendors import anthropic, chat, script

pytestmark = pytest.mark.real

DIALECTS = pytest.mark.parametrize("name", UPSTREAMS)


def _post(house: House, path: str, body: Any, **headers: str) -> raw.Answer:
    return raw.call(house.daemon.url + path, body, {"Authorization": f"Bearer {house.daemon.key}", **headers})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_unknown_members_survive(house: House, stream: bool) -> None:
    """A member that the daemon has never heard of reaches the vendor of the same dialect, which judges it."""
    body: dict[str, Any] = {"model": "openai-fake", "messages": [{"role": "user", "content": "scene:plain"}]}
    answer = _post(
        house, "/v1/chat/completions", {**body, "stream": stream, "brand_new_option": {"deep": [1, 2.50, None]}}
    )
    assert answer.status == 400
    assert "brand_new_option" in answer.json["error"]["message"]
    assert house.last("openai").json["brand_new_option"] == {"deep": [1, 2.50, None]}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_bytes_pass_untouched(house: House, stream: bool) -> None:
    """Between two ends of one dialect the vendor's bytes are the client's bytes."""
    vendor = house.vendor("claude")
    heard: dict[str, Any] = {
        "model": "claude-fake",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "scene:plain"}],
        "stream": stream,
    }
    through = _post(house, "/v1/messages", heard)
    headers = {"x-api-key": anthropic.KEY, "anthropic-version": "2023-06-01"}
    direct = raw.call(f"{vendor.url}/v1/messages", heard, headers)
    assert through.status == direct.status == 200
    assert through.body == direct.body


def test_vertex(house: House) -> None:
    """google-genai reaches a vertex key, whose path and rules for ids are kept, tools and a second turn included."""
    client = house.clients["gemini"]
    for stream in (False, True):
        turn = client.ask("vertex-fake", client.begin("scene:tool"), stream=stream, tools=TOOLS)
        assert turn.calls[0].arguments == script.WEATHER
        last = client.ask("vertex-fake", client.answer(turn, {script.WEATHER_TOOL: "rain"}), stream=stream, tools=TOOLS)
        assert last.text.endswith("get_weather = rain")
        assert house.last("vertex").path.startswith("/v1/publishers/google/models/vertex-fake:")


@pytest.mark.parametrize("version", ["v1beta", "v1", "v1beta1"])
def test_gemini_versions(house: House, version: str) -> None:
    """google-genai is served on every version it speaks, with the URL-safe base64 in which it sends bytes."""
    path = "publishers/google/models/gemini-fake" if version == "v1beta1" else "gemini-fake"
    image = types.Part.from_bytes(data=b"\xfb\xff\xfe", mime_type="image/png")
    with genai.Client(
        api_key=house.daemon.key,
        vertexai=version == "v1beta1",
        http_options=types.HttpOptions(base_url=house.daemon.url, api_version=version),
    ) as sdk:
        answer = sdk.models.generate_content(model=path, contents=["scene:plain", image])
        assert answer.text == script.PLAIN
    assert house.last("gemini").path == "/v1beta/models/gemini-fake:generateContent"


def test_no_client_credential_goes_upstream(house: House) -> None:
    """The vendor gets the operator's key alone, an honest User-Agent, and nothing of the client's headers."""
    for name, client in house.clients.items():
        client.ask(f"{name}-fake", client.begin("scene:plain"))
        record = house.last(name)
        assert house.daemon.key not in str(record.headers), record.headers
        assert house.daemon.key not in str(record.query)
        agent = record.header("user-agent")
        assert agent is not None and agent.startswith("cliproxy/"), agent
        assert not [header for header, _ in record.headers if header.startswith("x-stainless")]


def test_query_key(house: House) -> None:
    """A key in the query admits, and goes neither upstream nor into an error."""
    url = f"{house.daemon.url}/v1beta/models/gemini-fake:generateContent?key={house.daemon.key}"
    assert raw.call(url, {"contents": [{"parts": [{"text": "scene:plain"}]}]}).status == 200
    assert "key" not in house.last("gemini").query
    wrong = raw.call(url.replace("gemini-fake", "no-such"), {"contents": []})
    assert house.daemon.key.encode() not in wrong.body


@DIALECTS
def test_wrong_key(house: House, name: str) -> None:
    """A client without a right key gets its own dialect's authentication error."""
    for key in ("sk-wrong", house.daemon.key + "x", house.daemon.key[:-1]):
        stranger = house.client(name, key)
        with pytest.raises(stranger.errors["auth"]):
            stranger.ask(f"{name}-fake", stranger.begin("scene:plain"))
        stranger.close()


@DIALECTS
def test_unknown_model(house: House, name: str) -> None:
    """A model that nobody serves is a 400 of the client's dialect that names it."""
    client = house.clients[name]
    for stream in (False, True):
        with pytest.raises(client.errors["bad"], match="no-such-model"):
            client.ask("no-such-model", client.begin("scene:plain"), stream=stream)


@pytest.mark.parametrize("shape", ["whole", "stream"])
@pytest.mark.parametrize("scene", ["deaf", "silent"])
def test_silence_ends(house: House, scene: str, shape: str) -> None:
    """A vendor that falls silent is given up in time, and the client is told; its connection is closed."""

    def one(pair: tuple[str, str]) -> str | None:
        name, kind = pair
        client = house.client(name)
        model = model_for(kind, scene, name, shape)
        try:
            if shape == "stream":
                list(client.texts(model, f"scene:{scene}"))
            else:
                client.ask(model, client.begin(f"scene:{scene}"))
        except (client.errors["api"], BrokenStream):
            return None
        except Exception as other:
            return f"{pair}: {other!r}"
        finally:
            client.close()
        return f"{pair}: a clean end"

    pairs = [(name, kind) for name in CLIENTS for kind in UPSTREAMS]
    with ThreadPoolExecutor(len(pairs)) as pool:
        failures = [failure for failure in pool.map(one, pairs) if failure]
    assert not failures, failures
    for kind in UPSTREAMS:
        for record in house.vendor(kind).records:
            if record.heard is not None and record.heard.scene == scene:
                house.vendor(kind).until(partial(getattr, record, "left"), SILENCE + 1.0)


@DIALECTS
def test_heartbeat(house: House, name: str) -> None:
    """While a vendor thinks, the client's stream is kept alive, but for Gemini's, whose clients reject comments."""
    import http.client

    gate = house.vendor("openai").gate("late")
    gate.clear()
    body: dict[str, Any] = {"model": "openai-fake", "stream": True}
    text = "scene:late"
    path = {"openai": "chat/completions", "responses": "responses", "claude": "messages"}.get(name, "")
    match name:
        case "openai":
            body["messages"] = [{"role": "user", "content": text}]
        case "responses":
            body["input"] = text
        case "claude":
            body |= {"messages": [{"role": "user", "content": text}], "max_tokens": 9}
        case _:
            body = {"contents": [{"parts": [{"text": text}]}]}
    target = f"/v1/{path}" if path else "/v1beta/models/openai-fake:streamGenerateContent?alt=sse"
    connection = http.client.HTTPConnection("127.0.0.1", house.daemon.port, timeout=1.5 if name == "gemini" else 10)
    headers = {"Authorization": f"Bearer {house.daemon.key}", "Content-Type": "application/json"}
    connection.request("POST", target, json.dumps(body), headers)
    if name == "gemini":
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()
        gate.set()
        return
    response = connection.getresponse()
    first = response.readline()
    gate.set()
    rest = response.read()
    connection.close()
    assert first.startswith((b":", b"event: ping")), first
    assert script.pieces(script.PLAIN)[0].encode() in rest
    assert b"keep-alive" not in rest.split(b"\n\n", 1)[1] or b"error" not in rest


@DIALECTS
def test_hang_up_before_the_first_byte(house: House, name: str) -> None:
    """A client that leaves while the vendor is still thinking takes the request with it within a second."""
    import http.client
    import time

    before = len(house.vendor(name).records)
    model = model_for(name, "deaf", name, "whole")
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "openai": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "scene:late"}]}),
        "responses": ("/v1/responses", {"input": "scene:late"}),
        "claude": ("/v1/messages", {"messages": [{"role": "user", "content": "scene:late"}], "max_tokens": 9}),
        "gemini": (f"/v1beta/models/{model}:generateContent", {"contents": [{"parts": [{"text": "scene:late"}]}]}),
    }
    path, body = bodies[name]
    house.vendor(name).gate("late").clear()
    connection = http.client.HTTPConnection("127.0.0.1", house.daemon.port, timeout=10)
    headers = {"Authorization": f"Bearer {house.daemon.key}", "Content-Type": "application/json"}
    connection.request(
        "POST", path.replace(model, f"{name}-fake"), json.dumps({**body, "model": f"{name}-fake"}), headers
    )
    record = house.vendor(name).until(lambda: house.vendor(name).records[before:])[0]
    left = time.monotonic()
    connection.close()
    house.vendor(name).until(lambda: record.left, 2.0)
    assert record.left - left < 1.0
    assert len(house.vendor(name).records) == before + 1


@pytest.mark.parametrize("kind", ["openai", "gemini"])
def test_embeddings(house: House, kind: str) -> None:
    """The openai SDK's embeddings, which it asks for in base64, come right from either kind of upstream."""
    sdk: Any = house.client("openai").sdk  # type: ignore[attr-defined]
    texts = ["one text", "and another"]
    answer = sdk.embeddings.create(model=f"{kind}-fake-vectors", input=texts)
    assert [item.embedding for item in answer.data] == [chat.embedding(text, 8) for text in texts]
    assert [item.index for item in answer.data] == [0, 1]
    floats = sdk.embeddings.create(model=f"{kind}-fake-vectors", input=texts[0], encoding_format="float", dimensions=5)
    assert floats.data[0].embedding == chat.embedding(texts[0], 5)
    sdk.close()


@pytest.mark.parametrize("kind", ["openai", "gemini"])
def test_gemini_embeddings(house: House, kind: str) -> None:
    """google-genai's embeddings come right from either kind of upstream."""
    sdk: Any = house.clients["gemini"].sdk  # type: ignore[attr-defined]
    texts = ("one text", "and another")
    contents = [types.Content(parts=[types.Part(text=text)]) for text in texts]  # bare texts would become one content
    answer = sdk.models.embed_content(model=f"{kind}-fake-vectors", contents=contents)
    assert [item.values for item in answer.embeddings] == [chat.embedding(text, 8) for text in texts]


@pytest.mark.parametrize("kind", list(KINDS))
def test_count_tokens(house: House, kind: str) -> None:
    """Both SDKs that count get a number for every kind of upstream, the vendor's own where it has one."""
    claude: Any = house.clients["claude"].sdk  # type: ignore[attr-defined]
    google: Any = house.clients["gemini"].sdk  # type: ignore[attr-defined]
    messages = [{"role": "user", "content": "How many tokens are these, say?"}]
    counted = claude.messages.count_tokens(model=f"{kind}-fake", messages=messages).input_tokens
    assert counted > 0
    if kind == "claude":
        assert counted == anthropic.count({"messages": house.last("claude").json["messages"]})
        assert house.last("claude").path == "/v1/messages/count_tokens"
    total = google.models.count_tokens(model=f"{kind}-fake", contents="How many tokens are these, say?").total_tokens
    assert total > 0
    if kind in ("gemini", "vertex"):
        assert house.last(kind).path.endswith(":countTokens")


def test_count_tokens_says_when_it_guesses(house: House) -> None:
    """A local estimate is marked in a header, a vendor's count is not."""
    for kind, guessed in (("openai", True), ("responses", True), ("claude", False), ("gemini", False)):
        body = {"model": f"{kind}-fake", "messages": [{"role": "user", "content": "count me"}]}
        answer = _post(house, "/v1/messages/count_tokens", body)
        marks = [name for name in answer.headers if "estimate" in f"{name}: {answer.headers[name]}".lower()]
        assert answer.status == 200
        assert bool(marks) == guessed, f"{kind}: {answer.headers}"


def test_counting_at_once(house: House) -> None:
    """Twenty-five counts at once, as Claude Code starts, are all answered."""
    claude: Any = house.clients["claude"].sdk  # type: ignore[attr-defined]

    def one(number: int) -> int:
        messages = [{"role": "user", "content": "x" * number}]
        return int(claude.messages.count_tokens(model="claude-fake", messages=messages).input_tokens)

    with ThreadPoolExecutor(25) as pool:
        counts = list(pool.map(one, range(1, 200, 8)))
    assert counts == sorted(counts)
    assert len(counts) == 25


def test_model_lists(house: House) -> None:
    """Each SDK lists the models in its own shape, the same ones, and finds one by its name."""
    wanted = {f"{kind}-fake" for kind in KINDS}
    openai: Any = house.clients["openai"].sdk  # type: ignore[attr-defined]
    ids = [model.id for model in openai.models.list()]
    assert wanted <= set(ids)
    assert ids == sorted(ids)
    claude: Any = house.clients["claude"].sdk  # type: ignore[attr-defined]
    assert wanted <= {model.id for model in claude.models.list(limit=1000)}
    google: Any = house.clients["gemini"].sdk  # type: ignore[attr-defined]
    assert {f"models/{name}" for name in wanted} <= {model.name for model in google.models.list()}
    assert google.models.get(model="gemini-fake").name == "models/gemini-fake"
    assert openai.models.retrieve("claude-fake").id == "claude-fake"


def test_twenty_at_once(house: House) -> None:
    """Streams at once do not mix."""
    client = house.clients["claude"]

    def one(number: int) -> str:
        kind = UPSTREAMS[number % 4]
        history = client.begin(f"number {number} scene:echo")
        return client.ask(f"{kind}-fake", history, stream=True).text

    with ThreadPoolExecutor(10) as pool:
        for number, text in enumerate(pool.map(one, range(20))):
            assert f"number {number} scene" in text


def test_gemini_without_sse(house: House) -> None:
    """A Gemini client that asks for ``alt=json`` gets one JSON array."""
    answer = _post(
        house,
        "/v1beta/models/gemini-fake:streamGenerateContent?alt=json",
        {"contents": [{"role": "user", "parts": [{"text": "scene:plain"}]}]},
    )
    assert answer.status == 200
    parts = [part for value in answer.json for part in value["candidates"][0].get("content", {}).get("parts", ())]
    assert "".join(part["text"] for part in parts) == script.PLAIN


def test_log_is_quiet(house: House) -> None:
    """Unless ``debug`` is set nothing of the debug level is logged, and each request soon leaves one line with its id."""
    answer = _post(
        house, "/v1/chat/completions", {"model": "openai-fake", "messages": [{"role": "user", "content": "hi"}]}
    )
    house.daemon.until(lambda: answer.headers["x-request-id"] in house.daemon.log.read_text(), 5)
    log = house.daemon.log.read_text()
    assert "#debug" not in log
