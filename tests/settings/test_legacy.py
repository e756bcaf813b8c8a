"""Files that users have had for years load as they are."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cliproxy.errors import SettingsError
from cliproxy.settings.legacy import ANTIGRAVITY_ALIASES
from cliproxy.settings.load import load, loads
from cliproxy.settings.model import KeyEntry, Settings

CORPUS = Path(__file__).parent.parent / "corpus" / "config"


def keys(entries: tuple[KeyEntry, ...]) -> list[str]:
    return [entry.api_key.reveal() for entry in entries]


class FirstYears(SynchronousTestCase):
    """The oldest file of the corpus."""

    def setUp(self) -> None:
        self.settings = load(CORPUS / "2025-08-first-years.yaml").settings

    def test_client_keys(self) -> None:
        """The keys of auth.providers of type config-api-key are the client keys."""
        self.assertEqual([key.key.reveal() for key in self.settings.api_keys], ["client-one", "client-two"])

    def test_gemini_keys(self) -> None:
        """The plain list of Gemini keys is appended where it says anything new."""
        self.assertEqual(keys(self.settings.gemini_api_key), ["AIzaSy-first", "AIzaSy-second"])
        self.assertEqual(self.settings.gemini_api_key[0].headers, (("X-Custom-Header", "custom-value"),))

    def test_codex_without_url(self) -> None:
        """A codex key without a base-url is left out."""
        self.assertEqual(keys(self.settings.codex_api_key), ["sk-atSM-one"])

    def test_compatibility_keys(self) -> None:
        """The plain list of keys of a compatible provider becomes its entries."""
        (entry,) = self.settings.openai_compatibility
        self.assertEqual([key.api_key.reveal() for key in entry.api_key_entries], ["sk-or-v1-one", "sk-or-v1-two"])


class AmpLegacy(SynchronousTestCase):
    """The file with Amp's keys at the top level."""

    def setUp(self) -> None:
        self.settings = load(CORPUS / "2025-12-amp-legacy.yaml").settings

    def test_amp(self) -> None:
        """Each amp- key is read as its ampcode member."""
        amp = self.settings.ampcode
        self.assertEqual(
            (amp.upstream_url, amp.upstream_api_key.reveal(), amp.restrict_management_to_localhost),
            ("https://ampcode.com", "sgamp_user_one", True),
        )
        self.assertEqual(
            [(m.source, m.to, m.regex) for m in amp.model_mappings][1], ("^gpt-(.*)$", "gemini-2.5-pro", True)
        )

    def test_every_interface(self) -> None:
        """An empty host is every interface, which keys of one's own allow; a number is a key as it is written."""
        self.assertEqual(self.settings.host, "")
        self.assertEqual([key.key.reveal() for key in self.settings.api_keys], ["client-one", "20251224"])

    def test_aliases(self) -> None:
        """Old mappings become aliases; antigravity's old names become real ones, and the usual aliases join them."""
        aliases = dict(self.settings.oauth_model_alias)
        self.assertEqual([(entry.name, entry.alias) for entry in aliases["gemini-cli"]], [("gemini-2.5-pro", "g2.5p")])
        first, *others = aliases["antigravity"]
        self.assertEqual((first.name, first.alias, first.fork), ("gemini-3-pro-high", "g3", True))
        expected = {name: alias for name, alias in ANTIGRAVITY_ALIASES.items() if name != "gemini-3-pro-high"}
        self.assertEqual({entry.name: entry.alias for entry in others}, expected)

    def test_shared_models(self) -> None:
        """A list behind a YAML anchor serves both of its places; a prefix loses its slashes."""
        first, second = self.settings.openai_compatibility
        self.assertEqual(first.models, second.models)
        self.assertEqual((first.models[0].name, first.models[0].alias, first.prefix), ("qwen3:4b", "4.10", "lab"))

    def test_scalars(self) -> None:
        """Negative numbers that meant none are none, and a null group keeps its defaults."""
        self.assertEqual(self.settings.request_retry, 0)
        self.assertEqual(self.settings.streaming, Settings().streaming)
        self.assertEqual(self.settings.routing.strategy, "fill-first")
        self.assertEqual(self.settings.oauth_excluded_models, (("gemini-cli", ("gemini-2.5-flash-*", "*-preview")),))


