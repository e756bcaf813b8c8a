"""The newer original's files: its layout, its kinds of keys, and what of it is spoken of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from cliproxy.errors import SettingsError
from cliproxy.routing.credentials import credentials_from
from cliproxy.settings.load import loads
from cliproxy.settings.model import ClientHeader, Settings
from tests.support.world import World

FILES = Path(__file__).parents[1] / "corpus" / "config"


def test_the_newer_example_is_loaded_in_silence() -> None:
    loaded = loads((FILES / "2026-10-example.yaml").read_text())
    assert [str(warning) for warning in loaded.warnings] == []
    assert (loaded.settings.ws_auth, len(loaded.settings.api_keys)) == (True, 2)


def test_version_8_is_read_whole() -> None:
    loaded = loads((FILES / "2026-10-version-8.yaml").read_text(), "c")
    assert [str(warning) for warning in loaded.warnings] == [
        "c:57: interactions-api-key: is read as keys of Gemini's generateContent: /v1beta/interactions is not served here"
    ]
    settings = loaded.settings
    assert (settings.host, settings.port, settings.trusted_proxies) == ("127.0.0.1", 9000, ("10.0.0.0/8",))
    assert (settings.debug, settings.usage_statistics_enabled) == (True, True)
    assert [key.key.reveal() for key in settings.api_keys] == ["a-key-of-mine"]
    assert settings.remote_management.secret_key.reveal().startswith("$2a$10$")
    assert (settings.routing.strategy, settings.force_model_prefix, settings.disable_cooling) == (
        "fill-first",
        True,
        True,
    )
    assert (settings.request_retry, settings.max_retry_credentials, settings.max_retry_interval) == (2, 4, 12)
    assert (settings.proxy_url, settings.nonstream_keepalive_interval) == ("direct", 7)
    assert (settings.streaming.keepalive_seconds, settings.streaming.bootstrap_retries) == (9, 2)
    assert settings.payload.override[0].params == (("service_tier", "priority"),)
    assert (settings.auth_dir, settings.ws_auth) == (Path("/tmp/somewhere"), True)
    assert dict(settings.oauth_model_alias)["vertex"][0].alias == "g2.5p"
    assert dict(settings.oauth_excluded_models) == {"vertex": ("gemini-3-*",)}


def test_version_8s_groups_are_entries_and_a_key_stands_above_its_group() -> None:
    settings = loads((FILES / "2026-10-version-8.yaml").read_text()).settings
    one, two = settings.gemini_api_key
    assert (one.priority, one.weight, one.prefix, one.headers) == (5, 3, "home", (("X-Of", "group"),))
    assert (two.priority, two.weight, two.prefix) == (7, 1, "home")
    (compat,) = settings.openai_compatibility
    assert [(key.api_key.reveal(), key.weight) for key in compat.api_key_entries] == [("r-one", 2), ("r-two", 1)]
    found = {credential.key.reveal(): credential for credential in credentials_from(settings)}
    assert set(found) == {"g-one", "g-two", "c-one", "o-one", "v-one", "x-one", "x-two", "i-one", "r-one", "r-two"}
    assert (found["x-one"].channel, found["x-one"].weight, found["x-one"].prefix) == ("xai", 2, "x")
    assert (found["x-one"].base_url, found["o-one"].proxy_url) == ("https://api.x.ai", "direct")


#: Every place of the newer layout that is served, and what the older layout writes for it.
PAIRS = [
    ("server: {port: 9}", "port: 9"),
    ("server: {tls: {enable: false}}", "tls: {enable: false}"),
    ("management: {allow-remote: true}", "remote-management: {allow-remote: true}"),
    ("access: {api-keys: [k]}", "api-keys: [k]"),
    ("routing: {strategy: ff, retry: {request-retry: 1}}", "request-retry: 1\nrouting: {strategy: ff}"),
    ("routing: {cooldown: {disable-cooling: true}}", "disable-cooling: true"),
    ("requests: {proxy-url: 'http://p:1'}", "proxy-url: 'http://p:1'"),
    ("requests: {streaming: {keepalive-seconds: 3}}", "streaming: {keepalive-seconds: 3}"),
    ("oauth: {auth-dir: /x}", "auth-dir: /x"),
    ("observability: {logs: {debug: true, request-log: true}}", "debug: true\nrequest-log: true"),
    ("api-keys: {xai: [{keys: [{api-key: k}]}]}", "xai-api-key: [{api-key: k}]"),
    ("api-keys: {gemini: [{prefix: p, keys: [{api-key: k}]}]}", "gemini-api-key: [{api-key: k, prefix: p}]"),
    ("port: 1\nserver: {port: 9}", "port: 9"),
    (
        "streaming: {bootstrap-retries: 4}\nrequests: {streaming: {keepalive-seconds: 3}}",
        "streaming: {bootstrap-retries: 4, keepalive-seconds: 3}",
    ),
    ("config-version: 8\nport: 9", "port: 9"),
]


@pytest.mark.parametrize(("newer", "older"), PAIRS, ids=[newer for newer, _ in PAIRS])
def test_a_place_of_the_newer_layout_is_the_older_one(newer: str, older: str) -> None:
    assert loads(newer).settings == loads(older).settings


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("config-version: 9", "c:1: config-version: is to be 8"),
        ("config-version: [8]", "c:1: config-version: is to be 8"),
        ("server:\n  port: many", "c:2: port: is to be a whole number"),
        ("api-keys:\n  gemini: {}", "c:2: api-keys.gemini: is to be a list"),
        ("api-keys:\n  gemini:\n  - {api-key: k}", "c:3: api-keys.gemini[0]: is to be a mapping with a list of keys"),
        ("api-keys:\n  gemini: [{keys: []}]\n  mine: [k]", "c:3: api-keys.mine: is not one of gemini, interactions"),
        ("api-keys: {mine: k}", "c:1: api-keys: is to be a list, not a mapping"),
        ("server:\n  host: 0.0.0.0\naccess: {}", "c:2: host: is 0.0.0.0 while there are no api-keys"),
    ],
)
def test_what_is_wrong_with_it_is_said_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loads(text, "c")
    assert any(each.startswith(problem) for each in caught.value.problems), caught.value.problems


def test_what_is_ignored_is_said_once_and_only_where_it_is_wished_for() -> None:
    cloak = "{api-key: %s, cloak: {mode: always}}"
    text = (
        "claude-api-key: ["
        + ", ".join(cloak % name for name in "abc")
        + "]\npprof: {enable: true}\ncodex: {identity-confuse: false}"
    )
    assert [(warning.line, warning.path) for warning in loads(text).warnings] == [
        (1, "claude-api-key[0].cloak"),
        (2, "pprof"),
    ]


def test_an_entry_may_undo_what_holds_for_all() -> None:
    text = (
        "disable-cooling: true\nclaude-api-key: [{api-key: a, disable-cooling: false, request-retry: -1}, {api-key: b}]"
    )
    one, two = credentials_from(loads(text).settings)
    assert (one.disable_cooling, one.request_retry, two.disable_cooling) == (False, None, None)


ASK = {"model": "opus(high)", "max_tokens": 4000, "messages": [{"role": "user", "content": "x"}]}
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "model": "claude-opus-4-5-20251101", "content": []}
FORCED = """
api-keys: [sk-test]
claude-api-key:
- {api-key: a, base-url: http://a.test, headers: {X-Of: $X-Mine, X-Set: set, X-None: $X-Nothing, X-Env: $THING},
   models: [{name: claude-opus-4-5-20251101, alias: opus, force-mapping: true, display-name: Opus, max-context-length: 77}]}
