"""Context windows and prices, as read from the generated data."""

import pytest

from cliproxy.jsontypes import dumps
from cliproxy.routing.model_facts import Prices, matches, read, shipped


@pytest.mark.parametrize(
    ("name", "vendor", "context"),
    [
        ("claude-opus-5-5", "anthropic", 1_000_000),
        ("Claude-Opus-5-5-20261001", "anthropic", 1_000_000),
        ("gpt-4o", "openai", 128_000),
        ("openai/gpt-5.2", "openai", 400_000),
        ("gemini-3.8-flash", "google", 1_000_000),
    ],
)
def test_todays_models_are_known_by_any_spelling_of_theirs(name: str, vendor: str, context: int) -> None:
    facts = shipped().find(name)
    assert facts is not None
    assert (facts.vendor, facts.context_length) == (vendor, context)


def test_the_vendor_asked_for_comes_before_the_familys_owner() -> None:
    found = shipped().find("gpt-4o", "azure")
    assert found is not None
    assert found.vendor in ("azure", "openai")
    assert shipped().find("no-such-model-anywhere") is None


def test_prices_step_with_the_length_and_change_with_conditions() -> None:
    facts = shipped().find("gpt-5.4")
    assert facts is not None
    assert facts.prices is not None
    rate = facts.prices.rate
    assert (rate("input"), rate("input", 272_000), rate("input", 272_001)) == (2.5, 2.5, 5.0)
    assert rate("input", processing="batch") == 1.25
    assert rate("nothing-of-the-kind") is None


def test_a_condition_nobody_has_a_price_for_costs_the_usual() -> None:
    prices = Prices({"input": ((0, 1.0),)}, (({"service_tier": "default"}, {}),))
    assert prices.rate("input", service_tier="default") == 1.0


@pytest.mark.parametrize(
    ("clause", "covers"),
    [
        ({"=": "A"}, True),
        ({"^": "b"}, False),
        ({"$": "a"}, True),
        ({"~": "A"}, True),
        ({"re": "^a$"}, True),
        ({"re": "("}, False),
        ({"or": [{"=": "b"}, {"=": "a"}]}, True),
        ({"and": [{"=": "b"}, {"=": "a"}]}, False),
        ({"?": "a"}, False),
        (None, False),
    ],
)
def test_clauses(clause: object, covers: bool) -> None:
    assert matches(clause, "a") is covers  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"version": 99}'])
def test_what_is_no_catalogue_is_said(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(data)


def test_entries_that_cannot_be_read_are_left_out() -> None:
    table = read(dumps({"version": 1, "vendors": [7, {"id": "v", "models": [{"id": "m", "context": "x"}, {}, 3]}]}))
    assert table.names("v") == ["m"]
    with pytest.raises(ValueError, match="price"):
        read(dumps({"version": 1, "vendors": [{"id": "v", "models": [{"id": "m", "prices": {"input": "x"}}]}]}))
