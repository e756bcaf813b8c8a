"""What is said on a new connection before it carries anything: TLS, and asking a proxy for the way on.

A stage is the connection's protocol until it succeeds; then it builds the real one and steps aside. Stages nest: TLS to
a proxy, CONNECT through it, TLS to the upstream.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, Final

from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname, verify_ip_address
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHandshakeListener, IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from cliproxy.errors import UpstreamFailure
from cliproxy.upstream.reasons import unreachable, untrusted
from cliproxy.wire.http1 import MAX_HEAD, ProtocolFault, find_head_end, parse_head
from cliproxy.wire.urls import Proxy, Target


class Stage(Protocol):
    """Speaks first, then hands the connection over.

    :ivar phase: what it does, for "timed out after 10 s while ...".
    :ivar done: fires with the real protocol, fails with :class:`UpstreamFailure`; cancelling it closes the connection.
    """

    phase = ""
    transport: Any  # ITransport, with what TCP and TLS have in common beyond it

    def __init__(self, inner: IProtocolFactory) -> None:
        self.done: Deferred[IProtocol] = Deferred(self._cancelled)
        self._inner = inner
        self._over = False
        self._protocol: IProtocol | None = None
        self._address: IAddress | None = None
        self._receive: Callable[[bytes], None] = self.heard

    def heard(self, data: bytes) -> None:
        """Bytes that come before the stage is over."""
        raise NotImplementedError

    def succeed(self, rest: bytes = b"") -> None:
        """Hand over, with what has already come for the real protocol."""
        self._over = True
        protocol = self._inner.buildProtocol(self._address)  # type: ignore[arg-type]
        assert protocol is not None
        self._protocol = protocol
        self._receive = protocol.dataReceived
        protocol.makeConnection(self.transport)
        if rest:
            protocol.dataReceived(rest)
        self.done.callback(protocol)

    def fail(self, message: str) -> None:
        """Give the connection up."""
        if not self._over:
            self._over = True
            self._close()
            self.done.errback(UpstreamFailure.transport(message))

    def explain(self, reason: BaseException | None) -> str:
        """Why the connection was lost in this stage."""
        raise NotImplementedError

    def dataReceived(self, data: bytes) -> None:
        self._receive(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._protocol is not None:
            self._protocol.connectionLost(reason)
        elif not self._over:
            self.fail(self.explain(reason.value))

    def factory(self) -> Factory:
        """A factory that builds this stage, once."""
        factory = _Once()
        factory.stage = self
        return factory

    def met(self, address: IAddress | None) -> None:
        """Remember who is at the other end, for the real protocol's factory."""
        self._address = address

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()

    def _cancelled(self, _: object) -> None:
        self._over = True
        self._close()


class _Once(Factory):
    noisy = False
    stage: Stage

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        self.stage.met(addr)
        return self.stage


@implementer(IHandshakeListener)
class TLSStage(Stage):
    """Waits for a verified TLS handshake. Its transport is the TLS layer."""

    def __init__(self, inner: IProtocolFactory, peer: str, host: str) -> None:
        """:param host: the name or address the certificate must be for; ``peer`` is what people are told."""
        super().__init__(inner)
        self.host = host
        self.phase = f"negotiating TLS with {peer}"
        self._peer = peer

    def handshakeCompleted(self) -> None:
        if self._over:
            return
        # Twisted has verified the name already, but logs and lets pass a trusted certificate that holds none.
        verify = verify_ip_address if isIPAddress(self.host) or isIPv6Address(self.host) else verify_hostname
        try:
            verify(self.transport.getHandle(), self.host)
        except (CertificateError, VerificationError) as reason:
            self.fail(untrusted(self._peer, reason, 0))
        else:
            self.succeed()

    def heard(self, data: bytes) -> None:
        self.fail(f"TLS with {self._peer} failed: data before the handshake was over")

    def explain(self, reason: BaseException | None) -> str:
        return untrusted(self._peer, reason, self._verdict())

    def _verdict(self) -> int:
        """OpenSSL's reason for not accepting the certificate, 0 when there is none to be had.

        Its error says only "certificate verify failed", and pyOpenSSL has no public way to ask on. A callback of ours
        would: in the place of the one with which Twisted verifies the host's name.
        """
        try:
            return int(SSL._lib.SSL_get_verify_result(self.transport.getHandle()._ssl))  # type: ignore[attr-defined]
        except AttributeError:
            return 0


