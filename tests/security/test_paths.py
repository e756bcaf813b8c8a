"""A path means one thing, to whoever decides by it and to whoever forwards it, and so does a query."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.settings.model import Amp, ClientKey, RemoteManagement, Secret
from cliproxy.wire.paths import is_canonical
from tests.support.bodies import CLAUDE
from tests.support.settings import settings
from tests.support.world import World

KEY = "sk-test/client+key"
AMP = Amp(upstream_url="http://amp.test", upstream_api_key=Secret("amp-operator-key"))
MANAGED = RemoteManagement(secret_key=Secret("manage-me"))
#: What stands between a prefix and a place it should not lead to.
TWISTS = [
    "/x/../../v0/management/cooldowns", "/x/..%2f..%2fv0/management/cooldowns", "/%2e%2e/%2e%2e/v0/management/cooldowns",
    "/..;/..;/v0/management/cooldowns", "/..;a=b/v0", "/%2e%2e;/v0", "/.;/v0", "/..%3b/v0", "/.%2e/v0", "//v0/management",
    "/x%5c..%5cv0", "/x\\..\\v0", "/%252e%252e/v0", "/x%00/v0", "/x%0a/v0", "/x%0d%0aHost:%20x", "/./v0", "/x/.", "/x/..",
    "/x#/v0", "/%2F%2fv0", "/;/v0", "/x%7f",
]  # fmt: skip


class Paths(SynchronousTestCase):
    """Through a whole daemon."""

    def build(self, **more: Any) -> World:
        keys = (ClientKey(Secret("sk-test")), ClientKey(Secret(KEY)))
        world = World(settings(ampcode=attrs.evolve(AMP, **more), remote_management=MANAGED, api_keys=keys))
        self.addCleanup(world.close)
        self.amp, self.claude = world.vendor("amp.test"), world.vendor("claude.test")
        self.amp.script = lambda request: request.answer(200, {})
        return world

    def test_twisted(self) -> None:
        """Below every prefix that has an owner, a path that could be read two ways is a 400 and reaches nobody."""
        world = self.build()
        for prefix in ("", "/api/provider", "/api", "/actors", "/threads", "/v1", "/v1beta/models", "/v0/management"):
            for twist in TWISTS:
                for key in ("sk-test", "manage-me", None):
                    self.assertEqual(world.get(prefix + twist, key=key).status, 400, prefix + twist)
        self.assertEqual(self.amp.requests, [])

    def test_no_other_spelling(self) -> None:
        """Another case, a trailing dot, parameters or an encoded letter make another path, which nobody serves."""
        world = self.build()
        secret = {"X-Management-Key": "manage-me"}
        for path in (
            "/V0/management/cooldowns", "/v0/Management/cooldowns", "/v0/management./cooldowns", "/v0/management;/cooldowns",
            "/v0/management/cooldowns.", "/v0/management/cooldowns;x", "/v0/management/cooldowns%20", "/%76%30/management/x",
        ):  # fmt: skip
            self.assertEqual(world.get(path, secret).status, 404, path)
        for path in ("/API/user", "/Api/user", "/api./user", "/threads./x", "/authx", "/apis/user", "/api;x/user"):
            self.assertEqual(world.get(path).status, 404, path)
        self.assertEqual(self.amp.requests, [])

    def test_a_provider_inside_a_path(self) -> None:
        """What goes upstream is the path that was decided by, though a provider's path stands inside it."""
        world = self.build(deny_fallback=True)
        inner = "/api/provider/anthropic/v1/messages"
        world.post("/api/internal" + inner, CLAUDE)
        self.assertEqual(self.amp.last.target, "/api/internal" + inner)
        world.get("/threads" + inner, key=None)
        self.assertEqual(self.amp.last.target, "/threads" + inner)
        self.assertEqual(world.post(inner, {**CLAUDE, "model": "nobody"}).status, 400)
        self.assertEqual(len(self.amp.requests), 2)

    def test_keys_in_a_query(self) -> None:
        """However a client writes its key into the query, it gets in by it and the key goes no further."""
        world = self.build()
        for query in (
            "key=sk-test", "auth_token=sk-test", "a=b&key=sk-test&c=d", "a=b;key=sk-test", "key=sk%2Dtest", "k%65y=sk-test",
            "key=sk-test&key=sk-test", "key=sk-test%2Fclient%2Bkey", "key=sk-test/client%2bkey", "%6bey=sk-test;x=y",
            "key=wrong&auth_token=sk-test",
        ):  # fmt: skip
            self.assertEqual(world.get(f"/api/user?{query}", key=None).status, 200, query)
            target = self.amp.last.target
            self.assertNotIn("sk", target.replace("%2D", "-"), query)
        world.get("/api/user?a=b;c&d=e%20f&key=of-another-service")
        self.assertEqual(self.amp.last.target, "/api/user?a=b;c&d=e%20f&key=of-another-service")

    def test_methods_are_in_capitals(self) -> None:
        """A method in small letters is no method; it is neither routed nor passed on."""
        world = self.build()
        for method in ("get", "Post", "head", "options"):
            for path in ("/v1/models", "/api/user", "/v0/management/cooldowns", "/healthz"):
                self.assertEqual(world.request(method, path, {}).status, 501, f"{method} {path}")
        self.assertEqual(self.amp.requests, [])

    def test_model_names_are_no_paths(self) -> None:
        """A model's name in a path reaches no other place at the vendor, and ``alt`` stays one parameter."""
        world = self.build()
        gemini = world.vendor("gemini.test")
        body = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
        for name in ("../../v1/files", "gemini-x%3FalT=x", "gemini-x%26key=x", "x/../gemini-x"):
            self.assertIn(world.post(f"/v1beta/models/{name}:generateContent", body).status, (400, 404), name)
        self.assertEqual(gemini.requests, [])
        for alt in ("json%26key%3Dstolen", "a%23b", "%ff%0d%0a", "x%20y"):
            world.post(f"/v1beta/models/gemini-x:generateContent?alt={alt}", body)
            self.assertEqual(gemini.last.target.count("?") + gemini.last.target.count("&"), 1, alt)
            self.assertNotIn("#", gemini.last.target)


@pytest.mark.parametrize(
    "path", ["/", "/a/", "/a;b/c", "/a..b", "/...", "/a/..b", "/%41", "/m(high)", "/a:b", "/\xc3\xa9"]
)
def test_plain_paths(path: str) -> None:
    """Dots, parameters and escapes that change no segment are nobody's harm."""
    assert is_canonical(path.encode("latin-1"))
