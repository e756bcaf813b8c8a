"""Reading a configuration: what is wrong is said all at once, each thing with its line and key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.errors import SettingsError
from cliproxy.settings.load import examine, examine_text, load, loads
from cliproxy.settings.model import ClientHeader, Secret, Settings
from cliproxy.settings.problems import Severity
from tests.support.certificates import Issued
from tests.support.scratch import scratch

ERRORS = [
    ("port: abc", "c:1: port: is to be a whole number (without quotes), not a text"),
    ('port: "8317"', "c:1: port: is to be a whole number (without quotes), not a text"),
    ("port: 70000", "c:1: port: 70000 is too large; the largest allowed is 65535"),
    ("port: 1.5", "c:1: port: is to be a whole number (without quotes), not a fraction"),
    ("debug: 1", "c:1: debug: is to be true or false, not a number"),
    ("debug: []", "c:1: debug: is to be true or false, not a list"),
    ("host: [a]", "c:1: host: is to be a text, not a list"),
    ("tls: true", "c:1: tls: is to be a mapping, not true or false"),
    ("api-keys: {a: b}", "c:1: api-keys: is to be a list, not a mapping"),
    ("api-keys: ['']", "c:1: api-keys: holds only empty keys, so that every request would be refused"),
    ("port: 1\nport: 2", "c:2: port: is given twice; first on line 1"),
    (
        "gemini-api-key:\n- api-key: k\n  api-key: l",
        "c:3: gemini-api-key[0].api-key: is given twice; first on line 2",
    ),
    ("gemini-api-key: [just-a-key]", "c:1: gemini-api-key[0]: is to be a mapping, not a text"),
    (
        "gemini-api-key:\n- api-key: k\n  weight: -1",
        "c:3: gemini-api-key[0].weight: -1 is too small; the smallest allowed is 0",
    ),
    (
        "gemini-api-key:\n- api-key: k\n  base-url: example.com",
        "c:3: gemini-api-key[0].base-url: is to be a URL that begins with http:// or https://",
    ),
    (
        "proxy-url: ftp://user:pass@example.com",
        "c:1: proxy-url: is to be a URL that begins with http://, https://, socks5:// or socks5h://",
    ),
    ("proxy-url: http://", "c:1: proxy-url: is a URL without a host"),
    ("proxy-url: 'http://[::1'", "c:1: proxy-url: is not a URL that can be read"),
    (
        "gemini-api-key:\n- api-key: k\n  headers:\n    X Y: z",
        "c:4: gemini-api-key[0].headers.X Y: is not a header's name",
    ),
    (
        'gemini-api-key:\n- api-key: k\n  headers:\n    X-Y: "z\\nHost: evil"',
        "c:4: gemini-api-key[0].headers.X-Y: holds a line break or a control character, which no header may",
    ),
    (
        "routing:\n  strategy: fastest",
        "c:2: routing.strategy: 'fastest' is not one of round-robin, fill-first, weighted-round-robin, least-busy, "
        "soonest-reset",
    ),
    (
        "routing:\n  strategy: round-robbin",
        "c:2: routing.strategy: 'round-robbin' is not one of round-robin, fill-first, weighted-round-robin, least-busy, "
        "soonest-reset, most-left; did you mean round-robin?",
    ),
    (
        "claude-api-key:\n- api-key: k\n  request-scoped-errors: [{action: panic}]",
        "c:3: claude-api-key[0].request-scoped-errors[0].action: 'panic' is not one of stop, stop-and-cooldown, continue, "
        "continue-and-cooldown",
    ),
    (
        "claude-api-key:\n- api-key: k\n  request-scoped-errors:\n  - match-regexr: [ok, '(']",
        "c:4: claude-api-key[0].request-scoped-errors[0].match-regexr[1]: is not a regular expression: missing ): ( "
        "(the syntax is RE2's)",
    ),
    ("fallback-models:\n  A: [b]\n  B: [c, a]", "c:2: fallback-models.A: falls back to itself: A -> B -> A"),
    ("fallback-models:\n  a: [a]", "c:2: fallback-models.a: falls back to itself: a -> a"),
    ("tls:\n  enable: true\n  key: k", "c:1: tls.cert: is required when tls.enable is true"),
    (
        "trusted-proxies: [10.0.0.0/8, proxy]",
        "c:1: trusted-proxies[1]: 'proxy' is neither an IP address nor a network such",
    ),
    ("oauth-providers:\n- name: x\n  dialect: claude", "c:2: oauth-providers[0].base-url: is required"),
    (
        "remote-management:\n  secret-key: ${NOT_SET}",
        "c:2: remote-management.secret-key: names the environment variable NOT_SET, which is not set",
    ),
    ("host: 0.0.0.0", "c:1: host: is 0.0.0.0 while there are no api-keys: everybody would be served"),
    ("api-keys: []\nhost: ''", "c:2: host: is every interface while there are no api-keys"),
    (
        "host: '::'\napi-keys: [mine, your-api-key-2]",
        "c:2: api-keys: holds the sample key your-api-key-2, which everyone knows, while the daemon would listen on ::",
    ),
    ("api_keys: [a]", "c:1: api_keys: is not a key known here; did you mean api-keys?"),
    ("Api-Key: [a]", "c:1: Api-Key: is not a key known here; did you mean api-keys?"),
    ("debug: true\nhost: 'abc\nport: 1\n", "c:2: is not YAML: a quote is opened here and never closed"),
    ("a: 1\n\tb: 2\n", "c:2: is not YAML: a tab stands where YAML has blanks only"),
    ("a: [", "c:1: is not YAML: expected the node content, but found '<stream end>'"),
    ("a: &a [*a]", "c:1: a[0]: an alias stands inside what it names"),
    ("? [a]\n: b", "c:1: a key is to be a word, not a list or a mapping"),
    ("a: \x00", "c: is not YAML: unacceptable character"),
    ("- a", "c:1: is to be a mapping, not a list"),
    ("[" * 5000, "c: is nested too deeply to be a configuration"),
]

WARNINGS = [
    ("prot: 1", "c:1: prot: is not a key known here and is ignored; did you mean port?"),
    ("xyzzy: 1", "c:1: xyzzy: is not a key known here and is ignored"),
    (
        "routing:\n  strategi: ff",
        "c:2: routing.strategi: is not a key known here and is ignored; did you mean strategy?",
    ),
    ("request-retry: -3", "c:1: request-retry: -3 counts as 0"),
    ("api-keys: [your-api-key-1]", "c:1: api-keys[0]: is a sample key that everyone knows"),
    ("codex-api-key:\n- api-key: k", "c:2: codex-api-key[0]: has no base-url and is left out"),
    ("gemini-api-key:\n- base-url: https://x", "c:2: gemini-api-key[0]: has no api-key and is left out"),
    (
        "gemini-api-key:\n- api-key: k\n- api-key: ' k '",
        "c:3: gemini-api-key[1]: repeats an api-key that stands above and is left out",
    ),
    (
        "claude-api-key:\n- api-key: k\n  cloak: {mode: auto}",
        "c:3: claude-api-key[0].cloak: is ignored: no request poses as another vendor's product here",
    ),
    ("disable-claude-cloak-mode: true", "c:1: disable-claude-cloak-mode: is ignored: no request poses"),
    ("pprof:\n  enable: true", "c:1: pprof: is ignored: a key of later versions of the original"),
    ("providers:\n- preset: opnai", "c:2: providers[0].preset: there is no preset opnai; did you mean openai?"),
    ("providers:\n- dialect: openai", "c:2: providers[0]: has a dialect but no base-url; the entry is left out"),
    ("providers:\n- preset: groq", "c:2: providers[0]: has no keys, which groq asks for"),
    ("providers:\n- preset: groq\n  keys: [x]\n  dialect: [claude]", "c:4: providers[0].dialect: groq does not speak"),
    ("providers:\n- preset: bedrock\n  keys: [x]", "c:3: providers[0].keys[0]: says no region"),
    ("providers:\n- preset: vertex-claude", "c:2: providers[0]: names no service-account file"),
    ("providers:\n- preset: groq\n  keys: [x]\n  paths: {x: /y}", "c:4: providers[0].paths.x: is not one of"),
    (
        "payload:\n  override-raw:\n  - models: [{name: a}]\n    params: {x: '{'}",
        "c:3: payload.override-raw[0]: rule 1 is left out: x is not JSON",
    ),
    (
        "codex-api-key: [{api-key: k, base-url: 'https://x/v1/responses'}]",
        "c:1: codex-api-key[0].base-url: ends with an endpoint, which is added to it: leave out /responses",
    ),
    ("xprotx: 1", "c:1: xprotx: is not a key known here and is ignored"),
]


@pytest.mark.parametrize(("text", "problem"), ERRORS, ids=[problem for _, problem in ERRORS])
def test_error(text: str, problem: str) -> None:
    """Each kind of error prevents the use of the settings and is told with its line and key."""
    with pytest.raises(SettingsError) as raised:
        loads(text, "c")
    assert any(said.startswith(problem) for said in raised.value.problems), raised.value.problems


@pytest.mark.parametrize(("text", "problem"), WARNINGS, ids=[problem for _, problem in WARNINGS])
def test_warning(text: str, problem: str) -> None:
    """Each kind of warning leaves the settings usable and is told with its line and key."""
    warnings = loads(text, "c").warnings
    assert any(str(said).startswith(problem) for said in warnings), [str(said) for said in warnings]


class AllAtOnce(SynchronousTestCase):
    """Problems are collected, not met one at a time."""

    def test_every_problem(self) -> None:
        """A file with several mistakes is answered with all of them, in the file's order."""
        text = "port: x\ndebug: maybe\nrouting: {strategy: luck}\nhost: 0.0.0.0\n"
        with self.assertRaises(SettingsError) as raised:
            loads(text, "c")
        lines = [problem.split(": ")[0] for problem in raised.exception.problems]
        self.assertEqual(lines, ["c:1", "c:2", "c:3", "c:4"])

    def test_warnings_beside_errors(self) -> None:
        """Warnings are not among the errors that are raised, but an examination tells both."""
        examined = examine_text("prot: 1\nport: x", "c", environ={})
        self.assertIsNone(examined.settings)
        self.assertEqual([problem.severity for problem in examined.problems], [Severity.WARNING, Severity.ERROR])

    def test_no_secret_in_problems(self) -> None:
        """What stands where a secret may stand is never quoted."""
        text = (
            "proxy-url: ftp://user:hunter2@example.com\nremote-management: {secret-key: [hunter2]}\n"
            "claude-api-key: [{api-key: {x: hunter2}, base-url: 'x://hunter2@y'}]\napi-keys: hunter2\n"
        )
        with self.assertRaises(SettingsError) as raised:
            loads(text)
        self.assertNotIn("hunter2", str(raised.exception))


