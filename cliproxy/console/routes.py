"""The console's routes: the page, its session, and what the page asks for. They read, and clear cool-downs; nothing else.

What opens them is the console's own key or the management secret. Once, over a form: from then on a cookie that no script can
read and no other site can send. No answer here holds a secret.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs

import attrs
from twisted.internet.defer import Deferred

from cliproxy.console.feed import Feed
from cliproxy.console.pages import GUARDS, asset, console_page, login_page
from cliproxy.console.shown import differing
from cliproxy.errors import RequestFault
from cliproxy.failover.failover import Failover
from cliproxy.front.access import Access
from cliproxy.front.call import Answer, Call
from cliproxy.front.routes import Front, Routes
from cliproxy.front.sessions import cookie_name, cookie_of
from cliproxy.front.usage import grouping
from cliproxy.jsontypes import JSONObject, dumps
from cliproxy.management.event_stream import EventStream
from cliproxy.management.explain import explanation
from cliproxy.providers.secrets import mask_secrets
from cliproxy.routing.cautions import cautions
from cliproxy.routing.snapshot import Snapshot
from cliproxy.settings.load import examine_text
from cliproxy.settings.model import Settings
from cliproxy.usage import queries
from cliproxy.usage.ledger import Ledger

_HTML: Final = "text/html; charset=utf-8"
_PRIVATE: Final = (*GUARDS, ("Cache-Control", "no-store"))
#: A key is not longer than this.
_LONGEST_FORM: Final = 4096


@attrs.define(slots=False, eq=False)
class ConsoleRoutes:
    """``/console`` and what is below it.

    :ivar seconds: the pool's monotonic time.
    :ivar aside: runs what computes for long where it does not hold up everybody else.
    """

    app = Routes()
    front: Front
    failover: Failover
    feed: Feed
    ledger: Ledger
    seconds: Callable[[], float]
    aside: Callable[[Callable[[], Any]], Deferred[Any]]

    @app.route("/console", methods=("GET",), access=Access.CONSOLE_DOOR)
    async def page(self, call: Call) -> Answer:
        """The page for one who has a session, the form for one who has none."""
        if call.request.path.endswith(b"/"):  # what the page refers to is beside it, wherever it is mounted
            return Answer(b"", 308, (*_PRIVATE, ("Location", "../console")), _HTML)
        keys = self.front.doors.gate(call.snapshot).console_keys(_address(call), call.headers)
        if self.front.doors.session(call.headers, call.snapshot, keys) is None:
            return Answer(await login_page(_theme(call)), 200, _PRIVATE, _HTML)
        return Answer(await console_page(_theme(call)), 200, _PRIVATE, _HTML)

    @app.route("/console", methods=("POST",), access=Access.CONSOLE_DOOR)
    async def enter(self, call: Call) -> Answer:
        """Begin a session with the key in the form."""
        offered = _offered(call)
        try:
            secret = await self._checked(call, offered)
        except RequestFault as fault:
            waits = fault.detail.retry_after
            patience = f"Too many wrong keys came from here. Try again in {math.ceil(waits)} s." if waits else ""
            page = await login_page(_theme(call), patience or "That key does not open the console.")
            return Answer(page, fault.detail.status, _PRIVATE, _HTML)
        cookie = _cookie(call, self.front.doors.sessions.begin(secret))
        return Answer(b"", 303, (*_PRIVATE, ("Location", "console"), cookie), _HTML)

    async def _checked(self, call: Call, offered: str) -> str:
        """The configured key that ``offered`` is.

        :raises RequestFault: 401, it is none; 403 or 429, after too many guesses.
        """
        keys, operators = (
            self.front.doors.gate(call.snapshot).console_keys(_address(call), call.headers),
            self.front.doors.operators,
        )
        right = next((key for key in keys if operators.recognise(offered, key) is True), keys[-1])
        if (checking := operators.check(call.client.peer, offered, right)) is not None:
            await checking
        return right

    @app.route("/console/<name>", methods=("GET",), access=Access.CONSOLE_DOOR)
    def file(self, call: Call, name: str) -> Answer:
        """The script, the style and the icon. They hold nothing that is anybody's."""
        found = asset(name)
        if found is None:
            raise RequestFault.bad("there is no such file of the console's", status=404)
        headers = (*GUARDS, ("Cache-Control", "no-cache"), ("ETag", found.tag))
        if found.tag in call.headers.get("if-none-match", ""):
            return Answer(b"", 304, headers, found.content_type)
        return Answer(found.body, 200, headers, found.content_type)

    @app.route("/console/session", methods=("GET",), access=Access.CONSOLE)
    def prolong(self, call: Call) -> Answer:
        """Whether there is a session; it holds anew from now on."""
        keys = self.front.doors.gate(call.snapshot).console_keys(_address(call), call.headers)
        secret = self.front.doors.session(call.headers, call.snapshot, keys) or ""
        return Answer({"status": "ok"}, 200, (*_PRIVATE, _cookie(call, self.front.doors.sessions.begin(secret))))

    @app.route("/console/session", methods=("DELETE",), access=Access.CONSOLE)
    def leave(self, call: Call) -> Answer:
        """End it."""
        self.front.doors.sessions.end(cookie_of(call.headers.get("cookie", ""), cookie_name(call.snapshot.settings)))
        return Answer({"status": "ok"}, 200, (*_PRIVATE, _cookie(call, "", "; Max-Age=0")))

    @app.route("/console/events", methods=("GET",), access=Access.CONSOLE)
    def events(self, call: Call) -> Deferred[None]:
        """Everything, and then what changes, as server-sent events: hello, frame, missed."""
        stream = EventStream(
            call.request, self.feed.events, self.feed.reactor, lambda: self.front.doors.has_session(call.request)
        )
        stream.begin(self.feed.whole())
        return stream.done

    @app.route("/console/usage", methods=("GET",), access=Access.CONSOLE)
    async def usage(self, call: Call) -> Answer:
        """Sums ``by`` key, model, credential, provider, day or hour, of the last ``since``."""
        by, since = grouping(call, "model")
        found = await self.ledger.ask(partial(queries.summary, by=by, since=self.front.now() - since))
        return _masked(call, {**found, "dropped": self.ledger.dropped})

    @app.route("/console/explain", methods=("GET",), access=Access.CONSOLE)
    def explain(self, call: Call) -> Answer:
        """What would become of a request for ``model`` now."""
        model, dialect = call.query.get("model", ""), call.query.get("dialect", "")
        if not model:
            raise RequestFault.bad("model is required", param="model")
        pool, now, wall = self.failover.pool, self.seconds(), self.front.now()
        return _masked(call, explanation(model, call.snapshot, pool, now=now, wall=wall, dialect=dialect))

    @app.route("/console/cooldowns", methods=("DELETE",), access=Access.CONSOLE)
    def clear(self, call: Call) -> Answer:
        """Free what cools: all, or what is held against ``credential`` (its id) and ``model``."""
        credential, model = call.query.get("credential"), call.query.get("model")
        if credential is not None and all(credential != each.id for each in call.snapshot.credentials):
            raise RequestFault.bad("there is no such credential any more", status=404)
        return _masked(call, {"cleared": self.failover.clear(credential, model)})

    @app.route("/console/config", methods=("GET",), access=Access.CONSOLE)
    async def config(self, call: Call) -> Answer:
        """What is set, and what is wrong with the file as it is now."""
        told = await self.aside(partial(self._config, call.snapshot))
        return _masked(call, told)

    def _config(self, snapshot: Snapshot) -> JSONObject:
        problems: list[JSONObject] = []
        if self.feed.file.path is not None:
            try:
                text = self.feed.file.text()
            except RequestFault as fault:
                problems.append(_problem("error", 0, "", fault.detail.message))
            else:
                for found in examine_text(text, "config", environ=self.feed.file.environment).problems:
                    problems.append(_problem(found.severity.value, found.line, found.path, found.sentence))
        for caution in cautions(snapshot):
            *path, sentence = filter(None, caution)
            problems.append(_problem("warning", 0, ": ".join(path), sentence))
        return {"settings": differing(snapshot.settings), "problems": problems}


