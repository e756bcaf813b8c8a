"""Embeddings between OpenAI and Gemini."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from cliproxy.dialects.gemini.embeddings import EMBEDDINGS as GEMINI
from cliproxy.dialects.openai.embeddings import EMBEDDINGS as OPENAI
from cliproxy.dialects.openai.embeddings import from_base64, to_base64
from cliproxy.errors import RequestFault, UpstreamFailure
from cliproxy.jsontypes import JSONObject


def gemini_request(body: Any, model: str) -> JSONObject:
    """An OpenAI client's body for a Gemini upstream."""
    return GEMINI.encode_request(OPENAI.decode_request(body), model)


def openai_request(body: Any, model: str) -> JSONObject:
    """A Gemini client's body for an OpenAI upstream."""
    return OPENAI.encode_request(GEMINI.decode_request(body), model)


def openai_answer(answer: Any, asked: Any, model: str) -> JSONObject:
    """A Gemini upstream's answer for an OpenAI client."""
    return OPENAI.encode_answer(GEMINI.decode_answer(answer), asked, model)


def gemini_answer(answer: Any, *, batch: bool) -> JSONObject:
    """An OpenAI upstream's answer for a Gemini client."""
    return GEMINI.encode_answer(OPENAI.decode_answer(answer), {"requests": []} if batch else {}, "m")


def test_every_input_is_an_entry_of_the_batch() -> None:
    """An OpenAI request becomes one batch entry an input, each with the dimensions asked for."""
    body = {"model": "m", "input": ["a", "b"], "dimensions": 64}
    entry = {"model": "models/up", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 64}
    written = gemini_request(body, "up")
    assert written["requests"][0] == entry
    assert len(written["requests"]) == 2
    assert gemini_request({"input": "a"}, "up")["requests"] == [
        {"model": "models/up", "content": {"parts": [{"text": "a"}]}}
    ]


@pytest.mark.parametrize(
    ("stated", "param"), [([1, 2], "input[0]"), (["a", [1]], "input[1]"), ([], "input"), (7, "input"), (None, "input")]
)
def test_input_that_is_no_text_is_refused_by_path(stated: object, param: str) -> None:
    """Gemini takes no token arrays: the client is told which input is one."""
    with pytest.raises(RequestFault) as caught:
        gemini_request({"input": stated}, "up")
    assert (caught.value.detail.status, caught.value.detail.param) == (400, param)


@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_a_gemini_answer_is_written_in_the_encoding_asked_for(encoding: str | None) -> None:
    """The SDK decodes base64, so it must get base64 when it asked, and numbers otherwise."""
    answer = {
        "embeddings": [{"values": [0.5, -1.0]}, {"values": [2.0, 0.25]}],
        "usageMetadata": {"promptTokenCount": 3},
    }
    body = openai_answer(answer, {"encoding_format": encoding}, "name")
    if encoding == "base64":
        assert body["data"][0]["embedding"] == "AAAAPwAAgL8="
    else:
        assert body["data"][1] == {"object": "embedding", "index": 1, "embedding": [2.0, 0.25]}
        CreateEmbeddingResponse.model_validate(body)
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert body["model"] == "name"


def test_a_single_gemini_embedding_is_read() -> None:
    """``embedContent`` answers with one embedding, not a list."""
    assert openai_answer({"embedding": {"values": [1.0]}}, {}, "m")["data"][0]["embedding"] == [1.0]


@pytest.mark.parametrize(
    "entry",
    [
        {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8},
        {"content": {"parts": {"text": "a"}}, "output_dimensionality": 8},
        {"content": {"parts": [{"text": "a"}]}, "embedContentConfig": {"outputDimensionality": 8}},
    ],
)
def test_a_gemini_request_becomes_openais_in_any_spelling(entry: dict[str, object]) -> None:
    """Content, dimensions, one or many: what google-genai and LiteLLM write."""
    assert openai_request(entry, "up") == {
        "model": "up", "input": "a", "encoding_format": "float", "dimensions": 8,
    }  # fmt: skip
    assert openai_request({"requests": [entry, entry]}, "up")["input"] == ["a", "a"]


def test_a_gemini_entry_without_text_is_refused_by_path() -> None:
    """The path of the entry at fault is named."""
    with pytest.raises(RequestFault) as caught:
        openai_request({"requests": [{"content": {"parts": [{"text": "a"}]}}, {}]}, "up")
    assert caught.value.detail.param == "requests[1].content"


def test_an_openai_answer_is_put_in_order_for_gemini() -> None:
    """Vectors come back in the order of the inputs, whichever encoding and order the upstream chose."""
    answer = {"data": [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": "AAAAPw=="}]}
    assert gemini_answer(answer, batch=True) == {"embeddings": [{"values": [0.5]}, {"values": [2.0]}]}
    assert gemini_answer(answer, batch=False) == {"embedding": {"values": [0.5]}}


@pytest.mark.parametrize(
    "answer", [{}, {"data": []}, {"data": [{"embedding": "?"}]}, {"data": [{"embedding": "AAA="}]}]
)
def test_an_answer_without_vectors_is_the_upstreams_fault(answer: dict[str, object]) -> None:
    """A 200 that holds no embeddings is a 502."""
    with pytest.raises(UpstreamFailure):
        gemini_answer(answer, batch=True)
    with pytest.raises(UpstreamFailure):
        openai_answer(answer, {}, "m")


@given(st.lists(st.floats(width=32, allow_nan=False)))
def test_base64_is_the_same_vector(vector: list[float]) -> None:
    """Writing and reading base64 loses nothing of 32-bit floats."""
    assert from_base64(to_base64(vector)) == vector