class Full(SynchronousTestCase):
    """The file of January 2026 with nearly every key."""

    def setUp(self) -> None:
        self.settings = load(CORPUS / "2026-01-full.yaml").settings

    def test_lists(self) -> None:
        """Entries survive the drop rules of their list."""
        settings = self.settings
        self.assertEqual(keys(settings.gemini_api_key), ["AIzaSy-one", "AIzaSy-two"])
        self.assertEqual(keys(settings.claude_api_key), ["sk-ant-one", "sk-ant-two"])
        self.assertEqual(keys(settings.vertex_api_key), ["vk-one"])
        self.assertEqual([model.alias for model in settings.vertex_api_key[0].models], ["vertex-flash"])
        self.assertEqual(settings.codex_api_key[0].prefix, "")

    def test_headers(self) -> None:
        """A header without a value is left out."""
        self.assertEqual(self.settings.gemini_api_key[0].headers, (("X-Custom-Header", "custom-value"),))

    def test_amp_keys(self) -> None:
        """The first mapping of a client key wins."""
        first, second = self.settings.ampcode.upstream_api_keys
        self.assertEqual([key.reveal() for key in first.api_keys], ["client-one", "client-two"])
        self.assertEqual([key.reveal() for key in second.api_keys], ["client-three"])

    def test_payload(self) -> None:
        """The raw rule that is not JSON is left out, the others stay."""
        payload = self.settings.payload
        self.assertEqual(
            [len(rules) for rules in (payload.default, payload.default_raw, payload.override, payload.override_raw)],
            [1, 1, 1, 1],
        )
        self.assertEqual(payload.override_raw[0].params, (("response_format", {"type": "json_schema"}),))


class Precedence(SynchronousTestCase):
    """Where an old key and a new one meet."""

    def test_new_wins(self) -> None:
        """A new key that is set wins; the loopback restriction of Amp is the one that the old key overrides."""
        settings = loads(
            "ampcode: {upstream-url: https://new, restrict-management-to-localhost: true}\n"
            "amp-upstream-url: https://old\namp-upstream-api-key: old\namp-restrict-management-to-localhost: false\n"
            "api-keys: [new]\nauth: {providers: [{type: config-api-key, api-keys: [old]}]}\n"
            "oauth-model-alias: {a: [{name: x, alias: y}]}\noauth-model-mappings: {b: [{name: x, alias: y}]}\n"
        ).settings
        amp = settings.ampcode
        self.assertEqual((amp.upstream_url, amp.upstream_api_key.reveal()), ("https://new", "old"))
        self.assertFalse(amp.restrict_management_to_localhost)
        self.assertEqual([key.key.reveal() for key in settings.api_keys], ["new"])
        self.assertEqual([channel for channel, _ in settings.oauth_model_alias], ["a"])

    def test_each_fold_is_said(self) -> None:
        """Every old key is one warning that names the new one."""
        warnings = [str(problem) for problem in loads("amp-upstream-url: https://x", "c").warnings]
        self.assertEqual(warnings, ["c:1: amp-upstream-url: is an old key; read as ampcode.upstream-url"])

    def test_malformed(self) -> None:
        """Old keys of a wrong shape never crash the load."""
        for key in ("auth", "generative-language-api-key", "oauth-model-mappings", "amp-model-mappings"):
            for value in ("x", "[x]", "{a: b}", "[[x]]", "{antigravity: [x, {name: [y]}]}", "{providers: [x]}"):
                with self.subTest(f"{key}: {value}"):
                    try:
                        loads(f"{key}: {value}")
                    except SettingsError as error:
                        self.assertTrue(error.problems)
