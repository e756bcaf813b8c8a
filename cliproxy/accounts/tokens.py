"""Tokens: had when they are needed, kept until shortly before their end, asked for by one request for all who wait."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from cliproxy.accounts.directory import account, write
from cliproxy.accounts.grants import Grant, Refused, asserting, granted, refreshing
from cliproxy.errors import ErrorDetail, FailureKind, UpstreamFailure
from cliproxy.jsontypes import InvalidJSON, loads
from cliproxy.routing.credential import Credential
from cliproxy.settings.model import NO_SECRET, OAuthProvider, Settings
from cliproxy.upstream.client import Client
from cliproxy.upstream.fetch import fetch

#: A token of Google's is renewed so long before its end, in seconds.
_LEAD: Final = 300.0
#: After a refusal nobody is asked for so long, doubled with each, in seconds.
_FIRST_REST, _LONGEST_REST = 60.0, 21_600.0
_LOCK_SECONDS: Final = 30.0
_LOCK_LOOK: Final = 0.2


@attrs.define
class _Rest:
    until: float
    seconds: float
    why: str


class Tokens:
    """One for the daemon's life.

    :param settings: the configuration in force.
    :param now: Unix seconds.
    :ivar granted: told of every new token, before it is used.
    """

    _log = Logger()

    def __init__(
        self, settings: Callable[[], Settings], client: Client, reactor: Any, now: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._client = client
        self._reactor = reactor
        self._now = now
        self.granted: Callable[[Grant], None] = _unheard
        self._grants: dict[str, Grant] = {}
        self._rests: dict[tuple[str, int], _Rest] = {}
        self._waiting: dict[str, list[Deferred[Grant]]] = {}

    async def ready(self, credential: Credential) -> Credential:
        """The credential with a token that is in force; one that needs none as it is.

        :raises UpstreamFailure: no token could be had.
        """
        if credential.auth != "google" and not credential.auth.startswith("oauth:"):
            return credential
        grant = self._grants.get(credential.id)
        if grant is None or grant.expires - self._lead(credential) <= self._now():
            grant = await self._shared(credential, NO_SECRET.reveal())
        return attrs.evolve(credential, key=grant.access)

    async def refresh(self, credential: Credential) -> Credential | None:
        """A fresh token after a 401; None for a credential that has nothing to refresh, or could not."""
        if not credential.auth.startswith("oauth:") and credential.auth != "google":
            return None
        grant = self._grants.get(credential.id)
        if grant is None or grant.access == credential.key:  # else somebody has refreshed it meanwhile
            self._grants.pop(credential.id, None)
            try:
                grant = await self._shared(credential, credential.key.reveal())
            except UpstreamFailure:
                return None
        return attrs.evolve(credential, key=grant.access)

    def _lead(self, credential: Credential) -> float:
        provider = self._provider(credential)
        return _LEAD if provider is None else provider.refresh_lead_seconds

    def _provider(self, credential: Credential) -> OAuthProvider | None:
        name = credential.auth.removeprefix("oauth:").strip().lower()
        return next((each for each in self._settings().oauth_providers if each.name.strip().lower() == name), None)

    def _shared(self, credential: Credential, bad: str) -> Deferred[Grant]:
        """One asks, all wait; who hangs up takes nothing from the others."""
        waiter: Deferred[Grant] = Deferred()
        waiting = self._waiting.get(credential.id)
        if waiting is not None:
            waiting.append(waiter)
            return waiter
        self._waiting[credential.id] = [waiter]
        Deferred.fromCoroutine(self._obtain(credential, bad)).addBoth(self._landed, credential.id)
        return waiter

    def _landed(self, result: Grant | Failure, id: str) -> None:
        if not isinstance(result, Failure):
            self._grants[id] = result
            self.granted(result)
        for waiter in self._waiting.pop(id):
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
        path = self._settings().auth_dir / credential.account
        lock = await self._locked(path)
        try:
            return await self._refreshed(credential, provider, path, bad)
        finally:
            os.close(lock)

    async def _refreshed(self, credential: Credential, provider: OAuthProvider, path: Path, bad: str) -> Grant:
        """The file's own token while it is in force, else a new one, which is on disk before anybody uses it."""
        found = account(path)
        ends = found.expires
        in_force = found.access_token and found.access_token.reveal() != bad
        if in_force and (ends is None or ends - provider.refresh_lead_seconds > self._now() or not found.refresh_token):
            return Grant(found.access_token, ends or self._now() + 3600, NO_SECRET)
        if not found.refresh_token:
            raise _unusable(credential, "its token has ended: log in anew with the tool that wrote its file")
        form = refreshing(provider, found.refresh_token)
        grant = await self._asked(credential, provider.token_url, form)
        members = {**found.members, "access_token": grant.access.reveal(), "expired": _rfc3339(grant.expires)}
        if grant.refresh:
            members["refresh_token"] = grant.refresh.reveal()
        members["last_refresh"] = _rfc3339(self._now())
        write(path, members)
        return grant

    async def _asserted(self, credential: Credential) -> Grant:
        """A service account's token; its file is one of Google's, or one of ``auth-dir`` that holds it."""
        path = self._settings().auth_dir / Path(credential.account).expanduser()
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
        key = (credential.id, 0 if credential.auth == "google" else hash(form))
        rest = self._rests.get(key)
        if rest is not None and rest.until > self._reactor.seconds():
            raise _unusable(credential, rest.why)
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
        answer = await fetch(
            self._client, self._reactor, "POST", url, headers=headers, body=form, proxy_url=credential.proxy_url
        )
        try:
            grant = granted(answer.status, answer.body, self._now())
        except Refused as refused:
            if answer.status >= 500:
                raise UpstreamFailure.transport(str(refused)) from None
            seconds = min(_LONGEST_REST, rest.seconds * 2 if rest is not None else _FIRST_REST)
            self._rests[key] = _Rest(self._reactor.seconds() + seconds, seconds, str(refused))
            self._log.warn("{label}: {why}", label=credential.label, why=str(refused))
            raise _unusable(credential, str(refused)) from None
        self._rests.pop(key, None)
        return grant

    async def _locked(self, path: Path) -> int:
        """A lock that two daemons share. One that is not had in time is gone without: the file is read again anyway."""
        lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        end = self._reactor.seconds() + _LOCK_SECONDS
        while self._reactor.seconds() < end:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                await deferLater(self._reactor, _LOCK_LOOK, lambda: None)
        return lock


def _unheard(grant: Grant) -> None:
    """For those who mask nothing."""


def _unusable(credential: Credential, why: str) -> UpstreamFailure:
    detail = ErrorDetail(401, f"{credential.label}: {why}")
    return UpstreamFailure(detail, FailureKind.STATUS)


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
