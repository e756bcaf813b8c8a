"""Tokens: had when they are needed, renewed before their end, and asked for by one request for all who wait."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from cliproxy.accounts.directory import account, write
from cliproxy.accounts.grants import Grant, Refused, asserting, granted, refreshing
from cliproxy.accounts.locks import Busy, locked
from cliproxy.accounts.rests import Rests
from cliproxy.errors import ErrorDetail, FailureKind, UpstreamFailure
from cliproxy.jsontypes import InvalidJSON, JSONObject, loads
from cliproxy.routing.account import Account
from cliproxy.routing.credential import Credential
from cliproxy.settings.model import NO_SECRET, OAuthProvider, Settings
from cliproxy.upstream.client import Client
from cliproxy.upstream.fetch import Fetched, fetch

#: A token of Google's is renewed so long before its end, in seconds.
_LEAD: Final = 300.0
#: A token with less left is not sent any more.
_LEAST_LEFT: Final = 10.0
#: How long a token is taken to be in force whose file does not say.
_UNSAID: Final = 3600.0
#: Accounts renewed at once, and files read at a look.
AT_ONCE: Final = 16
_READ_AT_ONCE: Final = 50
#: What endpoints say that are in trouble themselves.
_TROUBLE: Final = ("temporarily_unavailable", "server_error", "slow_down")


@attrs.frozen
class _Held:
    """A token in memory. Its end, and when it is to be renewed, are monotonic: a step of the wall clock changes neither."""

    grant: Grant
    until: float
    renewal: float


@attrs.frozen
class _Unwritten:
    """An answer that could not be written yet: its refresh token is the only one there is."""

    sent: str
    grant: Grant


class Tokens:
    """One for the daemon's life.

    :param settings: the configuration in force.
    :param now: Unix seconds.
    :ivar granted: told of every new token, by its credential's id, before it is used.
    """

    _log = Logger()

    def __init__(
        self, settings: Callable[[], Settings], client: Client, reactor: Any, now: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._client = client
        self._reactor = reactor
        self._now = now
        self.granted: Callable[[str, Grant], None] = _unheard
        self._held: dict[str, _Held] = {}
        self._rests = Rests()
        self._unwritten: dict[Path, _Unwritten] = {}
        self._waiting: dict[str, list[Deferred[Grant]]] = {}

    # -- for requests

    async def ready(self, credential: Credential) -> Credential:
        """The credential with a token that is in force; one that needs none as it is.

        Shortly before its end a token is renewed beside the requests, which go on with the old one.

        :raises UpstreamFailure: no token could be had.
        """
        if not _needs_token(credential):
            return credential
        held, now = self._held.get(credential.id), self._reactor.seconds()
        if held is None or held.until - _LEAST_LEFT <= now:
            grant = await self._shared(credential, NO_SECRET.reveal())
        else:
            grant = held.grant
            if held.renewal <= now:
                self._renew(credential)
        return attrs.evolve(credential, key=grant.access)

    async def refresh(self, credential: Credential) -> Credential | None:
        """A fresh token after a 401; None for a credential that has nothing to refresh, or could not."""
        if not _needs_token(credential):
            return None
        held = self._held.get(credential.id)
        if held is not None and held.grant.access != credential.key:  # somebody has refreshed it meanwhile
            return attrs.evolve(credential, key=held.grant.access)
        self._held.pop(credential.id, None)
        try:
            grant = await self._shared(credential, credential.key.reveal())
        except UpstreamFailure:
            return None
        return attrs.evolve(credential, key=grant.access)

    # -- beside them

    def look(self, credentials: Iterable[Credential]) -> None:
        """Renew the accounts whose tokens end soon, a few at a time. To be called every few seconds."""
        now, read = self._reactor.seconds(), 0
        for credential in credentials:
            if not (credential.account and credential.auth.startswith("oauth:")):
                continue
            if len(self._waiting) >= AT_ONCE or read >= _READ_AT_ONCE:
                return
            held = self._held.get(credential.id)
            if held is None and self._rests.of(credential.id, now) is None:
                read += 1
                found = account(self._path(credential))
                if found.access_token:
                    held = self._hold(credential, Grant(found.access_token, self._end_of(found), NO_SECRET))
            if held is None or held.renewal <= now:
                self._renew(credential)

    def changed(self, id: str, found: Account) -> bool:
        """The account's file holds what it did not: whether another token than ours, which then takes its place."""
        held = self._held.get(id)
        if held is not None and held.grant.access == found.access_token:
            return False
        self._held.pop(id, None)
        self._rests.end(id)
        return True

    def told(self, id: str) -> JSONObject:
        """What is known of a credential's token: when it ends (Unix seconds; None unknown), and what keeps it from another."""
        held = self._held.get(id)
        return {"expires": held.grant.expires if held is not None else None, "problem": self._rests.why(id) or None}

    # -- the way to a token

    def _end_of(self, found: Account) -> float:
        return found.expires if found.expires is not None else self._now() + _UNSAID

    def _hold(self, credential: Credential, grant: Grant) -> _Held:
        provider, left = self._provider(credential), grant.expires - self._now()
        lead = _LEAD if provider is None else provider.refresh_lead_seconds
        until = self._reactor.seconds() + left
        held = _Held(grant, until, until - (lead if left > lead else left / 2))  # of a short life half is used
        self._held[credential.id] = held
        return held

    def _path(self, credential: Credential) -> Path:
        return self._settings().auth_dir / Path(credential.account).expanduser()

    def _provider(self, credential: Credential) -> OAuthProvider | None:
        name = credential.auth.removeprefix("oauth:").strip().lower()
        return next((each for each in self._settings().oauth_providers if each.name.strip().lower() == name), None)

    def _renew(self, credential: Credential) -> None:
        """In nobody's way: what goes wrong is logged where it is found, and said when there is no token left."""
        if credential.id not in self._waiting and self._rests.of(credential.id, self._reactor.seconds()) is None:
            self._shared(credential, NO_SECRET.reveal()).addErrback(lambda failure: failure.trap(UpstreamFailure))

    def _shared(self, credential: Credential, bad: str) -> Deferred[Grant]:
        """One asks, all wait; who hangs up takes nothing from the others.

        :param bad: a token that is none any more.
        """
        waiter: Deferred[Grant] = Deferred()
        waiting = self._waiting.get(credential.id)
        if waiting is not None:
            waiting.append(waiter)
            return waiter
        self._waiting[credential.id] = [waiter]
        Deferred.fromCoroutine(self._obtain(credential, bad)).addBoth(self._landed, credential)
        return waiter

    def _landed(self, result: Grant | Failure, credential: Credential) -> None:
        if not isinstance(result, Failure):
            self._hold(credential, result)
            self.granted(credential.id, result)
        for waiter in self._waiting.pop(credential.id):
            if not waiter.called:
                waiter.callback(result)

    async def _obtain(self, credential: Credential, bad: str) -> Grant:
        if credential.auth == "google":
            return await self._asserted(credential)
        provider = self._provider(credential)
        if provider is None:
            raise _unusable(credential, f"no oauth-providers entry is named {credential.auth.removeprefix('oauth:')}")
        if not credential.account:
            return await self._asked(credential, provider.token_url, refreshing(provider, NO_SECRET))
        path = self._path(credential)
        try:
            lock = await locked(path, self._reactor)
        except Busy:
            raise UpstreamFailure.transport(f"{credential.label}: another daemon is still renewing it") from None
        except OSError as error:
            raise _unusable(credential, f"it cannot be locked: {error.strerror}") from None
        try:
            return await self._refreshed(credential, provider, path, bad)
        finally:
            os.close(lock)

    async def _refreshed(self, credential: Credential, provider: OAuthProvider, path: Path, bad: str) -> Grant:
        """The file's own token while it is in force, else a new one, which is on disk before anybody uses it."""
        found = account(path)
        if found.problem:
            raise _unusable(credential, f"its file {found.problem}")
        unwritten = self._unwritten.pop(path, None)
        if unwritten is not None and unwritten.sent == found.refresh_token.reveal():
            return self._kept(credential, path, unwritten)
        its, ours = Grant(found.access_token, self._end_of(found), NO_SECRET), self._held.get(credential.id)
        left = its.expires - self._now() if its.access and its.access.reveal() != bad else 0.0
        renewable = found.refresh_token or provider.way == "client_credentials"
        if not renewable and left <= 0:
            raise _unusable(credential, f"its token has ended: cliproxy login {provider.name}")
        another = ours is None or ours.grant.access != its.access  # another daemon's, or one that was never looked at
        if not renewable or (another and left > provider.refresh_lead_seconds):
            return its
        try:
            grant = await self._asked(credential, provider.token_url, refreshing(provider, found.refresh_token))
        except UpstreamFailure:
            if another and left > _LEAST_LEFT:
                return its
            raise
        return self._kept(credential, path, _Unwritten(found.refresh_token.reveal(), grant))

    def _kept(self, credential: Credential, path: Path, answer: _Unwritten) -> Grant:
        """Write what was answered into the file as it is by now. What cannot be written is remembered, and not used.

        :raises UpstreamFailure: the file is gone, or cannot be written.
        """
        found, grant = account(path), answer.grant
        if found.problem:
            raise _unusable(credential, f"its file {found.problem}")
        try:
            write(path, {**found.members, **members_of(grant, self._now())})
        except OSError as error:
            self._unwritten[path] = answer
            why = f"its new token is not used before it is on disk, and {path} cannot be written: {error.strerror}"
            self._log.error("{label}: {why}", label=credential.label, why=why)
            raise UpstreamFailure.transport(f"{credential.label}: {why}") from None
        return grant

    async def _asserted(self, credential: Credential) -> Grant:
        """A service account's token; its file is one of Google's, or one of ``auth-dir`` that holds it."""
        path = self._path(credential)
        try:
            held = loads(path.read_bytes())
            inner = held.get("service_account") if isinstance(held, dict) else None
            url, form = asserting(inner if isinstance(inner, dict) else held, int(self._now()))
        except OSError as error:
            raise _unusable(credential, f"{path} cannot be read: {error.strerror}") from None
        except (InvalidJSON, AttributeError):
            raise _unusable(credential, f"{path} is no service account") from None
        except ValueError as error:
            raise _unusable(credential, f"{path}: {error}") from None
        return await self._asked(credential, url, form)

    async def _asked(self, credential: Credential, url: str, form: bytes) -> Grant:
        # a service account's form is another each time, an OAuth one the same until there is a new login
        asked = 0 if credential.auth == "google" else hash(form)
        rest = self._rests.of(credential.id, self._reactor.seconds(), asked)
        if rest is not None:
            raise _unusable(credential, rest.why) if rest.refused else UpstreamFailure.transport(rest.why)
        try:
            answer = await token_answer(self._client, self._reactor, url, form, credential.proxy_url)
        except UpstreamFailure as failure:
            self._turned_away(credential, asked, failure.detail.message, refused=False)
            raise
        try:
            grant = granted(answer.status, answer.body, self._now())
        except Refused as refused:
            troubled = answer.status >= 500 or answer.status == 429 or refused.code in _TROUBLE
            wish = answer.headers.get("retry-after", "")
            hint = float(wish) if wish.isascii() and wish.isdecimal() and len(wish) < 7 else 0.0
            self._turned_away(credential, asked, str(refused), refused=not troubled, hint=hint)
            if troubled:
                raise UpstreamFailure.transport(str(refused)) from None
            raise _unusable(credential, str(refused)) from None
        self._rests.end(credential.id)
        return grant

    def _turned_away(self, credential: Credential, asked: int, why: str, *, refused: bool, hint: float = 0.0) -> None:
        self._rests.begin(credential.id, self._reactor.seconds(), asked, why, refused=refused, hint=hint)
        self._log.warn("{label}: {why}", label=credential.label, why=why)


async def token_answer(client: Client, reactor: Any, url: str, form: bytes, proxy_url: str) -> Fetched:
    """One request to a token endpoint, or to a device endpoint.

    :raises UpstreamFailure: there is no answer.
    """
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    return await fetch(client, reactor, "POST", url, headers=headers, body=form, proxy_url=proxy_url)


def members_of(grant: Grant, now: float) -> JSONObject:
    """What a file holds of a grant (credentials.md 2)."""
    members: JSONObject = {"access_token": grant.access.reveal(), "expired": rfc3339(grant.expires)}
    if grant.refresh:
        members["refresh_token"] = grant.refresh.reveal()
    return members | {"last_refresh": rfc3339(now)}


def rfc3339(seconds: float) -> str:
    """Unix seconds as text."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _needs_token(credential: Credential) -> bool:
    return credential.auth == "google" or credential.auth.startswith("oauth:")


def _unheard(id: str, grant: Grant) -> None:
    """For those who mask nothing."""


def _unusable(credential: Credential, why: str) -> UpstreamFailure:
    detail = ErrorDetail(401, f"{credential.label}: {why}")
    return UpstreamFailure(detail, FailureKind.STATUS)