class ConnectStage(Stage):
    """Asks an HTTP proxy for a tunnel (RFC 9110, 9.3.6)."""

    def __init__(self, inner: IProtocolFactory, proxy: Proxy, target: Target) -> None:
        super().__init__(inner)
        host = f"[{target.host}]" if ":" in target.host else target.host
        self._way = f"{host}:{target.port}"
        self._proxy = proxy
        self._buffer = b""
        self.phase = f"asking the proxy {proxy.label} for {self._way}"

    def connectionMade(self) -> None:
        lines = [f"CONNECT {self._way} HTTP/1.1", f"Host: {self._way}"]
        authorization = self._proxy.authorization
        if authorization is not None:
            lines.append(f"Proxy-Authorization: {authorization}")
        self.transport.write("\r\n".join([*lines, "", ""]).encode("ascii"))

    def heard(self, data: bytes) -> None:
        searched = len(self._buffer)
        self._buffer += data
        end = find_head_end(self._buffer, searched)
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                self.fail(f"the proxy {self._proxy.label} answered with too large a head")
            return
        try:
            head = parse_head(self._buffer[:end])
        except ProtocolFault as fault:
            self.fail(f"the proxy {self._proxy.label} answered with {fault}")
            return
        rest, self._buffer = self._buffer[end:], b""
        if 200 <= head.status < 300:
            self.succeed(rest)
        elif head.status == 407:
            self.fail(f"the proxy {self._proxy.label} wants other credentials (407)")
        elif head.status >= 200:
            self.fail(f"the proxy {self._proxy.label} refused a tunnel to {self._way} ({head.status})")
        elif rest:
            self.heard(rest)

    def explain(self, reason: BaseException | None) -> str:
        return unreachable(f"the proxy {self._proxy.label}", reason)


class SocksStage(Stage):
    """Asks a SOCKS5 proxy for a connection (RFC 1928, RFC 1929). Names are left to the proxy to resolve."""

    _REPLIES: Final = {
        1: "general failure",
        2: "its rules do not allow it",
        3: "the network is unreachable",
        4: "the host is unreachable",
        5: "the connection was refused",
        6: "it took too long",
        7: "the proxy cannot connect",
        8: "the proxy does not take this kind of address",
    }

    def __init__(self, inner: IProtocolFactory, proxy: Proxy, target: Target) -> None:
        super().__init__(inner)
        self._proxy = proxy
        self._target = target
        self._way = f"{target.host}:{target.port}"
        self._buffer = b""
        self._step: Callable[[], bool] = self._method
        self.phase = f"asking the proxy {proxy.label} for {self._way}"

    def connectionMade(self) -> None:
        # A user is named: then offering "no authentication" as well leaves the choice to the proxy.
        self._say(b"\x05\x02\x00\x02" if self._proxy.user else b"\x05\x01\x00")

    def heard(self, data: bytes) -> None:
        self._buffer += data
        while not self._over and self._step():
            pass

    def explain(self, reason: BaseException | None) -> str:
        return unreachable(f"the proxy {self._proxy.label}", reason)

    def _say(self, data: bytes) -> None:
        self.transport.write(data)

    def _take(self, size: int) -> bytes | None:
        """The next ``size`` bytes, once they are there."""
        if len(self._buffer) < size:
            return None
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _method(self) -> bool:
        reply = self._take(2)
        if reply is None:
            return False
        if reply == b"\x05\x00":
            self._ask()
        elif reply == b"\x05\x02" and self._proxy.user:
            user, password = self._proxy.user.encode(), self._proxy.password.encode()
            if len(user) > 255 or len(password) > 255:
                self.fail(f"user or password of the proxy {self._proxy.label} is longer than SOCKS5 allows")
                return False
            self._step = self._verdict
            self._say(b"\x01%c%b%c%b" % (len(user), user, len(password), password))
        elif reply[:1] == b"\x05":
            self.fail(f"the proxy {self._proxy.label} wants a user and password, or another way to prove them")
        else:
            self.fail(f"the proxy {self._proxy.label} does not speak SOCKS5")
        return True

    def _verdict(self) -> bool:
        reply = self._take(2)
        if reply is None:
            return False
        if reply[1]:
            self.fail(f"the proxy {self._proxy.label} did not accept its user and password")
        else:
            self._ask()
        return True

    def _ask(self) -> None:
        host = self._target.host
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            name = host.encode("ascii")
            if len(name) > 255:
                self.fail(f"the name of {self._way} is longer than SOCKS5 allows")
                return
            where = b"\x03%c%b" % (len(name), name)
        else:
            where = (b"\x01" if address.version == 4 else b"\x04") + address.packed
        self._step = self._reply
        self._say(b"\x05\x01\x00%b%b" % (where, self._target.port.to_bytes(2, "big")))

    def _reply(self) -> bool:
        """``VER REP RSV ATYP ADDR PORT``; the bound address is of no use."""
        if len(self._buffer) < 5:
            return False
        version, code, _, kind, first = self._buffer[:5]
        if version != 5:
            self.fail(f"the proxy {self._proxy.label} does not speak SOCKS5")
            return False
        if code:
            why = self._REPLIES.get(code, f"reason {code}")
            self.fail(f"the proxy {self._proxy.label} did not connect to {self._way}: {why}")
            return False
        length = {1: 4, 4: 16, 3: 1 + first}.get(kind)
        if length is None:
            self.fail(f"the proxy {self._proxy.label} does not speak SOCKS5")
            return False
        if self._take(4 + length + 2) is not None:
            rest, self._buffer = self._buffer, b""
            self.succeed(rest)
        return False
