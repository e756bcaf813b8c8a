"""Errors read from any vendor's body, and written in OpenAI's shape, which Chat and Responses share (providers.md 9)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from cliproxy.dialects.members import filled, integer
from cliproxy.errors import ErrorDetail
from cliproxy.jsontypes import JSON, JSONObject, dumps_text

#: What OpenAI says with each status: the type word and, where there is one, the code.
_OPENAI_WORDS: Final = {
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", "insufficient_quota"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}

#: The status behind the words an error event may carry (streaming.md 9).
STATUS_OF_WORD: Final = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "usage_limit_reached": 429,
    "insufficient_quota": 429,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
}


def read(status: int, body: JSON) -> ErrorDetail:
    """An upstream's error body (parsed JSON, or text that was not JSON) as a neutral error. A body that holds no message
    where vendors put it is the message."""
    return _read(status, body, dumps_text(body) if body else reason(status))


def _read(status: int, body: JSON, otherwise: str) -> ErrorDetail:
    """See :func:`read`; the message is ``otherwise`` where the body holds none."""
    if isinstance(body, list):
        body = body[0] if body else None
    if isinstance(body, str):
        return ErrorDetail(status, body.strip() or reason(status))
    if not isinstance(body, dict):
        return ErrorDetail(status, otherwise)
    error = body.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        return ErrorDetail(
            status,
            filled(error.get("message")) or filled(body.get("message")) or filled(body.get("detail")) or otherwise,
            type=filled(error.get("type")) or filled(error.get("status")),
            code=filled(code),
            param=filled(error.get("param")),
            retry_after=_positive(error.get("resets_in_seconds")),
        )
    message = filled(error) or filled(body.get("message")) or filled(body.get("detail"))
    return ErrorDetail(status, message or otherwise, code=filled(body.get("code")))


def read_event(body: JSONObject) -> ErrorDetail:
    """An error met inside an answer that began as a success: the status comes from its words, else 502."""
    error = body.get("error")
    detail = _read(502, body, reason(502))
    status = STATUS_OF_WORD.get(detail.code or "") or STATUS_OF_WORD.get(detail.type or "")
    if status is None and isinstance(error, dict):
        stated = integer(error.get("code"))
        status = stated if stated is not None and 400 <= stated <= 599 else None
    return ErrorDetail(
        status or 502, detail.message, type=detail.type, code=detail.code, param=detail.param,
        retry_after=detail.retry_after,
    )  # fmt: skip


def openai_body(detail: ErrorDetail) -> JSONObject:
    """``{"error": {...}}`` as Chat and Responses clients read it."""
    kind, code = _OPENAI_WORDS.get(detail.status) or _by_class(detail.status)
    return {
        "error": {
            "message": detail.message,
            "type": kind,
            "param": detail.param,
            "code": detail.code or code,
            **dict(detail.more),
        }
    }


def reason(status: int) -> str:
    """The standard phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"HTTP status {status}"


def _by_class(status: int) -> tuple[str, str | None]:
    if status >= 500:
        return "server_error", "internal_server_error"
    return "invalid_request_error", None


def _positive(value: JSON) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None
