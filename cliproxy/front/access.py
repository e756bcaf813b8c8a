"""Who may call: client keys, Origin, Host, and the TCP peer. Deny is the default.

Keys are compared in constant time over digests, whole set each time. See docs/spec/README.md: foreign
``Origin`` is refused on state-changing routes, and a request served without a key must name an allowed ``Host``
(DNS rebinding).
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.settings.model import ClientKey, Secret, Settings
from cliproxy.wire.addresses import is_loopback

#: ``Host``, and what follows an origin's scheme: a name or an address, and perhaps a port (RFC 9110, section 7.2).
_AUTHORITY: Final = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\[\]:/?#@%\\\s]+))(?::[0-9]{0,5})?", re.ASCII)


class Access(enum.Enum):
    """A route's policy; every route states one."""

    CLIENT_KEY = "client key"
    """A client key, when any is configured."""
    OPTIONAL_KEY = "optional client key"
    """Anyone; with a right client key the client counts as admitted, without one it gets nothing of the operator's."""
    MANAGEMENT = "management"
    """The management secret, or the daemon's own UNIX socket; without a secret there is no such route over TCP."""
    CONSOLE = "console"
    """A session of the console's, begun with its key or the management secret; without either there is no such route."""
    CONSOLE_DOOR = "console door"
    """Whoever may begin such a session: from this machine, or anywhere with ``allow-remote``."""
    OPEN = "open"
    """Anyone: health checks and the greeting. Such a route never uses a credential."""


@attrs.frozen
class Client:
    """Who is calling.

    :ivar peer: the TCP peer, or what a trusted proxy says.
    :ivar key: None where no keys are configured, or none was needed.
    :ivar admitted: it has satisfied :attr:`Access.CLIENT_KEY`: the operator's credentials may serve it.
    """

    peer: str
    key: ClientKey | None = None
    admitted: bool = False

    @property
    def label(self) -> str:
        """What logs and counters may show: the key's name or a digest, never the key."""
        return "-" if self.key is None else self.key.label


def _foreign(sentence: str) -> RequestFault:
    return RequestFault.bad(sentence, status=403, code="origin_not_allowed")


def _misdirected(sentence: str) -> RequestFault:
    return RequestFault(ErrorDetail(421, sentence))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def host_of(authority: str) -> str:
    """The host in a ``Host`` header's value, lower case, without port and brackets; empty for what is no such value."""
    found = _AUTHORITY.fullmatch(authority.strip().lower())
    return (found[1] or found[2]) if found is not None else ""