def _problem(severity: str, line: int, path: str, sentence: str) -> JSONObject:
    return {"severity": severity, "line": line, "path": path, "sentence": sentence}


def _masked(call: Call, body: JSONObject) -> Answer:
    return Answer(mask_secrets(dumps(body), call.snapshot.secrets), 200, _PRIVATE)


def _address(call: Call) -> str:
    return getattr(call.request.getClientAddress(), "host", "")


def _offered(call: Call) -> str:
    """The key in a login form."""
    if not call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise RequestFault.bad("this takes a form", status=415)
    data = call.raw()
    if len(data) > _LONGEST_FORM:
        raise RequestFault.bad("the form is too large", status=413)
    try:
        fields = parse_qs(data.decode(), max_num_fields=8)
    except ValueError:
        raise RequestFault.bad("the form cannot be read") from None
    return fields.get("key", [""])[0]


def _cookie(call: Call, value: str, more: str = "") -> tuple[str, str]:
    """No script can read it, no other site sends it, and it stays below the page's path."""
    settings: Settings = call.snapshot.settings
    path = call.request.path.decode("latin-1").rpartition("/console")[0] + "/console"
    secure = "; Secure" if settings.tls.enable else ""
    said = f"{cookie_name(settings)}={value}; Path={path}; HttpOnly; SameSite=Strict{secure}{more}"
    return "Set-Cookie", said


def _theme(call: Call) -> str:
    return cookie_of(call.headers.get("cookie", ""), "cliproxy-theme")
