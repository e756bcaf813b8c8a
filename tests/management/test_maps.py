"""The configuration's maps and Amp's lists, and what collectors of usage ask for."""

from __future__ import annotations

from typing import Any

from cliproxy.settings.load import load
from tests.support.bodies import CHAT, CHAT_ANSWER
from tests.support.managed import FILE, SECRET, Daemon

MORE = (
    FILE
    + """\
oauth-excluded-models:
  # theirs
  Codex: [gpt-old]
  qwen: [a, b]
ampcode:
  upstream-api-key: ${AMP}
  model-mappings:
    - from: a  # first
      to: b
    - from: c
      to: d
  upstream-api-keys:
    - upstream-api-key: ${AMP}
      api-keys: [sk-test]
openai-compatibility:
  - name: chat
    base-url: http://chat.test/v1
    api-key-entries: [{api-key: up-1}]
    models: [{name: gpt-x}]
"""
)


class Mapped(Daemon):
    """A daemon with maps."""

    def setUp(self) -> None:
        super().setUp()
        self.path.write_text(MORE)
        self.world.service.config_file.environment = {"AMP": "amp-key"}
        self.reload()

    def reload(self) -> bool:
        self.world.service.apply(load(self.path, environ={"AMP": "amp-key"}).settings)
        return True

    def test_excluded_models(self) -> None:
        """By provider, in any spelling of its name; comments stay."""
        path = "oauth-excluded-models"
        self.assertEqual(self.send("GET", path).json[path], {"codex": ["gpt-old"], "qwen": ["a", "b"]})
        self.send("PATCH", path, {"provider": "CODEX", "models": ["gpt-old", "gpt-older"]})
        self.send("PATCH", path, {"provider": "qwen", "models": []})
        self.assertEqual(self.send("GET", path).json[path], {"codex": ["gpt-old", "gpt-older"]})
        self.assertIn("# theirs\n  Codex:", self.path.read_text())
        for method, more, body, status in (
            ("PATCH", "", {"provider": " ", "models": []}, 400),
            ("PATCH", "", {"provider": "none", "models": []}, 404),
            ("PATCH", "", {"provider": "x", "models": "y"}, 400),
            ("DELETE", "", None, 400),
            ("DELETE", "?provider=none", None, 404),
            ("PUT", "", {"x": "y"}, 400),
        ):
            self.assertEqual(self.send(method, path + more, body).status, status, (method, more, body))
        self.assertEqual(self.send("DELETE", f"{path}?provider=codex").status, 200)
        self.send("PUT", path, {"items": {"kimi": ["k"]}})
        self.assertEqual(self.send("GET", path).json[path], {"kimi": ["k"]})

    def test_aliases(self) -> None:
        """By channel, or provider."""
        path, alias = "oauth-model-alias", {"name": "real", "alias": "mine", "fork": True}
        self.send("PATCH", path, {"channel": "codex", "aliases": [alias]})
        self.assertEqual(self.send("GET", path).json[path]["codex"], [alias])
        self.assertEqual(self.send("DELETE", f"{path}?provider=codex").status, 200)
        self.assertEqual(
            self.send("PATCH", path, {"channel": "codex", "aliases": []}).json["error"], "channel not found"
        )

    def test_amp(self) -> None:
        """Mappings are replaced, added to, taken away; the operator's key stays a variable."""
        path = "ampcode/model-mappings"
        self.assertEqual(self.send("GET", "ampcode").json["ampcode"]["upstream-api-key"], "amp-key")
        self.send("PATCH", path, {"value": [{"from": "c", "to": "e"}, {"from": "f", "to": "g"}]})
        shown = self.send("GET", path).json["model-mappings"]
        self.assertEqual([(each["from"], each["to"]) for each in shown], [("a", "b"), ("c", "e"), ("f", "g")])
        self.assertIn("# first", self.path.read_text())
        self.send("DELETE", path, {"value": ["c"]})
        self.assertEqual(len(self.send("GET", path).json["model-mappings"]), 2)
        self.send("DELETE", path)
        self.assertEqual(self.send("GET", path).json, {"model-mappings": []})
        keys = "ampcode/upstream-api-keys"
        self.send("PATCH", keys, {"value": [{"upstream-api-key": "other", "api-keys": ["sk-named"]}]})
        self.assertEqual(self.path.read_text().count("${AMP}"), 2)
        self.assertEqual(self.send("DELETE", keys, {}).json["error"], "missing value")
        self.assertEqual(self.send("DELETE", keys, {"value": [" "]}).json["error"], "empty value")
        self.send("DELETE", keys, {"value": ["other"]})
        self.assertEqual(len(self.send("GET", keys).json["upstream-api-keys"]), 1)
        self.send("DELETE", keys, {"value": []})
        self.assertEqual(self.send("GET", keys).json["upstream-api-keys"], [])

    def v8(self, method: str, path: str, body: Any = None) -> Any:
        return self.world.request(method, f"/v8/management/{path}", body, SECRET, key=None)

    def test_by_path(self) -> None:
        """Raw values, in either layout's place; maps are merged, lists are whole, variables stay."""
        whole = self.v8("GET", "config").json
        self.assertEqual((whole["debug"], whole["ampcode"]["upstream-api-key"]), (False, "${AMP}"))
        self.assertNotIn("remote-management", whole)
        self.assertEqual(self.v8("GET", "config/observability/logs/debug").json, False)
        told = self.v8("PUT", "config/observability/logs/debug", True)
        self.assertEqual((told.status, told.json), (200, {"status": "ok", "config-version": 8}))
        self.assertIn("debug: true", self.path.read_text())
        self.v8("PATCH", "config", {"routing": {"retry": {"request-retry": 1}}, "ampcode": {"model-mappings": None}})
        self.assertEqual(self.v8("GET", "config/request-retry").json, 1)
        self.assertEqual(self.world.service.settings.ampcode.model_mappings, ())
        self.assertIn("${AMP}", self.path.read_text())
        self.assertEqual(self.v8("DELETE", "config/routing/retry/request-retry").status, 200)
        self.assertNotIn("request-retry", self.path.read_text())
        for method, path, body, code in (
            ("GET", "config/none/such", None, "not_found"),
            ("DELETE", "config/none", None, "not_found"),
            ("PUT", "config/remote-management/secret-key", "x", "read_only_field"),
            ("PUT", "config/management/secret-key", "x", "read_only_field"),
            ("GET", "config/management", None, "read_only_field"),
            ("PUT", "config/debug", "maybe", "invalid_config"),
            ("PUT", "config/debug", b"{", "invalid_json"),
            ("PATCH", "config", [], "invalid_body"),
        ):
            self.assertEqual(self.v8(method, path, body).json["error"], code, (method, path))

    def test_collectors(self) -> None:
        """A record is given once, with the key's name; sums by key are given every time."""
        self.world.vendor("chat.test").script = lambda request: request.answer(200, CHAT_ANSWER)
        for _ in range(3):
            self.assertEqual(self.world.post("/v1/chat/completions", CHAT, key="sk-named").status, 200)
        first = self.send("GET", "usage-queue?count=2").json
        rest = self.send("GET", "usage-queue?count=10").json
        self.assertEqual([len(first), len(rest), self.send("GET", "usage-queue").json], [2, 1, []])
        record: dict[str, Any] = first[0]
        self.assertEqual(
            (record["api_key"], record["endpoint"], record["failed"]), ("named", "POST /v1/chat/completions", False)
        )
        self.assertEqual(
            record["tokens"]["total_tokens"], sum(record["tokens"][f"{each}_tokens"] for each in ("input", "output"))
        )
        listed = self.send("GET", "openai-compatibility").json["openai-compatibility"][0]
        self.assertEqual(record["auth_index"], listed["api-key-entries"][0]["auth-index"])
        told = self.send("GET", "api-key-usage").json["chat"]["http://chat.test/v1|up-1"]
        self.assertEqual((told["success"], told["failed"], told["recent_requests"][-1]["success"]), (3, 0, 3))
        for count in ("0", "-1", "x", "1e3"):
            self.assertEqual(self.send("GET", f"usage-queue?count={count}").status, 400)
