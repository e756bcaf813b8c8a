"""What addresses say of who can reach them."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address. Empty is every interface; of names only ``localhost`` is trusted."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def unbracketed(host: str) -> str:
    """An address as sockets take it: an IPv6 one may be written as in a URL, ``[::1]``."""
    inner = host.strip()
    return inner[1:-1] if inner.startswith("[") and inner.endswith("]") else inner
