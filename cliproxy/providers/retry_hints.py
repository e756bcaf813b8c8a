"""When an upstream says it is worth trying again: every form vendors use (providers.md 9.3)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from cliproxy.jsontypes import JSON, JSONObject

#: No hint is believed beyond this many seconds.
LONGEST: Final = 86_400.0

_OPENAI_LIMITS: Final = ("requests", "tokens")
_ANTHROPIC_LIMITS: Final = ("requests", "tokens", "input-tokens", "output-tokens")

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_TERM = re.compile(r"(\d{1,15}(?:\.\d{0,15})?)(ns|us|µs|ms|s|m|h)")
_DURATION = re.compile(r"(?:\d{1,15}(?:\.\d{0,15})?(?:ns|us|µs|ms|s|m|h)){1,8}")
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{0,15})?")
_AFTER = re.compile(r"\bafter (\d{1,9}(?:\.\d{1,9})?)s\b")


def retry_hint(status: int, headers: Mapping[str, str], body: JSON, now: float) -> float | None:
    """Seconds until a retry is worth while, at most :data:`LONGEST`; None when the answer does not say.

    Read from 429, 503 and 529 only: other answers carry the same headers and mean nothing by them.

    :param headers: lower-case names.
    :param body: the parsed body, or anything else.
    :param now: Unix seconds.
    """
    if status not in (429, 503, 529):
        return None
    for seconds in _hints(headers, body, now, status == 429):
        if seconds is not None and seconds > 0:
            return min(seconds, LONGEST)
    return None


def renewal(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until the first of the vendor's rate windows is renewed, as any answer may say; None when it does not."""
    waits = [duration(headers.get(f"x-ratelimit-reset-{limit}")) for limit in _OPENAI_LIMITS]
    waits += [_anthropic_wait(headers, limit, now) for limit in _ANTHROPIC_LIMITS]
    return min((min(wait, LONGEST) for wait in waits if wait is not None and wait > 0), default=None)


def duration(text: JSON) -> float | None:
    """A Go duration (``36.2s``, ``1m30s``, ``373.8ms``) in seconds."""
    if not isinstance(text, str) or not _DURATION.fullmatch(text.strip()):
        return None
    return math.fsum(float(number) * _UNITS[unit] for number, unit in _TERM.findall(text))


def _hints(headers: Mapping[str, str], body: JSON, now: float, limited: bool) -> Iterator[float | None]:
    """Every hint in the order of trust; the first usable one wins."""
    error = _error_of(body)
    yield from _google(error)
    if error.get("type") == "usage_limit_reached":
        yield _seconds(error.get("resets_in_seconds"))
        resets_at = _seconds(error.get("resets_at"))
        yield resets_at - now if resets_at is not None else None
    milliseconds = _seconds(headers.get("retry-after-ms"))
    yield milliseconds / 1000 if milliseconds is not None else None
    yield _retry_after(headers.get("retry-after", ""), now)
    if limited:
        yield _openai_reset(headers)
        yield _anthropic_reset(headers, now)


def _error_of(body: JSON) -> JSONObject:
    if isinstance(body, list) and body:
        body = body[0]
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _google(error: JSONObject) -> Iterator[float | None]:
    details = error.get("details")
    details = [item for item in details if isinstance(item, dict)] if isinstance(details, list) else []
    for item in details:
        if str(item.get("@type", "")).endswith("google.rpc.RetryInfo"):
            yield duration(item.get("retryDelay"))
    for item in details:
        metadata = item.get("metadata")
        if str(item.get("@type", "")).endswith("google.rpc.ErrorInfo") and isinstance(metadata, dict):
            yield duration(metadata.get("quotaResetDelay"))
    message = error.get("message")
    if isinstance(message, str) and (match := _AFTER.search(message)):
        yield float(match[1])


def _seconds(value: JSON) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _retry_after(value: str, now: float) -> float | None:
    seconds = _seconds(value)
    if seconds is not None or not value:
        return seconds
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now


def _openai_reset(headers: Mapping[str, str]) -> float | None:
    """The reset of the limit that is used up, else the later one."""
    resets = {}
    for limit in _OPENAI_LIMITS:
        seconds = duration(headers.get(f"x-ratelimit-reset-{limit}"))
        if seconds is not None:
            resets[limit] = seconds
    spent = [resets[limit] for limit in resets if headers.get(f"x-ratelimit-remaining-{limit}", "").strip() == "0"]
    return max(spent or resets.values(), default=None)


def _anthropic_reset(headers: Mapping[str, str], now: float) -> float | None:
    """The earliest reset among the limits that are used up."""
    waits = []
    for limit in _ANTHROPIC_LIMITS:
        if headers.get(f"anthropic-ratelimit-{limit}-remaining", "").strip() == "0":
            waits.append(_anthropic_wait(headers, limit, now))
    return min((wait for wait in waits if wait is not None and wait > 0), default=None)


def _anthropic_wait(headers: Mapping[str, str], limit: str, now: float) -> float | None:
    try:
        when = datetime.fromisoformat(headers.get(f"anthropic-ratelimit-{limit}-reset", "").strip())
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now
