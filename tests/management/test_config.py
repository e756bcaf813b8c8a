"""Reading and changing the configuration."""

from __future__ import annotations

import re
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, maybeDeferred

from cliproxy.front.operators import LONGEST_WAIT
from cliproxy.management.table import LISTS, SCALARS
from cliproxy.settings.load import load
from tests.support.managed import FILE, SECRET, Daemon


class Edited(Daemon):
    """Its file, changed."""

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

    def test_whole_texts_at_once(self) -> None:
        """Of two that take the same file's place, made from the same one, the first wins and the second is told."""
        held: list[tuple[Any, Any]] = []

        def aside(work: Any) -> Any:
            held.append((work, Deferred()))
            return held[-1][1]

        self.world.service.config_file.aside = aside
        calls = [self.send("PUT", "config.yaml", f"{FILE}request-retry: {number}\n".encode()) for number in (1, 2)]
        calls.append(self.send("PUT", "debug", {"value": True}))
        while held:
            work, wait = held.pop(0)
            maybeDeferred(work).chainDeferred(wait)
            self.world.flow()
        self.assertEqual([call.status for call in calls], [200, 409, 200])
        self.assertIn("request-retry: 1\n", self.path.read_text())
        self.assertIn("debug: true", self.path.read_text())
        self.assertEqual(calls[1].json["error"][:36], "the file has been changed by somebod")

    def test_an_editor_in_between(self) -> None:
        """What somebody saves while a change is made is not lost."""
        file, theirs = self.world.service.config_file, FILE + "request-retry: 9\n"

        def aside(work: Any) -> Any:
            result = maybeDeferred(work)
            self.path.write_text(theirs)
            return result

        file.aside = aside
        self.assertEqual(self.send("PUT", "debug", {"value": True}).status, 409)
        self.assertEqual(self.path.read_text(), theirs)

    def test_an_answer_waits_for_the_reload(self) -> None:
        """Until the change is in force there is none, and one that cannot be put in force is said."""
        reloaded: Any = Deferred()
        self.world.service.config_file.apply = lambda: reloaded
        call = self.send("PUT", "debug", {"value": True})
        self.assertEqual(call.status, 0)
        reloaded.callback(True)
        self.world.flow()
        self.assertEqual(call.status, 200)
        self.world.service.config_file.apply = lambda: False
        self.assertEqual(self.send("PUT", "debug", {"value": False}).json["error"], "reload_failed")

    def test_who_leaves_stops_nothing(self) -> None:
        """A change that was begun is finished, and the next one finds the file free."""
        reloaded: Any = Deferred()
        self.world.service.config_file.apply = lambda: reloaded
        call = self.send("PUT", "debug", {"value": True})
        call.leave()
        self.world.flow()
        self.assertIn("debug: true", self.path.read_text())
        waiting = self.send("PUT", "request-retry", {"value": 1})
        reloaded.callback(True)
        self.world.flow()
        self.assertEqual(waiting.status, 200)

    def test_a_file_that_cannot_be_written(self) -> None:
        """It is said, and nothing is lost."""
        with mock.patch("os.access", return_value=False):
            call = self.send("PUT", "debug", {"value": True})
        self.assertEqual((call.status, call.json["error"]), (500, "write_failed"))
        with mock.patch("cliproxy.management.editing.write_whole", side_effect=OSError(28, "No space left on device")):
            call = self.send("PUT", "debug", {"value": True})
        self.assertIn("No space left", call.json["message"])
        self.assertEqual(self.path.read_text(), FILE)
        self.path.unlink()
        self.assertEqual(self.send("PUT", "debug", {"value": True}).status, 500)
        self.assertFalse(self.path.exists())

    def test_a_link_stays_one(self) -> None:
        """What it leads to is replaced."""
        link = self.path.with_name("link.yaml")
        link.symlink_to(self.path)
        self.world.service.config_file.path = link
        self.send("PUT", "debug", {"value": True})
        self.assertTrue(link.is_symlink())
        self.assertIn("debug: true", self.path.read_text())

    def test_variables_stay_variables(self) -> None:
        """A page that reads a list and writes it back changes nothing but what it changed."""
        world, path = self.world, self.path
        world.service.config_file.environment = {"ANT": "sk-ant-env", "CLIENT": "sk-client"}
        text = (
            FILE.replace("sk-ant-1  # first", "${ANT}  # first\n    cloak: {mode: auto}")
            + "  - api-key: sk-ant-2\n    # mine\n    priority: 2\n    models: [{name: m, alias: a}]\n"
        ).replace("  - sk-test", "  - {env: CLIENT, name: c}\n  - sk-test")
        path.write_text(text)
        world.service.apply(load(path, environ=world.service.config_file.environment).settings)
        world.service.config_file.apply = lambda: world.service.apply(
            load(path, environ=world.service.config_file.environment).settings
        )
        for name in ("claude-api-key", "api-keys"):
            shown = self.send("GET", name).json[name]
            self.assertEqual(self.send("PUT", name, shown).status, 200, name)
            self.assertEqual(path.read_text(), text)
        shown = self.send("GET", "claude-api-key").json["claude-api-key"]
        self.assertEqual([len(entry["auth-index"]) for entry in shown], [16, 16])
        shown[1]["priority"] = 5
        self.assertEqual(self.send("PUT", "claude-api-key", shown).status, 200)
        self.assertEqual(path.read_text(), text.replace("priority: 2", "priority: 5"))
        self.send("DELETE", "claude-api-key?index=0")
        self.assertNotIn("ANT", path.read_text())
        self.assertIn("# mine", path.read_text())

    def test_a_place_is_that_of_what_is_shown(self) -> None:
        """Entries that are not used are in the file, and in no list."""
        self.path.write_text(
            "api-keys: [sk-test]\nremote-management: {secret-key: manage-me}\ngemini-api-key:\n"
            "  - base-url: http://none.test\n  - api-key: g1\n  - api-key: g1\n  - api-key: g2\n"
        )
        self.reload()
        shown = [entry["api-key"] for entry in self.send("GET", "gemini-api-key").json["gemini-api-key"]]
        self.assertEqual(shown, ["g1", "g2"])
        self.send("PATCH", "gemini-api-key", {"index": 1, "value": {"prefix": "p"}})
        self.assertIn("api-key: g2\n    prefix: p", self.path.read_text())
        self.send("DELETE", "gemini-api-key?index=0")
        self.assertIn("http://none.test", self.path.read_text())
        self.assertEqual(self.send("PATCH", "gemini-api-key", {"match": "g2", "value": {"api-key": ""}}).status, 200)
        self.assertEqual(self.send("GET", "gemini-api-key").json, {"gemini-api-key": []})

    def test_a_key_that_is_changed_keeps_its_limits(self) -> None:
        """Its string is another one; the name is the same."""
        self.send("PATCH", "api-keys", {"index": 1, "value": "sk-other"})
        self.assertEqual(self.send("GET", "api-keys").json, {"api-keys": ["sk-test", "sk-other"]})
        self.assertIn("name: named", self.path.read_text())

    def test_what_locks_out_is_to_be_said(self) -> None:
        """The last client key goes when that is confirmed, or when a whole text says it."""
        self.send("PUT", "api-keys", ["sk-test"])
        self.assertEqual(self.send("DELETE", "api-keys?index=0").status, 422)
        self.assertEqual(self.send("DELETE", "api-keys?index=0&confirm=1").status, 200)
        self.path.write_text(FILE)
        self.reload()
        text = FILE.replace("  - sk-test   # laptop\n  - {key: sk-named, name: named}\n", "")
        self.assertEqual(self.send("PUT", "config.yaml", text.encode()).status, 422)
        said = text.replace("api-keys:", "api-keys: []", 1)
        self.assertEqual(self.send("PUT", "config.yaml", said.encode()).status, 200)
        self.assertEqual(self.send("PUT", "config.yaml", b"api-keys: []\ndebug: true\n").status, 422)

    def test_lists_of_elsewhere(self) -> None:
        """They are empty, and the answer says where a key goes."""
        self.assertEqual(self.send("GET", "xai-api-key").json, {"xai-api-key": []})
        self.assertIn("preset: xai", self.send("PUT", "xai-api-key", [{"api-key": "x"}]).json["message"])
        self.assertEqual(self.send("PUT", "xai-api-key", []).status, 200)

    def test_every_route_wants_the_key(self) -> None:
        """Each of the OpenAPI document's: refused without it, and with a client's."""
        document = self.send("GET", "openapi.json").json
        self.assertEqual(document["openapi"], "3.1.0")
        self.assertGreater(len(document["paths"]), 30)
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                self.assertTrue(operation["summary"], path)
                if operation.get("security") == []:
                    continue
                real = re.sub(r"{\w+}", "claude", path)
                for key in (None, "sk-test"):
                    self.assertEqual(self.world.request(method.upper(), real, key=key).status, 401, (method, path))
                    self.world.pass_time(LONGEST_WAIT)


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
