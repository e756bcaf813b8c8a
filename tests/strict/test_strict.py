"""A sample of ``make strict`` (docs/spec/strict.md): requests that strict vendors take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.strict.asking import VENDORS, Asked, every, judged, sent
from tests.strict.features import FEATURES
from tests.support.vendors import documents

ALL = list(every())
TABLE = Path(__file__).parents[2] / "docs" / "spec" / "strict.md"


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("client", VENDORS)
def test_no_feature_alone_is_refused(client: str, vendor: str) -> None:
    """Each of the features, and one pair in ten."""
    mine = [asked for asked in ALL if (asked.client, asked.vendor) == (client, vendor)]
    sample = [asked for asked in mine if len(asked.features) < 2] + mine[::10]
    assert [(asked.features, why) for asked in sample if (why := judged(asked))] == []


def test_the_table_is_of_these_features() -> None:
    """The document names every feature, and as many requests as there are."""
    text = TABLE.read_text()
    assert [name for name in FEATURES if name not in text] == []
    assert f"{len(ALL):,} requests" in text


@pytest.mark.parametrize(
    ("vendor", "spoilt"),
    [
        ("openai", {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]}),
        ("openai", {"tools": [{"type": "file_search"}]}),
        ("openai", {"max_tokens": 9}),
        ("openai", {"top_k": 1}),
        ("responses", {"text": {"format": {"strict": True, "schema": {"type": "object", "properties": {"a": {}}}}}}),
        ("claude", {"temperature": 1}),
        ("claude", {"tools": [{"name": "f", "input_schema": {"type": "object", "anyOf": []}}]}),
        ("claude", {"messages": [{"role": "assistant", "content": "a "}]}),
        ("claude", {"output_config": {"format": {"schema": {"minItems": 2}}}}),
        ("gemini", {"contents": [{"parts": [{"inlineData": {"mimeType": "image/bmp"}}]}]}),
    ],
)
def test_the_documents_rules_refuse(vendor: str, spoilt: dict[str, object]) -> None:
    """The judge's own eye: each spoilt request is refused, with its source."""
    good, _ = sent(Asked(vendor, vendor, ()))
    assert documents.refusals(vendor, good) == []
    (why,) = documents.refusals(vendor, {**good, **spoilt})
    assert "(https://" in why