class Values(SynchronousTestCase):
    """What the values of keys become."""

    def test_nothing_is_the_defaults(self) -> None:
        """An empty file, and one whose keys are all null, give the model's defaults without a warning."""
        self.assertEqual(loads("").settings, Settings())
        nulls = "".join(f"{name.replace('_', '-')}:\n" for name in Settings.__annotations__)
        loaded = loads(nulls)
        self.assertEqual((loaded.settings, loaded.warnings), (Settings(), ()))

    def test_texts_keep_their_spelling(self) -> None:
        """A text written as a number, a truth or a date is taken as it is written."""
        text = "api-keys: [0012, yes, 2024-01-01, 1_000]"
        keys = [key.key.reveal() for key in loads(text).settings.api_keys]
        self.assertEqual(keys, ["0012", "yes", "2024-01-01", "1_000"])

    def test_client_keys(self) -> None:
        """A client key is a text, exactly as written, or a mapping with its own strictness; empty ones are skipped."""
        text = "api-keys: [' a ', '', {key: b, strict-translation: true}, {key: c}, b]"
        keys = [(key.key.reveal(), key.strict_translation) for key in loads(text).settings.api_keys]
        self.assertEqual(keys, [(" a ", None), ("b", True), ("c", None)])

    def test_strategy_spellings(self) -> None:
        """A strategy is known by its other spellings, whatever their case; an empty one is the default."""
        for written, meant in [
            ("FF", "fill-first"),
            ("fillfirst", "fill-first"),
            (" rr ", "round-robin"),
            ("", "round-robin"),
        ]:
            with self.subTest(written):
                self.assertEqual(loads(f"routing: {{strategy: '{written}'}}").settings.routing.strategy, meant)

    def test_prefix(self) -> None:
        """A prefix loses blanks and outer slashes; one with a slash inside is none."""
        text = "gemini-api-key: [{api-key: a, prefix: ' /x/ '}, {api-key: b, prefix: x/y}]"
        self.assertEqual([entry.prefix for entry in loads(text).settings.gemini_api_key], ["x", ""])

    def test_exclusions(self) -> None:
        """Patterns lose blanks, capitals, repetitions and empty ones; an empty channel disappears."""
        text = "oauth-excluded-models: {' Claude ': [' A* ', a*, ''], codex: ['']}"
        self.assertEqual(loads(text).settings.oauth_excluded_models, (("claude", ("a*",)),))

    def test_aliases(self) -> None:
        """The first of a repeated alias counts, and a model's own name is none."""
        text = (
            "oauth-model-alias: {Claude: [{name: a, alias: X, fork: true}, {name: b, alias: x}, {name: c, alias: C}]}"
        )
        ((channel, (entry,)),) = loads(text).settings.oauth_model_alias
        self.assertEqual((channel, entry.name, entry.alias, entry.fork), ("claude", "a", "X", True))

    def test_payload_values(self) -> None:
        """Values of payload rules are any YAML; texts in the raw lists are parsed."""
        text = (
            "payload:\n  default: [{models: [{name: a}], params: {x: [1, 2.5, null, yes, {y: 2024-01-01}], z: '{'}}]\n"
            "  override-raw: [{models: [{name: a, protocol: codex}], params: {x: '[1]', y: [2], n: null}}]\n"
        )
        payload = loads(text).settings.payload
        self.assertEqual(payload.default[0].params, (("x", [1, 2.5, None, True, {"y": "2024-01-01"}]), ("z", "{")))
        self.assertEqual(payload.override_raw[0].params, (("x", [1]), ("y", [2]), ("n", None)))

    def test_home(self) -> None:
        """A leading tilde is the home directory, whichever way its slashes lean."""
        for written in ("~/creds", "~\\creds"):
            self.assertEqual(loads(f"auth-dir: '{written}'").settings.auth_dir, Path.home() / "creds")

    def test_environment(self) -> None:
        """Secrets and headers may name environment variables, and nothing else; a dollar sign in a secret is one."""
        text = (
            "oauth-providers: [{name: '${A}', dialect: claude, base-url: https://x, client-secret: 'a-${A}'}]\n"
            "api-keys: ['${A}', $A, 'pa$A']\n"
            "gemini-api-key: [{api-key: k, headers: {X: 'b ${A}', Y: $X-Client}}]"
        )
        settings = loads(text, environ={"A": "value"}).settings
        self.assertEqual(settings.oauth_providers[0].client_secret, Secret("a-value"))
        self.assertEqual(settings.oauth_providers[0].name, "${A}")
        self.assertEqual([key.key.reveal() for key in settings.api_keys], ["value", "pa$A"])
        self.assertEqual(settings.gemini_api_key[0].headers, (("X", "b value"), ("Y", ClientHeader("X-Client"))))

    def test_merge_keys_and_anchors(self) -> None:
        """YAML's anchors, aliases and merges work, and a member of one's own wins over a merged one."""
        text = (
            "claude-api-key:\n- &one {api-key: a, priority: 3, headers: &h {X: y}}\n"
            "- {<<: *one, api-key: b}\n- {api-key: c, headers: *h}"
        )
        entries = loads(text).settings.claude_api_key
        self.assertEqual(
            [(entry.api_key.reveal(), entry.priority) for entry in entries], [("a", 3), ("b", 3), ("c", 0)]
        )
        self.assertEqual({entry.headers for entry in entries}, {(("X", "y"),)})

    def test_alias_bomb(self) -> None:
        """A document whose aliases stand for more than any configuration holds is refused before it is unfolded."""
        levels = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
        levels += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]
        with self.assertRaises(SettingsError) as raised:
            loads("\n".join(levels))
        self.assertIn("too large", str(raised.exception))


