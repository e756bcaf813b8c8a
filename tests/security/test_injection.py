"""Nothing that a client, an upstream or a name in the configuration says ends a line of ours, or steers a terminal."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import LogEvent, eventAsText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.errors import SettingsError
from cliproxy.settings.load import loads
from cliproxy.settings.model import Amp, Secret
from tests.support.bodies import CHAT, CHAT_ANSWER, CLAUDE
from tests.support.settings import compat, settings
from tests.support.world import Call, World

NASTY = "a\r\nX-Injected: 1\r\n\r\nHTTP/1.1 200 OK\x1b[31m\x1b]0;t\x07\x00\x9b31m\u2028\u202e\x7f"


class Injection(SynchronousTestCase):
    """A daemon whose log is read as a terminal would read it."""

    def setUp(self) -> None:
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self._hear)
        self.addCleanup(globalLogPublisher.removeObserver, self._hear)

    def _hear(self, event: LogEvent) -> None:
        self.lines += eventAsText(event, includeTraceback=True).split("\n")

    def build(self, **more: Any) -> World:
        amp = Amp(upstream_url="http://amp.test", upstream_api_key=Secret("amp-operator-key"))
        world = World(settings(**{"debug": True, "ampcode": amp, "request_retry": 0, **more}))
        self.addCleanup(world.close)
        return world

    def clean(self, world: World, *calls: Call) -> None:
        world.pass_time(2)
        for line in self.lines:
            self.assertTrue(line.replace("\t", "").isprintable(), ascii(line))
            self.assertFalse(line.startswith("X-Injected"), line)
        for call in calls:
            head, _, _ = call.raw.partition(b"\r\n\r\n")
            self.assertNotEqual(call.status, 0)
            for line in head.split(b"\r\n"):
                self.assertFalse(line.lower().startswith(b"x-injected"), head)
                self.assertFalse(any(byte < 0x20 or byte == 0x7F for byte in line), head)

    def test_clients(self) -> None:
        """Names of models and tools, header values and paths."""
        world = self.build()
        for name in ("chat", "claude"):
            world.vendor(f"{name}.test").script = lambda request: request.answer(200, CHAT_ANSWER)
        world.vendor("amp.test").script = lambda request: request.answer(200, {})
        tool = {"type": "function", "function": {"name": NASTY, "parameters": {NASTY: NASTY}}}
        odd = {NASTY: NASTY, "tools": [tool], "seed": NASTY, "logit_bias": {NASTY: 1}}
        calls = [
            world.post("/v1/chat/completions", {**CHAT, "model": NASTY}),
            world.post("/v1/chat/completions", {**CHAT, **odd}),
            world.post("/v1/chat/completions", {**CHAT, **odd, "model": "claude-x"}),
            world.post(
                "/v1/messages", {**CLAUDE, NASTY: NASTY, "tools": [{"type": NASTY, "name": NASTY}], "model": "gpt-x"}
            ),
            world.post("/api/provider/openai/v1/chat/completions", {**CHAT, "model": NASTY}),
            world.post("/api/provider/openai/v1/%1b%5b31m", {**CHAT, "model": NASTY}),
            world.post("/v1/chat/completions", CHAT, {"X-Session-Id": "\x1b[31m", "Anthropic-Beta": "\x1b[31m"}),
            world.get("/v1/models/%1b%5b31m"),
            world.get("/v1beta/models/%c2%9b31m"),
            world.post("/v1/chat/completions", CHAT, {"Origin": "http://\x1b[31m"}),
        ]
        self.clean(world, *calls)

    def test_upstreams(self) -> None:
        """What an upstream writes into its errors, its heads and its redirects."""
        world = self.build(request_retry=0, openai_compatibility=(compat(disable_cooling=True),))
        error = {"error": {"message": NASTY, "type": NASTY, "code": NASTY, "param": NASTY}}
        chat, amp = world.vendor("chat.test"), world.vendor("amp.test")
        calls = []
        for answer in (
            lambda request: request.answer(400, error),
            lambda request: request.answer(503, error, {"Retry-After": "\x1b[31m", "X-Request-Id": "\x1b[31m"}),
            lambda request: request.answer(302, {}, {"Location": "http://x/\x1b[31m"}),
            lambda request: request.answer(200, error),
            lambda request: request.write(b"HTTP/1.1 200 \x1b[31m\r\n\r\n"),
            lambda request: request.write(NASTY.encode() + b"\r\n\r\n"),
            lambda request: (request.begin(), request.event(error), request.end()),
            lambda request: request.answer(200, {**CHAT_ANSWER, "model": NASTY, "id": NASTY}),
        ):
            chat.script = amp.script = answer
            for stream in (False, True):
                calls.append(world.post("/v1/chat/completions", {**CHAT, "stream": stream}))
                calls.append(world.post("/v1/messages", {**CLAUDE, "model": "gpt-x", "stream": stream}))
                calls.append(world.get("/api/user"))
                world.service.clear_cooldowns()
        self.clean(world, *calls)

    def test_names(self) -> None:
        """The names of credentials, where somebody embeds the daemon and has not had them checked."""
        world = self.build(request_retry=0, openai_compatibility=(compat(NASTY), compat("fine", models=("m",))))
        world.vendor("fine.test").script = lambda request: request.answer(500, {})
        self.clean(world, *(world.post("/v1/chat/completions", {**CHAT, "model": model}) for model in ("gpt-x", "m")))


@pytest.mark.parametrize("character", ["\\r", "\\n", "\\0", "\\e", "\\x7f", "\\x9b", "\\u2028", "\\ud800"])
@pytest.mark.parametrize("key", ["name", "prefix", "base-url", "alias", "api-key", "client", "proxy-url"])
def test_control_characters(key: str, character: str) -> None:
    """A configuration with a control character in a name or a key is refused, and the character is not repeated."""
    values = dict.fromkeys(("name", "prefix", "alias", "api-key", "client"), "fine")
    values |= {"base-url": "http://x.test", "proxy-url": "http://p.test"}
    values[key] += f"{character}x"
    text = """
api-keys: ["{client}"]
openai-compatibility:
  - {{name: "{name}", prefix: "{prefix}", base-url: "{base-url}", models: [{{name: m, alias: "{alias}"}}],
     api-key-entries: [{{api-key: "{api-key}", proxy-url: "{proxy-url}"}}]}}
""".format_map(values)
    with pytest.raises(SettingsError) as caught:
        loads(text)
    assert all(problem.isprintable() for problem in caught.value.problems)
