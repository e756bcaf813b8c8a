"""Where a request goes: upstream URLs, proxy URLs, and which proxy the environment names."""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import SplitResult, unquote, urlsplit

import attrs

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_VISIBLE = re.compile(r"[\x21-\x7e]*")


class InvalidURL(ValueError):
    """A URL that cannot be used; the message says why and holds no credential."""


@attrs.frozen
class Target:
    """An upstream URL, taken apart.

    :ivar host: lower case, IDNA-encoded, without brackets.
    :ivar authority: the ``Host`` header: brackets where needed, the port unless it is the scheme's own.
    :ivar path: path and query, never empty.
    """

    scheme: str
    host: str
    port: int
    authority: str
    path: str

    @property
    def tls(self) -> bool:
        """Whether the connection is to be encrypted."""
        return self.scheme == "https"


@attrs.frozen
class Proxy:
    """An outbound proxy: ``scheme`` is ``http``, ``https`` or ``socks5``. User and password are percent-decoded."""

    scheme: str
    host: str
    port: int
    user: str = attrs.field(default="", repr=False)
    password: str = attrs.field(default="", repr=False)

    @property
    def label(self) -> str:
        """The proxy for people: without user and password."""
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"

    @property
    def authorization(self) -> str | None:
        """The ``Proxy-Authorization`` value (RFC 7617), when the URL names a user."""
        if not self.user:
            return None
        return "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")


@lru_cache(maxsize=1024)
def parse_target(url: str) -> Target:
    """Take an upstream URL apart. Cached, because a daemon asks for the same few again and again.

    :raises InvalidURL: no scheme or host, user information, a bad port, or a character that may not stand in a
        request line (RFC 3986: anything but visible ASCII).
    """
    if not _VISIBLE.fullmatch(url):
        raise InvalidURL("the upstream URL holds a space, a control character or an unescaped non-ASCII character")
    scheme, host, port, parts = _split(url, "upstream")
    if parts.username is not None or parts.password is not None:
        raise InvalidURL("the upstream URL holds user information")
    if scheme not in ("http", "https"):
        raise InvalidURL(f"the upstream URL's scheme {scheme!r} is neither http nor https")
    path = parts.path or "/"
    if parts.query:
        path += "?" + parts.query
    authority = bracketed(host) if port == _PORTS[scheme] else f"{bracketed(host)}:{port}"
    return Target(scheme, host, port, authority, path)


def parse_proxy(url: str) -> Proxy | None:
    """Read a ``proxy-url``. ``direct`` and ``none`` are no proxy at all.

    :raises InvalidURL: an unsupported scheme, no host, or a bad port.
    """
    url = url.strip()
    if url.lower() in ("direct", "none"):
        return None
    scheme, host, port, parts = _split(url, "proxy")
    if scheme == "socks5h":
        scheme = "socks5"
    if scheme not in ("http", "https", "socks5"):
        raise InvalidURL(f"the proxy URL's scheme {scheme!r} is not http, https or socks5")
    return Proxy(scheme, host, port, unquote(parts.username or ""), unquote(parts.password or ""))


def environment_proxy(environment: Mapping[str, str], target: Target) -> str:
    """The proxy URL the environment names for ``target``, or ``direct``.

    ``HTTP_PROXY`` or ``HTTPS_PROXY`` by the target's scheme, else ``ALL_PROXY``; upper case before lower. Loopback
    targets and those that ``NO_PROXY`` matches go directly.
    """
    url = _variable(environment, f"{target.scheme}_proxy") or _variable(environment, "all_proxy")
    if not url or _loopback(target.host) or _exempt(_variable(environment, "no_proxy"), target):
        return "direct"
    return url if "://" in url else "http://" + url


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name.upper()) or environment.get(name) or ""


def _loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _exempt(no_proxy: str, target: Target) -> bool:
    """``NO_PROXY``: ``*``, or commas between addresses, networks, and domains that also mean their sub-domains."""
    address = _address(target.host)
    for entry in no_proxy.lower().replace(" ", ",").split(","):
        if entry == "*":
            return True
        if address is not None and _holds(entry, address):
            return True
        name, _, port = entry.partition(":")
        if port and port != str(target.port):
            continue
        name = name.removeprefix("*").removeprefix(".")
        if name and (target.host == name or target.host.endswith("." + name)):
            return True
    return False


def _holds(entry: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def bracketed(host: str) -> str:
    """The host as a URL spells it."""
    return f"[{host}]" if ":" in host else host


def _split(url: str, kind: str) -> tuple[str, str, int, SplitResult]:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".") if parts.scheme else ""
        host = host if host.isascii() else host.encode("idna").decode("ascii")
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        # urlsplit's own message quotes the URL, and a proxy URL holds a password.
        raise InvalidURL(f"the {kind} URL cannot be parsed") from None
    if not host:
        raise InvalidURL(f"the {kind} URL names no host")
    return parts.scheme, host, port, parts
