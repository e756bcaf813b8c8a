"""Client keys that are objects."""

from __future__ import annotations

import hashlib

import pytest

from cliproxy.settings.client_keys import Budget, ClientKey
from cliproxy.settings.load import examine_text, loads
from cliproxy.settings.model import Secret

DIGEST = hashlib.sha256(b"sk-one").hexdigest()


def sentences(text: str, **environ: str) -> list[str]:
    return [problem.sentence for problem in examine_text(text, "config.yaml", environ=environ).problems]


def test_all_of_a_key() -> None:
    """Plain strings and objects stand side by side."""
    keys = loads(
        "api-keys: [sk-plain, {key: sk-x, name: laptop, models: [gpt-*], rpm: 5, "
        "budgets: [{usd: 2.5, per: day}, {tokens: 1000}], expires: 2030-01-31}]"
    ).settings.api_keys
    assert keys[0] == ClientKey(Secret("sk-plain"))
    assert keys[1].budgets == (Budget(usd=2.5, per="day"), Budget(tokens=1000))
    assert keys[1].until == 1896048000.0
    assert (keys[0].label, keys[1].label) == (hashlib.sha256(b"sk-plain").hexdigest()[:8], "laptop")


def test_a_digest_is_a_key() -> None:
    """The file need not hold the secret; a digest and its key are one and the same."""
    text = f"api-keys: [{{key-sha256: {DIGEST.upper()}, name: a}}, sk-one]"
    assert [key.sha256 for key in loads(text).settings.api_keys] == [DIGEST]


def test_a_key_in_the_environment() -> None:
    """A variable's name stands for its value, and must be set."""
    loaded = loads("api-keys: [{env: MY_KEY, name: a}]", environ={"MY_KEY": "sk-env"})
    assert loaded.settings.api_keys[0].key == Secret("sk-env")
    assert "names the environment variable MY_KEY, which is not set" in sentences("api-keys: [{env: MY_KEY}, sk-x]")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"[{{key: a, key-sha256: {DIGEST}}}]", "says more than one of key, key-sha256 and env"),
        ("[{key: a, budgets: [{per: day}]}]", "is to say one of usd, tokens and requests"),
        ("[{key: a, budgets: [{usd: 1, tokens: 2}]}]", "is to say one of usd, tokens and requests"),
        ("[{key: a, budgets: [{usd: cheap}]}]", "is to be a number (without quotes), not a text"),
        ("[{key: a, key-sha256: zz}]", "is to be the 64 hexadecimal digits of a SHA-256"),
        (
            "[{key: a, name: x}, {key: b, name: x}]",
            "gives the name x to several keys, so that nobody could tell them apart",
        ),
        (
            "[{key: a, expires: soon}]",
            "'soon' is neither a date such as 2027-01-31 nor a time such as 2027-01-31T12:00:00Z",
        ),
    ],
)
def test_what_is_wrong_is_said(text: str, sentence: str) -> None:
    """Each mistake has its sentence."""
    assert sentence in sentences(f"api-keys: {text}")
