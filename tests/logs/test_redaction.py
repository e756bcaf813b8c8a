"""No secret in request logs and cassettes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.logs.redaction import Redaction
from cliproxy.settings.model import Secret

OWN = "configured/secret+1"
REDACTION = Redaction((Secret(OWN), Secret("short")))

SHAPED = [
    "sk-ant-api03-" + "aB3_" * 20,
    "sk-proj-" + "x" * 40,
    "AIza" + "Sy" * 17 + "x",
    "ya29." + "a0_b" * 10,
    "1//0" + "gX" * 20,
    "gsk_" + "a" * 40,
    "xai-" + "b" * 60,
    "ghp_" + "c" * 36,
    "AKIA" + "ABCDEFGH12345678",
    "eyJhbGciOiJI.eyJzdWIiOiIx.abc-_123",
]


@pytest.mark.parametrize("secret", [OWN, *SHAPED])
@pytest.mark.parametrize("around", ["%s", "key is %s.", '{"a":"%s"}', 'x="%s"\n', "https://u:%s@host/", "(%s)"])
def test_bodies(secret: str, around: str) -> None:
    """Configured secrets, and what has a secret's shape; what is around them stays."""
    data = (around % secret).encode()
    clean = REDACTION.body(data)
    assert clean == (around % "***").encode()
    assert secret.encode() not in REDACTION.body(json.dumps({"text": around % secret}).encode())


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ('{"api_key": "abc"}', '{"api_key": "***"}'),
        ('{"text": "{\\"client_secret\\": \\"abc\\"}"}', '{"text": "{\\"client_secret\\": \\"***\\"}"}'),
        ("Authorization: Bearer abcdefghij0123456789", "Authorization: Bearer ***"),
        ("GET /v1?key=abc&alt=sse", "GET /v1?key=***&alt=sse"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n", "***\n"),
        ("a short word, shortly", "a *** word, shortly"),
    ],
)
def test_what_stands_behind_a_telling_word(text: str, clean: str) -> None:
    """Members, parameters and headers within bodies."""
    assert REDACTION.body(text.encode()).decode() == clean


@pytest.mark.parametrize(
    "text",
    [
        '{"model":"claude-sonnet-4-5","max_tokens":100,"input_tokens":3}',
        '{"id":"chatcmpl-abcdefghijklmnopqrstuvwx","tool_call_id":"call_abcdefghijklmnop"}',
        '{"signature":"' + "Ab+/" * 50 + '="}',
        '{"key":"value"}',
        "data: [DONE]\n\n",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Bytes that hold none are the same bytes."""
    assert REDACTION.body(text.encode()) == text.encode()


@given(
    st.lists(st.sampled_from([*SHAPED, OWN, " and ", "text", "\n\n"]), max_size=8),
    st.lists(st.integers(0, 300), max_size=9),
)
def test_pieces_are_the_whole_cut(words: list[str], cuts: list[int]) -> None:
    """However a body was cut, its pieces together are what the whole would be, and no piece changes its place."""
    data = " ".join(words).encode()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [(float(start), data[start:end]) for start, end in zip(places, places[1:], strict=False)]
    clean = REDACTION.pieces(pieces)
    assert b"".join(part for _, part in clean) == REDACTION.body(data)
    assert [at for at, _ in clean] == [at for at, _ in pieces]


def test_headers() -> None:
    """By name, and by what they hold."""
    headers = [
        ("authorization", "Bearer abc"), ("X-Api-Key", "abc"), ("x-goog-api-key", "abc"), ("Cookie", "a=b"),
        ("x-note", f"see {OWN}"), ("x-ratelimit-remaining-tokens", "12"), ("accept", "text/event-stream"),
    ]  # fmt: skip
    assert REDACTION.headers(headers) == [
        ("authorization", "Bearer ***"), ("X-Api-Key", "***"), ("x-goog-api-key", "***"), ("Cookie", "***"),
        ("x-note", "see ***"), ("x-ratelimit-remaining-tokens", "12"), ("accept", "text/event-stream"),
    ]  # fmt: skip


def test_targets() -> None:
    """Parameters by name; the path by what it holds."""
    assert REDACTION.target("/v1beta/models/m:generate?key=abc&alt=sse") == "/v1beta/models/m:generate?key=***&alt=sse"
    assert REDACTION.target("https://host/x?access_token=1&a") == "https://host/x?access_token=***&a"
    assert REDACTION.target(f"/{SHAPED[0]}/v1") == "/***/v1"
