"""Looking up names: every name in a thread of its own, however many ask for it, so that one that hangs holds up no other.

An ASCII name goes to the system's resolver as it is: ``my_llm`` and ``r3---sn.test`` are no names by IDNA, and are in the DNS.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from typing import Any, Final

from twisted.internet._resolver import HostResolution
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

_ADDRESSES: Final[dict[int, Any]] = {socket.AF_INET: IPv4Address, socket.AF_INET6: IPv6Address}


@implementer(IHostnameResolver)
class Names:
    """The system's resolver. It has no time limit of its own: whoever asks has one, and the thread of a look-up that hangs ends
    with the process at the latest."""

    def __init__(self, reactor: Any) -> None:
        """:param reactor: where the answers are given out."""
        self._reactor = reactor
        self._asking: dict[str, list[tuple[IResolutionReceiver, int]]] = {}

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Look ``hostName`` up, or wait for the look-up of it that is under way."""
        resolution = HostResolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        asking = self._asking.get(hostName)
        if asking is None:
            asking = self._asking[hostName] = []
            threading.Thread(target=self._look_up, args=(hostName,), daemon=True, name="look-up").start()
        asking.append((resolutionReceiver, portNumber))
        return resolution

    def _look_up(self, name: str) -> None:
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        self._reactor.callFromThread(self._found, name, found)

    def _found(self, name: str, found: list[Any]) -> None:
        for receiver, port in self._asking.pop(name, []):
            for family, _, _, _, (host, _, *more) in found:
                if family in _ADDRESSES:
                    receiver.addressResolved(_ADDRESSES[family]("TCP", host, port, *more))
            receiver.resolutionComplete()


class NamedEndpoint(HostnameEndpoint):
    """An endpoint to a name that is ASCII already."""

    def __init__(self, reactor: Any, names: Any, host: str, port: int) -> None:
        """:param names: the resolver; None for the reactor's."""
        self._names = names
        # No time limit of its own: the one for the whole connection counts.
        super().__init__(reactor, host, port, timeout=None)  # type: ignore[arg-type]

    @staticmethod
    def _hostAsBytesAndText(host: bytes | str) -> tuple[bool, bytes, str]:
        text = host if isinstance(host, str) else host.decode("ascii")
        return False, text.encode("ascii"), text

    def _getNameResolverAndMaybeWarn(self, reactor: Any) -> Any:
        return self._names or super()._getNameResolverAndMaybeWarn(reactor)
