"""``api-call``: one request of an operator's page, with a credential's token in it (docs/spec: management.md 7)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import attrs

from cliproxy.errors import RequestFault, UpstreamFailure
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front
from cliproxy.jsontypes import JSONObject
from cliproxy.management.config import object_of
from cliproxy.management.registry import Managed
from cliproxy.routing.credential import Credential
from cliproxy.routing.credentials import auth_index
from cliproxy.upstream.client import Client
from cliproxy.upstream.fetch import fetch
from cliproxy.wire.urls import InvalidURL, parse_target

TOKEN: Final = "$TOKEN$"
_SECONDS: Final = 60.0
_MOST_BYTES: Final = 8 * 1024 * 1024
_METHOD: Final = re.compile(r"[A-Z]{1,20}")


@attrs.define(slots=False, eq=False)
class ApiCallRoutes:
    """``api-call``.

    :ivar ready: gives a credential its token, where it needs one.
    """

    app = Managed()
    front: Front
    client: Client
    reactor: Any
    ready: Callable[[Credential], Awaitable[Credential]]

    @app.managed("api-call", "POST", v8="requests/api-call", body="application/json")
    async def call(self, call: Call) -> Answer:
        """Send ``method``, ``url``, ``header`` and ``data``; ``$TOKEN$`` in a header is the token of ``auth_index``."""
        body = object_of(call)
        method, url = _text(body, "method").upper(), _text(body, "url")
        if not method:
            raise RequestFault.bad("missing method")
        if not url:
            raise RequestFault.bad("missing url")
        self._check(method, url)
        credential = _selected(body, call)
        headers = _headers(body)
        if credential is not None and any(TOKEN in value for _, value in headers):
            headers = await self._with_token(credential, headers)
        data = body.get("data")
        proxy = credential.proxy_url if credential is not None else call.snapshot.settings.proxy_url
        try:
            answer = await fetch(
                self.client,
                self.reactor,
                method,
                url,
                headers=headers,
                body=data.encode("utf-8", "surrogateescape") if isinstance(data, str) else b"",
                proxy_url=proxy or "direct",
                seconds=_SECONDS,
                limit=_MOST_BYTES,
            )
        except UpstreamFailure as failure:
            raise RequestFault.bad(f"request failed: {failure.detail.message}", status=502) from None
        told = {name.title(): [value] for name, value in answer.headers.items()}
        return Answer({"status_code": answer.status, "header": told, "body": answer.body.decode("utf-8", "replace")})

    def _check(self, method: str, url: str) -> None:
        try:
            parse_target(url)
        except InvalidURL as fault:
            raise RequestFault.bad(f"invalid url: {fault}") from None
        if not _METHOD.fullmatch(method):
            raise RequestFault.bad("failed to build request: the method is none")

    async def _with_token(self, credential: Credential, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        try:
            token = (await self.ready(credential)).key.reveal()
        except UpstreamFailure as failure:
            raise RequestFault.bad(f"auth token refresh failed: {failure.detail.message}") from None
        if not token:
            raise RequestFault.bad("auth token not found")
        return [(name, value.replace(TOKEN, token)) for name, value in headers]


def _text(body: JSONObject, name: str) -> str:
    value = body.get(name)
    return value.strip() if isinstance(value, str) else ""


def _selected(body: JSONObject, call: Call) -> Credential | None:
    index = next((found for name in ("auth_index", "authIndex", "AuthIndex") if (found := _text(body, name))), "")
    return next((one for one in call.snapshot.credentials if index and auth_index(one) == index), None)


def _headers(body: JSONObject) -> list[tuple[str, str]]:
    given = body.get("header") or {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise RequestFault.bad("invalid body")
    if any(name.lower() == "host" for name in given):
        raise RequestFault.bad("the Host header is that of the url")
    for name, value in given.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not value.isascii() or not value.isprintable():
            raise RequestFault.bad(f"failed to build request: the header {name[:40]!r} cannot be sent")
    return list(given.items())
