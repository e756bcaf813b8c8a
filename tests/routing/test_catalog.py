"""Which names exist, and who serves them."""

from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.catalog import Catalog
from cliproxy.routing.credential import Credential
from cliproxy.routing.credentials import credentials_from
from cliproxy.routing.known_models import CATALOGUE, known
from cliproxy.settings.model import CompatEntry, KeyEntry, ModelEntry, Secret, Settings


def catalog(now: int = 0, **settings: object) -> Catalog:
    made = Settings(**settings)  # type: ignore[arg-type]
    return Catalog.build(made, credentials_from(made), now)


def claude(*models: tuple[str, str], key: str = "k", prefix: str = "") -> KeyEntry:
    return KeyEntry(Secret(key), models=tuple(ModelEntry(*pair) for pair in models), prefix=prefix)


def ids(found: Catalog) -> list[str]:
    return [info.id for info in found.listed()]


def info_of(found: Catalog, name: str) -> ModelInfo:
    return found.candidates(name)[0].info


def test_a_key_without_models_serves_its_vendors_list_sorted_by_id() -> None:
    found = catalog(claude_api_key=(claude(),))
    assert ids(found) == sorted(info.id for info in CATALOGUE["claude"])


def test_names_are_found_in_any_case_and_listed_as_written() -> None:
    found = catalog(claude_api_key=(claude(("claude-opus-4-5-20251101", "Opus")),))
    assert ids(found) == ["Opus"]
    (candidate,) = found.candidates("oPuS")
    assert (candidate.model, candidate.alias) == ("claude-opus-4-5-20251101", "Opus")


def test_an_upstream_name_behind_an_alias_is_not_a_name_of_its_own() -> None:
    found = catalog(claude_api_key=(claude(("claude-opus-4-5-20251101", "opus")),))
    assert found.candidates("claude-opus-4-5-20251101") == ()


def test_every_credential_that_offers_a_name_is_a_candidate_in_configuration_order() -> None:
    found = catalog(claude_api_key=(claude(key="a"), claude(("x", "claude-opus-4-5-20251101"), key="b")))
    assert [c.model for c in found.candidates("claude-opus-4-5-20251101")] == ["claude-opus-4-5-20251101", "x"]


def test_a_pool_of_upstream_models_is_several_candidates_on_one_credential_in_order() -> None:
    entry = CompatEntry("n", "https://c/v1", models=(ModelEntry("one", "pool"), ModelEntry("two", "pool")))
    found = catalog(openai_compatibility=(entry,))
    assert [(c.model, c.credential.channel) for c in found.candidates("pool")] == [("one", "n"), ("two", "n")]
    assert ids(found) == ["pool"]


def test_a_prefix_adds_a_name_and_keeps_the_plain_one() -> None:
    found = catalog(claude_api_key=(claude(("m", "m"), prefix="team"),))
    assert ids(found) == ["m", "team/m"]
    assert found.candidates("team/M") == found.candidates("m")


def test_a_prefixed_name_selects_only_its_own_credentials() -> None:
    found = catalog(claude_api_key=(claude(("m", ""), key="a", prefix="team"), claude(("m", ""), key="b")))
    assert [c.credential.prefix for c in found.candidates("team/m")] == ["team"]
    assert [c.credential.prefix for c in found.candidates("m")] == ["team", ""]


def test_a_forced_prefix_takes_the_plain_name_away_unless_it_is_the_prefix_itself() -> None:
    found = catalog(force_model_prefix=True, claude_api_key=(claude(("m", ""), ("team", ""), prefix="team"),))
    assert ids(found) == ["team", "team/m", "team/team"]


def test_an_alias_of_a_catalogued_name_thinks_as_the_catalogue_says() -> None:
    info = info_of(catalog(claude_api_key=(claude(("claude-opus-4-5-20251101", "opus")),)), "opus")
    record = known("claude-opus-4-5-20251101")
    assert record is not None
    assert info.known
    assert (info.id, info.thinking, info.max_completion_tokens) == ("opus", record.thinking, 64000)


def test_an_alias_with_a_suffix_in_its_name_is_looked_up_without_it_and_keeps_it() -> None:
    (candidate,) = catalog(claude_api_key=(claude(("claude-opus-4-5-20251101(low)", "opus")),)).candidates("opus")
    assert (candidate.model, candidate.suffix, candidate.info.known) == ("claude-opus-4-5-20251101", "low", True)


def test_a_name_configured_as_itself_keeps_the_catalogues_facts_and_so_does_an_alias_of_it() -> None:
    name = "claude-opus-4-5-20251101"
    found = catalog(claude_api_key=(claude((name, ""), (name, "opus")),))
    assert info_of(found, name).known
    assert info_of(found, "opus").known


def test_a_name_nobody_knows_is_user_defined() -> None:
    info = info_of(catalog(claude_api_key=(claude(("homemade", "h")),)), "h")
    assert (info.known, info.thinking, info.display_name) == (False, None, "homemade")


def test_configured_models_are_as_old_as_the_configuration_and_owned_by_their_vendor() -> None:
    entry = CompatEntry("OpenRouter", "https://c/v1", models=(ModelEntry("gpt-5.1", "fast"),))
    found = catalog(now=7, openai_compatibility=(entry,), claude_api_key=(claude(("m", "")),))
    assert [(info.id, info.created, info.owned_by) for info in found.listed()] == [
        ("fast", 7, "openrouter"),
        ("m", 7, "anthropic"),
    ]


def test_the_newest_model_is_the_one_last_created_that_somebody_can_serve() -> None:
    found = catalog(claude_api_key=(claude(),))

    def not_opus_5(candidate: object) -> bool:
        return "opus-5" not in getattr(candidate, "model", "")

    assert found.newest(lambda candidate: True) == "claude-opus-5"
    assert found.newest(not_opus_5) == "claude-sonnet-5"
    assert found.newest(lambda candidate: False) is None


def test_of_models_of_one_age_the_first_configured_is_the_newest() -> None:
    found = catalog(now=9, claude_api_key=(claude(("zeta", ""), ("alpha", "")),))
    assert found.newest(lambda candidate: True) == "zeta"


def test_an_empty_catalogue_lists_nothing_and_knows_nobody() -> None:
    found = Catalog.build(Settings(), ())
    assert found.listed() == []
    assert found.candidates("m") == ()


def test_a_listed_name_is_always_a_routable_one() -> None:
    settings = Settings(demo=True, claude_api_key=(claude(prefix="p"),))
    credentials: tuple[Credential, ...] = credentials_from(settings, {"OPENROUTER_API_KEY": "k"})
    found = Catalog.build(settings, credentials)
    assert all(found.candidates(info.id) for info in found.listed())
