"""Amp's provider paths, one by one: who serves them, in which shape, and what is said of it."""

from __future__ import annotations

import gzip
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, globalLogPublisher

from cliproxy.amp.routes import AmpRoutes
from cliproxy.front.access import Access
from cliproxy.jsontypes import dumps
from cliproxy.settings.model import Amp, AmpMapping, ModelEntry, Secret
from cliproxy.usage.queries import recent
from tests.support.amps import AMP, MESSAGES, Amps
from tests.support.bodies import CHAT, CHAT_ANSWER, CLAUDE, CLAUDE_ANSWER, GEMINI, GEMINI_ANSWER, RESPONSES
from tests.support.settings import compat, keyed
from tests.support.world import Call

CATCH_ALL = attrs.evolve(AMP, model_mappings=(AmpMapping("^amp-", "gpt-x", regex=True),))
GOOGLE = "/api/provider/google/v1beta1/publishers/google/models"


class Paths(Amps):
    """Every path of the table."""

    def test_every_post(self) -> None:
        """Each provider's paths, with and without ``/v1``, reach the relay: a mapped model is served under the asked name."""
        self.build(CATCH_ALL)
        chat = self.world.vendor("chat.test")
        chat.script = lambda request: request.answer(200, CHAT_ANSWER)
        bodies: dict[str, dict[str, Any]] = {
            "chat/completions": CHAT,
            "completions": {"prompt": "Hi"},
            "responses": RESPONSES,
            "messages": CLAUDE,
        }
        for provider in ("openai", "anthropic", "groq", "cerebras", "kimi", "xai", "fireworks", "baseten", "Anybody"):
            for version in ("", "v1/"):
                for path, body in bodies.items():
                    where = f"/api/provider/{provider}/{version}{path}"
                    call = self.world.post(where, {**body, "model": "amp-model"})
                    self.assertEqual((call.status, call.json["model"]), (200, "amp-model"), where)
                    self.assertEqual(call.headers["x-cliproxy-route"], "MODEL_MAPPING")
                    self.assertEqual(chat.last.json["model"], "gpt-x")
        self.assertEqual(self.amp.requests, [])

    def test_every_path_needs_a_key(self) -> None:
        """None is open, whatever its method."""
        self.build()
        for rule in AmpRoutes.app.url_map.iter_rules():
            self.assertIs(AmpRoutes.app.endpoints[rule.endpoint].access, Access.CLIENT_KEY)  # type: ignore[attr-defined]
            for method in (rule.methods or set()) - {"OPTIONS"}:
                self.assertEqual(self.world.request(method, MESSAGES, {}, key=None).status, 401)
        self.assertEqual(self.amp.requests, [])

    def test_count_tokens(self) -> None:
        """A token count is mapped like anything else."""
        self.build()
        self.claude.script = lambda request: request.answer(200, {"input_tokens": 7})
        call = self.ask_at(f"{MESSAGES}/count_tokens", "claude-opus")
        self.assertEqual((call.json, self.claude.last.json["model"]), ({"input_tokens": 7}, "claude-x"))

    def ask_at(self, path: str, model: str, **more: Any) -> Call:
        return self.world.post(path, {**CLAUDE, "model": model, **more})

    def test_gemini_paths(self) -> None:
        """The model stands before the method, wherever the path has them; the body's own ``model`` decides first."""
        self.build()
        self.gemini.script = lambda request: request.answer(200, {**GEMINI_ANSWER, "modelVersion": "gemini-x-001"})
        for path in (f"{GOOGLE}/", "/api/provider/google/v1beta/models/", "/api/provider/anyone/v1/models/"):
            call = self.world.post(f"{path}gemini-flash:generateContent", GEMINI)
            self.assertEqual((call.status, call.json["modelVersion"]), (200, "gemini-flash"), path)
        call = self.world.post(f"{GOOGLE}/whatever:generateContent", {**GEMINI, "model": "gemini-flash"})
        self.assertEqual((call.status, self.gemini.last.target), (200, "/v1beta/models/gemini-x:generateContent"))
        call = self.world.post(f"{GOOGLE}/gemini-x(low):generateContent", GEMINI)
        self.assertEqual((call.status, call.headers["x-cliproxy-route"]), (200, "LOCAL_PROVIDER"))

    def test_google_elsewhere(self) -> None:
        """Whatever else is under Google's ``v1beta1`` goes to ampcode.com, by any method, and costs no credits."""
        self.build()
        self.amp.script = lambda request: request.answer(200, {})
        for method, path in (
            ("GET", f"{GOOGLE}/gemini-flash"),
            ("GET", "/api/provider/google/v1beta1/models"),
            ("POST", "/api/provider/google/v1beta1/files"),
            ("PUT", "/api/provider/google/v1beta1/cachedContents/1"),
            ("DELETE", "/api/provider/google/v1beta1/cachedContents/1"),
        ):
            call = self.world.request(method, path, {} if method in ("POST", "PUT") else None)
            self.assertEqual((call.status, self.amp.last.method, self.amp.last.target), (200, method, path))
            self.assertNotIn("x-cliproxy-route", call.headers)
        self.assertEqual(self.world.service.amp.credits.requests, 0)
        call = self.world.post(f"{GOOGLE}/unknown:generateContent", GEMINI)
        self.assertEqual(call.headers["x-cliproxy-route"], "AMP_CREDITS")

    def test_unknown_method(self) -> None:
        """A Gemini method nobody knows: of a model here 404 in Gemini's shape, of another ampcode.com's affair."""
        self.build()
        call = self.world.post(f"{GOOGLE}/gemini-x:predict", GEMINI)
        self.assertEqual((call.status, call.json["error"]["status"]), (404, "NOT_FOUND"))
        self.world.post(f"{GOOGLE}/imagen:predict", GEMINI)
        self.assertEqual(self.amp.last.target, f"{GOOGLE}/imagen:predict")

    def test_models(self) -> None:
        """Lists come in the shape of the path's provider, in any case of letters, with and without ``/v1``."""
        self.build()
        for version in ("", "v1/"):
            claude = self.world.get(f"/api/provider/Anthropic/{version}models").json
            self.assertEqual((claude["has_more"], claude["data"][0]["type"]), (False, "model"))
            google = self.world.get(f"/api/provider/google/{version}models").json
            self.assertIn("models/gemini-x", [model["name"] for model in google["models"]])
            for provider in ("openai", "groq"):
                openai = self.world.get(f"/api/provider/{provider}/{version}models").json
                self.assertEqual((openai["object"], openai["data"][0]["object"]), ("list", "model"))
        self.assertEqual(self.world.get("/api/provider/x/v1beta/models/gemini-x").json["name"], "models/gemini-x")
        self.assertEqual(self.world.get("/api/provider/x/v1beta/models").json.keys(), {"models"})
        self.assertEqual(self.amp.requests, [])

    def test_wrong_methods(self) -> None:
        """A path that is ours by another method is 405 with ``Allow``; Responses over a WebSocket is 426."""
        self.build()
        call = self.world.get(MESSAGES)
        self.assertEqual((call.status, call.headers["allow"], call.json["type"]), (405, "POST", "error"))
        self.assertEqual(self.world.post("/api/provider/openai/v1/models", {}).headers["allow"], "GET")
        call = self.world.get("/api/provider/openai/v1/responses", {"Connection": "Upgrade", "Upgrade": "websocket"})
        self.assertEqual(call.status, 426)
        self.assertEqual(self.amp.requests, [])

    def test_bad_bodies(self) -> None:
        """No JSON, no model: the route's own error, and ampcode.com hears nothing of it."""
        self.build()
        bodies: list[Any] = [b"{nope", {"max_tokens": 1}, {"model": 7}, []]
        for body in bodies:
            call = self.world.post(MESSAGES, body)
            self.assertEqual((call.status, call.json["type"]), (400, "error"))
            self.assertNotIn("x-cliproxy-route", call.headers)
        self.assertEqual(self.amp.requests, [])

    def test_gzip(self) -> None:
        """A compressed body decides like any other, and leaves for ampcode.com as it came."""
        self.build()
        packed = gzip.compress(dumps({**CLAUDE, "model": "unknown"}))
        self.world.post(MESSAGES, packed, {"Content-Encoding": "gzip"})
        self.assertEqual((self.amp.last.body, self.amp.last.headers["content-encoding"]), (packed, "gzip"))
        self.world.post(
            MESSAGES, gzip.compress(dumps({**CLAUDE, "model": "claude-opus"})), {"Content-Encoding": "gzip"}
        )
        self.assertEqual(self.claude.last.json["model"], "claude-x")


