"""Model lists in every shape vendors give them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.discovery.shapes import first_page, is_list, models, next_page

URL = "https://v/v1/models"


@pytest.mark.parametrize(
    ("document", "ids", "context"),
    [
        ({"object": "list", "data": [{"id": "m", "created": 5, "owned_by": "v", "context_length": 9}]}, ["m"], 9),
        ({"data": [{"id": "m", "max_model_len": 9}]}, ["m"], 9),
        ({"data": [{"id": "a/m", "top_provider": {"context_length": 9}}]}, ["a/m"], 9),
        ({"data": [{"id": "claude-x", "display_name": "X", "created_at": "2026-01-01T00:00:00Z"}]}, ["claude-x"], 0),
        ({"models": [{"name": "models/gemini-x", "inputTokenLimit": 9}]}, ["gemini-x"], 9),
        ({"models": [{"name": "llama3:8b", "model": "llama3:8b"}]}, ["llama3:8b"], 0),
        ({"data": [{"id": "qwen", "type": "llm", "max_context_length": 9}]}, ["qwen"], 9),
        ([{"id": "m", "context_window": 9}], ["m"], 9),
    ],
)
def test_each_shape_is_read(document: object, ids: list[str], context: int) -> None:
    found = models(document)  # type: ignore[arg-type]
    assert is_list(document)  # type: ignore[arg-type]
    assert ([info.id for info in found], found[0].context_length) == (ids, context)


def test_pages_follow_one_another() -> None:
    assert first_page("claude", URL) == f"{URL}?limit=1000"
    assert next_page("claude", URL, {"has_more": True, "last_id": "x y"}) == f"{URL}?limit=1000&after_id=x+y"
    assert next_page("claude", URL, {"has_more": False, "last_id": "x"}) is None
    assert first_page("gemini", URL) == f"{URL}?pageSize=1000"
    assert next_page("gemini", URL, {"nextPageToken": "t"}) == f"{URL}?pageSize=1000&pageToken=t"
    assert next_page("openai", URL, {"has_more": True, "last_id": "x"}) is None


MEMBERS = st.sampled_from(["id", "name", "data", "models", "created", "context_length"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(MEMBERS, inner))


@given(JSON)
def test_anything_is_read_and_nothing_that_is_no_name_is_taken(document: object) -> None:
    for info in models(document):  # type: ignore[arg-type]
        assert info.id.isascii()
        assert info.id.isprintable()
        assert len(info.id) <= 200
