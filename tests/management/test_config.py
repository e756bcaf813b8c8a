"""Reading and changing the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.management.table import LISTS, SCALARS
from cliproxy.settings.load import load
from tests.support.scratch import scratch
from tests.support.world import World

ROOT = "/v0/management"
SECRET = {"X-Management-Key": "manage-me"}
FILE = """\
# mine
api-keys:
  - sk-test   # laptop
  - {key: sk-named, name: named}
remote-management:
  secret-key: manage-me
debug: false  # stays
claude-api-key:
  - api-key: sk-ant-1  # first
    base-url: http://claude.test
"""


class Edited(SynchronousTestCase):
    """A daemon with a file."""

    def setUp(self) -> None:
        self.path = scratch(self) / "config.yaml"
        self.path.write_text(FILE)
        self.world = World(load(self.path, environ={}).settings)
        self.addCleanup(self.world.close)
        file = self.world.service.config_file
        file.path, file.apply = self.path, self.reload

    def reload(self) -> bool:
        self.world.service.apply(load(self.path, environ={}).settings)
        return True

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        return self.world.request(method, f"{ROOT}/{path}", body, headers or SECRET, key=None)

    def test_comments_stay(self) -> None:
        """A setting is changed at once, in the file and in force, and nothing else is."""
        self.assertEqual(self.send("PUT", "debug", {"value": True}).json, {"status": "ok"})
        self.assertEqual(self.path.read_text(), FILE.replace("debug: false", "debug: true "))
        self.assertEqual(self.send("GET", "debug").json, {"debug": True})
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_a_dry_run(self) -> None:
        """It says what would change."""
        told = self.send("PATCH", "request-retry?dry-run=1", {"value": 7}).json
        self.assertIn("+request-retry: 7", told["diff"])
        self.assertEqual(self.path.read_text(), FILE)

    def test_what_cannot_be_used_is_refused(self) -> None:
        """With every problem, and the file as it was."""
        for method, path, body in (
            ("PUT", "routing/strategy", {"value": "fastest"}),
            ("PUT", "proxy-url", {"value": "gopher://x"}),
            ("PUT", "api-keys", []),
            ("PUT", "config.yaml", b""),
            ("PUT", "config.yaml", b"api-keys: [sk-test]\n"),
            ("PUT", "config.yaml", b"api-keys: ["),
        ):
            self.assertEqual(self.send(method, path, body).status, 422, (path, body))
        self.assertEqual(self.path.read_text(), FILE)

    def test_client_keys(self) -> None:
        """Strings come and go; a key that is an object stays one."""
        self.assertEqual(self.send("GET", "api-keys").json, {"api-keys": ["sk-test", "sk-named"]})
        self.send("PATCH", "api-keys", {"old": "", "new": "sk-new"})
        self.send("DELETE", "api-keys?value=sk-test")
        self.assertEqual(self.send("GET", "api-keys").json, {"api-keys": ["sk-named", "sk-new"]})
        self.assertIn("name: named", self.path.read_text())
        self.assertEqual(self.world.get("/v1/models").status, 401)

    def test_credentials(self) -> None:
        """Entries are replaced, changed and taken away."""
        self.send("PATCH", "claude-api-key", {"index": 0, "value": {"prefix": "team"}})
        self.assertEqual(self.send("GET", "claude-api-key").json["claude-api-key"][0]["prefix"], "team")
        self.assertIn("# first", self.path.read_text())
        self.send(
            "PUT", "openai-compatibility", [{"name": "a", "base-url": "http://a.test", "models": [{"name": "m"}]}]
        )
        self.send("PATCH", "openai-compatibility", {"name": "a", "value": {"priority": 3}})
        self.assertEqual(self.world.service.settings.openai_compatibility[0].priority, 3)
        self.assertEqual(self.send("DELETE", "openai-compatibility?name=b").status, 404)
        self.assertEqual(self.send("DELETE", "openai-compatibility?name=a").status, 200)
        self.assertEqual(self.send("DELETE", "claude-api-key").status, 400)
        self.assertEqual(self.send("DELETE", "claude-api-key?api-key=sk-ant-1&base-url=http://claude.test").status, 200)
        self.assertEqual(self.world.service.settings.claude_api_key, ())

    def test_two_writers(self) -> None:
        """The second one is told."""
        read = self.send("GET", "config.yaml")
        self.assertEqual((read.body.decode(), read.headers["x-cpa-version"]), (FILE, "7.2.140+cliproxy"))
        match = {**SECRET, "If-Match": read.headers["etag"]}
        self.assertEqual(self.send("PUT", "config.yaml", (FILE + "request-retry: 1\n").encode(), match).status, 200)
        self.assertEqual(self.send("PUT", "config.yaml", (FILE + "request-retry: 2\n").encode(), match).status, 412)
        self.assertIn("request-retry: 1", self.path.read_text())

    def test_a_file_that_cannot_be_written(self) -> None:
        """It is said, and nothing is lost."""
        self.world.service.config_file.path = Path("/proc/self/mounts")
        self.assertIn(self.send("PUT", "debug", {"value": True}).status, (409, 422, 500))

    def test_every_route_wants_the_key(self) -> None:
        """Each of the OpenAPI document's: refused without it, and with a client's."""
        document = self.send("GET", "openapi.json").json
        self.assertEqual(document["openapi"], "3.1.0")
        self.assertGreater(len(document["paths"]), 30)
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                self.assertTrue(operation["summary"], path)
                real = path.replace("{channel}", "claude")
                for key in (None, "sk-test"):
                    self.assertEqual(self.world.request(method.upper(), real, key=key).status, 401, (method, path))


BODIES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "items", "index", "match", "name", "old", "new", "api-key"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
WRITES = [("PUT", one.path) for one in (*SCALARS, *LISTS)] + [("PATCH", one.path) for one in LISTS]
WRITES += [("PUT", "api-keys"), ("PATCH", "api-keys"), ("PUT", "config.yaml")]


@pytest.mark.parametrize("way", WRITES, ids=lambda way: " ".join(way))
@settings(max_examples=4, deadline=None)
@given(body=BODIES)
def test_any_body_is_taken_or_refused(way: tuple[str, str], body: Any) -> None:
    """What is no change is a 4xx and leaves the file alone; what is one leaves a file that can be used."""

    case = Edited()
    case.setUp()
    try:
        status = case.send(*way, body).status
        assert status == 200 or 400 <= status < 500, (status, body)
        assert (case.path.read_text() == FILE) or status == 200
        load(case.path, environ={})
    finally:
        case.doCleanups()
