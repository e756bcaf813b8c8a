"""What is left of a vendor's quotas, as the headers of its answers say (today.md 7). Pure.

Sources: OpenAI's, Azure's, Groq's, xAI's and Mistral's ``x-ratelimit-*``, Cerebras's ``x-ratelimit-*-requests-day``, Together's
``x-tokenlimit-*``, OpenRouter's and GitHub's ``x-ratelimit-*`` without a name, Anthropic's ``anthropic-ratelimit-*`` and, for
subscriptions, ``anthropic-ratelimit-unified-*``, ChatGPT's ``x-codex-*``, and the IETF's ``RateLimit`` fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from cliproxy.providers.retry_hints import their_now, until
from cliproxy.routing.quota import Window

#: More are not told of one answer.
_MOST: Final = 16
_LONGEST: Final = 31 * 86_400.0
_BEGINNINGS: Final = ("x-ratelimit-", "anthropic-ratelimit-", "x-codex-", "x-tokenlimit-", "ratelimit")
_NAME: Final = r"[a-z0-9_-]{1,40}"
_PLAIN: Final = re.compile(rf"(?:x-(token|rate)limit|ratelimit)-(limit|remaining|reset)(?:-({_NAME}))?")
_ANTHROPIC: Final = re.compile(
    rf"anthropic-ratelimit-(?:(unified)-)?(?:({_NAME})-)?(limit|remaining|reset|utilization)"
)
_CODEX: Final = re.compile(r"x-codex-(primary|secondary)-(used-percent|window-minutes|reset-after-seconds|resets?-at)")
_NUMBER: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)")
#: One item of a RateLimit field: its name, quoted or not, and its parameters.
_ITEM: Final = re.compile(r"\"?([A-Za-z0-9_.-]{1,40})\"?((?:\s*;\s*[a-z]+=\d{1,15})+)")
_PARAMETER: Final = re.compile(r"([a-z]+)=(\d{1,15})")

#: A header that holds several facts.
_FIELDS: Final = (("", False), "")
_RESETS: Final = ("reset", "reset-after-seconds", "reset-at", "resets-at")
#: Unix times, and all that is longer, have so many characters.
_MOMENT: Final = 10
#: By (word for the window, whether it is the whole credential's): what is said of it.
_Said = dict[tuple[str, bool], dict[str, str]]


def windows(headers: Mapping[str, str], now: float) -> tuple[Window, ...]:
    """The windows that an answer tells of; none as a rule.

    :param headers: lower-case names.
    :param now: Unix seconds.
    """
    said = _Said()
    for name, value in headers.items():
        meaning = _meaning(name)
        if meaning is not None:
            for key, fact, told in _fields(name, value) if meaning is _FIELDS else ((*meaning, value),):
                said.setdefault(key, {})[fact] = told
    if not said:
        return ()
    now = their_now(headers, now) if any(map(_is_date, said.values())) else now
    found = [_window(key, facts, now) for key, facts in said.items()]
    return tuple(window for window in found if window.left is not None or window.resets is not None)[:_MOST]


@lru_cache(maxsize=2048)
def _meaning(name: str) -> tuple[tuple[str, bool], str] | None:
    """(window, fact) that a header tells; None of most."""
    if not name.startswith(_BEGINNINGS):
        return None
    if found := _PLAIN.fullmatch(name):
        return (found[3] or ("tokens" if found[1] == "token" else "all"), False), found[2]
    if found := _ANTHROPIC.fullmatch(name):
        return (found[2] or "unified", bool(found[1])), found[3]
    if found := _CODEX.fullmatch(name):
        return (found[1], True), found[2]
    return _FIELDS if name in ("ratelimit", "ratelimit-policy") else None


def _fields(name: str, value: str) -> Iterator[tuple[tuple[str, bool], str, str]]:
    """(window, fact, value) of a header that holds several."""
    names = {"r": "remaining", "t": "reset"} if name == "ratelimit" else {"q": "limit"}
    for item in _ITEM.finditer(value[:1000]):
        for fact, number in _PARAMETER.findall(item[2]):
            if fact in names:
                yield (item[1].lower(), False), names[fact], number
    for fact, number in _PARAMETER.findall(value[:1000]):  # its older drafts: limit=100, remaining=50, reset=30
        if fact in ("limit", "remaining", "reset"):
            yield ("all", False), fact, number


def _is_date(facts: Mapping[str, str]) -> bool:
    """Whether a reset is a moment, to be compared with the vendor's own time."""
    return any(len(facts.get(fact, "")) >= _MOMENT for fact in _RESETS)


def _window(key: tuple[str, bool], facts: Mapping[str, str], now: float) -> Window:
    numbers = {fact: float(found[1]) for fact, value in facts.items() if (found := _NUMBER.match(value))}
    remaining, limit = numbers.get("remaining"), numbers.get("limit")
    left: float | None = None
    if "utilization" in numbers:
        left = 1 - numbers["utilization"]
    elif "used-percent" in numbers:
        left = 1 - numbers["used-percent"] / 100
    elif remaining is not None and limit:
        left = remaining / limit
    elif remaining == 0:
        left = 0.0
    name, minutes = key[0], numbers.get("window-minutes")
    if minutes:
        name = f"{minutes / 1440:g}d" if minutes >= 1440 else f"{minutes / 60:g}h"
    resets = _resets(facts, now)
    return Window(name, None if left is None else min(1.0, max(0.0, left)), resets, key[1], remaining, limit)


def _resets(facts: Mapping[str, str], now: float) -> float | None:
    for fact in _RESETS:
        if fact in facts:
            value = facts[fact].strip()
            try:
                when = datetime.fromisoformat(value) if "T" in value else None
            except ValueError:
                return None
            seconds = until(value, now) if when is None else _timestamp(when) - now
            return min(seconds, _LONGEST) if seconds is not None and seconds > 0 else None
    return None


def _timestamp(when: datetime) -> float:
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