"""


def test_force_mapping_names_the_model_as_the_client_did() -> None:
    world = World(loads(FORCED).settings)
    vendor = world.vendor("a.test")
    call = world.post("/v1/messages", ASK)
    vendor.last.answer(200, MESSAGE)
    world.flow()
    assert call.json["model"] == "opus"
    call = world.post("/v1/messages", {**ASK, "stream": True})
    vendor.last.begin()
    vendor.last.event({"type": "message_start", "message": {**MESSAGE, "usage": {}}}, "message_start")
    vendor.last.event(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        "content_block_start",
    )
    vendor.last.event(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        "content_block_delta",
    )
    vendor.last.event({"type": "content_block_stop", "index": 0}, "content_block_stop")
    vendor.last.event(
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}, "message_delta"
    )
    vendor.last.event({"type": "message_stop"}, "message_stop")
    vendor.last.end()
    world.flow()
    assert call.events[0]["message"]["model"] == "opus"
    (listed,) = world.get("/v1/models").json["data"]
    assert (listed["display_name"], listed["context_length"]) == ("Opus", 77)
    world.close()


def test_a_header_of_the_clients_is_copied_where_a_value_names_it() -> None:
    loaded = loads(FORCED, "c", environ={"THING": "$X-Mine"})
    assert loaded.warnings == ()
    assert dict(loaded.settings.claude_api_key[0].headers)["X-Env"] == "$X-Mine"
    world = World(loaded.settings)
    vendor = world.vendor("a.test")
    world.post("/v1/messages", ASK, headers={"X-Mine": "theirs"}).leave()
    sent: Any = vendor.last.headers
    assert {name: sent.get(name) for name in ("x-of", "x-set", "x-none", "x-env")} == {
        "x-of": "theirs",
        "x-set": "set",
        "x-none": None,
        "x-env": "$X-Mine",
    }
    world.close()


def test_who_may_have_meant_a_variable_is_told_what_is_copied() -> None:
    text = "claude-api-key:\n- api-key: k\n  headers:\n    X: $MY_TEAM"
    (warning,) = loads(text, "c").warnings
    assert str(warning) == (
        "c:4: claude-api-key[0].headers.X: copies the client's header MY_TEAM: there is no environment variable of this name"
    )
    assert isinstance(loads(text).settings.claude_api_key[0].headers[0][1], ClientHeader)


def test_thinking_that_an_entry_says_is_known() -> None:
    models = "[{name: my-9, thinking: {levels: [low, max]}}]"
    text = f"openai-compatibility: [{{name: r, base-url: 'http://r.test', models: {models}}}]"
    world = World(loads(text).settings)
    (candidate,) = world.service.relay.snapshot.router.resolve("my-9").candidates
    assert candidate.info.known and candidate.info.thinking is not None
    assert candidate.info.thinking.levels == ("low", "max")
    world.close()


def test_nothing_of_it_changes_a_file_without_it() -> None:
    assert attrs.asdict(loads("").settings) == attrs.asdict(Settings())
