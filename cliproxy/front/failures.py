"""Errors as a client of each dialect expects them, before anything was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from cliproxy.dialects.registry import DIALECTS
from cliproxy.errors import ErrorDetail
from cliproxy.front.managed import MANAGED, is_managed, managed_error
from cliproxy.jsontypes import dumps
from cliproxy.wire.headers import retry_after

#: What only one vendor's clients call, the most telling first.
_PATHS: Final = (
    (re.compile(rb"/messages"), "claude"),
    (re.compile(rb"/v1beta|/publishers/|:[a-z]+[A-Z][a-zA-Z]*$|:predict$"), "gemini"),
    (re.compile(rb"/responses"), "responses"),
    (re.compile(rb"/completions|/embeddings"), "openai"),
)


def dialect_of(path: bytes, headers: Mapping[str, str]) -> str:
    """The dialect that the caller of ``path`` speaks, wherever it is mounted: the path says it, else the headers do.
    Management's errors are nobody's dialect: ``management``.
    """
    if is_managed(path):
        return "management"
    for pattern, dialect in _PATHS:
        if pattern.search(path):
            return dialect
    return speaker(headers)


def speaker(headers: Mapping[str, str]) -> str:
    """The dialect of a caller by its headers alone: Anthropic's and Google's SDKs say who they are.

    :param headers: lower-case names.
    """
    if headers.get("user-agent", "").startswith("claude-cli") or "anthropic-version" in headers:
        return "claude"
    if "x-goog-api-client" in headers or "x-goog-api-key" in headers:
        return "gemini"
    return "openai"


def error_body(dialect: str, detail: ErrorDetail) -> bytes:
    """The JSON error body of ``detail`` in ``dialect``."""
    return dumps(managed_error(detail) if dialect == "management" else DIALECTS[dialect].encode_error(detail))


def error_headers(detail: ErrorDetail) -> list[tuple[str, str]]:
    """``Retry-After`` when the detail knows it, in whole seconds, at least 1."""
    if detail.retry_after is None:
        return []
    return [("Retry-After", retry_after(detail.retry_after))]


def early_answer(path: bytes, headers: Mapping[str, str], detail: ErrorDetail, request_id: str) -> bytes:
    """A whole HTTP/1.1 answer that also closes the connection, for requests refused before they were routed."""
    body = error_body(dialect_of(path, headers), detail)
    fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("X-Request-Id", request_id),
        ("Connection", "close"),
        *(MANAGED if is_managed(path) else ()),
        *error_headers(detail),
    ]
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {detail.status} {HTTPStatus(detail.status).phrase}\r\n{lines}\r\n".encode() + body
