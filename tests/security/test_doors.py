"""Who gets in: routes without a key, forged addresses, foreign pages, rebound names, doors that a reload would open."""

from __future__ import annotations

import hmac
from typing import Any
from unittest import mock

import attrs
import pytest
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.amp.routes import AmpRoutes
from cliproxy.errors import SettingsError
from cliproxy.front import access
from cliproxy.front.access import AccessPolicy
from cliproxy.front.claude import ClaudeRoutes
from cliproxy.front.gemini import GeminiRoutes
from cliproxy.front.openai import OpenAIRoutes
from cliproxy.front.operators import LONGEST_WAIT
from cliproxy.management.app import ManagementRoutes
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Amp, ClientKey, RemoteManagement, Secret, Settings
from tests.support.bodies import CHAT, CHAT_ANSWER
from tests.support.settings import settings
from tests.support.world import Call, World

AMP = Amp(upstream_url="http://amp.test", upstream_api_key=Secret("amp-operator-key"))
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "post")
#: What is served to anyone, and what only its own login pages answer (without the operator's key).
OPEN = {"/", "/healthz", "/readyz"}
PAGES = ("/threads", "/docs", "/settings", "/auth", "/auth/cli-login", "/threads.rss", "/news.rss")
CONTROL = ("/api/user", "/api/internal", "/api/threads/x", "/api/tab/llm", "/api/telemetry", "/actors/x")


def every_path() -> list[str]:
    """A path for each registered route, and for what goes to ampcode.com."""
    found = set(CONTROL)
    for routes in (OpenAIRoutes, ClaudeRoutes, GeminiRoutes, ManagementRoutes, AmpRoutes):
        for rule in routes.app.url_map.iter_rules():
            path = rule.rule.replace("<path:name>", "x").replace("<path:action>", "x:generateContent")
            found.add(path.replace("<provider>", "anthropic").replace("<path:rest>", "v1/messages"))
    return sorted(found - OPEN)


class Routes(SynchronousTestCase):
    """Deny is the default, whatever the method."""

    def setUp(self) -> None:
        managed = RemoteManagement(secret_key=Secret("manage-me"))
        self.world = World(settings(ampcode=AMP, remote_management=managed))
        self.addCleanup(self.world.close)
        self.amp = self.world.vendor("amp.test")
        self.amp.script = lambda request: request.answer(200, {})

    def test_no_route_without_a_key(self) -> None:
        """With every method, every route refuses a caller without a key and asks no upstream for it."""
        for path in every_path():
            for method in METHODS:
                for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"Authorization": "Bearer wrong"}):
                    status = self.world.request(method, path, {}, headers, key=None).status
                    self.assertIn(status, (400, 401, 403, 404, 405, 501), f"{method} {path} {headers}")
                self.world.pass_time(LONGEST_WAIT)
        self.assertEqual(self.amp.requests, [])

    def test_pages_get_nothing_of_the_operators(self) -> None:
        """The login pages go through without a key, and without the operator's."""
        for path in PAGES:
            self.assertEqual(self.world.get(path, key=None).status, 200, path)
            self.assertNotIn("amp-operator-key", str(self.amp.last.headers))

    def test_roles(self) -> None:
        """A client key manages nothing, and the management secret asks no model."""
        secret = {"Authorization": "Bearer manage-me"}
        self.assertEqual(self.world.get("/v0/management/cooldowns").status, 401)
        self.assertEqual(self.world.get("/v1/models", secret, key=None).status, 401)
        self.assertEqual(self.world.get("/v0/management/cooldowns", secret, key=None).status, 200)
        self.assertEqual(self.world.get("/v0/management/cooldowns?key=manage-me", key=None).status, 401)


class Keys(SynchronousTestCase):
    """How keys are compared."""

    def test_every_key_is_compared(self) -> None:
        """Whether the first key is right, the last or none, as many comparisons of digests are made."""
        gate = AccessPolicy(Settings(api_keys=tuple(ClientKey(Secret(f"sk-{number}")) for number in range(7))))
        for offered in ("sk-0", "sk-6", "sk-nobody", "", "s" * 10_000):
            with mock.patch.object(access.hmac, "compare_digest", wraps=hmac.compare_digest) as compare:
                gate.key([offered])
            self.assertEqual(compare.call_count, 7)
            self.assertEqual({len(argument) for call in compare.call_args_list for argument in call.args}, {32})


