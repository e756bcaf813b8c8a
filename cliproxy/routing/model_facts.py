"""Context windows and prices of models, from data that is generated and never imported (``cliproxy catalog refresh``).

The shipped file is ``model_facts.json``, made of the library genai-prices at release. How a model thinks is in
:mod:`cliproxy.routing.known_models`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, loads
from cliproxy.settings.model import Settings

VERSION: Final = 1
SHIPPED: Final = Path(__file__).with_name("model_facts.json")

#: Steps of a price: (from more than so many input tokens, US dollars a million tokens), lowest first.
Steps = tuple[tuple[int, float], ...]


@attrs.frozen
class Prices:
    """What a model costs. US dollars a million tokens are micro-dollars a token.

    :ivar rates: by what is counted: ``input``, ``output``, ``cache_read``, ``cache_write``, ``cache_write_1h``,
        ``input_audio`` and so on.
    :ivar variants: (conditions, rates) of other prices, such as ``{"processing": "batch"}`` or ``{"service_tier": "flex"}``.
    """

    rates: Mapping[str, Steps]
    variants: tuple[tuple[Mapping[str, str], Mapping[str, Steps]], ...] = ()

    def rate(self, counted: str, input_tokens: int = 0, **conditions: str) -> float | None:
        """The price of ``counted`` in a request of so many input tokens; None when it has none of its own."""
        rates = self.rates
        for when, other in self.variants:
            if when.items() <= conditions.items() and other:
                rates = other
        steps = rates.get(counted)
        if not steps:
            return None
        return next((price for start, price in reversed(steps) if input_tokens > start), steps[0][1])


@attrs.frozen
class ModelFacts:
    """One model of one vendor. ``context_length`` 0 is unknown; ``vendor`` is genai-prices' word for it."""

    id: str
    vendor: str
    name: str = ""
    context_length: int = 0
    prices: Prices | None = None


class FactTable:
    """Facts by vendor and name. Looking one up is remembered, within bounds."""

    _MOST_REMEMBERED: Final = 10_000

    def __init__(self, document: JSON = None) -> None:
        """:param document: what ``cliproxy catalog refresh`` writes. What in it cannot be read is left out."""
        self._vendors: dict[str, _Vendor] = {}
        vendors = document.get("vendors") if isinstance(document, dict) else None
        for vendor in vendors if isinstance(vendors, list) else ():
            if isinstance(vendor, dict) and isinstance(vendor.get("id"), str):
                self._vendors[vendor["id"]] = _Vendor(vendor)
        self._found: dict[tuple[str, str], ModelFacts | None] = {}

    def find(self, name: str, vendor: str = "") -> ModelFacts | None:
        """The facts of an upstream's model name (without suffix): the vendor's own first, else the family's owner's."""
        key = (name.lower(), vendor)
        if key not in self._found:
            if len(self._found) >= self._MOST_REMEMBERED:
                self._found.clear()
            self._found[key] = next(self._matches(*key), None)
        return self._found[key]

    def names(self, vendor: str) -> Sequence[str]:
        """The ids of a vendor's models."""
        return [facts.id for facts, _ in self._vendors[vendor].models] if vendor in self._vendors else []

    def _matches(self, name: str, vendor: str) -> Iterator[ModelFacts]:
        if vendor in self._vendors:
            yield from self._vendors[vendor].matches(name)
        bare = name.rpartition("/")[2]
        for other in self._vendors.values():
            if other.owns is not None and matches(other.owns, bare):
                yield from other.matches(bare)


class _Vendor:
    def __init__(self, document: JSONObject) -> None:
        self.owns = document.get("owns")
        listed = document.get("models")
        self.models = [
            (_facts(model, str(document["id"])), model.get("match"))
            for model in (listed if isinstance(listed, list) else ())
            if isinstance(model, dict) and isinstance(model.get("id"), str)
        ]
        self._exact = {facts.id.lower(): facts for facts, _ in self.models}

    def matches(self, name: str) -> Iterator[ModelFacts]:
        if name in self._exact:
            yield self._exact[name]
        yield from (facts for facts, clause in self.models if matches(clause, name))


def matches(clause: JSON, name: str) -> bool:
    """Whether a clause covers a lower-cased name.

    ``{"=": text}`` is the name, ``{"^": text}`` begins it, ``{"$": text}`` ends it, ``{"~": text}`` stands in it; beside these
    ``{"re": pattern}``, ``{"or": [...]}`` and ``{"and": [...]}``.
    """
    if not isinstance(clause, dict) or len(clause) != 1:
        return False
    ((kind, value),) = clause.items()
    if isinstance(value, list):
        return (any if kind == "or" else all)(matches(part, name) for part in value)
    if not isinstance(value, str):
        return False
    return _TESTS[kind](value.lower() if kind != "re" else value, name) if kind in _TESTS else False


def _found(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name, re.IGNORECASE) is not None
    except re.error:
        return False


_TESTS = {
    "=": lambda text, name: name == text,
    "^": lambda text, name: name.startswith(text),
    "$": lambda text, name: name.endswith(text),
    "~": lambda text, name: text in name,
    "re": _found,
}


def _facts(model: JSONObject, vendor: str) -> ModelFacts:
    context, name = model.get("context"), model.get("name")
    return ModelFacts(
        model["id"],
        vendor,
        name if isinstance(name, str) else "",
        context if isinstance(context, int) and context > 0 else 0,
        Prices(_rates(model["prices"]), tuple(_variants(model.get("variants")))) if model.get("prices") else None,
    )


def _variants(value: JSON) -> Iterator[tuple[Mapping[str, str], Mapping[str, Steps]]]:
    for variant in value if isinstance(value, list) else ():
        if isinstance(variant, dict) and isinstance(variant.get("when"), dict):
            yield variant["when"], _rates(variant.get("prices"))


def _rates(value: JSON) -> Mapping[str, Steps]:
    """A number is a price for any length; a list holds [from, price] pairs."""
    if not isinstance(value, dict):
        return {}
    return {
        name: ((0, float(price)),)
        if isinstance(price, int | float)
        else tuple((int(start), float(each)) for start, each in price)
        for name, price in value.items()
    }


def read(data: bytes) -> FactTable:
    """The table a file holds.

    :raises ValueError: it is no such file.
    """
    try:
        document = loads(data)
    except InvalidJSON as error:
        raise ValueError(str(error)) from None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ValueError("is not a catalogue of this version")
    try:
        return FactTable(document)
    except (TypeError, ValueError):
        raise ValueError("holds a price that is no number") from None


def facts_path(settings: Settings) -> Path:
    """Where ``cliproxy catalog refresh`` writes what is then preferred to the shipped table."""
    return (settings.state_file or settings.auth_dir / "state.json").with_name("model_facts.json")


def in_force(settings: Settings) -> FactTable:
    """The refreshed table where there is one, else the shipped one.

    :raises ValueError: the refreshed one cannot be read.
    """
    path = facts_path(settings)
    try:
        return _refreshed(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return shipped()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None


@functools.lru_cache(maxsize=2)
def _refreshed(path: Path, changed: int) -> FactTable:
    return read(path.read_bytes())


@functools.cache
def shipped() -> FactTable:
    """The table that came with the package."""
    return read(SHIPPED.read_bytes())
