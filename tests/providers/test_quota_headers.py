"""What is left of quotas, in every vendor's headers; and no header does harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.providers.quota_headers import windows
from cliproxy.routing.quota import Window

NOW = 1_000_000_000.0
DATE = "Sun, 09 Sep 2001 01:46:40 GMT"

#: (vendor, headers, {window: (left, resets, whole)}).
VENDORS: list[tuple[str, dict[str, str], dict[str, tuple[float | None, float | None, bool]]]] = [
    (
        "openai",
        {
            "x-ratelimit-limit-requests": "10000",
            "x-ratelimit-remaining-requests": "9999",
            "x-ratelimit-reset-requests": "6ms",
            "x-ratelimit-limit-tokens": "1000000",
            "x-ratelimit-remaining-tokens": "250000",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        {"requests": (0.9999, 0.006, False), "tokens": (0.25, 360, False)},
    ),
    (
        "azure",
        {"x-ratelimit-remaining-tokens": "9", "x-ratelimit-limit-tokens": "10", "x-ratelimit-reset-tokens": "7"},
        {"tokens": (0.9, 7, False)},
    ),
    (
        "anthropic",
        {
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "10",
            "anthropic-ratelimit-requests-reset": "2001-09-09T01:47:00Z",
            "anthropic-ratelimit-input-tokens-limit": "30000",
            "anthropic-ratelimit-input-tokens-remaining": "0",
            "anthropic-ratelimit-input-tokens-reset": "2001-09-09T01:47:40Z",
            "anthropic-ratelimit-output-tokens-remaining": "8000",
        },
        {"requests": (0.2, 20, False), "input-tokens": (0.0, 60, False)},
    ),
    (
        "anthropic, by subscription",
        {
            "anthropic-ratelimit-unified-status": "allowed",
            "anthropic-ratelimit-unified-reset": "1000003600",
            "anthropic-ratelimit-unified-representative-claim": "five_hour",
            "anthropic-ratelimit-unified-fallback-percentage": "0.5",
            "anthropic-ratelimit-unified-5h-status": "allowed",
            "anthropic-ratelimit-unified-5h-utilization": "0.4",
            "anthropic-ratelimit-unified-5h-reset": "1000003600",
            "anthropic-ratelimit-unified-7d_sonnet-utilization": "1.2",
            "anthropic-ratelimit-unified-7d_sonnet-reset": "1000086400",
        },
        {"unified": (None, 3600, True), "5h": (0.6, 3600, True), "7d_sonnet": (0.0, 86400, True)},
    ),
    (
        "chatgpt",
        {
            "x-codex-primary-used-percent": "12.5",
            "x-codex-primary-window-minutes": "300",
            "x-codex-primary-reset-after-seconds": "1800",
            "x-codex-secondary-used-percent": "100",
            "x-codex-secondary-window-minutes": "10080",
            "x-codex-secondary-reset-at": "1000086400",
            "x-codex-plan-type": "pro",
        },
        {"5h": (0.875, 1800, True), "7d": (0.0, 86400, True)},
    ),
    (
        "cerebras",
        {
            "x-ratelimit-limit-requests-day": "14400",
            "x-ratelimit-remaining-requests-day": "7200",
            "x-ratelimit-reset-requests-day": "33011.382867",
        },
        {"requests-day": (0.5, 33011.382867, False)},
    ),
    (
        "mistral",
        {
            "x-ratelimit-limit-req-minute": "720",
            "x-ratelimit-remaining-req-minute": "180",
            "x-ratelimit-tokens-query-cost": "52",
        },
        {"req-minute": (0.25, None, False)},
    ),
    (
        "together",
        {
            "x-ratelimit-limit": "100",
            "x-ratelimit-remaining": "40",
            "x-ratelimit-reset": "1",
            "x-tokenlimit-limit": "10",
            "x-tokenlimit-remaining": "5",
        },
        {"all": (0.4, 1, False), "tokens": (0.5, None, False)},
    ),
    (
        "openrouter",
        {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000000060000"},
        {"all": (0.0, 60, False)},
    ),
    (
        "ietf",
        {"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60'},
        {"default": (0.5, 30, False)},
    ),
    ("ietf, older", {"ratelimit": "limit=100, remaining=25, reset=9"}, {"all": (0.25, 9, False)}),
    (
        "ietf, oldest",
        {"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "1", "ratelimit-reset": "9"},
        {"all": (0.01, 9, False)},
    ),
    ("nobody", {"content-type": "application/json", "retry-after": "5"}, {}),
]


@pytest.mark.parametrize(("headers", "wanted"), [case[1:] for case in VENDORS], ids=[case[0] for case in VENDORS])
def test_a_vendors_headers(headers: dict[str, str], wanted: dict[str, Any]) -> None:
    found = windows({"date": DATE, **headers}, NOW + 5000)  # our clock is wrong, theirs counts
    assert {window.name: (window.left, window.resets, window.whole) for window in found} == {
        name: (pytest.approx(left), pytest.approx(resets), whole) for name, (left, resets, whole) in wanted.items()
    }


def test_numbers_come_along() -> None:
    (window,) = windows({"x-ratelimit-limit-tokens": "10", "x-ratelimit-remaining-tokens": "4"}, NOW)
    assert window == Window("tokens", 0.4, None, False, 4.0, 10.0)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-remaining-requests": "many", "x-ratelimit-limit-requests": "-1"},
        {"x-ratelimit-limit-requests": "0", "x-ratelimit-remaining-requests": "5"},
        {"anthropic-ratelimit-requests-reset": "2001-13-99T99:99:99Z"},
        {"anthropic-ratelimit-requests-reset": "1999-01-01T00:00:00Z"},
        {"x-ratelimit-reset-requests": "9" * 400},
        {"x-codex-primary-used-percent": "nan"},
        {"ratelimit": ";" * 100_000},
        {"x-ratelimit-": "1", "x-ratelimit-limit-" + "x" * 500: "1"},
    ],
)
def test_nonsense_tells_nothing(headers: dict[str, str]) -> None:
    assert [window for window in windows(headers, NOW) if window.left is not None] == []


NAMES = st.sampled_from([name for _, headers, _ in VENDORS for name in headers]) | st.text(max_size=40).map(
    "x-ratelimit-".__add__
)


@given(st.dictionaries(NAMES, st.text(max_size=40) | st.floats().map(str) | st.integers().map(str), max_size=30))
def test_whatever_headers_say_a_window_makes_sense(headers: dict[str, str]) -> None:
    found = windows(headers, NOW)
    assert len(found) <= 16
    for window in found:
        assert window.left is None or 0 <= window.left <= 1
        assert window.resets is None or 0 < window.resets <= 31 * 86_400
