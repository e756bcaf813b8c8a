"""Responses errors (providers.md 9, streaming.md 9)."""

from __future__ import annotations

from cliproxy.dialects import faults
from cliproxy.dialects.interface import Payload
from cliproxy.errors import ErrorDetail
from cliproxy.jsontypes import JSON, JSONObject

_CODES = {400: "invalid_prompt", 429: "rate_limit_exceeded"}


def decode_error(status: int, body: JSON) -> ErrorDetail:
    """Read an upstream's error."""
    return faults.read(status, body)


def encode_error(detail: ErrorDetail) -> JSONObject:
    """An error body in OpenAI's shape."""
    return faults.openai_body(detail)


def stream_error(detail: ErrorDetail) -> JSONObject:
    """``error`` of a response object that failed; its codes are a closed set."""
    return {"code": _CODES.get(detail.status, "server_error"), "message": detail.message}


def terminal_error(detail: ErrorDetail, sequence_number: int = 0) -> list[Payload]:
    """The end of a stream whose response was never created, or is not at hand."""
    error = stream_error(detail)
    return [{"type": "error", "sequence_number": sequence_number, **error, "param": detail.param}]