class BrokenMapping(SynchronousTestCase):
    """A broken expression in an Amp mapping is an error of that mapping alone."""

    text = "ampcode:\n  model-mappings:\n  - {from: a, to: b}\n  - {from: '(', to: c, regex: true}\n  - {from: '(', to: d}\n"

    def test_others_stay(self) -> None:
        """The other mappings are loaded, one that is no expression included."""
        mappings = loads(self.text).settings.ampcode.model_mappings
        self.assertEqual([mapping.to for mapping in mappings], ["b", "d"])

    def test_it_is_an_error_with_its_line(self) -> None:
        """It is told with its line, and as more than a warning."""
        (problem,) = loads(self.text, "c").warnings
        self.assertIs(problem.severity, Severity.SKIPPED)
        self.assertTrue(str(problem).startswith("c:4: ampcode.model-mappings[1].from: is not a regular expression"))


class Binding(SynchronousTestCase):
    """Who may listen where."""

    def test_loopback_needs_no_key(self) -> None:
        """On this machine's own addresses no key is needed."""
        for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
            with self.subTest(host):
                self.assertEqual(loads(f"host: '{host}'").settings.host, host)

    def test_own_key_opens_the_rest(self) -> None:
        """With a key of the operator's own every address is allowed."""
        self.assertEqual(loads("host: ''\napi-keys: [mine]").settings.host, "")

    def test_brackets(self) -> None:
        """An IPv6 address may be written as it stands in a URL, and is the same behind it for what it opens."""
        for host, meant in (("[::1]", "::1"), (" ::1 ", "::1"), ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1")):
            with self.subTest(host):
                self.assertEqual(loads(f"host: '{host}'").settings.host, meant)
        with self.assertRaises(SettingsError):
            loads("host: '[::]'")

    def test_command_line_wins(self) -> None:
        """A host or port from the command line replaces the file's before anything is refused."""
        settings = loads("host: 0.0.0.0", host="127.0.0.1", port=0).settings
        self.assertEqual((settings.host, settings.port), ("127.0.0.1", 0))
        with self.assertRaises(SettingsError):
            loads("host: 127.0.0.1", host="0.0.0.0")


class Files(SynchronousTestCase):
    """Reading from disk."""

    def write(self, content: bytes) -> Path:
        path = scratch(self) / "config.yaml"
        path.write_bytes(content)
        return path

    def test_missing(self) -> None:
        """A file that is not there is one problem, with its name."""
        path = scratch(self) / "config.yaml"
        with self.assertRaises(SettingsError) as raised:
            load(path)
        self.assertEqual(raised.exception.problems, (f"{path}: cannot be read: No such file or directory",))

    def test_not_text(self) -> None:
        """A file that is not UTF-8 is one problem; a byte order mark is none."""
        self.assertIn("is not UTF-8 text", str(examine(self.write(b"host: \xff")).problems[0]))
        self.assertEqual(load(self.write(b"\xef\xbb\xbfport: 1")).settings.port, 1)

    def said_of_tls(self, cert: Path | str, key: Path | str) -> list[str]:
        path = self.write(f"tls: {{enable: true, cert: '{cert}', key: '{key}'}}".encode())
        return [str(problem).removeprefix(f"{path}: ") for problem in examine(path).problems]

    def test_tls_files(self) -> None:
        """The files that tls names must be there, be what they are to be, and belong together; each problem is said."""
        one, other = Issued(scratch(self)), Issued(scratch(self))
        folder = scratch(self)
        junk, locked = folder / "junk", folder / "locked"
        junk.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        private = load_pem_private_key(one.key.read_bytes(), None)
        locked.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
        self.assertEqual(self.said_of_tls(one.cert, one.key), [])
        for cert, key, said in (
            ("/no/c", "/no/k", ["tls.cert: there is no file /no/c", "tls.key: there is no file /no/k"]),
            (folder, one.key, [f"tls.cert: {folder} cannot be read: Is a directory"]),
            (one.key, one.key, [f"tls.cert: {one.key} holds no certificate in PEM form"]),
            (junk, one.key, [f"tls.cert: {junk} holds a certificate that cannot be read"]),
            (one.cert, one.cert, [f"tls.key: {one.cert} holds no private key in PEM form"]),
            (one.cert, locked, [f"tls.key: {locked} is protected by a passphrase, which nobody can be asked for"]),
            (one.cert, other.key, [f"tls.key: {other.key} does not belong to the first certificate of {one.cert}"]),
        ):
            with self.subTest(said):
                self.assertEqual(self.said_of_tls(cert, key), said)

    def test_never_written(self) -> None:
        """Loading leaves the file as it is, legacy keys included."""
        content = b"generative-language-api-key: [a]\nremote-management: {secret-key: plain}\n"
        path = self.write(content)
        before = os.stat(path).st_mtime_ns
        load(path)
        self.assertEqual((path.read_bytes(), os.stat(path).st_mtime_ns), (content, before))


def test_a_rule_with_an_unknown_condition_is_left_out_whole() -> None:
    """It would do more than was meant; it is an error that costs this rule only."""
    text = (
        "payload:\n  override:\n  - models: [{name: a, only-on: monday}]\n    params: {x: 1}\n"
        "  - models: [{name: b, match: [{m.n: 1}], headers: {X: y}}]\n    params: {y: 2}\n"
        "  filter:\n  - models: [{name: c, when: never}]\n    params: [z]\n"
    )
    loaded = loads(text, "c")
    payload = loaded.settings.payload
    assert [rule.params for rule in payload.override] == [(("y", 2),)]
    assert payload.override[0].models[0].match == ((("m.n", 1),),)
    assert payload.filter == ()
    assert [str(problem) for problem in loaded.warnings] == [
        "c:3: payload.override[0].models[0].only-on: is not a condition known here: the whole rule is left out",
        "c:8: payload.filter[0].models[0].when: is not a condition known here: the whole rule is left out",
    ]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("commercial-mode: true", "commercial-mode"),
        ("remote-management: {panel-github-repository: x}", "remote-management.panel-github-repository"),
    ],
)
def test_a_key_that_changes_nothing_is_no_silent_one(text: str, path: str) -> None:
    """Who sets it is told once; who sets it to its default is not."""
    assert [problem.path for problem in loads(text, "c").warnings] == [path]
    assert loads(text.replace("true", "false").replace(": x", ": ''"), "c").warnings == ()