class Credits(Amps):
    """What is spent, and what is not."""

    def test_unserved_paths(self) -> None:
        """A provider's path that nothing here serves uses credits, says so, and is refused where they are denied."""
        self.build()
        path = "/api/provider/openai/v1/images/generations"
        call = self.world.post(path, {"model": "gpt-x", "prompt": "p"})
        self.amp.last.answer(200, {})
        self.world.flow()
        self.assertEqual((self.amp.last.target, call.headers["x-cliproxy-route"]), (path, "AMP_CREDITS"))
        self.assertEqual(call.headers["x-cliproxy-amp-credit-requests"], "1")
        self.build(attrs.evolve(AMP, deny_fallback=True))
        call = self.world.post(path, {"model": "gpt-x", "prompt": "p"})
        self.assertEqual((call.status, call.headers["x-cliproxy-route"]), (404, "NO_PROVIDER"))
        self.assertEqual(self.amp.requests, [])

    def test_the_ledger_has_it(self) -> None:
        """What goes on to ampcode.com is in the usage, with its route and model; what is served here has its route too."""
        self.build()
        self.world.vendor("chat.test").script = lambda request: request.answer(200, CHAT_ANSWER)
        self.world.post("/api/provider/openai/v1/images/generations", {"model": "gpt-x", "prompt": "p"})
        self.amp.last.answer(200, {})
        self.world.post("/api/provider/openai/v1/chat/completions", CHAT)
        self.world.flow()
        rows: list[Any] = []
        Deferred.fromCoroutine(self.world.service.ledger.ask(lambda cursor: recent(cursor, 9))).addCallback(rows.extend)
        told = [(row["route"], row["provider"], row["asked"], row["status"]) for row in rows]
        self.assertEqual(told[1], ("AMP_CREDITS", "ampcode", "gpt-x", 200))
        self.assertEqual((told[0][0], told[0][3]), ("LOCAL_PROVIDER", 200))

    def test_denied_everywhere(self) -> None:
        """``deny-fallback`` holds on every inference path, and leaves the control plane alone."""
        self.build(attrs.evolve(AMP, deny_fallback=True))
        for path, body in (
            (MESSAGES, CLAUDE),
            (f"{MESSAGES}/count_tokens", CLAUDE),
            ("/api/provider/openai/v1/responses", RESPONSES),
            ("/api/provider/groq/completions", {"prompt": "x"}),
        ):
            call = self.world.post(path, {**body, "model": "unknown"})
            self.assertEqual((call.status, call.headers["x-cliproxy-route"]), (400, "NO_PROVIDER"), path)
        call = self.world.post(f"{GOOGLE}/unknown:generateContent", GEMINI)
        self.assertEqual((call.status, call.json["error"]["status"]), (400, "INVALID_ARGUMENT"))
        self.assertEqual(self.amp.requests, [])
        self.world.post("/api/internal?getUserInfo", {})
        self.assertEqual(len(self.amp.requests), 1)

    def test_only_what_left_counts(self) -> None:
        """An unreachable ampcode.com costs nothing; a client that leaves after its request went has spent."""
        self.build(attrs.evolve(AMP, upstream_url="http://nowhere.test"))
        call = self.ask("unknown")
        self.world.pass_time(1)
        self.assertEqual((call.status, self.world.service.amp.credits.requests), (502, 0))
        self.assertNotIn("x-cliproxy-amp-credit-requests", call.headers)
        self.build()
        call = self.ask("unknown")
        call.leave()
        self.world.flow()
        self.assertEqual(self.world.service.amp.credits.requests, 1)
        self.world.pass_time(86_400)
        self.assertEqual(self.world.service.amp.credits.requests, 0)


