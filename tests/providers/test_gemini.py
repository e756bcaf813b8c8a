"""Google's Gemini API."""

import pytest

from cliproxy.errors import RequestFault
from cliproxy.settings.model import NO_SECRET
from tests.providers.calls import COMPACT, COUNT, EMBED, credential, finished, header, prepared

KIND = "gemini"
ROOT = "https://generativelanguage.googleapis.com/v1beta/models/"


def test_generation_goes_to_the_models_own_path_with_the_key_in_googles_header() -> None:
    request = prepared(KIND, {"contents": []}, model="gemini-2.5-pro")
    assert (request.url, request.streams) == (f"{ROOT}gemini-2.5-pro:generateContent", False)
    assert header(request, "x-goog-api-key") == ["k-secret"]
    assert header(request, "authorization") == []
    assert "k-secret" not in request.url


def test_a_stream_is_asked_for_as_events() -> None:
    request = prepared(KIND, {"contents": []}, stream=True)
    assert (request.url, request.streams) == (f"{ROOT}m:streamGenerateContent?alt=sse", True)


def test_a_clients_own_alt_goes_along_escaped() -> None:
    assert prepared(KIND, {}, stream=True, alt="json").url == f"{ROOT}m:streamGenerateContent?$alt=json"
    assert prepared(KIND, {}, alt="a&key=b").url == f"{ROOT}m:generateContent?$alt=a%26key%3Db"


def test_a_models_name_is_escaped_but_for_its_slashes() -> None:
    assert prepared(KIND, {}, model="tuned/a b?c:d#e").url == f"{ROOT}tuned/a%20b%3Fc%3Ad%23e:generateContent"


def test_what_is_not_geminis_is_removed() -> None:
    body = finished(KIND, {"contents": [], "model": "x", "stream": True, "session_id": "s", "safetySettings": []})
    assert body == {"contents": [], "safetySettings": []}


def test_absent_safety_settings_are_filled_in() -> None:
    settings = finished(KIND, {"contents": []})["safetySettings"]
    assert [item["threshold"] for item in settings] == ["OFF", "OFF", "OFF", "OFF", "BLOCK_NONE"]
    assert settings[-1]["category"] == "HARM_CATEGORY_CIVIC_INTEGRITY"


@pytest.mark.parametrize("name", ["safetySettings", "safety_settings"])
def test_a_clients_own_safety_settings_stay_in_either_spelling(name: str) -> None:
    assert finished(KIND, {name: [{"category": "x"}]}) == {name: [{"category": "x"}]}


def test_counting_sends_bare_contents() -> None:
    request = prepared(
        KIND, {"contents": [1], "generationConfig": {"a": 1}, "safetySettings": [], "model": "x"}, operation=COUNT
    )
    assert request.url == f"{ROOT}m:countTokens"
    assert request.body == b'{"contents":[1]}'


def test_counting_with_tools_or_system_text_wraps_the_request_so_that_they_count() -> None:
    body = finished(
        KIND, {"contents": [1], "tools": [2], "systemInstruction": {}, "generationConfig": {}}, operation=COUNT
    )
    assert body == {
        "generateContentRequest": {"model": "models/m", "contents": [1], "tools": [2], "systemInstruction": {}}
    }


def test_a_client_that_wraps_its_own_count_keeps_it_under_the_upstreams_name() -> None:
    body = finished(KIND, {"generateContentRequest": {"model": "models/alias", "contents": []}}, operation=COUNT)
    assert body == {"generateContentRequest": {"model": "models/m", "contents": []}}


def test_embeddings_go_one_by_one_or_as_a_batch_that_names_the_model_in_each() -> None:
    assert prepared(KIND, {"content": {}}, operation=EMBED).url == f"{ROOT}m:embedContent"
    batch = prepared(KIND, {"requests": [{"content": {}}]}, operation=EMBED)
    assert batch.url == f"{ROOT}m:batchEmbedContents"
    assert batch.body == b'{"requests":[{"content":{},"model":"models/m"}]}'


def test_compaction_is_not_offered() -> None:
    with pytest.raises(RequestFault, match="/responses/compact not supported") as caught:
        finished(KIND, {}, operation=COMPACT)
    assert caught.value.detail.status == 501


def test_without_a_key_no_key_header_is_sent() -> None:
    assert header(prepared(KIND, {}, on=credential(KIND, key=NO_SECRET)), "x-goog-api-key") == []