class Addresses(SynchronousTestCase):
    """Nobody becomes local by saying so."""

    def build(self, **more: Any) -> None:
        managed = RemoteManagement(secret_key=Secret("manage-me"))
        amp = attrs.evolve(AMP, restrict_management_to_localhost=True)
        self.world = World(settings(ampcode=amp, remote_management=managed, **more))
        self.addCleanup(self.world.close)
        self.world.vendor("amp.test").script = lambda request: request.answer(200, {})

    def local(self, peer: str, *lines: str) -> bool:
        """Whether the caller passes for local, on both kinds of route that ask."""
        found = set()
        for path, key in (("/v0/management/cooldowns", "manage-me"), ("/api/user", "sk-test")):
            head = "".join(f"{line}\r\n" for line in (f"Authorization: Bearer {key}", "Host: x", *lines))
            found.add(self.world.send(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode(), peer=peer).status)
        self.assertEqual(len(found), 1, found)
        return found == {200}

    def test_without_trusted_proxies(self) -> None:
        """Forwarded headers change nothing: the TCP peer counts."""
        self.build()
        self.assertTrue(self.local("127.0.0.1"))
        self.assertTrue(self.local("::ffff:127.0.0.1"))
        for line in ("X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1", "Via: 1.1 x"):
            self.assertFalse(self.local("203.0.113.7", line), line)
            self.assertTrue(self.local("127.0.0.1", line.replace("127.0.0.1", "203.0.113.7")), line)

    def test_with_trusted_proxies(self) -> None:
        """The right-most address that is no trusted proxy's counts, over all lines of the header."""
        self.build(trusted_proxies=("127.0.0.1", "192.0.2.0/24"))
        self.assertFalse(self.local("127.0.0.1", "X-Forwarded-For: 203.0.113.7"))
        self.assertFalse(self.local("127.0.0.1", "X-Forwarded-For: 127.0.0.1, 203.0.113.7"))
        self.assertFalse(self.local("127.0.0.1", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 203.0.113.7"))
        self.assertFalse(self.local("192.0.2.1", "X-Forwarded-For: garbage"))
        self.assertFalse(self.local("203.0.113.7", "X-Forwarded-For: 127.0.0.1"))
        self.assertTrue(self.local("192.0.2.1", "X-Forwarded-For: 127.8.8.8, 192.0.2.2"))


class Pages(SynchronousTestCase):
    """What a web page can make its visitor's browser do to a daemon on loopback that asks for no key."""

    def setUp(self) -> None:
        self.world = World(settings(api_keys=(), ampcode=AMP))
        self.addCleanup(self.world.close)
        self.chat, self.amp = self.world.vendor("chat.test"), self.world.vendor("amp.test")
        self.chat.script = lambda request: request.answer(200, CHAT_ANSWER)
        self.amp.script = lambda request: request.answer(200, {})

    def test_origins(self) -> None:
        """No Origin but our own is served, however it is written."""
        for origin in (
            "null", "https://evil.example", "http://127.0.0.1:8318", "http://127.0.0.1:8317.evil.example", "http://[",
            "http://evil@127.0.0.1:8317", "file://", "http://", "", "127.0.0.1:8317", "http://localhost:8317", "\xff",
        ):  # fmt: skip
            call = self.world.post("/v1/chat/completions", CHAT, {"Origin": origin}, key=None)
            self.assertEqual(call.status, 403, origin)
        self.assertEqual(self.chat.requests, [])
        own = self.world.post("/v1/chat/completions", CHAT, {"Origin": "http://127.0.0.1:8317"}, key=None)
        self.assertEqual(own.status, 200)

    def test_cross_site(self) -> None:
        """Neither a form nor an image of another site reaches a model or ampcode.com."""
        headers = {"Sec-Fetch-Site": "cross-site"}
        self.assertEqual(self.world.post("/v1/chat/completions", CHAT, headers, key=None).status, 403)
        self.assertEqual(self.world.get("/api/user", headers, key=None).status, 403)
        self.assertEqual(self.world.get("/v1/models", headers, key=None).status, 403)
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Origin": "https://evil.example"}
        self.assertEqual(self.world.get("/api/threads/actors", upgrade, key=None).status, 403)
        self.assertEqual(self.chat.requests + self.amp.requests, [])

    def test_hosts(self) -> None:
        """A rebound name is 421 in every spelling; a second Host line, and a target that names a host, are refused."""
        for host in (
            "evil.example", "[::1].evil.example", "[::1]evil", "[::1", "::1", "127.0.0.1%evil.example", "127.0.0.1:evil",
            "127.0.0.1:80:80", "127.0.0.1@evil.example", "evil.example@127.0.0.1", "127.0.0.1/evil.example", "2130706433",
            "0x7f.0.0.1", "127.1", "0.0.0.0", "localhost.evil.example", "localhost\\.evil.example", "127.0.0.1,evil", "",
            "[::1%25lo]", "\u2127.0.0.1",
        ):  # fmt: skip
            self.assertEqual(self.world.get("/v1/models", {"Host": host}, key=None).status, 421, host)
        for host in ("127.0.0.1", "LOCALHOST:1", "localhost.", "[::1]:8317", "127.255.0.1:8317"):
            self.assertEqual(self.world.get("/v1/models", {"Host": host}, key=None).status, 200, host)
        for head in (
            "GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example",
            "GET http://127.0.0.1/v1/models HTTP/1.1\r\nHost: 127.0.0.1",
            "GET http://127.0.0.1/v1/models HTTP/1.1\r\nHost: evil.example",
        ):
            self.assertEqual(self.world.send(f"{head}\r\n\r\n".encode()).status, 400, head)
        self.assertEqual(self.world.send(b"GET /v1/models HTTP/1.1\r\nX: y\r\n\r\n").status, 400)
        self.assertEqual(self.world.send(b"GET /v1/models HTTP/1.0\r\nX: y\r\n\r\n").status, 421)

    def test_no_cors(self) -> None:
        """No answer of any route, good or bad, to any method, allows a foreign page to read it."""
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        for path in (*every_path(), *OPEN, *PAGES):
            for method in ("OPTIONS", "GET", "POST"):
                call = self.world.request(method, path, {}, headers, key=None)
                self.assertNotIn("access-control-allow-origin", call.headers, f"{method} {path}")


class Listening(SynchronousTestCase):
    """A daemon everybody can reach has keys, however it came to be so."""

    def daemon(self, configured: Settings, host: str) -> CliproxyService:
        world = World(configured)
        self.addCleanup(world.close)
        world.service.listener.ports = [Port(IPv4Address("TCP", host, 8317))]
        return world.service

    def test_reload_cannot_open_it(self) -> None:
        """A file whose new loopback host waits for a restart cannot take the keys away while every interface is open."""
        service = self.daemon(settings(host="0.0.0.0"), "0.0.0.0")
        for keys in ((), (ClientKey(Secret("your-api-key-1")),)):
            with self.assertRaisesRegex(SettingsError, "0.0.0.0"):
                service.apply(settings(api_keys=keys))
        self.assertEqual(len(service.settings.api_keys), 1)
        service.apply(settings())
        with self.assertRaises(SettingsError):
            service.apply(settings(api_keys=()))
        self.daemon(settings(), "127.0.0.1").apply(settings(api_keys=()))

    def test_a_socket_handed_over(self) -> None:
        """A socket that somebody else bound is looked at again: without keys it must be loopback, or there is no start."""
        for address, fine in (
            (IPv4Address("TCP", "0.0.0.0", 1), False),
            (IPv4Address("TCP", "192.0.2.1", 1), False),
            (IPv4Address("TCP", "127.0.0.1", 1), True),
            (UNIXAddress(b"/run/x"), True),
        ):
            with self.subTest(address):
                service = self.daemon(settings(api_keys=()), "127.0.0.1")
                service.listener.ports = [Port(IPv4Address("TCP", "127.0.0.1", 2)), Port(address)]
                if fine:
                    service.listener.check(service.settings)
                else:
                    self.assertRaises(SettingsError, service.listener.check, service.settings)

    def test_an_unix_socket_for_clients_is_not_its_owners(self) -> None:
        """Whoever may open a UNIX socket that systemd handed over is a client, and manages nothing without the secret."""
        world = World(settings())
        self.addCleanup(world.close)
        clients, owners = world.service.site.buildProtocol, world.service.site.owners
        for build, status in ((clients, 404), (owners, 200)):
            call = Call()
            transport = world.reactor.connect(call, build(UNIXAddress(None)), peer="")
            transport.write(b"GET /v0/management/cooldowns HTTP/1.1\r\nHost: localhost\r\n\r\n")
            world.flow()
            self.assertEqual(call.status, status)


class Port:
    """Something that listens at an address."""

    def __init__(self, address: Any) -> None:
        self.getHost = lambda: address

    def stopListening(self) -> None:
        pass


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.0.2.1", "example.org", "127.0.0.1.example.org", "127.0.0.1%x"]
)
def test_open_binds(host: str) -> None:
    """No host but loopback starts without keys or with sample keys, in the file or on the command line."""
    from cliproxy.settings.load import loads

    for text in ("port: 1", "api-keys: []", "api-keys: [your-api-key-1]", "api-keys: [sk-fine, your-api-key]"):
        with pytest.raises(SettingsError):
            loads(text, host=host)
        with pytest.raises(SettingsError):
            loads(f"host: '{host}'\n{text}")
    assert loads("api-keys: [sk-fine]", host=host).settings.host == host
