"""From a requested name to a route."""

import pytest

from cliproxy.errors import RequestFault
from cliproxy.routing.catalog import Catalog
from cliproxy.routing.credentials import credentials_from
from cliproxy.routing.router import Router
from cliproxy.settings.model import CompatEntry, KeyEntry, ModelEntry, Secret, Settings


def router(*names: str, **settings: object) -> Router:
    models = tuple(ModelEntry(name, alias) for name, _, alias in (each.partition("=") for each in names))
    entry = CompatEntry("n", "https://c/v1", models=models)
    made = Settings(openai_compatibility=(entry,), **settings)  # type: ignore[arg-type]
    return Router(Catalog.build(made, credentials_from(made), now=1), made)


def suffixes(found: Router, name: str) -> list[str | None]:
    return [candidate.suffix for candidate in found.resolve(name).candidates]


def test_a_plain_name_leads_to_its_candidates() -> None:
    route = router("gpt-x").resolve("GPT-X")
    assert (route.requested, route.base, route.suffix) == ("GPT-X", "GPT-X", None)
    assert [candidate.model for candidate in route.candidates] == ["gpt-x"]


@pytest.mark.parametrize(
    ("name", "base", "suffix"),
    [
        ("m(high)", "m", "high"),
        ("m()", "m", ""),
        ("m(turbo)", "m", "turbo"),
        ("a(b)(high)", "a(b)", "high"),
        ("team/m(8192)", "team/m", "8192"),
    ],
)
def test_a_suffix_is_taken_off_and_goes_to_the_candidates(name: str, base: str, suffix: str) -> None:
    route = router("m", "a(b)=a(b)", "m=team/m").resolve(name)
    assert (route.base, route.suffix) == (base, suffix)


def test_the_clients_suffix_reaches_the_upstream_name() -> None:
    assert suffixes(router("up=alias"), "alias(high)") == ["high"]


def test_a_configured_names_own_suffix_beats_the_clients() -> None:
    found = router("gemini-2.5-flash(low)=g25f")
    assert suffixes(found, "g25f(high)") == ["low"]
    assert suffixes(found, "g25f") == ["low"]
    assert found.resolve("g25f").candidates[0].model == "gemini-2.5-flash"


def test_a_name_with_parentheses_of_its_own_is_found_literally() -> None:
    route = router("up=model(v2)").resolve("Model(v2)")
    assert (route.base, route.suffix) == ("Model(v2)", None)
    assert [candidate.suffix for candidate in route.candidates] == [None]


def test_a_hyphenated_effort_is_a_suffix_where_it_names_no_model() -> None:
    found = router("gpt-x", "gpt-y-high")
    assert (found.resolve("gpt-x-high").base, found.resolve("gpt-x-high").suffix) == ("gpt-x", "high")
    assert found.resolve("gpt-y-high").suffix is None


def test_a_real_models_name_is_not_read_as_another_model_and_an_effort() -> None:
    with pytest.raises(RequestFault):
        router("gpt-5.1-codex").resolve("gpt-5.1-codex-max")


@pytest.mark.parametrize("name", ["", "nobody", "m(high", "m(high) ", "(high)", "nobody-high", "nobody(high)", "m\0"])
def test_a_name_nobody_serves_is_the_clients_fault(name: str) -> None:
    with pytest.raises(RequestFault) as caught:
        router("m").resolve(name)
    assert caught.value.detail.status == 400
    assert caught.value.detail.message.startswith(f"unknown provider for model {name}")


def test_a_name_of_ten_kilobytes_is_quoted_in_part() -> None:
    with pytest.raises(RequestFault) as caught:
        router("m").resolve("x" * 10_240)
    assert len(caught.value.detail.message) < 300


def test_auto_is_the_newest_model_and_keeps_its_suffix() -> None:
    found = router("only")
    assert found.resolve("auto").base == "only"
    assert suffixes(found, "auto(high)") == ["high"]


def test_auto_leaves_out_what_cannot_be_used_now() -> None:
    found = router("one", "two")
    assert found.resolve("auto", usable=lambda candidate: candidate.model != "one").base == "two"


def test_auto_with_nothing_to_serve_is_unknown() -> None:
    with pytest.raises(RequestFault, match="unknown provider for model auto"):
        router().resolve("auto")


def test_fallback_models_are_found_by_the_full_name_first_then_by_the_base() -> None:
    found = router("m", "n", "o", fallback_models=(("M", ("n",)), ("m(high)", ("o",))))
    assert found.resolve("m").fallbacks == ("n",)
    assert found.resolve("m(high)").fallbacks == ("o(high)",)
    assert found.resolve("m(low)").fallbacks == ("n(low)",)
    assert found.resolve("n").fallbacks == ()


def test_a_fallback_with_its_own_suffix_keeps_it() -> None:
    found = router("m", fallback_models=(("m", ("n(low)", "o")),))
    assert found.resolve("m(high)").fallbacks == ("n(low)", "o(high)")


def test_a_prefixed_name_reaches_only_its_credential_and_goes_up_without_the_prefix() -> None:
    entries = (KeyEntry(Secret("a"), prefix="team"), KeyEntry(Secret("b")))
    settings = Settings(claude_api_key=entries)
    found = Router(Catalog.build(settings, credentials_from(settings)), settings)
    (candidate,) = found.resolve("team/claude-opus-4-5-20251101(high)").candidates
    assert (candidate.credential.prefix, candidate.model, candidate.suffix) == (
        "team",
        "claude-opus-4-5-20251101",
        "high",
    )


def test_an_unknown_name_is_told_its_neighbours() -> None:
    """The names near it, and how many there are."""
    with pytest.raises(RequestFault) as caught:
        router("claude-opus-5", "gpt-x").resolve("claude-opus5")
    assert caught.value.detail.code == "model_not_found"
    assert "did you mean claude-opus-5? 2 models are served" in caught.value.detail.message


def test_fallbacks_stand_in_for_a_name_nobody_has() -> None:
    """The first that somebody serves, the others behind it."""
    found = router("m", "n", fallback_models=(("gone", ("dead", "m", "n")),)).resolve("gone(high)")
    assert (found.requested, found.base, found.suffix, found.fallbacks) == ("gone(high)", "m", "high", ("n(high)",))
