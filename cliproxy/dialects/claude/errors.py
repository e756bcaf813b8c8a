"""Anthropic errors (providers.md 9, streaming.md 9)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects import faults
from cliproxy.dialects.interface import Payload
from cliproxy.errors import ErrorDetail
from cliproxy.jsontypes import JSON, JSONObject

_WORDS: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


#: Codes that Anthropic's SDKs act upon; they read them in the error's details.
_DETAILED: Final = frozenset(("thread_not_found", "thread_unsupported_request"))


def decode_error(status: int, body: JSON) -> ErrorDetail:
    """Read an upstream's error."""
    return faults.read(status, body)


def encode_error(detail: ErrorDetail) -> JSONObject:
    """``{"type": "error", "error": {"type", "message"}}``."""
    usual = "api_error" if detail.status >= 500 else "invalid_request_error"
    error: JSONObject = {"type": _WORDS.get(detail.status, usual), "message": detail.message}
    if detail.code in _DETAILED:
        error["details"] = {"error_code": detail.code}
    return {"type": "error", "error": error}


def terminal_error(detail: ErrorDetail) -> list[Payload]:
    """The end of a stream that failed: an ``error`` event, and no ``message_stop`` after it."""
    return [encode_error(detail)]
