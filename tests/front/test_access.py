"""The doors: keys, Origin, Host, and whose address counts."""

from __future__ import annotations

import pytest
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.errors import RequestFault
from cliproxy.front.access import AccessPolicy, Client, candidates, host_of
from cliproxy.settings.model import Amp, ClientKey, RemoteManagement, Secret, Settings
from cliproxy.wire.addresses import is_loopback
from tests.support.settings import KEY, settings
from tests.support.world import World

KEYED = Settings(api_keys=(ClientKey(Secret("sk-one")), ClientKey(Secret("sk-two"), strict_translation=True)))


def status_of(gate: AccessPolicy, headers: dict[str, str], query: dict[str, str] | None = None) -> int:
    """The status a request is refused with; 200 when it is admitted."""
    try:
        gate.admit("127.0.0.1", headers, candidates(headers, query or {}))
    except RequestFault as fault:
        return fault.detail.status
    return 200


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"authorization": "Bearer sk-one"}, {}, 200),
        ({"authorization": "bearer   sk-one "}, {}, 200),
        ({"authorization": "sk-one"}, {}, 200),
        ({"x-goog-api-key": "sk-two"}, {}, 200),
        ({"x-api-key": "sk-two"}, {}, 200),
        ({}, {"key": "sk-one"}, 200),
        ({}, {"auth_token": "sk-one"}, 200),
        ({"authorization": "Bearer wrong", "x-goog-api-key": "sk-one"}, {}, 200),
        ({"authorization": "Bearer sk-one", "x-goog-api-key": "placeholder"}, {}, 200),
        ({"authorization": "Basic sk-one"}, {}, 401),
        ({"authorization": "Bearer SK-ONE"}, {}, 401),
        ({"authorization": "Bearer sk-on"}, {}, 401),
        ({"authorization": "Bearer "}, {}, 401),
        ({"x-api-key": "\udcff"}, {}, 401),
        ({}, {}, 401),
    ],
)
def test_keys(headers: dict[str, str], query: dict[str, str], status: int) -> None:
    """Any of the five places may hold the key; a wrong value in one does not hide a right one in another."""
    assert status_of(AccessPolicy(KEYED), headers, query) == status


def test_the_matching_key_is_the_client() -> None:
    """The admitted client carries the entry its key belongs to, and shows no key."""
    client = AccessPolicy(KEYED).admit("10.0.0.1", {}, ["nonsense", "sk-two"])
    assert client.key is KEYED.api_keys[1]
    assert "sk-two" not in client.label + repr(client)


def test_empty_keys_admit_nobody() -> None:
    """A list whose only entries are empty strings is a list that matches nothing."""
    gate = AccessPolicy(Settings(api_keys=(ClientKey(Secret("")),)))
    assert status_of(gate, {"authorization": "Bearer ", "x-api-key": ""}) == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8317", 200),
        ("localhost:8317", 200),
        ("[::1]:8317", 200),
        ("LOCALHOST", 200),
        ("proxy.lan:8317", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8317", 421),
        ("", 421),
    ],
)
def test_keyless_host(host: str, status: int) -> None:
    """Without client keys only loopback names and allowed hosts are served: a rebound DNS name is not."""
    gate = AccessPolicy(Settings(allowed_hosts=("Proxy.lan",)))
    assert status_of(gate, {"host": host}) == status


