"""The daemon as a service: two in one process, no open door without keys, and nothing registered without a policy."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from cliproxy.front.access import Access
from cliproxy.front.claude import ClaudeRoutes
from cliproxy.front.gemini import GeminiRoutes
from cliproxy.front.openai import OpenAIRoutes
from cliproxy.front.routes import Routes
from cliproxy.management.app import ManagementRoutes
from cliproxy.settings.model import ClientKey, Secret, Settings
from tests.support.bodies import CHAT, CHAT_ANSWER
from tests.support.settings import compat, settings
from tests.support.world import World

#: Every route that may be called without a client key.
OPEN = {"/", "/healthz", "/readyz"}


class Two(SynchronousTestCase):
    """Two daemons in one process share nothing."""

    def test_nothing_shared(self) -> None:
        """Keys, models and cool-downs of one are not those of the other."""
        first = World(settings())
        second = World(
            Settings(api_keys=(ClientKey(Secret("other")),), openai_compatibility=(compat(models=("only",)),))
        )
        self.addCleanup(first.close)
        self.addCleanup(second.close)
        vendor = first.vendor("chat.test")
        vendor.script = lambda request: request.answer(401, {"error": {"message": "no"}})
        self.assertEqual(first.post("/v1/chat/completions", CHAT).status, 502)
        self.assertEqual(second.get("/v1/models").status, 401)
        models = second.get("/v1/models", key="other").json["data"]
        self.assertEqual([model["id"] for model in models], ["only"])
        ok = second.vendor("chat.test")
        ok.script = lambda request: request.answer(200, CHAT_ANSWER)
        self.assertEqual(second.post("/v1/chat/completions", {**CHAT, "model": "only"}, key="other").status, 200)


class Doors(SynchronousTestCase):
    """Deny is the default."""

    def test_every_route_has_a_policy(self) -> None:
        """A route cannot be registered without one, and the open ones are the ones listed here."""
        with self.assertRaises(TypeError):
            Routes().route("/x", methods=("GET",))  # type: ignore[call-arg]
        for routes in (OpenAIRoutes, ClaudeRoutes, GeminiRoutes, ManagementRoutes):
            for rule in routes.app.url_map.iter_rules():
                access = routes.app.endpoints[rule.endpoint].access  # type: ignore[attr-defined]
                self.assertEqual(access is Access.OPEN, rule.rule in OPEN, rule.rule)

    def test_every_route_refuses(self) -> None:
        """Called without a key over the wire, every other route is a 401 (or, for management, is not there)."""
        world = World(settings())
        self.addCleanup(world.close)
        for routes in (OpenAIRoutes, ClaudeRoutes, GeminiRoutes, ManagementRoutes):
            for rule in routes.app.url_map.iter_rules():
                path = rule.rule.replace("<path:name>", "x").replace("<path:action>", "x:generateContent")
                for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
                    status = world.request(method, path, {}, key=None).status
                    expected = {200, 503} if rule.rule in OPEN else {401, 404} if "management" in path else {401}
                    self.assertIn(status, expected, f"{method} {path}")

    def test_keyless_needs_a_known_host(self) -> None:
        """Without client keys a foreign Host is 421: a web page that rebinds its name gets nothing."""
        world = World(attrs.evolve(settings(), api_keys=()))
        self.addCleanup(world.close)
        self.assertEqual(world.get("/v1/models", key=None).status, 200)
        self.assertEqual(world.get("/v1/models", {"Host": "evil.example"}, key=None).status, 421)

    def test_no_cors(self) -> None:
        """No CORS header unless the origin is listed; a listed one's preflight is answered."""
        world = World(settings(cors_origins=("https://app.example",)))
        self.addCleanup(world.close)
        preflight = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
        call = world.request("OPTIONS", "/v1/messages", None, preflight, key=None)
        self.assertEqual((call.status, call.headers["access-control-allow-origin"]), (204, "https://app.example"))
        call = world.get("/v1/models", {"Origin": "https://app.example"})
        self.assertEqual(call.headers["access-control-allow-origin"], "https://app.example")
        for path in ("/v1/models", "/healthz"):
            self.assertNotIn("access-control-allow-origin", world.get(path).headers)
        foreign = {**preflight, "Origin": "https://evil.example"}
        self.assertNotIn("access-control-allow-origin", world.request("OPTIONS", "/v1/messages", None, foreign).headers)


class Lists(SynchronousTestCase):
    """One list of models, in each client's shape."""

    def test_shapes(self) -> None:
        """Anthropic's and Google's SDKs get theirs on the path they share with OpenAI's."""
        world = World(settings())
        self.addCleanup(world.close)
        names = {"claude-x", "codex-x", "gemini-x", "gpt-x", "vertex-x"}
        openai = world.get("/v1/models").json
        self.assertEqual({model["id"] for model in openai["data"]}, names)
        self.assertEqual(set(openai["data"][0]), {"id", "object", "created", "owned_by", "display_name"})
        for headers in ({"User-Agent": "claude-cli/2.1"}, {"Anthropic-Version": "2023-06-01"}):
            claude = world.get("/v1/models", headers).json
            self.assertEqual(
                (claude["first_id"], claude["last_id"], claude["has_more"]), ("claude-x", "vertex-x", False)
            )
        gemini = world.get("/v1beta/models").json
        self.assertEqual({model["name"] for model in gemini["models"]}, {f"models/{name}" for name in names})
        self.assertEqual(world.get("/v1/models/GPT-X").json["id"], "gpt-x")
        self.assertEqual(world.get("/v1beta/models/gemini-x").json["name"], "models/gemini-x")
        self.assertEqual(world.get("/v1/models/nobody").status, 404)


class Mounted(SynchronousTestCase):
    """The tree is an IResource that can be mounted in anybody's site, at any place."""

    def test_below_a_prefix(self) -> None:
        """Below a prefix of a plain twisted.web site every route is found, and a large body arrives whole."""
        world = World(settings())
        self.addCleanup(world.close)
        vendor = world.vendor("chat.test")
        vendor.script = lambda request: request.answer(200, CHAT_ANSWER)
        root = Resource()
        root.putChild(b"llm", world.service.resource)
        site = Site(root, reactor=world.reactor)
        body = {**CHAT, "messages": [{"role": "user", "content": "x" * 150_000}]}
        for path, status in (
            ("/llm/v1/models", 200),
            ("/llm/healthz", 200),
            ("/llm/v1/nothing", 404),
            ("/v1/models", 404),
        ):
            self.assertEqual(world.get(path, site=site).status, status, path)
        self.assertEqual(world.post("/llm/v1/chat/completions", body, site=site).json, CHAT_ANSWER)
        self.assertEqual(vendor.last.json, body)
        path = "/llm/v1beta/models/gemini-x"
        self.assertEqual(world.get(path, site=site).json["name"], "models/gemini-x")
