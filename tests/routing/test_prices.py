"""What an answer costs."""

from __future__ import annotations

import pytest

from cliproxy.ir.usage import Usage
from cliproxy.routing.credential import Credential
from cliproxy.routing.prices import PriceTable, vendor_of
from cliproxy.settings.model import NO_SECRET, Price

ANTHROPIC = Credential("c:1", "claude", "claude", "claude", NO_SECRET, "https://api.anthropic.com")
OTHER = Credential("o:1", "mine", "openai-compatibility", "mine", NO_SECRET, "https://vendor.test/v1")
SUBSCRIBED = Credential("c:2", "pro", "claude", "claude", NO_SECRET, "https://api.anthropic.com", subscription=True)
SONNET = "claude-sonnet-4-6"


def usd(usage: Usage, credential: Credential = ANTHROPIC, model: str = SONNET, *own: Price) -> float:
    return PriceTable(own).cost(credential, model, model, usage).usd


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(input=1_000_000, output=0), 3.0),
        (Usage(input=0, output=1_000_000), 15.0),
        (Usage(input=1_000_000, output=0, cached=1_000_000), 0.3),
        (Usage(input=1_000_000, output=0, cache_write=1_000_000), 3.75),
        (Usage(input=1_000_000, output=0, cache_write=1_000_000, cache_write_1h=400_000), 0.6 * 3.75 + 0.4 * 6),
        (Usage(input=1_000_000, output=1_000_000, tier="batch"), 1.5 + 7.5),
        (Usage(input=1_000_000, output=1_000_000, tier="standard"), 3.0 + 15.0),
    ],
)
def test_each_kind_of_token_has_its_price(usage: Usage, dollars: float) -> None:
    """Cache reads, writes of both lives and the batch tier are priced as the vendor does."""
    assert usd(usage) == pytest.approx(dollars)


def test_a_tier_prices_the_whole_request() -> None:
    """Beyond the vendor's threshold of input tokens the whole request costs the higher price."""
    sonnet45 = "claude-sonnet-4-5"
    assert usd(Usage(input=200_000, output=0), model=sonnet45) == pytest.approx(0.6)
    assert usd(Usage(input=200_001, output=0), model=sonnet45) == pytest.approx(200_001 * 6 / 1e6)


def test_the_vendors_own_figure_wins() -> None:
    """What the vendor reports is what is paid, whatever the tables say."""
    cost = PriceTable((Price("*", input=9.0),)).cost(OTHER, "x", "x", Usage(input=10, output=10, cost=0.25))
    assert (cost.usd, cost.source) == (0.25, "reported")


def test_the_configuration_stands_above_the_price_data() -> None:
    """Its globs cover the asked and the upstream's name, in any case of letters; the first that fits counts."""
    own = (Price("BEST*", input=1.0, output=2.0, per_request=0.5), Price("*", input=100.0))
    usage = Usage(input=1_000_000, output=1_000_000, cached=500_000)
    cost = PriceTable(own).cost(ANTHROPIC, SONNET, "best-one", usage)
    assert (cost.usd, cost.source, cost.cache_saved) == (pytest.approx(3.5), "computed", 0.0)
    cheap = (Price("*", input=1.0, cache_read=0.1),)
    assert PriceTable(cheap).cost(OTHER, "x", "x", usage).cache_saved == pytest.approx(0.45)


def test_a_price_may_be_one_credentials() -> None:
    """A price that names a credential leaves the others alone."""
    own = (Price("*", input=1.0, credential="mine"),)
    assert usd(Usage(input=1_000_000, output=0), OTHER, "x", *own) == 1.0
    assert usd(Usage(input=1_000_000, output=0), ANTHROPIC, SONNET, *own) == 3.0


def test_nothing_known_is_said_to_be_unknown() -> None:
    """A model without a price, and an answer without counts, cost nothing that is known."""
    table = PriceTable(())
    assert table.cost(OTHER, "house-model", "house-model", Usage(input=1, output=1)).source == "unknown"
    assert table.cost(ANTHROPIC, SONNET, SONNET, None).source == "unknown"


def test_a_subscription_saves() -> None:
    """Nothing is spent; what it would have cost is saved."""
    cost = PriceTable(()).cost(SUBSCRIBED, SONNET, SONNET, Usage(input=1_000_000, output=0))
    assert (cost.spent, cost.saved) == (0.0, pytest.approx(3.0))


def test_hosts_of_vendors() -> None:
    """A vendor is known by the end of its host's name, at a dot."""
    assert vendor_of("https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1") == "aws"
    assert vendor_of("https://notopenrouter.ai/api/v1") == ""