def test_keyed_host_is_free() -> None:
    """With a client key any Host will do."""
    assert status_of(AccessPolicy(KEYED), {"host": "anything.example", "x-api-key": "sk-one"}) == 200


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"origin": "https://app.example"}, True),
        ({"origin": "https://app.example/"}, True),
        ({"origin": "https://evil.example", "host": "127.0.0.1:8317"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://127.0.0.1:8317", "host": "127.0.0.1:8317"}, True),
        ({"origin": "http://rebound.example:8317", "host": "rebound.example:8317"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
    ],
)
def test_origin(headers: dict[str, str], allowed: bool) -> None:
    """A browser's request is served from listed origins and from our own pages only."""
    gate = AccessPolicy(Settings(cors_origins=("https://app.example",)))
    if allowed:
        gate.check_origin(headers)
    else:
        with pytest.raises(RequestFault) as caught:
            gate.check_origin(headers)
        assert caught.value.detail.status == 403


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("10.0.0.9", "127.0.0.1", "10.0.0.9"),
        ("192.0.2.1", "203.0.113.7", "203.0.113.7"),
        ("192.0.2.1", "127.0.0.1, 203.0.113.7", "203.0.113.7"),
        ("192.0.2.1", "203.0.113.7, 192.0.2.2", "203.0.113.7"),
        ("192.0.2.1", "", "192.0.2.1"),
    ],
)
def test_peer(peer: str, forwarded: str, seen: str) -> None:
    """The TCP peer counts, unless it is a trusted proxy; then the nearest hop that is not one."""
    gate = AccessPolicy(Settings(trusted_proxies=("192.0.2.0/24",)))
    assert gate.peer(peer, {"x-forwarded-for": forwarded}) == seen


def test_words() -> None:
    """Hosts are read without port and brackets, and only real loopback is loopback."""
    assert host_of("[2001:db8::1]:80") == "2001:db8::1"
    assert host_of("Example.COM:80") == "example.com"
    assert is_loopback("127.8.9.1") and is_loopback("::1") and is_loopback("localhost.")
    assert not is_loopback("localhost.example") and not is_loopback("0.0.0.0")


def test_open_client_has_no_key() -> None:
    """A client without a key says so."""
    assert Client("127.0.0.1").label == "-"


class ForeignNames(SynchronousTestCase):
    """What is answered without a client key is answered under names of ours, pages and unknown paths included."""

    ASKED = (("GET", "/"), ("GET", "/nowhere"), ("GET", "/v1/nowhere"), ("DELETE", "/v1/messages"), ("GET", "/threads"),
             ("GET", "/v1/chat/completions"), ("POST", "/v1/messages/nothing"))  # fmt: skip

    def test_foreign(self) -> None:
        """421 in the dialect of the path, with keys or without; underscores and brackets make no difference."""
        for keys in (KEYED.api_keys, ()):
            world = World(settings(api_keys=keys, ampcode=Amp(upstream_url="http://amp.test")))
            self.addCleanup(world.close)
            vendor = world.vendor("amp.test")
            for host in ("evil.example", "evil_x.example:8317", "[2001:db8::1]", "[evil", "a b", "x:1:2"):
                for method, path in self.ASKED:
                    call = world.request(method, path, None, {"Host": host}, key=None)
                    self.assertEqual(call.status, 421, (host, method, path, call.raw))
                    self.assertIn("Misdirected Request", call.raw.decode())
                    self.assertIn("allowed-hosts", str(call.json["error"]))
                    self.assertEqual("type" in call.json, "/messages" in path)
                self.assertEqual(world.get("/healthz", {"Host": host}, key=None).status, 200)
            self.assertEqual(vendor.requests, [])

    def test_ours(self) -> None:
        """Under our names, and with a right key under any, everything is answered as ever."""
        world = World(settings(allowed_hosts=("my_proxy.lan",)))
        self.addCleanup(world.close)
        for host, key in (
            ("127.0.0.1:8317", None),
            ("[::1]:8317", None),
            ("my_proxy.lan", None),
            ("evil.example", KEY),
        ):
            answers = [world.request(method, path, None, {"Host": host}, key=key).status for method, path in self.ASKED]
            self.assertEqual(answers[:4], [200, 404, 404, 405], (host, key))

    def test_console(self) -> None:
        """A rebound name gets not even the page; an address, which cannot be rebound, does."""
        world = World(settings(remote_management=RemoteManagement(console_key=Secret("c"), allow_remote=True)))
        self.addCleanup(world.close)
        for host, status in (
            ("evil.example", 421),
            ("10.0.0.7:8317", 200),
            ("[2001:db8::1]:8317", 200),
            ("localhost", 200),
        ):
            self.assertEqual(world.get("/console", {"Host": host}, key=None).status, status, host)
