"""A variable that is not set costs the key or the entry that names it, and a door never opens for want of one."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from cliproxy.errors import SettingsError
from cliproxy.routing.credentials import credentials_from
from cliproxy.settings.load import loads
from cliproxy.settings.problems import Severity

UNSET = "names the environment variable NOT_SET, which is not set; the"
#: (text, where, what is left out, the labels of the credentials that work on).
ENTRIES = [
    (
        "gemini-api-key:\n- api-key: $NOT_SET\n- api-key: k",
        "c:2: gemini-api-key[0].api-key",
        "entry",
        ["gemini-apikey"],
    ),
    (
        "claude-api-key:\n- api-key: ${NOT_SET}x\n- api-key: k",
        "c:2: claude-api-key[0].api-key",
        "entry",
        ["claude-apikey"],
    ),
    (
        "claude-api-key:\n- api-key: k\n  headers:\n    X: a ${NOT_SET}\n- api-key: k",
        "c:4: claude-api-key[0].headers.X",
        "entry",
        ["claude-apikey"],
    ),
    (
        "codex-api-key:\n- {api-key: k, base-url: 'http://x'}\n- {api-key: $NOT_SET, base-url: 'http://x'}",
        "c:3: codex-api-key[1].api-key",
        "entry",
        ["codex-apikey"],
    ),
    (
        "vertex-api-key:\n- {api-key: $NOT_SET, base-url: 'http://x'}\n- {api-key: k, base-url: 'http://x'}",
        "c:2: vertex-api-key[0].api-key",
        "entry",
        ["vertex-apikey"],
    ),
    (
        "openai-compatibility:\n- name: n\n  base-url: http://x/v1\n  api-key-entries:\n  - api-key: $NOT_SET\n  - api-key: k",
        "c:5: openai-compatibility[0].api-key-entries[0].api-key",
        "key",
        ["n"],
    ),
    (
        "openai-compatibility:\n- name: one\n  base-url: http://x/v1\n  api-key-entries:\n  - api-key: $NOT_SET",
        "c:5: openai-compatibility[0].api-key-entries[0].api-key",
        "key",
        [],
    ),
    ("providers:\n- preset: groq\n  keys: [k, $NOT_SET]", "c:3: providers[0].keys[1]", "key", ["groq"]),
    (
        "providers:\n- preset: groq\n  keys: [$NOT_SET]\n- preset: xai\n  keys: [k]",
        "c:3: providers[0].keys[0]",
        "key",
        ["xai"],
    ),
    ("providers:\n- preset: ollama\n  keys: [$NOT_SET]", "c:3: providers[0].keys[0]", "key", []),
    (
        "oauth-providers:\n- {name: x, dialect: claude, base-url: 'https://x', client-secret: '${NOT_SET}'}",
        "c:2: oauth-providers[0].client-secret",
        "entry",
        [],
    ),
]


@pytest.mark.parametrize(
    ("text", "where", "what", "labels"), ENTRIES, ids=[f"{case[1]}-{len(case[3])}" for case in ENTRIES]
)
def test_only_what_names_it_is_left_out(text: str, where: str, what: str, labels: list[str]) -> None:
    loaded = loads(text, "c", environ={})
    (problem,) = [each for each in loaded.warnings if each.severity is not Severity.WARNING]
    assert (str(problem), problem.severity) == (f"{where}: {UNSET} {what} is left out", Severity.SKIPPED)
    assert [credential.label for credential in credentials_from(loaded.settings)] == labels
    whole = loads(text, "c", environ={"NOT_SET": "set"})
    assert whole.warnings == ()
    assert len(credentials_from(whole.settings)) > len(labels) or whole.settings.oauth_providers


def test_warnings_about_the_entries_behind_keep_their_lines() -> None:
    loaded = loads("gemini-api-key:\n- api-key: $NOT_SET\n- base-url: http://x", "c", environ={})
    assert [str(each) for each in loaded.warnings][1] == "c:3: gemini-api-key[1]: has no api-key and is left out"


@pytest.mark.parametrize(
    "text", ["api-keys: [{env: NOT_SET}]", "api-keys: [$NOT_SET]", "remote-management: {secret-key: $NOT_SET}"]
)
def test_a_door_stays_shut(text: str) -> None:
    with pytest.raises(SettingsError, match="NOT_SET, which is not set"):
        loads(text, "c", environ={})


def test_the_value_stands_in_no_problem() -> None:
    told: Any = loads("providers:\n- preset: groq\n  keys: ['sk-secret-${NOT_SET}']", "c", environ={}).warnings
    assert "sk-secret" not in str([attrs.asdict(each) for each in told])
