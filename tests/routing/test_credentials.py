"""Credentials from settings and from the environment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.routing.credential import Credential, Served, credential_id
from cliproxy.routing.credentials import auth_index, credentials_from, environment_keys
from cliproxy.routing.serving import excludes
from cliproxy.settings.model import CompatEntry, CompatKey, KeyEntry, ModelEntry, Secret, Settings


def one(settings: Settings) -> Credential:
    (credential,) = credentials_from(settings)
    return credential


def key(value: str = "k", **members: object) -> KeyEntry:
    return KeyEntry(Secret(value), **members)  # type: ignore[arg-type]


def aliases(credential: Credential) -> list[str]:
    return [served.alias for served in credential.serves]


def test_ids_and_auth_index_are_the_originals() -> None:
    credential = one(Settings(gemini_api_key=(key("k", base_url="https://example.com"),)))
    assert credential.id == "gemini:apikey:d8fee873b76d"
    assert auth_index(credential) == "de56466f473c267d"


def test_id_parts_are_trimmed_and_kept_apart() -> None:
    assert credential_id("a", " k ", "u") == credential_id("a", "k", "u")
    assert credential_id("a", "ku", "") != credential_id("a", "k", "u")


def test_a_vertex_id_and_a_compatible_id_tell_egresses_apart() -> None:
    def vertex(proxy: str) -> str:
        return one(Settings(vertex_api_key=(key(base_url="https://v", proxy_url=proxy),))).id

    def compat(proxy: str) -> str:
        return one(
            Settings(
                openai_compatibility=(
                    CompatEntry("n", "https://c/v1", api_key_entries=(CompatKey(Secret("k"), proxy),)),
                )
            )
        ).id

    assert vertex("") != vertex("http://p")
    assert compat("") != compat("http://p")


def test_the_same_entry_twice_gets_distinct_ids_and_labels() -> None:
    entry = key(base_url="https://example.com")
    made = credentials_from(Settings(claude_api_key=(entry, entry, entry)))
    first = made[0].id
    assert [credential.id for credential in made] == [first, f"{first}-1", f"{first}-2"]
    assert [credential.label for credential in made] == ["claude-apikey", "claude-apikey#2", "claude-apikey#3"]


def test_credentials_come_in_the_order_of_the_lists() -> None:
    settings = Settings(
        vertex_api_key=(key(base_url="https://v"),),
        openai_compatibility=(CompatEntry("OpenRouter", "https://c/v1", models=(ModelEntry("m"),)),),
        codex_api_key=(key(base_url="https://x/v1"),),
        claude_api_key=(key(),),
        gemini_api_key=(key(),),
    )
    assert [credential.provider for credential in credentials_from(settings)] == [
        *("gemini", "claude", "codex", "openai-compatibility", "vertex"),
    ]


def test_vendors_have_default_urls_and_trailing_slashes_go() -> None:
    assert one(Settings(gemini_api_key=(key(),))).base_url == "https://generativelanguage.googleapis.com"
    assert one(Settings(claude_api_key=(key(),))).base_url == "https://api.anthropic.com"
    assert one(Settings(claude_api_key=(key(base_url=" https://x/ "),))).base_url == "https://x"


@pytest.mark.parametrize(
    "settings",
    [
        Settings(claude_api_key=(key("  "),)),
        Settings(codex_api_key=(key(),)),
        Settings(vertex_api_key=(key(),)),
        Settings(openai_compatibility=(CompatEntry("n", ""),)),
        Settings(openai_compatibility=(CompatEntry("n", "https://c/v1", disabled=True),)),
    ],
)
def test_an_entry_that_cannot_work_gives_no_credential(settings: Settings) -> None:
    assert credentials_from(settings) == ()


def test_a_compatible_provider_without_keys_is_one_keyless_credential() -> None:
    credential = one(Settings(openai_compatibility=(CompatEntry("Local", "http://localhost:8080/v1/"),)))
    assert not credential.key
    assert (credential.channel, credential.label) == ("local", "Local")
    assert credential.id == credential_id("openai-compatibility:local", "http://localhost:8080/v1/")


def test_a_nameless_compatible_provider_has_a_channel_and_its_keys_their_own_egress() -> None:
    entry = CompatEntry(
        "", "https://c/v1", api_key_entries=(CompatKey(Secret("a"), "http://p", 3), CompatKey(Secret("b")))
    )
    first, second = credentials_from(Settings(proxy_url="http://global", openai_compatibility=(entry,)))
    assert first.channel == second.channel == "openai-compatibility"
    assert (first.proxy_url, first.weight) == ("http://p", 3)
    assert (second.proxy_url, second.weight) == ("http://global", 1)


def test_labels_hold_only_what_a_header_may_hold() -> None:
    label = one(Settings(openai_compatibility=(CompatEntry("né\nx", "https://c/v1"),))).label
    assert label == "n??x"


def test_nothing_of_a_credential_shows_its_key() -> None:
    credential = one(Settings(gemini_api_key=(key("sk-very-secret"),)))
    assert "sk-very-secret" not in repr(credential) + credential.id + credential.label


def test_configured_models_replace_the_catalogue_and_the_first_of_equal_aliases_stands() -> None:
    models = (ModelEntry("gemini-2.5-pro", "Pro"), ModelEntry("gemini-2.5-flash", "pro"), ModelEntry("plain"))
    credential = one(Settings(gemini_api_key=(key(models=models),)))
    assert credential.serves == (
        Served("Pro", "gemini-2.5-pro", user_defined=True),
        Served("plain", "plain", user_defined=True),
    )


def test_a_compatible_alias_may_stand_for_several_upstream_models() -> None:
    models = (ModelEntry("one", "pool"), ModelEntry("two", "pool"), ModelEntry("one", "pool"))
    credential = one(Settings(openai_compatibility=(CompatEntry("n", "https://c/v1", models=models),)))
    assert [served.name for served in credential.serves] == ["one", "two"]


def test_exclusions_take_models_out_of_the_catalogue() -> None:
    credential = one(Settings(gemini_api_key=(key(excluded_models=("*-preview", "gemini-2.5-pro")),)))
    assert "gemini-2.5-flash" in aliases(credential)
    assert "gemini-2.5-pro" not in aliases(credential)
    assert not any(alias.endswith("-preview") for alias in aliases(credential))


def test_exclusions_see_a_configured_models_upstream_name_without_its_suffix() -> None:
    models = (ModelEntry("gemini-2.5-pro(low)", "pro"), ModelEntry("gemini-2.5-flash", "flash"))
    credential = one(Settings(gemini_api_key=(key(models=models, excluded_models=("gemini-2.5-pro",)),)))
    assert aliases(credential) == ["flash"]


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [
        ("gpt-5", "gpt-5", True),
        ("GPT-5", "gpt-5", True),
        ("gpt-5", "gpt-5.1", False),
        ("gpt-5*", "gpt-5.1", True),
        ("*flash*", "gemini-2.5-flash-lite", True),
        ("*flash", "gemini-2.5-flash-lite", False),
        ("gemini-*-pro", "gemini-2.5-pro", True),
        ("gemini-*-pro-*", "gemini-2.5-pro", False),
        ("a*b*c", "a-c-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("ab*ba", "aba", False),
        ("*", "anything", True),
        ("**", "anything", True),
    ],
)
def test_wildcards_match_any_run_and_are_anchored_at_both_ends(pattern: str, name: str, covered: bool) -> None:
    assert excludes(pattern, name) is covered


@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=4), st.text("ab", max_size=3))
def test_a_pattern_covers_every_name_made_by_filling_its_stars(pieces: list[str], filling: str) -> None:
    assert excludes("*".join(pieces), filling.join(pieces))


def test_entry_facts_reach_the_credential() -> None:
    entry = key(
        prefix="p",
        priority=2,
        weight=5,
        headers=(("X", "y"),),
        max_concurrency=1,
        request_retry=0,
        disable_cooling=True,
    )
    credential = one(Settings(claude_api_key=(entry,)))
    assert (credential.prefix, credential.priority, credential.weight) == ("p", 2, 5)
    assert (credential.headers, credential.max_concurrency, credential.request_retry) == ((("X", "y"),), 1, 0)
    assert credential.disable_cooling


ENVIRONMENT = {"OPENAI_API_KEY": "sk-openai-1", "GEMINI_API_KEY": " ", "ANTHROPIC_API_KEY": "sk-ant-1", "PATH": "/bin"}


def test_demo_mode_brings_the_demo_model_and_the_keys_of_the_environment() -> None:
    made = credentials_from(Settings(demo=True), ENVIRONMENT)
    assert [(c.provider, c.base_url) for c in made] == [
        ("demo", "demo:"),
        ("openai-compatibility", "https://api.openai.com/v1"),
        ("codex", "https://api.openai.com/v1"),
        ("claude", "https://api.anthropic.com"),
    ]
    assert "gpt-5.2" in aliases(made[1])
    assert "gpt-5.2-codex" in aliases(made[2])
    assert not set(aliases(made[1])) & set(aliases(made[2]))


def test_without_demo_mode_the_environment_is_not_read() -> None:
    assert credentials_from(Settings(), ENVIRONMENT) == ()


def test_environment_keys_are_announced_by_name_and_their_labels_hold_no_value() -> None:
    assert environment_keys(ENVIRONMENT) == ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
    made = credentials_from(Settings(demo=True), ENVIRONMENT)
    assert len({credential.label for credential in made}) == len(made)
    assert not any("sk-" in credential.label + credential.id for credential in made)
