"""The library's objects as slim data."""

from datetime import date
from types import SimpleNamespace as Of

from cliproxy.cli.catalog_source import rendered, slim
from cliproxy.routing.model_facts import read


def test_prices_in_force_tiers_and_variants_come_through() -> None:
    tiered = Of(base="1", tiers=[Of(start=10, price="2")])
    later, now = Of(start_date=date(2027, 1, 1)), Of(start_date=date(2026, 1, 1))
    model = Of(
        id="m-1",
        name="M",
        match=Of(or_=[Of(equals="m-1"), Of(starts_with="m-1-")]),
        context_window=5,
        prices=[
            Of(constraint=None, prices=Of(input_mtok="9")),
            Of(constraint=now, prices=Of(input_mtok=tiered, output_mtok=None, web_searches_kcount="3")),
            Of(constraint=later, prices=Of(input_mtok="99")),
        ],
        price_variants=[Of(when={"processing": "batch"}, prices=Of(input_mtok="0.5"), constraint=None)],
    )
    provider = Of(id="openai", model_match=Of(starts_with="m-"), models=[model])
    found = read(rendered(slim([provider], date(2026, 11, 1), "test"))).find("M-1-20260101")
    assert found is not None
    assert (found.name, found.context_length) == ("M", 5)
    assert found.prices is not None
    assert dict(found.prices.rates) == {"input": ((0, 1.0), (10, 2.0))}
    assert found.prices.rate("input", processing="batch") == 0.5
