"""The doors of the HTTP server: who a caller is, and whether it may call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.web.http import parse_qs

from cliproxy.errors import RequestFault
from cliproxy.front.access import Access, AccessPolicy, Client, candidates
from cliproxy.front.call import Call, header_map, query_map
from cliproxy.front.managed import EXPOSED, is_managed
from cliproxy.front.operators import Operators
from cliproxy.front.plain_request import PlainRequest
from cliproxy.front.sessions import Sessions, cookie_name, cookie_of
from cliproxy.routing.snapshot import Snapshot

#: Methods that change nothing, for which a foreign ``Origin`` does no harm.
SAFE_METHODS: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})
#: Asked every few seconds by whoever keeps the daemon alive.
HEALTH: Final = ("/healthz", "/readyz")


@attrs.define
class Doors:
    """Everything that is decided before a route runs.

    :ivar snapshot: the configuration in force.
    :ivar now: Unix seconds.
    :ivar operators: who guesses the management secret, or the console's key.
    :ivar sessions: of the console.
    """

    snapshot: Callable[[], Snapshot]
    now: Callable[[], float]
    operators: Operators
    sessions: Sessions
    _gate: tuple[Any, AccessPolicy] | None = None

    def gate(self, snapshot: Snapshot) -> AccessPolicy:
        """The snapshot's doors; compiled once per snapshot."""
        if self._gate is None or self._gate[0] is not snapshot:
            self._gate = (snapshot, AccessPolicy(snapshot.settings, self.now))
        return self._gate[1]

    def knows(self, request: Any) -> bool:
        """Whether a request of which only the head is there shows a right key, or none is needed."""
        if is_owners(request):
            return True
        gate = self.gate(self.snapshot())
        if isinstance(request, PlainRequest):
            found = query_map(request)
        else:  # twisted.web reads the target when the request is whole
            query = parse_qs(request.channel.path.partition(b"?")[2], 1)
            found = {
                name.decode("latin-1"): values[0].decode("utf-8", "surrogateescape") for name, values in query.items()
            }
        shown = candidates(header_map(request), found)
        known = gate.keyless or gate.key(shown) is not None
        return known or self._shows_secret(request) or self.has_session(request)

    def admit(
        self,
        request: Any,
        access: Access,
        snapshot: Snapshot,
        headers: Mapping[str, str],
        query: Mapping[str, str],
    ) -> Client:
        """The caller, if it may call a route of that access. An allowed ``Origin`` is answered in the headers.

        :raises RequestFault: it may not.
        """
        gate = self.gate(snapshot)
        keyed = access in (Access.CLIENT_KEY, Access.MANAGEMENT, Access.CONSOLE)
        if request.method not in SAFE_METHODS or "origin" in headers or (keyed and "sec-fetch-site" in headers):
            origin = gate.check_origin(headers)
            if origin is not None:
                request.setHeader("Access-Control-Allow-Origin", origin)
                request.setHeader("Vary", "Origin")
                if access is Access.MANAGEMENT:
                    request.setHeader("Access-Control-Expose-Headers", EXPOSED)
        address = getattr(request.getClientAddress(), "host", "")  # a UNIX socket's peer has none
        if access is Access.OPEN:
            if not is_managed(request.path) and request.path.decode("latin-1") not in HEALTH:
                self.check_host(request)
            return Client(gate.peer(address, headers))
        if access is Access.OPTIONAL_KEY:
            return gate.recognise(address, headers, candidates(headers, query))
        if access is Access.MANAGEMENT:
            return Client("unix" if is_owners(request) else gate.peer(address, headers))
        if access in (Access.CONSOLE, Access.CONSOLE_DOOR):
            keys = gate.console_keys(address, headers)
            if access is Access.CONSOLE and self.session(headers, snapshot, keys) is None:
                raise RequestFault.bad("the session is over: log in again", status=401)
            return Client(gate.peer(address, headers))
        return gate.admit(address, headers, candidates(headers, query))

    def check_host(self, request: Any) -> None:
        """For what needs no client key.

        :raises RequestFault: 421 for a foreign ``Host``, unless a right key is shown all the same.
        """
        if not is_owners(request):
            headers = header_map(request)
            self.gate(self.snapshot()).check_host(headers, candidates(headers, query_map(request)))

    def session(self, headers: Mapping[str, str], snapshot: Snapshot, keys: Iterable[str]) -> str | None:
        """The one of ``keys`` with which the caller's session of the console was begun; None without one."""
        cookie = cookie_of(headers.get("cookie", ""), cookie_name(snapshot.settings))
        return self.sessions.secret_of(cookie, keys) if cookie else None

    def has_session(self, request: Any) -> bool:
        """Whether its caller has a session of the console's now."""
        address, headers = getattr(request.getClientAddress(), "host", ""), header_map(request)
        snapshot = self.snapshot()
        try:
            keys = self.gate(snapshot).console_keys(address, headers)
        except RequestFault:
            return False
        return self.session(headers, snapshot, keys) is not None

    def check_operator(self, call: Call) -> Deferred[None] | None:
        """Whether a caller that is not the owner of the UNIX socket may manage; a Deferred where that takes long to tell.

        :raises RequestFault: it may not. So does the Deferred.
        """
        if is_owners(call.request):
            return None
        address = getattr(call.request.getClientAddress(), "host", "")
        if getattr(call.request, "guess", None) is not None:  # it was counted when the head came
            raise call.request.guess
        self.operators.check_patience(call.client.peer)
        offered, secret = self.gate(call.snapshot).offered_secret(address, call.headers)
        return self.operators.check(call.client.peer, offered, secret)

    def _shows_secret(self, request: Any) -> bool:
        """Whether the management secret is shown where it belongs. Who shows another pays for it as at any route."""
        if isinstance(request, PlainRequest) or request.channel is None or not is_managed(request.channel.path):
            return False
        address, headers = getattr(request.getClientAddress(), "host", ""), header_map(request)
        gate = self.gate(self.snapshot())
        try:
            offered, secret = gate.offered_secret(address, headers)
        except RequestFault:
            return False
        if self.operators.recognise(offered, secret) is None:
            return False
        try:
            self.operators.check(gate.peer(address, headers), offered, secret)
        except RequestFault as fault:
            request.guess = fault
            return False
        return True


def is_owners(request: Any) -> bool:
    """Whether it came by the control socket."""
    return bool(getattr(request.channel, "owner", False))
