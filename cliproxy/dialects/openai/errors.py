"""Chat Completions errors (providers.md 9, streaming.md 9)."""

from __future__ import annotations

from cliproxy.dialects import faults
from cliproxy.dialects.interface import Payload
from cliproxy.errors import ErrorDetail
from cliproxy.jsontypes import JSON, JSONObject


def decode_error(status: int, body: JSON) -> ErrorDetail:
    """Read an upstream's error."""
    return faults.read(status, body)


def encode_error(detail: ErrorDetail) -> JSONObject:
    """An error body in OpenAI's shape."""
    return faults.openai_body(detail)


def terminal_error(detail: ErrorDetail) -> list[Payload]:
    """The end of a stream that failed: the error, and no ``[DONE]`` after it."""
    return [faults.openai_body(detail)]
