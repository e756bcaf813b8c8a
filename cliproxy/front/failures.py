"""Errors as a client of each dialect expects them, before anything was sent."""

from __future__ import annotations

from http import HTTPStatus

from cliproxy.dialects.registry import DIALECTS
from cliproxy.errors import ErrorDetail
from cliproxy.jsontypes import dumps
from cliproxy.wire.headers import retry_after


def dialect_of(path: bytes) -> str:
    """The dialect whose clients call ``path``, wherever it is mounted; OpenAI's where nothing says otherwise."""
    if b"/messages" in path:
        return "claude"
    if b"/v1beta" in path or b"/publishers/" in path or b":" in path:
        return "gemini"
    return "responses" if b"/responses" in path else "openai"


def error_body(dialect: str, detail: ErrorDetail) -> bytes:
    """The JSON error body of ``detail`` in ``dialect``."""
    return dumps(DIALECTS[dialect].encode_error(detail))


def error_headers(detail: ErrorDetail) -> list[tuple[str, str]]:
    """``Retry-After`` when the detail knows it, in whole seconds, at least 1."""
    if detail.retry_after is None:
        return []
    return [("Retry-After", retry_after(detail.retry_after))]


def early_answer(path: bytes, detail: ErrorDetail, request_id: str) -> bytes:
    """A whole HTTP/1.1 answer that also closes the connection, for requests refused before they were routed."""
    body = error_body(dialect_of(path), detail)
    fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("X-Request-Id", request_id),
        ("Connection", "close"),
        *error_headers(detail),
    ]
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {detail.status} {HTTPStatus(detail.status).phrase}\r\n{lines}\r\n".encode() + body
