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
_SAID = re.compile(r"(?i)\b(?:after|(?:try again|retry) in) ([0-9.a-zµ]{1,40}?)\.?(?=[\s,;)]|$)")
#: The IETF's RateLimit field, of its older drafts and of its newer ones.
_RATE_LIMIT = re.compile(r"(?:^|[;,\s])(?:reset|t)=(\d{1,12})\b")
#: Numbers above these are Unix times, in seconds or in milliseconds.
_EPOCH: Final = 1_000_000_000.0
_EPOCH_MS: Final = 1_000_000_000_000.0


def retry_hint(status: int, headers: Mapping[str, str], body: JSON, now: float) -> float | None:
    """Seconds until a retry is worth while, at most :data:`LONGEST`; None when the answer does not say.

    Read from 429, 503 and 529 only: other answers carry the same headers and mean nothing by them.

    :param headers: lower-case names.
    :param body: the parsed body, or anything else.
    :param now: Unix seconds.
    """
    if status not in (429, 503, 529):
        return None
    for seconds in _hints(headers, body, their_now(headers, now), status == 429):
        if seconds is not None and seconds > 0:
            return min(seconds, LONGEST)
    return None


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
        metadata = error.get("metadata")
        inner = metadata.get("headers") if isinstance(metadata, dict) else None
        for fields in (headers, inner if isinstance(inner, dict) else {}):
            yield from _general({str(name).lower(): value for name, value in fields.items()}, now)
    yield from _said(error.get("message"))


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


def _seconds(value: JSON) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _retry_after(value: str, now: float) -> float | None:
    seconds = _span(value.partition(",")[0])  # sent twice, it arrives joined; a date's comma follows no number
    if seconds is not None or not value:
        return seconds
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now


def their_now(headers: Mapping[str, str], now: float) -> float:
    """The upstream's own time, as its ``Date`` says: its dates are compared with that, not with a clock that is ours."""
    try:
        when = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return now
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _span(text: JSON) -> float | None:
    """A duration with units, or plain seconds (Azure, Cerebras)."""
    seconds = duration(text)
    return _seconds(text) if seconds is None else seconds


def until(value: JSON, now: float) -> float | None:
    """Seconds until a reset that is given in seconds, as a Unix time, or as one in milliseconds."""
    seconds = _span(value)
    if seconds is None or seconds < _EPOCH:
        return seconds
    return (seconds / 1000 if seconds >= _EPOCH_MS else seconds) - now


def _general(fields: Mapping[str, JSON], now: float) -> Iterator[float | None]:
    """OpenRouter's and GitHub's ``X-RateLimit-Reset``, the IETF's fields, Anthropic's unified limit."""
    for name in ("anthropic-ratelimit-unified-reset", "x-ratelimit-reset", "ratelimit-reset"):
        yield until(fields.get(name), now)
    found = _RATE_LIMIT.search(str(fields.get("ratelimit", "")))
    yield float(found[1]) if found else None


def _said(message: JSON) -> Iterator[float | None]:
    """What the sentence says: ``Please try again in 1m30s``, ``retry in 90.5s``, ``reset after 5s``."""
    for found in _SAID.finditer(message[:4096]) if isinstance(message, str) else ():
        yield duration(found[1])


def _openai_reset(headers: Mapping[str, str]) -> float | None:
    """The reset of the limit that is used up, else the later one."""
    resets = {}
    for limit in _OPENAI_LIMITS:
        seconds = _span(headers.get(f"x-ratelimit-reset-{limit}"))
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
