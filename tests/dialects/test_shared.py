"""What the spokes share: effort words, media URLs, error bodies."""

from __future__ import annotations

import pytest

from cliproxy.dialects import effort, faults, media
from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.ir.content import MediaPart
from cliproxy.ir.request import Thinking


@pytest.mark.parametrize(
    ("budget", "level"),
    [(-2, None), (-1, "auto"), (0, "none"), (1, "minimal"), (512, "minimal"), (513, "low"), (1024, "low"),
     (1025, "medium"), (8192, "medium"), (8193, "high"), (24576, "high"), (24577, "xhigh"), (200000, "xhigh")],
)  # fmt: skip
def test_a_budget_falls_in_a_level(budget: int, level: str | None) -> None:
    """The ranges of thinking.md 2."""
    assert effort.level_of(budget) == level


@pytest.mark.parametrize("level", ["none", "auto", "minimal", "low", "medium", "high"])
def test_a_level_survives_its_budget(level: str) -> None:
    """Every level's budget lies in that level's range."""
    budget = effort.budget_of(level)
    assert budget is not None
    assert effort.level_of(budget) == level


@pytest.mark.parametrize(
    ("thinking", "word"),
    [
        (Thinking("level", level="high"), "high"),
        (Thinking("budget", budget=20000), "high"),
        (Thinking("none"), "none"),
        (Thinking("auto"), None),
        (Thinking("adaptive"), None),
        (Thinking("adaptive", level="low"), "low"),
        (Thinking("include", include=True), None),
    ],
)
def test_thinking_is_said_as_an_effort_word(thinking: Thinking, word: str | None) -> None:
    """Any dialect's way of asking has an effort word, but showing thoughts alone asks for no effort."""
    assert effort.effort_word(thinking) == word


def test_effort_words_are_trimmed_and_lowered() -> None:
    """Words are read as clients write them; an empty one asks for nothing."""
    assert effort.thinking_of(" HIGH ") == Thinking("level", level="high")
    assert effort.thinking_of(" ") is None


@pytest.mark.parametrize(
    ("url", "mime", "data"),
    [
        ("data:image/png;base64,iVBORw0KGgo=", "image/png", "iVBORw0KGgo="),
        ("data:image/png;name=x.png;base64,-_-_", "image/png", "+/+/"),
        ("data:;base64,QUI", "application/octet-stream", "QUI="),
        ("data:text/plain,a%20b", "text/plain", "YSBi"),
        ("DATA:text/plain;base64,YQ==", "text/plain", "YQ=="),
    ],
)
def test_a_data_url_is_taken_apart(url: str, mime: str, data: str) -> None:
    """Media type and standard, padded base64, whatever the spelling."""
    assert media.split_data_url(url) == (mime, data)


@pytest.mark.parametrize("url", ["https://ex.test/a.png", "data:image/png", ""])
def test_what_is_no_data_url_is_left_alone(url: str) -> None:
    """An address is not taken apart."""
    assert media.split_data_url(url) is None


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("a.PNG", "image/png"),
        ("https://ex.test/d.pdf?x=a.b#c.d", "application/pdf"),
        ("https://ex.test/", None),
        ("a", None),
    ],
)
def test_a_name_tells_its_media_type(name: str, mime: str | None) -> None:
    """Query and fragment do not count."""
    assert media.mime_of(name) == mime


def test_bare_base64_is_a_file_of_its_names_type() -> None:
    """Some clients leave the data URL's head out."""
    assert media.file("YQ", "a.csv") == MediaPart("file", mime="text/csv", data="YQ==", filename="a.csv")
    assert media.file("YQ==", None).mime == "application/pdf"


def test_a_file_of_nothing_is_refused() -> None:
    """A file part must hold bytes, an id or an address."""
    with pytest.raises(RequestFault) as caught:
        media.openai_file({"filename": "x"}, "messages[0].content[1].file")
    assert caught.value.detail.param == "messages[0].content[1].file"


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "boom", "type": "server_error", "code": "x"}}, "boom", "x"),
        ([{"error": {"message": "boom", "code": 503, "status": "UNAVAILABLE"}}], "boom", None),
        ({"error": "boom"}, "boom", None),
        ({"message": "boom"}, "boom", None),
        ({"detail": "boom"}, "boom", None),
        ("boom\n", "boom", None),
        ("", "Service Unavailable", None),
        ({}, "Service Unavailable", None),
        (None, "Service Unavailable", None),
    ],
)
def test_any_vendors_error_is_read(body: object, message: str, code: str | None) -> None:
    """The message is found wherever vendors put it; an empty body says the status."""
    detail = faults.read(503, body)
    assert (detail.status, detail.message, detail.code) == (503, message, code)


def test_a_quota_hint_in_the_body_is_kept() -> None:
    """``resets_in_seconds`` says when to come back."""
    error = {"message": "m", "type": "usage_limit_reached", "resets_in_seconds": 120}
    assert faults.read(429, {"error": error}).retry_after == 120


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"message": "m", "type": "overloaded_error"}, 529),
        ({"message": "m", "code": "rate_limit_exceeded"}, 429),
        ({"message": "m", "type": "invalid_request_error"}, 400),
        ({"message": "m", "code": 503}, 503),
        ({"message": "m", "type": "strange"}, 502),
    ],
)
def test_an_error_inside_a_success_has_its_words_status(error: dict[str, object], status: int) -> None:
    """The fault table needs a status: the words tell it."""
    assert faults.read_event({"error": error}).status == status


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid_request_error", None),
        (401, "authentication_error", "invalid_api_key"),
        (402, "invalid_request_error", None),
        (403, "permission_error", "insufficient_quota"),
        (404, "invalid_request_error", "model_not_found"),
        (418, "invalid_request_error", None),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (500, "server_error", "internal_server_error"),
        (529, "server_error", "internal_server_error"),
    ],
)
def test_an_error_is_said_in_openais_words(status: int, kind: str, code: str | None) -> None:
    """The table of providers.md 9.2, with the upstream's own code where it gave one."""
    error = faults.openai_body(ErrorDetail(status, "m"))["error"]
    assert error == {"message": "m", "type": kind, "param": None, "code": code}
    assert faults.openai_body(ErrorDetail(status, "m", code="own"))["error"]["code"] == "own"
