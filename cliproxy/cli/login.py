"""``cliproxy login`` and ``cliproxy logout``: accounts of ``oauth-providers`` come to ``auth-dir`` and go."""

from __future__ import annotations

import os
import secrets
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Any, ClassVar

from twisted.python import usage

from cliproxy.accounts.directory import accounts_in
from cliproxy.accounts.grants import Grant, Refused, authorizing
from cliproxy.accounts.locks import Busy, lock_path, taken
from cliproxy.accounts.login import (
    CALLBACK,
    Loopback,
    PortTaken,
    Wires,
    by_browser,
    by_credentials,
    by_device,
    keep,
    listening,
)
from cliproxy.cli.ask import Configured
from cliproxy.cli.terminal import Terminal
from cliproxy.errors import CliproxyError, UpstreamFailure
from cliproxy.routing.account import Account
from cliproxy.settings.model import OAuthProvider, Settings

#: The exit code of a login whose port is taken.
PORT_TAKEN = 3
#: When it is said that the address may be pasted here, in seconds.
_OFFER_SECONDS = 15.0


class Login(Configured):
    """Log in at an oauth-providers entry with your own OAuth client; the account comes to auth-dir, and a running daemon
    takes it from there."""

    synopsis = "NAME [options]"
    optParameters: ClassVar[list[list[Any]]] = [
        *Configured.optParameters,
        ["callback-port", None, 0, "The port of this machine that the browser comes back to; 0 is any", int],
    ]
    optFlags: ClassVar[list[list[Any]]] = [
        ["no-browser", None, "Open no browser here"],
        ["device", None, "Enter a code on another machine (the device grant)"],
    ]

    def parseArgs(self, *words: str) -> None:
        if len(words) != 1:
            raise usage.UsageError("login takes the name of an oauth-providers entry")
        self.name = words[0]

    def run(self, terminal: Terminal) -> int:
        settings = self.settings()
        provider = _named(self.name, settings)
        way = "device_code" if self["device"] else provider.way
        _check(provider, way)
        try:
            path = self._done(settings, provider, way, terminal)
        except PortTaken as taken:
            print(f"cliproxy: {taken}", file=terminal.err)
            return PORT_TAKEN
        print(f"{path} is written", file=terminal.out)
        return 0

    def _done(self, settings: Settings, provider: OAuthProvider, way: str, terminal: Terminal) -> Path:
        """Run the reactor for as long as it takes.

        :raises CliproxyError: there is no login.
        """
        from twisted.internet import reactor
        from twisted.internet.defer import Deferred

        from cliproxy.upstream.client import Client

        client = Client(reactor, environment=os.environ)
        wires = Wires(
            client, reactor, terminal.now, settings.proxy_url, lambda text: print(text, file=terminal.out, flush=True)
        )
        ended: list[Any] = []

        def end(result: Any) -> None:
            ended.append(result)
            reactor.stop()

        async def whole() -> Path:
            try:
                return await keep(settings.auth_dir, provider, await self._grant(provider, way, wires), wires)
            finally:
                await client.close()

        reactor.callWhenRunning(lambda: Deferred.fromCoroutine(whole()).addBoth(end))
        reactor.run()
        if not ended:
            raise CliproxyError("the login was broken off")
        return _path_of(ended[0])

    async def _grant(self, provider: OAuthProvider, way: str, wires: Wires) -> Grant:
        if way == "device_code":
            return await by_device(provider, wires)
        if way == "client_credentials":
            return await by_credentials(provider, wires)
        page = Loopback(state := secrets.token_hex(16))
        port = listening(page, wires.reactor, self["callback-port"])
        redirect = f"http://127.0.0.1:{port.getHost().port}{CALLBACK}"
        offer = wires.reactor.callLater(0 if self["no-browser"] else _OFFER_SECONDS, _offer, page, wires)
        verifier = secrets.token_urlsafe(48)
        if not self["no-browser"]:
            webbrowser.open(authorizing(provider, redirect, state, verifier))
        try:
            return await by_browser(provider, wires, page, redirect, state, verifier)
        finally:
            if offer.active():
                offer.cancel()
            await port.stopListening()


class Logout(Configured):
    """Take an account out of auth-dir: by the name of its oauth-providers entry, its file's name or its e-mail address."""

    synopsis = "NAME|FILE|EMAIL [options]"

    def parseArgs(self, *words: str) -> None:
        if len(words) != 1:
            raise usage.UsageError(
                "logout takes the name of an oauth-providers entry, a file of auth-dir or an address"
            )
        self.name = words[0]

    def run(self, terminal: Terminal) -> int:
        directory = self.settings().auth_dir
        found = [each for each in accounts_in(directory) if _is(each, self.name)]
        if len(found) != 1:
            names = ", ".join(each.name for each in found)
            raise CliproxyError(f"which of {names}?" if found else f"{directory} holds no account {self.name}")
        path = directory / found[0].name
        try:
            lock = os.open(lock_path(path), os.O_RDWR | os.O_CREAT, 0o600)
            if not taken(lock):
                raise CliproxyError(f"{path} is being renewed just now: try again")
            path.unlink()
            lock_path(path).unlink()
            os.close(lock)
        except OSError as error:
            raise CliproxyError(f"{path} cannot be removed: {error.strerror}") from None
        print(f"{path} is removed; what its vendor has granted ends there, not here", file=terminal.out)
        return 0


def _named(name: str, settings: Settings) -> OAuthProvider:
    for provider in settings.oauth_providers:
        if provider.name.strip().lower() == name.strip().lower():
            return provider
    known = ", ".join(provider.name for provider in settings.oauth_providers)
    raise CliproxyError(
        f"oauth-providers has no entry named {name}" + (f", but {known}" if known else " and none at all")
    )


def _check(provider: OAuthProvider, way: str) -> None:
    """That the entry says what the grant needs."""
    needed = {
        "authorization_code": ("client_id", "authorize_url", "token_url"),
        "device_code": ("client_id", "device_url", "token_url"),
        "client_credentials": ("client_id", "client_secret", "token_url"),
    }[way]
    missing = [name.replace("_", "-") for name in needed if not getattr(provider, name)]
    if missing:
        raise CliproxyError(f"the oauth-providers entry {provider.name} says no {' and no '.join(missing)}")


def _is(account: Account, name: str) -> bool:
    return name.lower() in (
        account.name.lower(),
        account.name.lower().removesuffix(".json"),
        account.type,
        account.email,
    )


def _path_of(result: Any) -> Path:
    if isinstance(result, Path):
        return result
    error = result.value
    if isinstance(error, UpstreamFailure):
        raise CliproxyError(error.detail.message) from None
    if isinstance(error, Refused | Busy | OSError):
        raise CliproxyError(str(error) or "a daemon is renewing this account just now: try again") from None
    raise error


def _offer(page: Loopback, wires: Wires) -> None:
    """Read what is pasted, in a thread that ends with the process."""
    wires.say("A browser on another machine cannot come back here: then paste the address that it ends at.")

    def read() -> None:
        for line in sys.stdin:
            wires.reactor.callFromThread(page.pasted, line)

    threading.Thread(target=read, daemon=True).start()
