"""Files of auth-dir: whose login each is, and why it is used or not."""

import pytest

from cliproxy.errors import RequestFault
from cliproxy.jsontypes import dumps
from cliproxy.routing.account import credential_of, read
from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.credential import Credential
from cliproxy.routing.learned import Learned
from cliproxy.routing.snapshot import Snapshot
from cliproxy.settings.load import loads

SETTINGS = loads(
    "oauth-providers: [{name: Mine, dialect: claude, base-url: 'https://x.test/', token-url: 'https://x.test/t'}]"
).settings


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is not JSON"),
        (b"[]", "is no JSON object"),
        (b"{}", "has no type"),
        (b'{"type": "claude", "access_token": "t"}', "is a login of Claude Code's; put an Anthropic API key"),
        (b'{"type": "codex", "access_token": "t"}', "is a login of Codex's"),
        (b'{"type": "gemini", "token": {"access_token": "t"}}', "is a login of Gemini CLI's"),
        (b'{"type": "nobody"}', "has no oauth-providers entry named nobody"),
        (b'{"type": "mine", "disabled": true}', "is disabled"),
        (b'{"type": "mine"}', "holds no token: log in anew with the tool that wrote it, and put its file here"),
        (b'{"type": "vertex", "service_account": {}}', "names no project_id"),
    ],
)
def test_a_file_that_is_not_used_says_why(data: bytes, why: str) -> None:
    made = credential_of(read("f.json", data), SETTINGS)
    assert isinstance(made, str)
    assert made.startswith(why)


def test_a_login_that_the_operator_names_is_a_credential_with_what_its_file_says() -> None:
    file = {"type": "MINE", "access_token": "t", "email": "a@b", "prefix": "/team/", "priority": 3, "weight": "2"}
    file |= {"headers": {"X-A": "1"}, "excluded-models": ["Claude-Opus-*"], "proxy-url": "http://p"}
    made = credential_of(read("mine.json", dumps(file)), SETTINGS)
    assert isinstance(made, Credential)
    assert (made.id, made.label, made.channel, made.base_url) == ("mine.json", "a@b", "mine", "https://x.test")
    assert (made.prefix, made.priority, made.weight, made.proxy_url) == ("team", 3, 2, "http://p")
    assert made.headers == (("X-A", "1"),)
    assert made.excluded == ("claude-opus-*",)
    assert "'t'" not in repr(made)


@pytest.mark.parametrize("when", ["2026-01-02T03:04:05Z", "2026-01-02 03:04:05", 1767323045, 1767323045000])
def test_a_tokens_end_is_read_in_every_spelling(when: object) -> None:
    for file in ({"type": "x", "expired": when}, {"type": "x", "token": {"expiry": when}}):
        assert read("f", dumps(file)).expires == 1767323045


def test_a_service_account_serves_gemini_and_claude_on_vertex() -> None:
    file = {"type": "vertex", "project_id": "P", "location": "eu", "service_account": {"client_email": "x"}}
    made = credential_of(read("v.json", dumps(file)), SETTINGS)
    assert isinstance(made, Credential)
    assert made.spoken("openai", "claude-opus-5").provider == "vertex-claude"
    assert made.spoken("openai", "gemini-3.8-flash").base_url == (
        "https://aiplatform.eu.rep.googleapis.com/v1/projects/P/locations/eu"
    )


ALIASED = loads(
    "oauth-providers: [{name: Mine, dialect: claude, base-url: 'https://x.test/', token-url: 'https://x.test/t'}]\n"
    "oauth-model-alias: {mine: [{name: claude-opus-5, alias: best}, {name: claude-sonnet-5, alias: good, fork: true}]}"
).settings


def test_aliases_stand_beside_what_the_account_serves_and_hide_a_name_unless_they_fork() -> None:
    file = {
        "type": "mine",
        "access_token": "t",
        "model-aliases": [{"name": "claude-haiku-9", "alias": "best"}, 7, {"name": "x"}],
    }
    accounts = [read("m.json", dumps(file))]
    learned = Learned()
    snapshot = Snapshot.build(ALIASED, {}, 0, learned, accounts)
    assert snapshot.router.resolve("best").candidates[0].model == "claude-haiku-9"
    assert snapshot.router.resolve("good").candidates[0].model == "claude-sonnet-5"
    assert snapshot.router.resolve("claude-sonnet-5").candidates[0].model == "claude-sonnet-5"
    assert snapshot.router.resolve("claude-anything").candidates[0].model == "claude-anything"
    for hidden in ("claude-opus-5", "claude-haiku-9"):
        with pytest.raises(RequestFault):
            snapshot.router.resolve(hidden)
    learned.learn_list(snapshot.credentials[0], (ModelInfo("claude-opus-5"), ModelInfo("claude-sonnet-5")))
    listed = {info.id for info in snapshot.relearned(learned, 0).catalog.listed()}
    assert listed == {"best", "good", "claude-sonnet-5"}


def test_an_accounts_priority_may_be_below_the_others_and_a_negative_retry_is_none_of_its_own() -> None:
    made = credential_of(
        read("m.json", b'{"type": "mine", "access_token": "t", "priority": -3, "request_retry": -1}'), SETTINGS
    )
    assert isinstance(made, Credential)
    assert (made.priority, made.request_retry) == (-3, None)


def test_a_login_at_a_known_vendors_address_serves_that_vendors_names_beside_its_keys() -> None:
    text = (
        "oauth-providers: [{name: mine, dialect: claude, base-url: 'https://api.anthropic.com', token-url: 'https://x.test/t'}]\n"
        "claude-api-key: [{api-key: k}]\nproviders: [{preset: groq, keys: [k]}]"
    )
    accounts = [read("m.json", b'{"type": "mine", "access_token": "t"}')]
    router = Snapshot.build(loads(text).settings, {}, 0, accounts=accounts).router
    names = [candidate.credential.channel for candidate in router.resolve("claude-opus-99").candidates]
    assert names == ["claude", "mine"]
    assert [candidate.credential.channel for candidate in router.resolve("llama-9").candidates] == ["groq"]
