"""Canaries in every setting that holds a secret; every error path driven; nothing that comes out may sing."""

from __future__ import annotations

import base64
import gzip
import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import attrs
import pytest
from twisted.logger import LogEvent, globalLogPublisher
from twisted.logger import eventAsText as event_as_text
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.cli.main import run
from cliproxy.cli.terminal import Terminal
from cliproxy.jsontypes import dumps
from cliproxy.settings.load import examine_text, loads
from cliproxy.settings.model import PayloadModel, Secret, Settings, Streaming
from tests.support.bodies import CHAT, CLAUDE, GEMINI, RESPONSES
from tests.support.scratch import scratch
from tests.support.world import Call, Received, World

#: Every secret-bearing place of a configuration, each with a canary of its own.
CONFIG = """
api-keys:
  - canary-client-0001
  - {key: canary-client-0002, strict-translation: true}
remote-management: {allow-remote: true, secret-key: canary-manage-0003, console-key: canary-console-0005}
proxy-url: direct
gemini-api-key:
  - {api-key: canary-gemini-0004, base-url: "http://gemini.test", models: [{name: gemini-x}]}
codex-api-key:
  - {api-key: canary-codex-0005, base-url: "http://codex.test", models: [{name: codex-x}]}
claude-api-key:
  - {api-key: canary-claude-0006, base-url: "http://claude.test", models: [{name: claude-x}],
     headers: {X-Token: canary-header-0007}}
vertex-api-key:
  - {api-key: canary-vertex-0008, base-url: "http://vertex.test", models: [{name: v, alias: vertex-x}]}
openai-compatibility:
  - {name: chat, base-url: "http://chat.test/v1", models: [{name: gpt-x}], headers: {Cookie: canary-header-0009},
     api-key-entries: [{api-key: canary-compat-0010}]}
  - {name: proxied, base-url: "http://far.test/v1", models: [{name: far-x}],
     api-key-entries: [{api-key: canary-compat-0011, proxy-url: "http://user:canary-proxy-0012@proxy.test:3128"}]}
  - {name: socks, base-url: "http://sock.test/v1", models: [{name: sock-x}],
     api-key-entries: [{api-key: canary-compat-0016, proxy-url: "socks5://user:canary-proxy-0017@socks.test:1080"}]}
ampcode:
  upstream-url: http://amp.test
  upstream-api-key: canary-amp-0013
  upstream-api-keys: [{upstream-api-key: canary-amp-0014, api-keys: [canary-client-0002]}]
oauth-providers:
  - {name: own, dialect: openai, base-url: "http://own.test", client-id: c, client-secret: canary-oauth-0015,
     headers: {X-Key: canary-header-0018}}
request-retry: 0
max-retry-interval: 0
providers:
  - name: prov
    dialect: openai
    base-url: http://prov.test/v1
    headers: {X-Token: canary-provhead-0031}
    models: [{name: prov-x}]
    keys: [{api-key: canary-prov-0032, proxy-url: "http://u:canary-provproxy-0033@proxy.test:3128"}]
tracing: {headers: {X-Trace-Key: canary-tracing-0034}}
max-body-mb: 1
debug: true
"""
CANARIES = sorted(set(re.findall(r"canary-[a-z]+-\d{4}", CONFIG)))
ROUTES = {
    "/v1/chat/completions": CHAT,
    "/v1/messages": CLAUDE,
    "/v1/responses": RESPONSES,
    "/v1beta/models/{}:generateContent": GEMINI,
    "/v1beta/models/{}:streamGenerateContent": GEMINI,
    "/v1/messages/count_tokens": CLAUDE,
    "/api/provider/openai/v1/chat/completions": CHAT,
}
MODELS = ("gpt-x", "codex-x", "claude-x", "gemini-x", "vertex-x")
ECHO = " ".join(CANARIES)
ERRORS = {
    "openai": {"error": {"message": f"key {ECHO}", "type": f"t {ECHO}", "code": ECHO, "param": ECHO}},
    "claude": {"type": "error", "error": {"type": ECHO, "message": ECHO}},
    "responses": {"type": "error", "code": ECHO, "message": ECHO, "param": None},
    "failed": {"type": "response.failed", "response": {"id": "r", "error": {"code": ECHO, "message": ECHO}}},
    "gemini": {"error": {"code": 400, "message": ECHO, "status": ECHO, "details": [{"reason": ECHO}]}},
}
CONTENT = {
    "gpt-x": [{"id": "c", "choices": [{"index": 0, "delta": {"content": "hi"}}]}],
    "codex-x": [
        {"type": "response.created", "response": {"id": "r", "model": "m"}},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"type": "message", "id": "m", "role": "assistant", "content": []},
        },
        {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "hi"},
    ],
    "claude-x": [
        {"type": "message_start", "message": {"id": "m", "role": "assistant", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
    ],
    "gemini-x": [{"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "hi"}]}}]}],
}
CONTENT["vertex-x"] = CONTENT["gemini-x"]
#: In which shape each model's vendor says an error in the middle of an answer; Responses has another.
OWN = {"gpt-x": "openai", "codex-x": "responses", "claude-x": "claude", "gemini-x": "gemini", "vertex-x": "gemini"}


def spellings(secret: str) -> Iterator[str]:
    """As text may show it: plain, for URLs, and in base64 at each of its three alignments."""
    yield secret
    yield quote(secret, safe="")
    for lead in range(3):
        coded = base64.b64encode(b"x" * lead + secret.encode()).decode().rstrip("=")
        yield coded[4:-3]


def singing(text: str) -> list[str]:
    """The canaries that can be heard in ``text``."""
    return [canary for canary in CANARIES if any(spelling in text for spelling in spellings(canary))]


def failing(request: Received, way: str) -> None:
    """Answer with an error that quotes every secret it could know."""
    kind, _, which = way.partition(" ")
    body: Any = ERRORS.get(which, which)
    leak = {"X-Request-Id": ECHO, "Set-Cookie": ECHO, "Www-Authenticate": ECHO, "Retry-After": "1"}
    if kind == "status":
        request.answer(int(which), ERRORS["openai"], leak)
    elif kind == "shape":
        request.answer(400, body, leak)
    elif kind == "text":
        request.answer(int(which), f"<html>{ECHO}".encode(), {"Content-Type": "text/html"})
    elif kind == "gzip":
        request.answer(500, gzip.compress(dumps(ERRORS["openai"])), {"Content-Encoding": "gzip"})
    elif kind == "moved":
        request.answer(302, {}, {"Location": f"http://evil.test/?key={CANARIES[0]}"})
    elif kind == "ok":
        request.answer(200, body)
    elif kind == "event":
        request.begin(headers=leak)
        request.event(body, body.get("type", ""))
        request.end()
    elif kind == "late":
        request.begin()
        model = next((model for model in MODELS if model[:4] in request_model(request)), "gpt-x")
        body = ERRORS[OWN[model] if which == "own" else "failed" if model == "codex-x" else OWN[model]]
        for payload in CONTENT[model]:
            request.event(payload, payload.get("type", ""))
        request.event(body, body.get("type", ""))
        request.end()
    elif kind == "raw":
        request.begin()
        request.chunk(f"data: {{{ECHO}\n\n".encode())
        request.end()
    elif kind == "head":
        request.write(f"HTTP/1.1 {ECHO}\r\n{ECHO}\r\n\r\n".encode())
    else:
        request.cut()


def request_model(request: Received) -> str:
    """What a vendor can see of the model's name."""
    return request.target + str(request.json.get("model", "")).replace("v", "vertex-x", 1)


WAYS = [
    *(f"status {status}" for status in (400, 401, 403, 404, 413, 418, 429, 500, 503, 529)),
    *(f"{kind} {shape}" for kind in ("shape", "ok", "event") for shape in ERRORS),
    *("late own", "late other"),
    *("text 400", "text 401", "text 502", "gzip", "moved", f"ok {ECHO}", "raw", "head", "cut"),
]


class Canaries(SynchronousTestCase):
    """A daemon that holds every kind of secret, with upstreams that know them all."""

    def setUp(self) -> None:
        self.heard = io.StringIO()
        globalLogPublisher.addObserver(self._hear)
        self.addCleanup(globalLogPublisher.removeObserver, self._hear)
        self.environment = {"AMP_API_KEY": "canary-amp-0013", "HTTP_PROXY": ""}

    def _hear(self, event: LogEvent) -> None:
        self.heard.write(event_as_text(event, includeTraceback=True) + repr(event) + "\n")

    def world(self, text: str = CONFIG) -> World:
        loaded = loads(text)
        self.assertEqual(singing("\n".join(map(str, loaded.warnings))), [])
        patient = attrs.evolve(loaded.settings, streaming=Streaming(keepalive_seconds=15, bootstrap_retries=0))
        world = World(attrs.evolve(patient, disable_cooling=True), self.environment)
        self.addCleanup(world.close)
        return world

    def silent(self, call: Call, what: object) -> None:
        self.assertEqual(singing(call.raw.decode("utf-8", "replace")), [], f"{what}: {call.raw!r}")
        self.assertNotEqual(call.status, 0, what)

    def test_upstream_errors(self) -> None:
        """No error an upstream can make, before content or after, in any lane, brings a secret to a client or a log."""
        world = self.world()
        vendors = [world.vendor(f"{name}.test") for name in ("gemini", "codex", "claude", "vertex", "chat")]
        met = [0] * len(vendors)
        for way in WAYS:
            for vendor in vendors:
                vendor.script = lambda request, way=way: failing(request, way)
            for path, body in ROUTES.items():
                for model in MODELS:
                    for stream in (False, True):
                        sent = {**body, "model": model, "stream": stream}
                        call = world.post(path.format(model), sent, key="canary-client-0001")
                        self.silent(call, (way, path, model, stream))
                        call.leave()
                        world.service.clear_cooldowns()
            asked = [len(vendor.requests) for vendor in vendors]
            self.assertGreater(min(now - before for now, before in zip(asked, met, strict=True)), 5, way)
            met = asked
        world.pass_time(1)
        self.assertEqual(singing(self.heard.getvalue()), [])
        self.assertIn("attempts=1", self.heard.getvalue())

    def test_proxies(self) -> None:
        """Neither a proxy that refuses, nor one that cannot be reached, brings its password out."""
        world = self.world()
        for refusal in (
            b"HTTP/1.1 407 No " + ECHO.encode(),
            b"HTTP/1.1 502 x\r\nX: " + ECHO.encode(),
            ECHO.encode(),
            None,
        ):
            for host, port in (("proxy.test", 3128), ("socks.test", 1080)):
                proxy = world.vendor(host, port)
                if refusal is None:
                    del world.reactor.servers[host, port]
                proxy.script = lambda request, refusal=refusal: request.write(refusal + b"\r\n\r\n")
            for model in ("far-x", "sock-x"):
                call = world.post("/v1/chat/completions", {**CHAT, "model": model}, key="canary-client-0001")
                world.pass_time(700)
                self.silent(call, (refusal, model))
        self.assertEqual(singing(self.heard.getvalue()), [])

    def test_clients_mistakes(self) -> None:
        """What a client gets wrong is not answered with its key, nor with anybody else's."""
        world = self.world()
        for name in ("gemini", "codex", "claude", "vertex", "chat", "amp"):
            world.vendor(f"{name}.test").script = lambda request: request.answer(400, ERRORS["openai"])
        for path in (*ROUTES, "/v1/models", "/nothing", "/v0/management/explain", "/api/user", "/v1//x"):
            for method in ("GET", "POST", "DELETE", "OPTIONS"):
                for body in (None, b"{", b"[]", {"model": "canary"}, {"model": 7}, b'{"a":' + b"[" * 2000):
                    for key in ("canary-client-0001", "canary-manage-0003", "wrong"):
                        target = path.format("gemini-x")
                        self.silent(world.request(method, f"{target}?auth_token={key}", body, key=key), (method, path))
        world.pass_time(1)
        self.assertEqual(singing(self.heard.getvalue()), [])

    def test_management(self) -> None:
        """Nothing management says holds a secret, not even the one that opened it or the key asked about."""
        world = self.world()
        secret = {"X-Management-Key": "canary-manage-0003"}
        for name in ("gemini", "codex", "claude", "vertex", "chat"):
            world.vendor(f"{name}.test").script = lambda request: failing(request, "status 401")
        for model in (*MODELS, "far-x", "nobody"):
            world.post("/v1/chat/completions", {**CHAT, "model": model}, key="canary-client-0001")
            for dialect in ("openai", "claude", "nonsense"):
                query = f"model={model}&dialect={dialect}&client-key=canary-client-0001"
                self.silent(world.get(f"/v0/management/explain?{query}", secret, key=None), model)
        self.silent(world.get("/v0/management/cooldowns", secret, key=None), "cooldowns")
        call = world.request("DELETE", "/v0/management/cooldowns?credential=nobody", None, secret, key=None)
        self.silent(call, "clear")
        world.pass_time(1)
        self.assertEqual(singing(self.heard.getvalue()), [])

    def test_amp(self) -> None:
        """An error of ampcode.com that quotes the operator's key reaches nobody with it, packed or not."""
        world = self.world()
        amp = world.vendor("amp.test")
        page = dumps({"error": f"bad key {ECHO}"})
        for status in (400, 401, 403, 404, 500, 503):
            for data, headers in (
                (page, {}),
                (gzip.compress(page), {"Content-Encoding": "gzip"}),
                (gzip.compress(page), {}),
            ):
                amp.script = lambda request, status=status, data=data, headers=headers: request.answer(
                    status, data, headers
                )
                for key in ("canary-client-0001", "canary-client-0002"):
                    call = world.get("/api/user", key=key)
                    self.assertEqual(call.status, status)
                    shown = gzip.decompress(call.body) if call.body[:2] == b"\x1f\x8b" else call.body
                    self.assertEqual(singing((call.raw + shown).decode("utf-8", "replace")), [], (status, headers))
        self.assertEqual(singing(self.heard.getvalue()), [])

    def test_reprs(self) -> None:
        """No object of a running daemon shows a secret when it is formatted, the settings themselves included."""
        world = self.world()
        snapshot = world.service.relay.snapshot
        for thing in (snapshot.settings, snapshot, *snapshot.credentials, world.service.front, world.service.pool):
            for text in (repr(thing), str(thing), f"{thing}", f"{thing!a}"):
                self.assertEqual(singing(text), [], type(thing))

    def test_commands(self) -> None:
        """``check``, ``explain`` and the daemon's refusals to start name keys of the file, never what stands behind them."""
        path = scratch(self) / "config.yaml"
        broken = [CONFIG, *misshapen()]
        for text in broken:
            path.write_text(text)
            for arguments in (
                ["check", str(path)],
                ["explain", "gpt-x", "-c", str(path), "--offline", "-k", "canary-client-0001"],
            ):
                out, err = io.StringIO(), io.StringIO()
                run(arguments, Terminal(out, err, lambda: "t", lambda: 0.0))
                self.assertEqual(singing(out.getvalue() + err.getvalue()), [], text[:3000])


def misshapen() -> list[str]:
    """The configuration with each of its secrets in a shape or at a place that is wrong, and as no YAML at all."""
    found = []
    for canary in CANARIES:
        for wrong in (
            f"[{canary}]", f"{{{canary}: 1}}", f'"{canary}', f"*{canary}", f"!{canary} x", f"{canary}: {canary}", f"&{canary}",
            f'"{canary}\\n"', f"'{canary} '", f"[[{canary}]]", f"@{canary}", f"%{canary}", f"`{canary}", f"{canary} #: {{",
        ):  # fmt: skip
            found.append(CONFIG.replace(canary, wrong, 1))
    for url in ("proxy-url", "base-url"):
        for value in (
            "ftp://u:canary-proxy-0012@x",
            "http://u:canary-proxy-0012@",
            "http://u:canary-proxy-0012@x:99999",
            "canary-proxy-0012",
        ):
            found.append(CONFIG + f"\nclaude-api-key:\n  - {{api-key: k, {url}: '{value}'}}")
            found.append(CONFIG.replace("claude-api-key:", f"claude-api-key:\n  - {{api-key: k, {url}: '{value}'}}"))
    return found


def secret_fields(kind: type, path: str = "") -> Iterator[str]:
    """Every field of the model that is a secret, or a map of headers, or may hold a password."""
    import typing

    hints = typing.get_type_hints(kind)
    for field in attrs.fields(kind):
        for part in (hints[field.name], *typing.get_args(hints[field.name])):
            if kind is PayloadModel:  # conditions: they are compared with what a client sent
                continue
            if part is Secret or field.name in ("headers", "proxy_url"):
                yield f"{path}{field.name}"
            elif isinstance(part, type) and attrs.has(part):
                yield from secret_fields(part, f"{path}{field.name}.")


def test_every_secret_has_a_canary() -> None:
    """A setting that holds a secret and has no canary here makes this test fail: add it above."""
    loaded = loads(CONFIG).settings

    def filled(value: Any, path: str = "") -> Iterator[str]:
        if isinstance(value, Secret):
            if "canary" in value.reveal():
                yield path
        elif attrs.has(type(value)):
            for field in attrs.fields(type(value)):
                yield from filled(getattr(value, field.name), f"{path}.{field.name}".lstrip("."))
        elif isinstance(value, tuple):
            for item in value:
                yield from filled(item, path)
        elif value:
            yield path

    assert (
        set(secret_fields(Settings))
        - set(filled(loaded))
        - {
            f"{kind}_api_key.{what}"
            for kind in ("gemini", "codex", "claude", "vertex")
            for what in ("headers", "proxy_url")
        }
        == set()
    )


@pytest.mark.parametrize("text", misshapen()[:400:7])
def test_problems(text: str) -> None:
    """A configuration that cannot be used is explained without its secrets."""
    assert singing("\n".join(map(str, examine_text(text, "config.yaml").problems))) == []
