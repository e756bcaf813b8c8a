"""What an answer costs: what the vendor says, else the configuration's price, else the shipped price data. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urlsplit

import attrs

from cliproxy.ir.usage import Usage
from cliproxy.routing.credential import Credential
from cliproxy.routing.model_facts import FactTable, Prices, shipped
from cliproxy.settings.model import Price

#: The price data's word for the vendor behind a host; others are asked for by the model's name alone.
_HOSTS: Final = {
    "api.anthropic.com": "anthropic",
    "api.openai.com": "openai",
    "googleapis.com": "google",
    "openrouter.ai": "openrouter",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "api.cerebras.ai": "cerebras",
    "api.together.xyz": "together",
    "api.fireworks.ai": "fireworks",
    "api.x.ai": "x-ai",
    "api.perplexity.ai": "perplexity",
    "api.z.ai": "zai",
    "openai.azure.com": "azure",
    "services.ai.azure.com": "azure",
    "amazonaws.com": "aws",
}
#: A vendor's words for a service tier, as conditions of the price data.
_TIERS: Final = {"batch": {"processing": "batch"}}


@attrs.frozen
class Cost:
    """US dollars.

    :ivar usd: what it costs, or would, were the credential paid for by use.
    :ivar source: ``reported`` by the vendor, ``computed``, or ``unknown``: then the rest is 0.
    :ivar cache_saved: what reading from the prompt cache was cheaper by.
    :ivar shadow: it is covered by a subscription: nothing is spent, ``usd`` is saved.
    """

    usd: float = 0.0
    source: str = "unknown"
    cache_saved: float = 0.0
    shadow: bool = False

    @property
    def spent(self) -> float:
        """What counts against budgets."""
        return 0.0 if self.shadow else self.usd

    @property
    def saved(self) -> float:
        """What the subscription covers."""
        return self.usd if self.shadow else 0.0


NO_COST: Final = Cost()


@attrs.frozen
class _Rates:
    """US dollars a million tokens, for one request's size and tier."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    cache_write_1h: float
    per_request: float = 0.0


class PriceTable:
    """The configuration's prices above the shipped ones."""

    def __init__(self, own: tuple[Price, ...], facts: FactTable | None = None) -> None:
        """:param facts: the prices of vendors; those that are shipped when None."""
        self._own = own
        self._facts = facts or shipped()
        self._found: dict[tuple[str, str, str], Price | Prices | None] = {}

    def cost(self, credential: Credential, model: str, asked: str, usage: Usage | None) -> Cost:
        """What an answer of ``credential`` cost.

        :param model: the upstream's name; ``asked`` is the client's.
        """
        if usage is None:
            return NO_COST
        rates = self._rates(credential, model, asked, usage)
        if rates is None and usage.cost is None:
            return NO_COST
        usd, saved = (0.0, 0.0) if rates is None else _priced(rates, usage)
        source = "computed"
        if usage.cost is not None:
            usd, source = usage.cost, "reported"
        return Cost(usd, source, saved, credential.subscription)

    def estimate(self, credential: Credential, model: str, asked: str, tokens_in: int, tokens_out: int) -> float:
        """What a request of so many tokens will cost at most, in US dollars; 0 where no price is known."""
        cost = self.cost(credential, model, asked, Usage(input=tokens_in, output=tokens_out))
        return cost.spent

    def _rates(self, credential: Credential, model: str, asked: str, usage: Usage) -> _Rates | None:
        key = (credential.label, model.lower(), asked.lower())
        if key not in self._found:
            if len(self._found) > 10_000:
                self._found.clear()
            self._found[key] = next(self._prices(credential, *key[1:]), None)
        price = self._found[key]
        if isinstance(price, Price):
            read = price.input if price.cache_read is None else price.cache_read
            write = price.input if price.cache_write is None else price.cache_write
            return _Rates(price.input, price.output, read, write, write, price.per_request)
        return None if price is None else _shipped_rates(price, usage)

    def _prices(self, credential: Credential, model: str, asked: str) -> Iterator[Price | Prices]:
        for price in self._own:
            glob = price.model.lower()
            if price.credential in ("", credential.label) and (fnmatchcase(model, glob) or fnmatchcase(asked, glob)):
                yield price
        facts = self._facts.find(model, vendor_of(credential.base_url))
        if facts is not None and facts.prices is not None:
            yield facts.prices


def vendor_of(url: str) -> str:
    """The price data's word for the vendor at ``url``; empty for one it has no word for."""
    host = urlsplit(url).hostname or ""
    return next((vendor for end, vendor in _HOSTS.items() if host == end or host.endswith(f".{end}")), "")


def _shipped_rates(prices: Prices, usage: Usage) -> _Rates | None:
    size, tier = usage.input or 0, usage.tier
    conditions = {} if tier is None else _TIERS.get(tier, {"service_tier": tier})
    fresh, output = prices.rate("input", size, **conditions), prices.rate("output", size, **conditions)
    if fresh is None and output is None:
        return None
    fresh, output = fresh or 0.0, output or 0.0
    read, write = prices.rate("cache_read", size, **conditions), prices.rate("cache_write", size, **conditions)
    long = prices.rate("cache_write_1h", size, **conditions)
    write = fresh if write is None else write
    return _Rates(fresh, output, fresh if read is None else read, write, write if long is None else long)


def _priced(rates: _Rates, usage: Usage) -> tuple[float, float]:
    """US dollars, and what of them the cache saved."""
    read, written, long = usage.cached or 0, usage.cache_write or 0, usage.cache_write_1h or 0
    fresh = max(0, (usage.input or 0) - read - written)
    micro = (
        fresh * rates.input
        + read * rates.cache_read
        + max(0, written - long) * rates.cache_write
        + long * rates.cache_write_1h
        + (usage.output or 0) * rates.output
    )
    return micro / 1e6 + rates.per_request, read * (rates.input - rates.cache_read) / 1e6
