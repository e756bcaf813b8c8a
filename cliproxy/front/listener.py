"""Where clients connect. It can move, and turn TLS on and off, without a moment in which nobody listens."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory

from cliproxy.errors import SettingsError
from cliproxy.front.tls import Certificates
from cliproxy.settings.model import Settings
from cliproxy.settings.tls_files import UnusableFiles
from cliproxy.wire.urls import bracketed

#: Connections that the system holds for us until we accept them.
BACKLOG: Final = 1024


class Door(Factory):
    """What a listening socket gives a connection to: the site, or TLS before it. It is changed while the socket listens."""

    noisy = False

    def __init__(self, site: Any, seconds: Callable[[], float]) -> None:
        self._site = site
        self._seconds = seconds
        self._behind: Any = site

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A connection's protocol."""
        return self._behind.buildProtocol(addr)

    def fit(self, settings: Settings) -> Callable[[], None]:
        """Make ready what ``settings`` want; calling the result puts it in force.

        :raises UnusableFiles: the certificate or its key cannot be used.
        """
        behind: Any = self._site
        if settings.tls.enable:
            behind = TLSMemoryBIOFactory(Certificates(settings.tls, self._seconds), False, self._site)

        def change() -> None:
            self._behind = behind

        return change


class Listener(Service):
    """Listens where the settings say, or on sockets that were handed over (systemd, an earlier process of ours).

    :ivar ports: what listens.
    """

    name = "listener"
    _log = Logger()

    def __init__(
        self,
        site: Any,
        reactor: Any,
        settings: Settings,
        check: Callable[[Settings, str], None],
        inherited: Sequence[int] = (),
    ) -> None:
        """
        :param check: called with the settings and each TCP host that is listened on; raises :exc:`SettingsError` where those
            must not be served there.
        :param inherited: descriptors of sockets that listen already.
        """
        self._door = Door(site, reactor.seconds)
        self._reactor = reactor
        self._settings = settings
        self._check = check
        self._inherited = inherited
        self.ports: list[Any] = []

    def privilegedStartService(self) -> None:
        """Listen, before privileges are given up."""
        self._open()

    def startService(self) -> None:
        """Listen."""
        super().startService()
        self._open()

    def _open(self) -> None:
        if self.ports:
            return
        try:
            self._door.fit(self._settings)()
        except UnusableFiles as why:
            raise SettingsError((str(why),)) from None
        self.ports = [self._adopted(fd) for fd in self._inherited] or [self._listening(self._settings)]
        self.check(self._settings)

    def _listening(self, settings: Settings) -> Any:
        port = self._reactor.listenTCP(settings.port, self._door, backlog=BACKLOG, interface=settings.host)
        return _shareable(port)

    def _adopted(self, descriptor: int) -> Any:
        with socket.socket(fileno=os.dup(descriptor)) as handed:
            family = handed.family
        os.set_blocking(descriptor, False)
        port = self._reactor.adoptStreamPort(descriptor, family, self._door)
        os.close(descriptor)  # the reactor has one of its own
        return _shareable(port)

    def check(self, settings: Settings) -> None:
        """Look whether ``settings`` may be served where we really listen.

        :raises SettingsError: everybody would be served there.
        """
        for host in self.hosts:
            self._check(settings, host)

    @property
    def hosts(self) -> list[str]:
        """The TCP addresses listened on."""
        found = [port.getHost() for port in self.ports]
        return [address.host for address in found if isinstance(address, IPv4Address | IPv6Address)]

    @property
    def port(self) -> int | None:
        """The TCP port, once it is known."""
        found = [port.getHost() for port in self.ports]
        return next((address.port for address in found if isinstance(address, IPv4Address | IPv6Address)), None)

    def move(self, settings: Settings) -> None:
        """Listen where new settings say, from now on; connections that are there stay. What cannot be had leaves all as it is,
        and the log says so."""
        old, self._settings = self._settings, settings
        if not self.running:
            return
        try:
            if old.tls != settings.tls:
                self._door.fit(settings)()
            if (old.host, old.port) != (settings.host, settings.port) and not self._inherited:
                self._replace(settings)
        except UnusableFiles as why:
            self._settings = old
            self._log.error("the listener stays as it is: {why}", why=str(why))
        except CannotListenError as error:
            self._settings = old
            reason = getattr(error.socketError, "strerror", None) or str(error.socketError)
            self._log.error(
                "the listener stays where it is, {old}: cannot listen on {new}: {why}",
                old=_where(old),
                new=_where(settings),
                why=reason,
            )

    def _replace(self, settings: Settings) -> None:
        before = self.ports
        if settings.port and settings.port == self.port:
            self.ports = [self._beside(before, settings)]
        else:
            self.ports = [self._listening(settings)]
        self._log.info("now listening on {where}", where=_where(settings))
        for port in before:
            port.doRead()  # whoever has come to the old one is let in
            port.stopListening()

    def _beside(self, before: Sequence[Any], settings: Settings) -> Any:
        """A port at an address that may hold, or be held by, one that is listened on still, as 0.0.0.0 holds 127.0.0.1."""
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as fresh:
            fresh.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            for one in (fresh, *(port.socket for port in before)):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            try:
                fresh.bind((settings.host, settings.port))
                fresh.listen(BACKLOG)
            except OSError as error:
                raise CannotListenError(settings.host, settings.port, error) from None
            finally:  # another program is not to share it
                for one in (fresh, *(port.socket for port in before)):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
            return self._adopted(fresh.detach())

    def stopService(self) -> Deferred[Any]:
        """Accept nothing new."""
        super().stopService()
        ports, self.ports = self.ports, []
        return DeferredList([Deferred.fromCoroutine(_stopped(port)) for port in ports])


def _shareable(port: Any) -> Any:
    """The port, which when it is closed leaves the socket to others that have it. Twisted shuts it down, for all of them."""
    port._shouldShutdown = False
    return port


async def _stopped(port: Any) -> None:
    stopping = port.stopListening()
    if stopping is not None:
        await stopping


def _where(settings: Settings) -> str:
    return f"{bracketed(settings.host or '0.0.0.0')}:{settings.port}"
