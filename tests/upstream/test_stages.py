"""Asking proxies for the way on, and TLS: every reply chopped, refused, withheld, and given up on."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory

from cliproxy.upstream.client import UpstreamResponse
from tests.upstream.peers import OK, NetworkCase, Peer, request

HTTP = "http://proxy.test:3128"
SOCKS = "socks5://proxy.test:1080"
SOCKS_USER = "socks5://user:pass@proxy.test:1080"
GRANTED = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38"


class ProxyCase(NetworkCase):
    def setUp(self) -> None:
        super().setUp()
        self.listen("proxy.test", 3128)
        self.listen("proxy.test", 1080)

    def tunnel(self, proxy: str, url: str = "http://vendor.test/actors") -> Deferred[Any]:
        """Ask for a raw connection through ``proxy``."""
        connecting = self.client.endpoint(url, proxy).connect(Factory.forProtocol(Peer))  # type: ignore[arg-type]
        self.reactor.flow()
        self.addCleanup(self.give_up, connecting)
        return connecting

    def give_up(self, connecting: Deferred[Any]) -> None:
        connecting.cancel()
        connecting.addErrback(lambda _: None)

    def refused(self, connecting: Deferred[Any]) -> str:
        """The sentence ``connecting`` failed with; the connection must be closed."""
        failure = self.failed(connecting)
        self.reactor.flow()
        self.assertIsNotNone(self.peers[-1].gone)
        self.assertNotIn("pass", str(failure).replace("password", ""))
        return str(failure)


class Connect(ProxyCase):
    def test_the_question(self) -> None:
        """CONNECT names host and port, Host too (RFC 9110, 9.3.6)."""
        self.tunnel(HTTP)
        self.assertEqual(self.peers[0].heard, b"CONNECT vendor.test:80 HTTP/1.1\r\nHost: vendor.test:80\r\n\r\n")

    def test_an_ipv6_target_is_bracketed(self) -> None:
        """As in any authority."""
        self.tunnel(HTTP, "http://[::2]:8080/")
        self.assertTrue(self.peers[0].heard.startswith(b"CONNECT [::2]:8080 HTTP/1.1\r\n"))

    def test_credentials(self) -> None:
        """User and password go to the proxy in Proxy-Authorization."""
        self.tunnel("http://user:pass@proxy.test:3128")
        self.assertIn(b"\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n", self.peers[0].heard)

    def test_the_consent_however_it_arrives(self) -> None:
        """Byte by byte, with an interim answer, with headers: what follows the head is the tunnel's."""
        consent = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n"
        connecting = self.tunnel(HTTP)
        for at in range(len(consent)):
            self.assertNoResult(connecting)
            self.say(consent[at : at + 1])
        self.assertEqual(self.successResultOf(connecting).heard, b"")
        connecting = self.tunnel(HTTP)
        self.say(consent + b"hello")
        self.assertEqual(self.successResultOf(connecting).heard, b"hello")

    def test_refusals(self) -> None:
        """Each says which proxy, and what it said."""
        for reply, sentence in [
            (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "wants other credentials (407)"),
            (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "refused a tunnel to vendor.test:80 (403)"),
            (b"HTTP/1.1 302 Found\r\n\r\n", "refused a tunnel to vendor.test:80 (302)"),
            (b"SSH-2.0-OpenSSH\r\n\r\n", "answered with something that is not HTTP/1.1"),
            (b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000, "answered with too large a head"),
        ]:
            with self.subTest(sentence):
                connecting = self.tunnel(HTTP)
                self.say(reply)
                self.assertEqual(self.refused(connecting), f"the proxy http://proxy.test:3128 {sentence}")

    def test_a_proxy_that_hangs_up(self) -> None:
        """It is the proxy that closed."""
        connecting = self.tunnel(HTTP)
        self.hang_up()
        self.assertEqual(
            self.refused(connecting), "the proxy http://proxy.test:3128 closed the connection while it was being set up"
        )

    def test_a_silent_proxy(self) -> None:
        """The connect limit covers its answer."""
        connecting = self.tunnel(HTTP)
        self.reactor.advance(10.1)
        self.assertEqual(
            self.refused(connecting),
            "timed out after 10 s while asking the proxy http://proxy.test:3128 for vendor.test:80",
        )

    def test_cancelling(self) -> None:
        """It closes the connection to the proxy at once."""
        connecting = self.tunnel(HTTP)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)


