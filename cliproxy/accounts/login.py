"""Logging in with the operator's own OAuth client: in a browser that comes back to this machine (RFC 8252), by a code that is
typed elsewhere (RFC 8628), or with the client's own credentials."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import attrs
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from cliproxy.accounts.directory import account, write
from cliproxy.accounts.grants import (
    Grant,
    Refused,
    asking_device,
    authorizing,
    code_of,
    email_of,
    exchanging,
    granted,
    polling,
    refreshing,
    waiting_device,
)
from cliproxy.accounts.locks import locked
from cliproxy.accounts.tokens import members_of, token_answer
from cliproxy.errors import CliproxyError, UpstreamFailure
from cliproxy.settings.model import NO_SECRET, OAuthProvider
from cliproxy.upstream.client import Client

#: How long the user has.
LOGIN_SECONDS: Final = 300.0
CALLBACK: Final = "/callback"
_MOST_POLL_SECONDS: Final = 60.0
_SLOWER: Final = 5.0


class PortTaken(CliproxyError):
    """The browser could not come back to the port."""


@attrs.frozen
class Wires:
    """What a login goes over.

    :ivar now: Unix seconds.
    :ivar say: tells the user something.
    """

    client: Client
    reactor: Any
    now: Callable[[], float]
    proxy_url: str
    say: Callable[[str], None]

    async def grant(self, url: str, form: bytes) -> Grant:
        """One token request.

        :raises Refused: the endpoint says no.
        :raises UpstreamFailure: it does not answer.
        """
        answer = await token_answer(self.client, self.reactor, url, form, self.proxy_url)
        return granted(answer.status, answer.body, self.now())


class Loopback(Resource):
    """The page that the browser comes back to. What comes first counts, and nothing after it.

    :ivar code: the code, or why there is none.
    """

    isLeaf = True

    def __init__(self, state: str) -> None:
        super().__init__()
        self._state = state
        self.code: Deferred[str] = Deferred()

    def render(self, request: Request) -> bytes:
        """Any request: only the callback's path means anything."""
        url = urlsplit(request.uri.decode("latin-1"))
        request.setHeader("Content-Type", "text/html; charset=utf-8")
        request.setHeader("Cache-Control", "no-store")
        request.setHeader("Connection", "close")
        if url.path != CALLBACK or request.method != b"GET":
            request.setResponseCode(404)
            return _page("There is nothing here.")
        if self.code.called:
            request.setResponseCode(410)
            return _page("This login is over.")
        said = self.take(dict(parse_qsl(url.query)))
        request.setResponseCode(400 if said else 200)
        return _page(said or "You are logged in, and can close this page.")

    def take(self, query: Mapping[str, str]) -> str:
        """What the user agreed to, from the browser or pasted; what is wrong with it, or nothing."""
        try:
            code = code_of(query, self._state)
        except Refused as refused:
            self.code.errback(refused)
            return str(refused)
        self.code.callback(code)
        return ""

    def pasted(self, text: str) -> None:
        """The address that a browser elsewhere could not reach, or its query; anything else is no answer."""
        query = dict(parse_qsl(urlsplit(text.strip()).query or text.strip().lstrip("?")))
        if "code" in query and not self.code.called:
            self.take({"state": self._state, **query})  # who types it in says that it is ours


def _page(sentence: str) -> bytes:
    return f"<!doctype html><title>cliproxy</title><p>{html.escape(sentence)}</p>\n".encode()


def listening(page: Loopback, reactor: Any, port: int) -> Any:
    """The port on which the browser comes back.

    :raises PortTaken: somebody else has it.
    """
    site = Site(page)
    site.displayTracebacks = False
    try:
        return reactor.listenTCP(port, site, interface="127.0.0.1")
    except CannotListenError:
        raise PortTaken(f"port {port} is taken by another program: choose another with --callback-port") from None


async def by_browser(
    provider: OAuthProvider, wires: Wires, page: Loopback, redirect: str, state: str, verifier: str
) -> Grant:
    """The authorization code with PKCE.

    :raises Refused: the user, or the token endpoint, did not agree; or nobody did anything.
    :raises UpstreamFailure: the token endpoint does not answer.
    """
    wires.say(f"Open this address if no browser has:\n{authorizing(provider, redirect, state, verifier)}")
    page.code.addTimeout(LOGIN_SECONDS, wires.reactor)
    try:
        code = await page.code
    except TimeoutError:
        raise Refused("timeout", f"nobody agreed within {LOGIN_SECONDS / 60:g} minutes") from None
    return await wires.grant(provider.token_url, exchanging(provider, redirect, code, verifier))


async def by_device(provider: OAuthProvider, wires: Wires) -> Grant:
    """The device grant: asked again and again until the user has agreed, at the pace the server wants.

    :raises Refused: the user, or the server, did not agree; or nobody did anything.
    :raises UpstreamFailure: there is no server.
    """
    form = asking_device(provider)
    answer = await token_answer(wires.client, wires.reactor, provider.device_url, form, wires.proxy_url)
    device = waiting_device(answer.status, answer.body)
    wires.say(f"Open {device.url} and enter the code {device.user_code}")
    pause, end = device.interval, wires.reactor.seconds() + min(device.seconds, 6 * LOGIN_SECONDS)
    while wires.reactor.seconds() + pause < end:
        await deferLater(wires.reactor, pause, lambda: None)
        try:
            return await wires.grant(provider.token_url, polling(provider, device.device_code))
        except UpstreamFailure:
            pause = min(pause * 2, _MOST_POLL_SECONDS)
        except Refused as refused:
            if refused.code == "slow_down":
                pause += _SLOWER
            elif refused.code != "authorization_pending":
                raise
    raise Refused("expired_token", "nobody entered the code in time")


async def by_credentials(provider: OAuthProvider, wires: Wires) -> Grant:
    """The client's own credentials.

    :raises Refused: the endpoint says no.
    :raises UpstreamFailure: it does not answer.
    """
    return await wires.grant(provider.token_url, refreshing(provider, NO_SECRET))


async def keep(directory: Path, provider: OAuthProvider, grant: Grant, wires: Wires) -> Path:
    """Put a login into ``auth-dir``. What an operator has written into its file stays.

    :raises OSError: it cannot be written.
    :raises Busy: a daemon renews it just now, and does not come to an end.
    """
    id_token = str(grant.more.get("id_token", ""))
    email = email_of(id_token)
    path = directory / f"{_safe(f'{provider.name}-{email}' if email else provider.name)}.json"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = await locked(path, wires.reactor)
    try:
        found = account(path)
        before = {} if found.problem else {k: v for k, v in found.members.items() if k not in ("token", "Token")}
        made = {"type": provider.name.strip().lower(), **({"email": email} if email else {}), **grant.more}
        write(path, {**before, **made, **members_of(grant, wires.now())})
    finally:
        os.close(lock)
    return path


def _safe(name: str) -> str:
    return "".join(char if char.isalnum() or char in "-_.@+" else "_" for char in name)[:200].lstrip(".")
