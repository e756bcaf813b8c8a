"""Image kinds by vendor, and the last words of an assistant turn (docs/spec/reports.md 8)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cliproxy.dialects.registry import DIALECTS
from tests.dialects.driving import to_request

PNG = "iVBORw0KGgo="


def shown(source: str, mime: str) -> Any:
    """A body of a client's with one image."""
    if source == "claude":
        image: Any = {"type": "image", "source": {"type": "base64", "media_type": mime, "data": PNG}}
        return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [image]}]}
    if source == "gemini":
        return {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": mime, "data": PNG}}]}]}
    url = f"data:{mime};base64,{PNG}"
    if source == "responses":
        return {"model": "m", "input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]}
    content = [{"type": "image_url", "image_url": {"url": url}}]
    return {"model": "m", "messages": [{"role": "user", "content": content}]}


PAIRS = [(source, target) for source in DIALECTS for target in DIALECTS if source != target]


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize(
    ("mime", "sent"),
    [
        ("image/png", "image/png"), ("image/jpg", "image/jpeg"), ("IMAGE/JPG", "image/jpeg"), ("image/webp", "image/webp"),
        ("image/x-png", "image/png"), ("image/bmp", None), ("image/svg+xml", None), ("image/tiff", None), ("image/avif", None),
    ],
)  # fmt: skip
def test_an_image_is_sent_in_a_kind_the_vendor_takes_or_lost(
    source: str, target: str, mime: str, sent: str | None
) -> None:
    body, losses = to_request(DIALECTS[source], DIALECTS[target], shown(source, mime))
    assert (sent is not None and sent in json.dumps(body)) or (sent is None and PNG not in json.dumps(body))
    assert [loss.what for loss in losses if loss.meaning] == ([] if sent else [mime])


@pytest.mark.parametrize("target", ["openai", "responses", "claude"])
def test_what_gemini_alone_sees_is_lost_elsewhere(target: str) -> None:
    _, losses = to_request(DIALECTS["gemini"], DIALECTS[target], shown("gemini", "image/heic"))
    assert [loss.what for loss in losses] == ["image/heic"]


@pytest.mark.parametrize(("text", "sent"), [("Sure:\n ", "Sure:"), ("a", "a"), (" a\t", " a")])
def test_the_last_words_of_the_assistant_end_without_white_space_for_anthropic(text: str, sent: str) -> None:
    """An earlier turn keeps its own."""
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": text}]
    body, losses = to_request(DIALECTS["openai"], DIALECTS["claude"], {"model": "m", "messages": turns})
    assert body["messages"][-1]["content"][0]["text"] == sent
    assert losses == []
    longer = {"model": "m", "messages": [*turns, {"role": "user", "content": "go"}]}
    body, _ = to_request(DIALECTS["openai"], DIALECTS["claude"], longer)
    assert body["messages"][1]["content"][0]["text"] == text
