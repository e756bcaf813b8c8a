"""No configured secret leaves in an error an upstream wrote."""

from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.jsontypes import dumps
from cliproxy.providers import secrets as module
from cliproxy.providers.secrets import _mask_of, mask_secrets, secret_spans
from cliproxy.routing.snapshot import Snapshot
from cliproxy.settings.model import NO_SECRET, Secret, Settings
from tests.support.work import calls


def masked(text: str, *secrets: str) -> str:
    return mask_secrets(text.encode(), map(Secret, secrets)).decode()


def test_every_occurrence_of_every_secret_is_masked() -> None:
    assert (
        masked("key sk-aaaaaaaa and sk-bbbbbbbb, sk-aaaaaaaa", "sk-aaaaaaaa", "sk-bbbbbbbb") == "key *** and ***, ***"
    )


def test_a_secret_inside_a_longer_one_leaves_nothing_of_it() -> None:
    assert masked("sk-12345678-tail", "sk-12345678", "sk-12345678-tail") == "***"


def test_a_short_secret_is_masked_only_where_it_stands_alone() -> None:
    assert masked('{"key":"k","kind":"quick"}', "k") == '{"key":"***","kind":"quick"}'


def test_a_secret_is_found_as_json_and_urls_spell_it() -> None:
    secret = 'a/b+c"d é\\f'
    page = dumps({"said": secret}) + b" https://x/?key=a%2Fb%2Bc%22d%20%C3%A9%5Cf"
    assert mask_secrets(page, [Secret(secret)]) == b'{"said":"***"} https://x/?key=***'


def test_a_slash_escaped_as_some_vendors_do_is_no_hiding_place() -> None:
    assert masked(r"aaaa\/bbbb\/cccc", "aaaa/bbbb/cccc") == "***"


def test_without_secrets_nothing_changes() -> None:
    assert masked("as it is") == "as it is"
    assert mask_secrets(b"as it is", [NO_SECRET]) == b"as it is"


@given(st.binary(max_size=40), st.text("ab-/%", min_size=8, max_size=12), st.binary(max_size=40))
def test_a_long_secret_never_survives_wherever_it_stands(before: bytes, secret: str, after: bytes) -> None:
    assert secret.encode() not in mask_secrets(before + secret.encode() + after, [Secret(secret)]).replace(
        b"***", b"\0"
    )


def test_many_secrets() -> None:
    """Thousands of secrets cost no more per byte than one: they are compiled once, and looked for together."""
    secrets = tuple(Secret(f"sk-{number:08d}-0123456789abcdef") for number in range(5000))
    page = b"sk-0000 " * 130_000 + b"sk-00004999-0123456789abcdef \xff"
    assert mask_secrets(page, secrets).endswith(b" *** \xff")
    assert _mask_of(secrets) is _mask_of(secrets)
    assert calls(lambda: mask_secrets(page, secrets)) < 100


def test_thousands_of_secrets_are_all_masked_the_longest_first() -> None:
    many = tuple(Secret(f"secret-{number:05}-{'x' * (number % 7)}") for number in range(3000))
    inner, outer = Secret("token-of-mine"), Secret("before token-of-mine behind")
    text = b"; ".join(secret.reveal().encode() for secret in (*many, outer, inner))
    assert set(mask_secrets(text, (inner, *many, outer)).split(b"; ")) == {b"***"}
    assert len(secret_spans(text, (inner, *many, outer))) == 3003


def test_a_token_that_was_had_anew_costs_the_compiling_of_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(
        module, "_compiled", lru_cache(maxsize=1024)(lambda piece: made.append(len(piece)) or module._Piece(piece))
    )
    snapshot = Snapshot.build(Settings(), {}, 0).hiding(*(Secret(f"token-{number:06}") for number in range(4000)))
    mask_secrets(b"x", snapshot.secrets)
    assert sum(made) == 4000
    made.clear()
    renewed = snapshot.hiding(Secret("token-a00007"), instead_of=[Secret("token-000007")])
    assert mask_secrets(b"token-a00007 token-000007 token-003999", renewed.secrets) == b"*** token-000007 ***"
    assert sum(made) <= 1000
