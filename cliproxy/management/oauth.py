"""Logging in from a page: the operator's own OAuth clients, under the original's routes (docs/spec: management.md 6)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cliproxy.accounts.grants import Refused, authorizing
from cliproxy.accounts.locks import Busy
from cliproxy.accounts.login import CALLBACK, Loopback, PortTaken, Wires, by_browser, keep, listening
from cliproxy.errors import RequestFault, UpstreamFailure
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front
from cliproxy.jsontypes import JSONObject
from cliproxy.management.config import object_of
from cliproxy.management.registry import Managed, Parameter
from cliproxy.settings.model import OAuthProvider, Settings
from cliproxy.upstream.client import Client

#: The original's names of one provider.
_ALIASES: Final = (("anthropic", "claude"), ("codex", "openai"), ("gemini", "google", "gemini-cli"), ("xai", "grok"))
_STATE: Final = re.compile(r"(?!.*\.\.)[A-Za-z0-9._-]{1,128}")
_SAID: Final = ("code", "state", "error")
#: So many logins may be under way, and so many that are over are remembered.
_MOST: Final = 32


@attrs.define
class _Session:
    provider: str
    page: Loopback
    url: str
    over: bool = False
    error: str = ""


@attrs.define(slots=False, eq=False)
class OAuthRoutes:
    """``NAME-auth-url``, ``get-auth-status`` and ``oauth-callback``.

    :ivar mint: so many random hexadecimal digits.
    :ivar reread: puts what stands in ``auth-dir`` now in force.
    """

    app = Managed()
    front: Front
    client: Client
    reactor: Any
    mint: Callable[[int], str]
    reread: Callable[[], Awaitable[object]]
    _sessions: dict[str, _Session] = attrs.field(factory=dict)
    _log = Logger()

    @app.managed("<provider>-auth-url")
    def begin(self, call: Call, provider: str) -> Answer:
        """Begin a login at the ``oauth-providers`` entry of this name: the address to open, and its ``state``."""
        return self._begin(call.snapshot.settings, provider)

    @app.managed("", v8="oauth/auth-url", query=(Parameter("provider", "its name", required=True),))
    def begin_named(self, call: Call) -> Answer:
        """Begin a login at the ``oauth-providers`` entry ``provider``."""
        return self._begin(call.snapshot.settings, call.query.get("provider", ""))

    @app.managed("get-auth-status", v8="oauth/status", query=(Parameter("state", "the login's"),))
    def status(self, call: Call) -> Answer:
        """``wait`` while a login is under way, ``error`` with a sentence, or ``ok``."""
        state = call.query.get("state", "")
        if state and not _STATE.fullmatch(state):
            return Answer({"status": "error", "error": "invalid state"}, 400)
        session = self._sessions.get(state)
        if session is None:
            return Answer({"status": "ok"})
        if session.error:
            return Answer({"status": "error", "error": session.error})
        return Answer({"status": "ok" if session.over else "wait"})

    @app.managed("oauth-session", "DELETE", v8="oauth/session", query=(Parameter("state", "the login's"),))
    def stop(self, call: Call) -> Answer:
        """Give a login up."""
        session = self._sessions.get(call.query.get("state", ""))
        if session is None:
            raise RequestFault.bad("unknown or expired state", status=404)
        if not session.page.code.called:
            session.page.code.errback(Refused("cancelled", "the login was given up"))
        return Answer({"status": "ok"})

    @app.managed("oauth-callback", "POST", v8="oauth/callback", body="application/json")
    def callback(self, call: Call) -> Answer:
        """What a browser that is not on this machine came back with: ``redirect_url``, or ``code`` and ``state``."""
        body = object_of(call)
        said = _said(body)
        state = said.get("state", "")
        if not state:
            return _failed(400, "state is required")
        if not _STATE.fullmatch(state):
            return _failed(400, "invalid state")
        session = self._sessions.get(state)
        if session is None:
            return _failed(404, "unknown or expired state")
        if not _same(str(body.get("provider", session.provider)), session.provider):
            return _failed(400, "provider does not match state")
        if session.page.code.called:
            return _failed(409, "oauth flow is not pending")
        if not (said.get("code") or said.get("error")):
            return _failed(400, "code or error is required")
        wrong = session.page.take(said)
        return _failed(400, wrong) if wrong else Answer({"status": "ok"})

    def _begin(self, settings: Settings, name: str) -> Answer:
        provider = next((each for each in settings.oauth_providers if _same(each.name, name)), None)
        if provider is None:
            sentence = (
                f"no oauth-providers entry is named {name[:60]}; cliproxy logs in with OAuth clients of your own only"
            )
            raise RequestFault.bad(sentence, status=404)
        if not provider.authorize_url:
            raise RequestFault.bad(
                f"{provider.name} has no authorize-url; try cliproxy login {provider.name}", status=409
            )
        if sum(not one.over for one in self._sessions.values()) >= _MOST:
            raise RequestFault.bad("too many logins are under way", status=429)
        state, verifier = self.mint(32), self.mint(64)
        page = Loopback(state)
        try:
            port = listening(page, self.reactor, 0)
        except PortTaken as taken:
            raise RequestFault.bad(str(taken), status=500) from None
        redirect = f"http://127.0.0.1:{port.getHost().port}{CALLBACK}"
        session = _Session(provider.name, page, authorizing(provider, redirect, state, verifier))
        self._remember(state, session)
        Deferred.fromCoroutine(self._run(settings, provider, session, port, redirect, state, verifier)).addErrback(
            lambda failure: self._log.failure("a login failed", failure)
        )
        return Answer({"status": "ok", "url": session.url, "state": state})

    def _remember(self, state: str, session: _Session) -> None:
        over = [known for known, one in self._sessions.items() if one.over]
        for known in over[: max(0, len(over) - _MOST)]:
            del self._sessions[known]
        self._sessions[state] = session

    async def _run(
        self,
        settings: Settings,
        provider: OAuthProvider,
        session: _Session,
        port: Any,
        redirect: str,
        state: str,
        verifier: str,
    ) -> None:
        wires = Wires(self.client, self.reactor, self.front.now, settings.proxy_url, lambda text: None)
        try:
            grant = await by_browser(provider, wires, session.page, redirect, state, verifier)
            path = await keep(settings.auth_dir, provider, grant, wires)
            await self.reread()
            self._log.info("management: {file} was written by a login", file=path.name)
        except (Refused, UpstreamFailure) as failure:
            session.error = str(failure)
        except (OSError, Busy) as error:
            session.error = f"the login cannot be kept: {error}"
        finally:
            session.over = True
            await port.stopListening()


def _same(one: str, other: str) -> bool:
    one, other = one.strip().lower(), other.strip().lower()
    return one == other or any(one in names and other in names for names in _ALIASES)


def _said(body: JSONObject) -> dict[str, str]:
    """What came back: the members of the body, and where they are silent the query of ``redirect_url``.

    :raises RequestFault: 400, that is no URL.
    """
    try:
        said = dict(parse_qsl(urlsplit(str(body.get("redirect_url") or "").strip()).query))
    except ValueError:
        raise RequestFault.bad("invalid redirect_url") from None
    return said | {name: value for name, value in body.items() if isinstance(value, str) and value and name in _SAID}


def _failed(status: int, sentence: str) -> Answer:
    told: JSONObject = {"status": "error", "error": sentence}
    return Answer(told, status)