class Socks(ProxyCase):
    def sent(self) -> bytes:
        """What the proxy heard since it was last asked."""
        heard = self.peers[-1].heard
        self.peers[-1].writes.clear()
        return heard

    def test_without_a_user(self) -> None:
        """Only "no authentication" is offered, and the proxy resolves the name (RFC 1928)."""
        connecting = self.tunnel(SOCKS)
        self.assertEqual(self.sent(), b"\x05\x01\x00")
        self.say(b"\x05\x00")
        self.assertEqual(self.sent(), b"\x05\x01\x00\x03\x0bvendor.test\x00\x50")
        self.say(GRANTED)
        self.successResultOf(connecting)

    def test_with_a_user(self) -> None:
        """User and password are offered and given (RFC 1929)."""
        connecting = self.tunnel(SOCKS_USER)
        self.assertEqual(self.sent(), b"\x05\x02\x00\x02")
        self.say(b"\x05\x02")
        self.assertEqual(self.sent(), b"\x01\x04user\x04pass")
        self.say(b"\x01\x00")
        self.assertEqual(self.sent(), b"\x05\x01\x00\x03\x0bvendor.test\x00\x50")
        self.say(GRANTED)
        self.successResultOf(connecting)

    def test_a_proxy_that_wants_no_password(self) -> None:
        """Although one was offered."""
        connecting = self.tunnel(SOCKS_USER)
        self.say(b"\x05\x00")
        self.assertTrue(self.sent().endswith(b"\x00\x50"))
        self.say(GRANTED)
        self.successResultOf(connecting)

    def test_addresses_are_sent_as_addresses(self) -> None:
        """IPv4 and IPv6 literals are no names."""
        for url, address in [
            ("http://10.1.2.3:8080/", b"\x01\x0a\x01\x02\x03\x1f\x90"),
            ("http://[::2]:8080/", b"\x04" + b"\0" * 15 + b"\x02\x1f\x90"),
        ]:
            self.tunnel(SOCKS, url)
            self.sent()
            self.say(b"\x05\x00")
            self.assertEqual(self.sent(), b"\x05\x01\x00" + address)

    def test_the_consent_however_it_arrives(self) -> None:
        """Byte by byte, with each kind of bound address; what follows is the tunnel's."""
        for bound in (b"\x01" + b"\0" * 4, b"\x04" + b"\0" * 16, b"\x03\x05bound"):
            dialogue = b"\x05\x02" + b"\x01\x00" + b"\x05\x00\x00" + bound + b"\0\0"
            connecting = self.tunnel(SOCKS_USER)
            for at in range(len(dialogue)):
                self.assertNoResult(connecting)
                self.say(dialogue[at : at + 1])
            self.assertEqual(self.successResultOf(connecting).heard, b"")
            connecting = self.tunnel(SOCKS_USER)
            self.say(dialogue + b"hello")
            self.assertEqual(self.successResultOf(connecting).heard, b"hello")

    def test_refusals(self) -> None:
        """Each reply is a sentence; none repeats the password."""
        for proxy, reply, sentence in [
            (SOCKS, b"\x05\xff", "wants a user and password, or another way to prove them"),
            (SOCKS, b"\x05\x02", "wants a user and password, or another way to prove them"),
            (SOCKS_USER, b"\x05\xff", "wants a user and password, or another way to prove them"),
            (SOCKS_USER, b"\x05\x02\x01\x01", "did not accept its user and password"),
            (SOCKS, b"HTTP/1.1 400 Bad Request", "does not speak SOCKS5"),
            (SOCKS, b"\x05\x00\x04\x00\x00\x01\x00", "does not speak SOCKS5"),
            (SOCKS, b"\x05\x00\x05\x00\x00\x09\x00", "does not speak SOCKS5"),
            (SOCKS, b"\x05\x00\x05\x01\x00\x01\x00", "did not connect to vendor.test:80: general failure"),
            (SOCKS, b"\x05\x00\x05\x02\x00\x01\x00", "did not connect to vendor.test:80: its rules do not allow it"),
            (SOCKS, b"\x05\x00\x05\x04\x00\x01\x00", "did not connect to vendor.test:80: the host is unreachable"),
            (SOCKS, b"\x05\x00\x05\x05\x00\x01\x00", "did not connect to vendor.test:80: the connection was refused"),
            (SOCKS, b"\x05\x00\x05\x63\x00\x01\x00", "did not connect to vendor.test:80: reason 99"),
        ]:
            with self.subTest(sentence):
                connecting = self.tunnel(proxy)
                self.say(reply)
                self.assertEqual(self.refused(connecting), f"the proxy socks5://proxy.test:1080 {sentence}")

    def test_what_is_too_long_is_not_cut(self) -> None:
        """A user of more than 255 bytes cannot be said in SOCKS5."""
        connecting = self.tunnel("socks5://" + "u" * 256 + ":pass@proxy.test:1080")
        self.say(b"\x05\x02")
        self.assertIn("longer than SOCKS5 allows", self.refused(connecting))

    def test_a_proxy_that_hangs_up(self) -> None:
        """In the middle of its reply."""
        connecting = self.tunnel(SOCKS)
        self.say(b"\x05")
        self.hang_up()
        self.assertIn("the proxy socks5://proxy.test:1080 closed the connection", self.refused(connecting))

    def test_a_silent_proxy(self) -> None:
        """The connect limit covers its replies."""
        connecting = self.tunnel(SOCKS)
        self.reactor.advance(10.1)
        self.assertEqual(
            self.refused(connecting),
            "timed out after 10 s while asking the proxy socks5://proxy.test:1080 for vendor.test:80",
        )

    def test_cancelling(self) -> None:
        """It closes the connection to the proxy at once."""
        connecting = self.tunnel(SOCKS)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_requests_go_through_and_the_tunnel_is_kept(self) -> None:
        """A plain request through SOCKS is in the ordinary form, and the next one finds the tunnel open."""
        sending = self.send(proxy_url=SOCKS)
        self.say(b"\x05\x00")
        self.say(GRANTED)
        self.assertIn(b"POST /v1/chat HTTP/1.1\r\nHost: vendor.test\r\n", self.peers[0].heard)
        self.say(OK)
        self.assertIsInstance(self.successResultOf(sending), UpstreamResponse)
        self.answered(proxy_url=SOCKS)
        self.assertEqual(len(self.peers), 1)