class Mapped(Amps):
    """What a mapping does beyond the name."""

    def test_failover(self) -> None:
        """A target known by aliases: the second serves when the credentials of the first are spent."""
        aliases = (("claude", (ModelEntry("real", "claude-x"),)), ("gemini", (ModelEntry("REAL", "gpt-x"),)))
        amp = attrs.evolve(AMP, model_mappings=(AmpMapping("claude-opus", "real"),))
        self.build(amp, oauth_model_alias=aliases, request_retry=0)
        chat = self.world.vendor("chat.test")
        self.claude.script = lambda request: request.answer(401, {"error": {"type": "authentication_error"}})
        chat.script = lambda request: request.answer(200, CHAT_ANSWER)
        call = self.ask("claude-opus(low)")
        self.world.pass_time(5)
        self.assertEqual((len(self.claude.requests), len(chat.requests)), (1, 1))
        self.assertEqual((call.status, call.json["model"]), (200, "claude-opus(low)"))
        self.assertEqual(
            (call.headers["x-cliproxy-route"], call.headers["x-cliproxy-attempts"]), ("MODEL_MAPPING", "2")
        )
        self.assertEqual(self.amp.requests, [])

    def test_tool_names(self) -> None:
        """A model that answers a tool's name in its own case is corrected, in bodies and in streams."""
        self.build()
        tools = [{"name": "Bash", "input_schema": {"type": "object"}}]
        call = self.ask("claude-opus", tools=tools)
        block = {"type": "tool_use", "id": "t", "name": "bash", "input": {}}
        self.claude.last.answer(200, {**CLAUDE_ANSWER, "content": [block]})
        self.world.flow()
        self.assertEqual(call.json["content"][0]["name"], "Bash")
        call = self.ask("claude-opus", tools=tools, stream=True)
        sent = self.claude.last
        sent.begin()
        sent.event({"type": "message_start", "message": {**CLAUDE_ANSWER, "content": []}}, "message_start")
        sent.event({"type": "content_block_start", "index": 0, "content_block": block}, "content_block_start")
        self.world.flow()
        self.assertEqual(call.events[1]["content_block"]["name"], "Bash")

    def test_streams_are_rewritten_on_frames(self) -> None:
        """However the upstream's bytes are cut, the asked name stands in each event."""
        self.build(CATCH_ALL)
        chat = self.world.vendor("chat.test")
        call = self.world.post("/api/provider/openai/v1/chat/completions", {**CHAT, "model": "amp-m", "stream": True})
        sent = chat.last
        sent.begin()
        chunk = {**CHAT_ANSWER, "object": "chat.completion.chunk"}
        data = b"".join(
            b"data: "
            + dumps({**chunk, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": end}]})
            + b"\n\n"
            for text, end in (("a", None), ("b", None), ("", "stop"))
        )
        for at in range(0, len(data), 7):
            sent.chunk(data[at : at + 7])
            self.world.flow()
        sent.chunk(b"data: [DONE]\n\n")
        sent.end()
        self.world.flow()
        self.assertEqual([event["model"] for event in call.events[:-1]], ["amp-m"] * 3)

    def test_forced(self) -> None:
        """With ``force-model-mappings`` a mapping goes before the model here."""
        mapping = AmpMapping("gpt-x", "claude-x")
        for forced, vendor in ((False, "chat.test"), (True, "claude.test")):
            self.build(attrs.evolve(AMP, force_model_mappings=forced, model_mappings=(mapping,)))
            chosen = self.world.vendor(vendor)
            self.ask("gpt-x")
            self.assertEqual(len(chosen.requests), 1)


class Log(Amps):
    """What the log says of a decision."""

    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        observer: Any = self.observe
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def observe(self, event: dict[str, Any]) -> None:
        if event.get("log_namespace") == "cliproxy.amp.routes.AmpRoutes":
            self.events.append(event)

    def said(self, model: str) -> dict[str, Any]:
        """The one event of a request for ``model``."""
        self.events.clear()
        self.ask(model)
        (event,) = self.events
        return event

    def test_levels_and_fields(self) -> None:
        """Served here and mapped are debug, credits and nobody are warnings; the fields are the event's own."""
        self.build(debug=True)
        for model, level, more in (
            ("claude-x", LogLevel.debug, {"route_type": "LOCAL_PROVIDER", "cost": "free", "provider": "claude"}),
            (
                "claude-opus",
                LogLevel.debug,
                {"route_type": "MODEL_MAPPING", "resolved_model": "claude-x", "mapping": "claude-opus -> claude-x"},
            ),
            ("gone", LogLevel.warn, {"route_type": "AMP_CREDITS", "cost": "amp_credits", "model_id": "gone"}),
        ):
            event = self.said(model)
            self.assertIs(event["log_level"], level)
            common = {
                "component": "amp-routing",
                "requested_model": model,
                "path": MESSAGES,
                "timestamp": "2026-02-02T02:40:00+00:00",
            }
            for name, value in {**common, **more}.items():
                self.assertEqual(event[name], value)
            self.assertIn(f"route_type={more['route_type']}", event["line"])
        self.build(Amp())
        event = self.said("gone")
        self.assertIs(event["log_level"], LogLevel.warn)
        self.assertEqual((event["route_type"], event["cost"], event["source"]), ("NO_PROVIDER", "none", "error"))

    def test_quiet(self) -> None:
        """Without ``debug`` only what costs, or fails, is said."""
        self.build()
        for model in ("claude-x", "claude-opus"):
            self.ask(model)
        self.assertEqual(self.events, [])
        self.assertEqual(self.said("gone")["route_type"], "AMP_CREDITS")

    def test_passed_over(self) -> None:
        """A mapping whose target nobody serves is passed over with a debug line that names it."""
        self.build(attrs.evolve(AMP, model_mappings=(AmpMapping("claude-opus", "nobody"),)), debug=True)
        self.ask("claude-opus")
        self.assertEqual([event.get("to") for event in self.events], [None, "nobody"])


class Reload(Amps):
    """Every setting is hot."""

    def test_every_setting(self) -> None:
        """Upstream, keys, mappings, force, denial and the loopback restriction change without a restart."""
        world = self.build(Amp())
        other = world.vendor("other.test")
        mapped = (AmpMapping("m", "claude-x"),)

        def apply(amp: Amp) -> None:
            world.service.apply(attrs.evolve(world.service.settings, ampcode=amp))

        self.assertEqual(world.post("/api/user", {}).status, 503)
        self.assertEqual(self.ask("m").status, 400)
        apply(Amp("http://amp.test", Secret("one")))
        world.post("/api/user", {})
        self.assertEqual(self.amp.last.headers["x-api-key"], "one")
        apply(Amp("http://other.test", Secret("two"), model_mappings=mapped))
        world.post("/api/user", {})
        self.assertEqual(other.last.headers["x-api-key"], "two")
        self.ask("m")
        self.assertEqual(len(self.claude.requests), 1)
        apply(Amp("http://other.test", deny_fallback=True))
        self.assertEqual(self.ask("m").headers["x-cliproxy-route"], "NO_PROVIDER")
        apply(Amp("http://other.test", restrict_management_to_localhost=True))
        head = b"GET %b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-test\r\n\r\n"
        for path in (b"/api/user", b"/threads", b"/api/provider/google/v1beta1/files"):
            self.assertEqual(world.send(head % path, peer="192.0.2.7").status, 403, path)
        apply(Amp())
        self.assertEqual(world.post("/api/user", {}).status, 503)

    def test_new_vendor(self) -> None:
        """A mapping counts as soon as somebody serves its target."""
        amp = attrs.evolve(AMP, model_mappings=(AmpMapping("m", "fresh"),))
        world = self.build(amp)
        self.ask("m")
        self.assertEqual(len(self.amp.requests), 1)
        entry = keyed("claude", "fresh")
        world.service.apply(
            attrs.evolve(world.service.settings, claude_api_key=(entry,), openai_compatibility=(compat(),))
        )
        self.ask("m")
        self.assertEqual((len(self.amp.requests), self.claude.last.json["model"]), (1, "fresh"))