class AccessPolicy:
    """The settings' doors, compiled. One per settings snapshot."""

    def __init__(self, settings: Settings, now: Callable[[], float] = lambda: 0.0) -> None:
        """:param now: Unix seconds; without a clock no key expires."""
        self._now = now
        self._keys = [(bytes.fromhex(entry.sha256), entry) for entry in settings.api_keys if entry.sha256]
        self.keyless = not settings.api_keys
        self._management = settings.remote_management
        self._hosts = {host.lower() for host in (*settings.allowed_hosts, settings.host) if host}
        self._origins = {origin.rstrip("/").lower() for origin in settings.cors_origins}
        self._proxies = [network for text in settings.trusted_proxies if (network := _network(text)) is not None]

    def key(self, candidates: Sequence[str]) -> ClientKey | None:
        """The configured key that the first right candidate is. Every key is compared with every candidate."""
        found: ClientKey | None = None
        for candidate in candidates:
            digest = _digest(candidate)
            for known, entry in self._keys:
                if hmac.compare_digest(digest, known) and found is None:
                    found = entry if entry.key else attrs.evolve(entry, key=Secret(candidate))
        return found

    def peer(self, address: str, headers: Mapping[str, str]) -> str:
        """The caller's address: the TCP peer, unless it is a trusted proxy that says better."""
        if not self._proxies or not self._trusted(address):
            return address
        hops = [hop.strip() for hop in headers.get("x-forwarded-for", "").split(",") if hop.strip()]
        for hop in reversed(hops):
            if not self._trusted(hop):
                return hop
        return address

    def is_local(self, address: str, headers: Mapping[str, str]) -> bool:
        """Whether the caller is on this machine: the TCP peer is, or a trusted proxy says so of its own caller."""
        return is_loopback(self.peer(address, headers))

    def _trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any((getattr(parsed, "ipv4_mapped", None) or parsed) in network for network in self._proxies)

    def origin_allowed(self, origin: str) -> bool:
        """Whether ``cors-origins`` lists it."""
        return "*" in self._origins or origin.rstrip("/").lower() in self._origins

    def check_origin(self, headers: Mapping[str, str]) -> str | None:
        """The allowed ``Origin`` of a browser's request, or None where there is none.

        :raises RequestFault: 403 for an origin that is not listed.
        """
        origin = headers.get("origin")
        if origin is None:
            if headers.get("sec-fetch-site") == "cross-site":
                raise _foreign("cross-site requests are refused; list the origin in cors-origins")
            return None
        if self.origin_allowed(origin):
            return origin
        own = origin.partition("://")[2].lower()
        if own and own == headers.get("host", "").lower() and self.host_allowed(own):
            return None
        raise _foreign(f"the origin {origin[:200]} is not listed in cors-origins")

    def host_allowed(self, authority: str) -> bool:
        """Whether a request that needs no key may name this ``Host``."""
        host = host_of(authority)
        return bool(host) and (is_loopback(host) or host in self._hosts or authority.strip().lower() in self._hosts)

    def check_host(self, headers: Mapping[str, str], candidates: Sequence[str]) -> None:
        """Whatever is answered to a caller that shows no right key is answered under names of ours only.

        :raises RequestFault: 421 for a foreign host.
        """
        if not self.host_allowed(headers.get("host", "")) and self.key(candidates) is None:
            raise _misdirected("this host name is not served without a client key; list it in allowed-hosts")

    def admit(self, address: str, headers: Mapping[str, str], candidates: Sequence[str]) -> Client:
        """The client, if it may call a :attr:`Access.CLIENT_KEY` route.

        :raises RequestFault: 401 without a right key; 421 for a keyless request that names a foreign host.
        """
        peer = self.peer(address, headers)
        if self.keyless:
            self.check_host(headers, ())
            return Client(peer, admitted=True)
        if not candidates:
            raise RequestFault(ErrorDetail(401, "Missing API key"))
        key = self.key(candidates)
        if key is None:
            raise RequestFault(ErrorDetail(401, "Invalid API key"))
        self._check_valid(key)
        return Client(peer, key, admitted=True)

    def recognise(self, address: str, headers: Mapping[str, str], candidates: Sequence[str]) -> Client:
        """The client of an :attr:`Access.OPTIONAL_KEY` route: admitted by a right key only."""
        key = self.key(candidates)
        if key is not None:
            self._check_valid(key)
        return Client(self.peer(address, headers), key, admitted=key is not None)

    def _check_valid(self, key: ClientKey) -> None:
        """:raises RequestFault: 401 for a key that is switched off or has expired."""
        if key.disabled:
            raise RequestFault.bad(f"the API key {key.label} is disabled", status=401, code="key_disabled")
        until = key.until
        if until is not None and self._now() >= until:
            raise RequestFault.bad(f"the API key {key.label} has expired", status=401, code="key_expired")

    def offered_secret(self, address: str, headers: Mapping[str, str]) -> tuple[str, str]:
        """What a caller from elsewhere than the UNIX socket offers as the management secret, and the secret.

        :raises RequestFault: 404 without a secret, 403 from elsewhere, 401 for a caller that offers none.
        """
        settings = self._management
        if not settings.secret_key:
            raise RequestFault(ErrorDetail(404, "there is no such route; README lists the ones there are"))
        self._check_remote(address, headers)
        offered = (candidates(headers, {})[:1] or [headers.get("x-management-key", "")])[0]
        if not offered:
            raise RequestFault(ErrorDetail(401, "missing management key"))
        return offered, settings.secret_key.reveal()

    def console_keys(self, address: str, headers: Mapping[str, str]) -> tuple[str, ...]:
        """What opens the console: its own key, the management secret, or either.

        :raises RequestFault: 421 under a foreign name, 404 with neither, 403 from elsewhere.
        """
        settings, host = self._management, headers.get("host", "")
        keys = tuple(key.reveal() for key in (settings.console_key, settings.secret_key) if key)
        if not keys or settings.disable_control_panel:
            raise RequestFault(ErrorDetail(404, "the console is closed: remote-management.console-key opens it"))
        self._check_remote(address, headers)
        if not (self.host_allowed(host) or _network(host_of(host)) is not None):  # an address is no rebound name
            raise _misdirected("the console is not served under this host name; list it in allowed-hosts")
        return keys

    def _check_remote(self, address: str, headers: Mapping[str, str]) -> None:
        if not (self._management.allow_remote or self.is_local(address, headers)):
            raise RequestFault(ErrorDetail(403, "remote management disabled"))


def candidates(headers: Mapping[str, str], query: Mapping[str, str]) -> list[str]:
    """Every key the request offers, in the order routes.md section 3 looks at them."""
    found = []
    authorization = headers.get("authorization", "")
    if authorization:
        scheme, _, rest = authorization.partition(" ")
        found.append(rest.strip() if scheme.lower() == "bearer" and rest.strip() else authorization)
    found += [headers[name] for name in ("x-goog-api-key", "x-api-key") if headers.get(name)]
    found += [query[name] for name in ("key", "auth_token") if query.get(name)]
    return found
