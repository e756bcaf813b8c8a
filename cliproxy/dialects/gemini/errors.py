"""Gemini errors (providers.md 9, streaming.md 9)."""

from __future__ import annotations

from typing import Final

from cliproxy.dialects import faults
from cliproxy.dialects.interface import Payload
from cliproxy.errors import ErrorDetail
from cliproxy.jsontypes import JSON, JSONObject

_WORDS: Final = {
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}


def decode_error(status: int, body: JSON) -> ErrorDetail:
    """Read an upstream's error."""
    return faults.read(status, body)


def encode_error(detail: ErrorDetail) -> JSONObject:
    """``{"error": {"code", "message", "status"}}``. Google's SDK knows a streamed error by how the object begins."""
    usual = "INTERNAL" if detail.status >= 500 else "INVALID_ARGUMENT"
    word = _WORDS.get(detail.status, usual)
    return {"error": {"code": detail.status, "message": detail.message, "status": word}}


def terminal_error(detail: ErrorDetail) -> list[Payload]:
    """The end of a stream that failed."""
    return [encode_error(detail)]