class TLSHandshake(ProxyCase):
    """Whole handshakes are tested on real sockets; here, those that come to nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.listen("vendor.test", 443)

    def test_a_silent_server(self) -> None:
        """The connect limit covers the handshake."""
        sending = self.send(request("https://vendor.test/"))
        self.assertEqual(self.peers[0].heard[:1], b"\x16")
        self.reactor.advance(10.1)
        self.assertEqual(self.refused(sending), "timed out after 10 s while negotiating TLS with vendor.test")

    def test_a_server_that_hangs_up(self) -> None:
        """It closed in the handshake."""
        sending = self.send(request("https://vendor.test/"))
        self.hang_up()
        self.assertEqual(
            self.refused(sending), "TLS with vendor.test failed: it closed the connection in the handshake"
        )

    def test_a_server_without_tls(self) -> None:
        """OpenSSL's own words are passed on."""
        sending = self.send(request("https://vendor.test/"))
        self.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.assertEqual(self.refused(sending), "TLS with vendor.test failed: wrong version number")

    def test_cancelling(self) -> None:
        """It closes the connection at once."""
        sending = self.send(request("https://vendor.test/"))
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        self.reactor.flow()
        self.assertIsNotNone(self.peers[0].gone)

    def test_tls_begins_behind_the_proxys_consent(self) -> None:
        """An https target behind a proxy: CONNECT in clear, then the handshake."""
        for proxy, consent in [(HTTP, b"HTTP/1.1 200 OK\r\n\r\n"), (SOCKS, b"\x05\x00" + GRANTED)]:
            sending = self.send(request("https://vendor.test/"), proxy_url=proxy)
            self.assertNotIn(b"\x16\x03", self.peers[-1].heard)
            self.say(consent)
            self.assertIn(b"\x16\x03", self.peers[-1].heard)
            sending.cancel()
            self.failureResultOf(sending, CancelledError)
