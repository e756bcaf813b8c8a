"""Every form in which a vendor says when to come back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.providers.retry_hints import LONGEST, duration, retry_hint

NOW = 1_000_000_000.0  # 2001-09-09T01:46:40Z


def google(*details: dict[str, Any], message: str = "") -> dict[str, Any]:
    return {"error": {"code": 429, "message": message, "details": list(details)}}


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36.2s"}
QUOTA = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "metadata": {"quotaResetDelay": "373.5ms"}}


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, google(RETRY_INFO), 36.2),
        ({}, [google(RETRY_INFO)], 36.2),
        ({}, google(QUOTA), 0.3735),
        ({}, google(QUOTA, RETRY_INFO), 36.2),
        ({}, google(message="Your quota will reset after 39s."), 39.0),
        ({}, google(RETRY_INFO | {"retryDelay": "soon"}, message="reset after 39s."), 39.0),
        ({}, {"error": {"type": "usage_limit_reached", "resets_in_seconds": 120, "resets_at": NOW + 9}}, 120.0),
        ({}, {"error": {"type": "usage_limit_reached", "resets_at": NOW + 90}}, 90.0),
        ({}, {"error": {"type": "something_else", "resets_in_seconds": 120}}, None),
        ({"retry-after-ms": "1500", "retry-after": "30"}, None, 1.5),
        ({"retry-after": "30"}, "<html>", 30.0),
        ({"retry-after": "0.5"}, None, 0.5),
        ({"retry-after": "Sun, 09 Sep 2001 01:47:40 GMT"}, None, 60.0),
        ({"retry-after": "Sun, 09 Sep 2001 01:45:40 GMT"}, None, None),
        ({"retry-after": "0"}, None, None),
        ({"retry-after": "-5"}, None, None),
        ({"retry-after": "soon"}, None, None),
        ({"retry-after": "nan"}, None, None),
        ({"retry-after": "9" * 15}, None, LONGEST),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, None, 360.0),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "6m0s",
                "x-ratelimit-remaining-tokens": "17",
            },
            None,
            1.0,
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2001-09-09T01:48:40Z",
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2001-09-09T01:47:10Z",
                "anthropic-ratelimit-input-tokens-remaining": "5",
                "anthropic-ratelimit-input-tokens-reset": "2001-09-09T01:46:41Z",
            },
            None,
            30.0,
        ),
        ({"anthropic-ratelimit-requests-reset": "2001-09-09T01:48:40Z"}, None, None),
        ({"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "?"}, None, None),
        ({}, {"error": "text"}, None),
        ({}, {"error": {"details": "text", "message": 7}}, None),
        ({}, [], None),
    ],
)
def test_a_429_waits_as_long_as_its_first_usable_hint_says(
    headers: dict[str, str], body: Any, seconds: float | None
) -> None:
    found = retry_hint(429, headers, body, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_a_hint_in_the_body_beats_one_in_a_header() -> None:
    assert retry_hint(429, {"retry-after": "30"}, google(RETRY_INFO), NOW) == pytest.approx(36.2)


def test_a_useless_hint_gives_way_to_the_next() -> None:
    assert retry_hint(429, {"retry-after-ms": "0", "retry-after": "30"}, None, NOW) == 30.0


@pytest.mark.parametrize("status", [503, 529])
def test_an_overloaded_upstream_may_say_retry_after_but_its_rate_limits_mean_nothing(status: int) -> None:
    assert retry_hint(status, {"retry-after": "7"}, None, NOW) == 7.0
    assert retry_hint(status, {"x-ratelimit-reset-requests": "7s"}, None, NOW) is None


@pytest.mark.parametrize("status", [400, 401, 404, 500, 502])
def test_other_failures_carry_no_hint(status: int) -> None:
    assert retry_hint(status, {"retry-after": "7"}, google(RETRY_INFO), NOW) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("36.2s", 36.2), ("0.847655010s", 0.84765501), ("1m30s", 90), ("2h", 7200), ("1h0m5s", 3605), ("250ms", 0.25)],
)
def test_go_durations_are_read(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "1.5", "-1s", "1s ago", "1 s", None, 5, ["1s"]])
def test_what_is_no_duration_is_none(text: Any) -> None:
    assert duration(text) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "details", "@type", "metadata", "message", "resets_at", "type"]), inner
        )
    ),
)


@given(JSON, st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text(max_size=12)))
def test_no_answer_breaks_the_reading_and_no_hint_exceeds_a_day(body: Any, headers: dict[str, str]) -> None:
    found = retry_hint(429, headers, body, NOW)
    assert found is None or 0 < found <= LONGEST


MESSAGE = "Rate limit reached for m on tokens per min."


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "90"}, {}),
        ({"x-ratelimit-reset": str(int(NOW + 90) * 1000)}, {}),
        ({"x-ratelimit-reset": str(int(NOW + 90))}, {}),
        ({}, {"metadata": {"headers": {"X-RateLimit-Reset": str(int(NOW + 90) * 1000)}}}),
        ({"ratelimit-reset": "90"}, {}),
        ({"ratelimit": "limit=100, remaining=0, reset=90"}, {}),
        ({"ratelimit": '"default";r=0;t=90'}, {}),
        ({"anthropic-ratelimit-unified-reset": str(int(NOW + 90))}, {}),
        ({}, {"message": f"{MESSAGE} Please try again in 1m30s. Visit us."}),
        ({}, {"message": "You exceeded your quota.\nPlease retry in 90.0s."}),
        ({"retry-after": "90s"}, {}),
        ({"retry-after": "90, 90"}, {}),
        ({"date": "Mon, 01 Jan 2024 00:00:00 GMT", "retry-after": "Mon, 01 Jan 2024 00:01:30 GMT"}, {}),
    ],
)
def test_every_vendors_ninety_seconds(headers: dict[str, str], error: dict[str, object]) -> None:
    """Azure, Cerebras, OpenRouter, GitHub, the IETF, Anthropic, OpenAI, Groq, Gemini; and dates by their own clock."""
    assert retry_hint(429, headers, {"error": error}, NOW) == pytest.approx(90)


@pytest.mark.parametrize(
    "message", ["try again in a moment", "after 5", "retry in 1e9s", "try again in .", "x" * 100_000]
)
def test_sentences_without_a_time(message: str) -> None:
    """Other words are no hint."""
    assert retry_hint(429, {}, {"error": {"message": message}}, NOW) is None
