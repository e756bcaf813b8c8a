"""The library genai-prices as the slim data the daemon reads. Only ``cliproxy catalog refresh`` loads the library."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from cliproxy.jsontypes import JSON, JSONObject, dumps
from cliproxy.routing.model_facts import VERSION

#: The vendors that credentials can be of; resellers of resellers are left out.
VENDORS: Final = (
    *(
        "anthropic",
        "openai",
        "google",
        "x-ai",
        "mistral",
        "deepseek",
        "moonshotai",
        "minimax",
        "zai",
        "zhipuai",
        "meta",
    ),
    *("cohere", "perplexity", "groq", "cerebras", "together", "fireworks", "openrouter", "aws", "azure", "voyageai"),
)
_CLAUSES: Final = {"equals": "=", "starts_with": "^", "ends_with": "$", "contains": "~", "regex": "re"}


def slim(providers: Any, today: date, source: str) -> JSONObject:
    """The document for :func:`cliproxy.routing.model_facts.read`, with the prices in force on ``today``."""
    known = {provider.id: provider for provider in providers}
    return {
        "version": VERSION,
        "source": source,
        "date": today.isoformat(),
        "vendors": [_vendor(known[name], today) for name in VENDORS if name in known],
    }


def rendered(document: JSONObject) -> bytes:
    """The document with a model a line, so that a refresh can be read as a difference."""
    return dumps(document).replace(b'{"id":', b'\n{"id":') + b"\n"


def _vendor(provider: Any, today: date) -> JSONObject:
    document: JSONObject = {"id": provider.id, "models": [_model(model, today) for model in provider.models]}
    if provider.model_match is not None:
        document["owns"] = _clause(provider.model_match)
    return document


def _model(model: Any, today: date) -> JSONObject:
    members = {
        "name": model.name or "",
        "match": _match(model),
        "context": model.context_window or 0,
        "prices": _prices(_in_force(model.prices, today)),
        "variants": list(_variants(model.price_variants or (), today)),
    }
    return {"id": model.id, **{name: value for name, value in members.items() if value}}


def _match(model: Any) -> JSON:
    clause = _clause(model.match)
    return None if clause == {"=": model.id} else clause


def _clause(clause: Any) -> JSON:
    for attribute, word in (("or_", "or"), ("and_", "and")):
        if hasattr(clause, attribute):
            return {word: [_clause(part) for part in getattr(clause, attribute)]}
    return next({word: getattr(clause, name)} for name, word in _CLAUSES.items() if hasattr(clause, name))


def _in_force(prices: Any, today: date) -> Any:
    """Of dated prices the last that has begun; those for hours of the day are not modelled."""
    if not isinstance(prices, list):
        return prices
    begun = [each for each in prices if _begun(each.constraint, today)]
    return (begun or prices)[-1].prices


def _begun(constraint: Any, today: date) -> bool:
    start = getattr(constraint, "start_date", None)
    return constraint is None or (start is not None and start <= today)


def _variants(variants: Any, today: date) -> Iterator[JSONObject]:
    for variant in variants:
        if _begun(variant.constraint, today) and (prices := _prices(variant.prices)):
            yield {"when": dict(variant.when), "prices": prices}


def _prices(prices: Any) -> JSONObject:
    """Prices of a million tokens, without that word."""
    return {
        name.removesuffix("_mtok"): _steps(value)
        for name, value in vars(prices).items()
        if value is not None and name.endswith("_mtok")
    }


def _steps(price: Any) -> JSON:
    if not hasattr(price, "tiers"):
        return float(price)
    return [[0, float(price.base)], *([tier.start, float(tier.price)] for tier in price.tiers)]
