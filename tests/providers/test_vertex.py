"""Vertex-style gateways, and Imagen behind them."""

import pytest

from cliproxy.errors import RequestFault
from cliproxy.jsontypes import dumps, loads
from cliproxy.providers.registry import PROVIDERS
from cliproxy.providers.vertex import drawn
from tests.providers.calls import COUNT, EMBED, credential, finished, prepared

KIND = "vertex"
ROOT = "https://vertex.example/v1/publishers/google/models/"
IMAGEN = "imagen-4.0-generate-001"


def test_paths_are_vertexs() -> None:
    assert prepared(KIND, {}).url == f"{ROOT}m:generateContent"
    assert prepared(KIND, {}, stream=True).url == f"{ROOT}m:streamGenerateContent?alt=sse"
    assert prepared(KIND, {}, operation=COUNT).url == f"{ROOT}m:countTokens"


def test_calls_and_results_lose_their_ids_in_either_spelling() -> None:
    parts = [
        {"functionCall": {"id": "1", "name": "f"}},
        {"functionResponse": {"id": "1", "name": "f"}},
        {"function_call": {"id": "2", "name": "g"}},
        {"text": "id"},
    ]
    body = finished(KIND, {"contents": [{"parts": parts}, "odd", {"parts": "odd"}]})
    assert body["contents"][0]["parts"] == [
        {"functionCall": {"name": "f"}},
        {"functionResponse": {"name": "f"}},
        {"function_call": {"name": "g"}},
        {"text": "id"},
    ]


def test_counting_keeps_tools_and_system_text_beside_the_contents() -> None:
    body = finished(
        KIND, {"contents": [], "tools": [1], "systemInstruction": {}, "generationConfig": {}}, operation=COUNT
    )
    assert body == {"contents": [], "tools": [1], "systemInstruction": {}}


def test_embeddings_are_not_offered() -> None:
    with pytest.raises(RequestFault) as caught:
        finished(KIND, {}, operation=EMBED)
    assert caught.value.detail.status == 501


def test_imagen_predicts_from_the_first_text_and_never_streams() -> None:
    body = {
        "contents": [{"role": "user", "parts": [{"inlineData": {}}, {"text": "a cat"}]}],
        "generationConfig": {"imageConfig": {"aspectRatio": "16:9"}, "candidateCount": 2},
    }
    request = prepared(KIND, body, model=IMAGEN, stream=True)
    assert (request.url, request.streams) == (f"{ROOT}{IMAGEN}:predict", False)
    assert loads(request.body) == {
        "instances": [{"prompt": "a cat"}],
        "parameters": {"sampleCount": 2, "aspectRatio": "16:9"},
    }
    assert request.reshape is drawn
    assert prepared(KIND, {}).reshape is None


def test_imagen_without_a_prompt_is_the_clients_fault() -> None:
    with pytest.raises(RequestFault) as caught:
        finished(KIND, {"contents": []}, model=IMAGEN)
    assert (caught.value.detail.status, caught.value.detail.param) == (400, "contents")


def test_imagens_pictures_become_parts_of_a_gemini_answer() -> None:
    answer = {"predictions": [{"bytesBase64Encoded": "QUJD", "mimeType": "image/jpeg"}, {"raiFilteredReason": "no"}]}
    body = loads(drawn(dumps(answer)))
    (candidate,) = body["candidates"]
    assert candidate["content"]["parts"] == [{"inlineData": {"mimeType": "image/jpeg", "data": "QUJD"}}]
    assert (candidate["finishReason"], body["responseId"]) == ("STOP", "imagen-1")


def test_an_answer_without_predictions_is_left_as_it_is() -> None:
    assert drawn(b'{"error":{}}') == b'{"error":{}}'


def test_imagens_url_is_the_one_shown() -> None:
    assert PROVIDERS[KIND].urls(credential(KIND), IMAGEN) == [("generate", f"{ROOT}{IMAGEN}:predict")]
