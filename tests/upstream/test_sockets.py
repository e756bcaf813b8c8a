"""The client on real sockets: TLS with its verdicts, proxies of every kind, back-pressure, cancellation."""

from __future__ import annotations

import datetime
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID
from service_identity import CertificateError
from treq.client import HTTPClient
from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import Certificate, CertificateOptions, PrivateCertificate, trustRootFromCertificates
from twisted.internet.task import deferLater
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from cliproxy.errors import FailureKind, UpstreamFailure
from cliproxy.upstream.client import Client
from tests.upstream.peers import OK, TIMEOUTS, Sink, request

pytestmark = pytest.mark.real

reactor: Any = _reactor


class Origin(Protocol):
    """Answers each request with its factory's bytes."""

    transport: Any

    def __init__(self, server: Server) -> None:
        self.server = server
        self.gone: Deferred[None] = Deferred()
        self._heard = b""

    def dataReceived(self, data: bytes) -> None:
        self._heard += data
        head, end, _ = self._heard.partition(b"\r\n\r\n")
        if end and self._heard.endswith(b"{}"):
            self._heard = b""
            self.server.requests.append(head)
            self.server.protocols.append(getattr(self.transport, "negotiatedProtocol", None))
            self.server.answer(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone.callback(None)


def issued(names: list[str], authority: trustme.CA | None = None) -> PrivateCertificate:
    """A certificate with these alternative names, signed by ``authority`` or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendor.test")])
    signer: Any = key
    if authority is not None:
        issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject
        signer = load_pem_private_key(authority.private_key_pem.bytes(), None)
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return PrivateCertificate.loadPEM(secret + builder.sign(signer, SHA256()).public_bytes(Encoding.PEM))


class Server(Factory):
    """A listening origin.

    :ivar requests: the heads it received.
    :ivar protocols: what ALPN agreed on, for each.
    """

    def __init__(self, answer: bytes | Callable[[Origin], object] = OK) -> None:
        self.connections: list[Origin] = []
        self.requests: list[bytes] = []
        self.protocols: list[bytes | None] = []
        self.answer = (lambda origin: origin.transport.write(answer)) if isinstance(answer, bytes) else answer

    def buildProtocol(self, addr: Any) -> Origin:
        self.connections.append(Origin(self))
        return self.connections[-1]


class Pipe(Protocol):
    """One half of a tunnel: what arrives here leaves at ``other``."""

    transport: Any
    other: Any = None

    def dataReceived(self, data: bytes) -> None:
        self.other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.loseConnection()


class Tunnelling(Pipe):
    """A proxy: talks until it knows where to, then pipes. All names are on this machine."""

    def __init__(self, asked: list[Any]) -> None:
        self.asked = asked
        self._heard = b""

    def dataReceived(self, data: bytes) -> None:
        if self.other is not None:
            super().dataReceived(data)
            return
        self._heard += data
        self.talk()

    def talk(self) -> None:
        raise NotImplementedError

    def open(self, port: int, consent: bytes) -> None:
        far = Pipe()

        def connected(_: object) -> None:
            self.other, far.other = far, self
            self.transport.write(consent)

        TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(Factory.forProtocol(lambda: far)).addCallback(connected)  # type: ignore[arg-type]


class ConnectProxy(Tunnelling):
    """Wants ``user:pass``."""

    def talk(self) -> None:
        head, end, _ = self._heard.partition(b"\r\n\r\n")
        if not end:
            return
        self._heard = b""
        line = head.split(b"\r\n")[0]
        self.asked.append(line)
        if b"Proxy-Authorization: Basic " + b64encode(b"user:pass") not in head:
            self.transport.write(b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\n\r\n")
        elif line.startswith(b"CONNECT "):
            self.open(int(line.split()[1].rpartition(b":")[2]), b"HTTP/1.1 200 Here you are\r\n\r\n")
        else:
            self.transport.write(OK)


class SocksProxy(Tunnelling):
    """Wants user ``user`` and password ``pass``, and resolves names."""

    def talk(self) -> None:
        if self._heard == b"\x05\x02\x00\x02":
            self.transport.write(b"\x05\x02")
        elif self._heard == b"\x05\x01\x00":
            self.transport.write(b"\x05\xff")
        elif self._heard[:1] == b"\x01":
            self.transport.write(b"\x01\x00" if self._heard == b"\x01\x04user\x04pass" else b"\x01\x01")
        elif self._heard[:4] == b"\x05\x01\x00\x03":
            length = self._heard[4]
            self.asked.append(self._heard[5 : 5 + length])
            self.open(int.from_bytes(self._heard[5 + length :], "big"), b"\x05\x00\x00\x01\0\0\0\0\0\0")
        self._heard = b""


class SocketCase(TestCase):
    """A client that finds every name on this machine and trusts one authority."""

    timeout = 20

    def setUp(self) -> None:
        self.addCleanup(lambda: Deferred.fromCoroutine(self.quiet()))
        self.authority = trustme.CA()
        trust = trustRootFromCertificates([Certificate.loadPEM(self.authority.cert_pem.bytes())])
        self.client = Client(
            reactor, trust=trust, connect=lambda host, port: TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(self.client.close()))

    def listen(self, factory: Factory, certificate: trustme.LeafCert | PrivateCertificate | None = None) -> int:
        """Listen on a free port, with TLS if there is a certificate."""
        if certificate is None:
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        else:
            if isinstance(certificate, trustme.LeafCert):
                pem = certificate.private_key_pem.bytes() + certificate.cert_chain_pems[0].bytes()
                certificate = PrivateCertificate.loadPEM(pem)
            options = CertificateOptions(
                privateKey=certificate.privateKey.original,
                certificate=certificate.original,
                acceptableProtocols=[b"h2", b"http/1.1"],
            )
            port = reactor.listenSSL(0, factory, options, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    async def quiet(self) -> None:
        """Let what is closing close."""
        while any(isinstance(reader, Connection) for reader in reactor.getReaders()):
            await deferLater(reactor, 0)

    async def get(self, url: str, **options: Any) -> bytes:
        response = await self.client.send(request(url), timeouts=TIMEOUTS, **options)
        return await response.read(1 << 20)

    async def refusal(self, url: str, **options: Any) -> str:
        try:
            await self.get(url, **options)
        except UpstreamFailure as failure:
            self.assertIs(failure.kind, FailureKind.TRANSPORT)
            return str(failure)
        self.fail("the request went through")


class TLS(SocketCase):
    async def test_a_trusted_server(self) -> None:
        """Requests share a verified connection, and HTTP/2 is not agreed on though the server offers it."""
        server = Server()
        port = self.listen(server, self.authority.issue_cert("vendor.test"))
        for _ in range(3):
            self.assertEqual(await self.get(f"https://vendor.test:{port}/"), b"hi")
        self.assertEqual(server.protocols, [b"http/1.1"] * 3)
        self.assertEqual(len(server.connections), 1)

    async def test_an_address_is_verified_too(self) -> None:
        """A certificate for 127.0.0.1 is good for https://127.0.0.1."""
        port = self.listen(Server(), self.authority.issue_cert("127.0.0.1"))
        self.assertEqual(await self.get(f"https://127.0.0.1:{port}/"), b"hi")

    async def test_a_certificate_for_another_name(self) -> None:
        """It is refused, nothing is sent, and the reason is said."""
        server = Server()
        port = self.listen(server, self.authority.issue_cert("other.test"))
        why = await self.refusal(f"https://vendor.test:{port}/")
        self.assertEqual(why, f"TLS with vendor.test:{port} failed: the certificate is for another name")
        self.assertEqual(server.requests, [])

    async def test_an_unknown_issuer(self) -> None:
        """So is a certificate of an authority nobody trusts."""
        server = Server()
        port = self.listen(server, trustme.CA().issue_cert("vendor.test"))
        why = await self.refusal(f"https://vendor.test:{port}/")
        self.assertEqual(why, f"TLS with vendor.test:{port} failed: the issuer of the certificate is not trusted")
        self.assertEqual(server.requests, [])

    async def test_a_self_signed_certificate(self) -> None:
        """Nobody signed it but itself."""
        port = self.listen(Server(), issued(names=["vendor.test"]))
        self.assertIn("the certificate is self-signed", await self.refusal(f"https://vendor.test:{port}/"))

    async def test_a_certificate_without_names(self) -> None:
        """A trusted authority's certificate that names no host is good for none, whatever its common name says."""
        server = Server()
        port = self.listen(server, issued(names=[], authority=self.authority))
        why = await self.refusal(f"https://vendor.test:{port}/")
        self.assertEqual(why, f"TLS with vendor.test:{port} failed: the certificate names no host")
        self.assertEqual(server.requests, [])
        self.flushLoggedErrors(CertificateError)

    async def test_an_expired_certificate(self) -> None:
        """Yesterday's certificate is refused."""
        past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        leaf = self.authority.issue_cert("vendor.test", not_before=past, not_after=past + datetime.timedelta(days=9))
        port = self.listen(Server(), leaf)
        self.assertIn("the certificate has expired", await self.refusal(f"https://vendor.test:{port}/"))

    async def test_the_platforms_trust_is_the_default(self) -> None:
        """Without ``trust`` a private authority is unknown."""
        port = self.listen(Server(), self.authority.issue_cert("127.0.0.1"))
        client = Client(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        with self.assertRaises(UpstreamFailure):
            await client.send(request(f"https://127.0.0.1:{port}/"), timeouts=TIMEOUTS)

    async def test_a_stream_cut_without_goodbye(self) -> None:
        """A body without length that ends without TLS's close alert may have been cut by anyone."""

        def cut(origin: Origin) -> None:
            origin.transport.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
            reactor.callLater(0.05, lambda: origin.transport.transport.loseConnection())

        port = self.listen(Server(cut), self.authority.issue_cert("vendor.test"))
        self.assertIn("in the middle of the body", await self.refusal(f"https://vendor.test:{port}/"))

    async def test_a_stream_closed_with_goodbye(self) -> None:
        """With the alert it is whole."""

        def close(origin: Origin) -> None:
            origin.transport.write(b"HTTP/1.1 200 OK\r\n\r\nwhole")
            origin.transport.loseConnection()

        port = self.listen(Server(close), self.authority.issue_cert("vendor.test"))
        self.assertEqual(await self.get(f"https://vendor.test:{port}/"), b"whole")


class Proxies(SocketCase):
    def origin(self) -> tuple[Server, str]:
        server = Server()
        return server, f"https://vendor.test:{self.listen(server, self.authority.issue_cert('vendor.test'))}/"

    def proxy(self, kind: type[Tunnelling], certificate: trustme.LeafCert | None = None) -> tuple[int, list[Any]]:
        asked: list[Any] = []
        return self.listen(Factory.forProtocol(lambda: kind(asked)), certificate), asked  # type: ignore[arg-type]

    async def test_an_http_proxy(self) -> None:
        """CONNECT with credentials, TLS with the upstream inside; the tunnel is kept."""
        server, url = self.origin()
        port, asked = self.proxy(ConnectProxy)
        for _ in range(2):
            self.assertEqual(await self.get(url, proxy_url=f"http://user:pass@proxy.test:{port}"), b"hi")
        self.assertEqual(asked, [f"CONNECT vendor.test:{url.split(':')[2][:-1]} HTTP/1.1".encode()])
        self.assertNotIn(b"roxy", server.requests[0])

    async def test_an_https_proxy(self) -> None:
        """TLS with the proxy, verified by its own name, and TLS with the upstream inside it."""
        _, url = self.origin()
        port, asked = self.proxy(ConnectProxy, self.authority.issue_cert("proxy.test"))
        self.assertEqual(await self.get(url, proxy_url=f"https://user:pass@proxy.test:{port}"), b"hi")
        self.assertEqual(len(asked), 1)
        why = await self.refusal(url, proxy_url=f"https://user:pass@impostor.test:{port}")
        self.assertEqual(
            why, f"TLS with the proxy https://impostor.test:{port} failed: the certificate is for another name"
        )

    async def test_an_http_target_behind_an_https_proxy(self) -> None:
        """It is asked for in the absolute form inside the TLS with the proxy."""
        port, asked = self.proxy(ConnectProxy, self.authority.issue_cert("proxy.test"))
        body = await self.get("http://vendor.test/x", proxy_url=f"https://user:pass@proxy.test:{port}")
        self.assertEqual((body, asked), (b"hi", [b"POST http://vendor.test/x HTTP/1.1"]))

    async def test_an_http_proxy_that_refuses(self) -> None:
        """Its credentials were wrong, and are not repeated."""
        _, url = self.origin()
        port, _ = self.proxy(ConnectProxy)
        why = await self.refusal(url, proxy_url=f"http://user:wrong@proxy.test:{port}")
        self.assertEqual(why, f"the proxy http://proxy.test:{port} wants other credentials (407)")

    async def test_a_socks5_proxy(self) -> None:
        """With user and password; the proxy gets the name to resolve."""
        _, url = self.origin()
        port, asked = self.proxy(SocksProxy)
        for _ in range(2):
            self.assertEqual(await self.get(url, proxy_url=f"socks5://user:pass@proxy.test:{port}"), b"hi")
        self.assertEqual(asked, [b"vendor.test"])

    async def test_a_socks5_proxy_that_refuses(self) -> None:
        """Wrong password, and none."""
        _, url = self.origin()
        port, _ = self.proxy(SocksProxy)
        why = await self.refusal(url, proxy_url=f"socks5://user:wrong@proxy.test:{port}")
        self.assertIn("did not accept its user and password", why)
        why = await self.refusal(url, proxy_url=f"socks5://proxy.test:{port}")
        self.assertIn("wants a user and password", why)

    async def test_treq_leaves_by_the_proxy(self) -> None:
        """The agent's requests are tunnelled and verified like the client's own."""
        server, url = self.origin()
        port, asked = self.proxy(SocksProxy)
        response = await HTTPClient(self.client.agent(f"socks5://user:pass@proxy.test:{port}")).post(url, data=b"{}")
        self.assertEqual(await response.content(), b"hi")
        self.assertEqual((asked, len(server.requests)), ([b"vendor.test"], 1))

    async def test_an_upstream_behind_a_proxy_is_verified(self) -> None:
        """A proxy cannot stand in for the upstream."""
        port, _ = self.proxy(ConnectProxy)
        impostor = self.listen(Server(), trustme.CA().issue_cert("vendor.test"))
        why = await self.refusal(f"https://vendor.test:{impostor}/", proxy_url=f"http://user:pass@proxy.test:{port}")
        self.assertIn(f"TLS with vendor.test:{impostor} failed: the issuer", why)


class Flood:
    """A push producer of bytes without end.

    :ivar stalled: fires when the transport first asks for a stop.
    """

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.sent = 0
        self.stalled: Deferred[None] = Deferred()
        self._flowing = False

    def resumeProducing(self) -> None:
        self._flowing = True
        self._pour()

    def _pour(self) -> None:
        if self._flowing:
            self.transport.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            self.sent += 65536
            reactor.callLater(0, self._pour)

    def pauseProducing(self) -> None:
        self._flowing = False
        if not self.stalled.called:
            self.stalled.callback(None)

    def stopProducing(self) -> None:
        self._flowing = False


class Pressure(SocketCase):
    def flood(self, certificate: trustme.LeafCert | None = None) -> tuple[Server, str, list[Flood]]:
        floods: list[Flood] = []

        def pour(origin: Origin) -> None:
            origin.transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            floods.append(Flood(origin.transport))
            origin.transport.registerProducer(floods[0], True)
            floods[0].resumeProducing()

        server = Server(pour)
        port = self.listen(server, certificate)
        return server, f"{'https' if certificate else 'http'}://vendor.test:{port}/", floods

    async def stalls(self, certificate: trustme.LeafCert | None) -> None:
        server, url, floods = self.flood(certificate)
        response = await self.client.send(request(url), timeouts=TIMEOUTS)
        enough: Deferred[None] = Deferred()

        class Slow(Sink):
            def received(self, data: bytes) -> None:
                super().received(data)
                if len(self.body) > 1 << 20:
                    response.pause()
                    if not enough.called:
                        enough.callback(None)

        sink = Slow()
        response.deliver(sink)
        await enough
        pieces = len(sink.pieces)
        while floods[0]._flowing:
            floods[0].stalled = Deferred()
            await floods[0].stalled
        self.assertEqual(len(sink.pieces), pieces)
        self.assertLess(len(sink.body), 2 << 20)
        response.cancel()
        await server.connections[0].gone

    def test_a_paused_reader_stops_the_upstream(self) -> Deferred[None]:
        """The upstream's own socket fills and it stops sending; nothing grows here."""
        return Deferred.fromCoroutine(self.stalls(None))

    def test_a_paused_reader_stops_the_upstream_through_tls(self) -> Deferred[None]:
        """TLS is no buffer."""
        return Deferred.fromCoroutine(self.stalls(self.authority.issue_cert("vendor.test")))

    async def test_cancelling_a_stream_is_noticed_upstream(self) -> None:
        """The connection is closed in the middle of the flood."""
        server, url, _ = self.flood()
        response = await self.client.send(request(url), timeouts=TIMEOUTS)
        response.deliver(Sink())
        response.cancel()
        await server.connections[0].gone

    async def test_cancelling_while_waiting_is_noticed_upstream(self) -> None:
        """A client that leaves before the first byte closes the upstream's connection."""
        asked: Deferred[Origin] = Deferred()
        port = self.listen(Server(asked.callback), self.authority.issue_cert("vendor.test"))
        sending = Deferred.fromCoroutine(self.client.send(request(f"https://vendor.test:{port}/"), timeouts=TIMEOUTS))
        origin = await asked
        sending.cancel()
        await self.assertFailure(sending, CancelledError)
        await origin.gone

    async def test_a_large_request(self) -> None:
        """Ten megabytes reach an upstream that reads them, in clear and through TLS."""
        for certificate in (None, self.authority.issue_cert("vendor.test")):
            server = Server()
            scheme = "https" if certificate else "http"
            url = f"{scheme}://vendor.test:{self.listen(server, certificate)}/"
            response = await self.client.send(request(url, body=b" " * 10_000_000 + b"{}"), timeouts=TIMEOUTS)
            self.assertEqual(await response.read(9), b"hi")
            self.assertIn(b"Content-Length: 10000002", server.requests[0])
