"""URLs of upstreams and proxies, and what the environment says about proxies."""

from __future__ import annotations

import pytest

from cliproxy.wire.urls import InvalidURL, Proxy, environment_proxy, parse_proxy, parse_target


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "authority", "path"),
    [
        ("https://api.test", "https", "api.test", 443, "api.test", "/"),
        ("HTTPS://API.Test:443/v1", "https", "api.test", 443, "api.test", "/v1"),
        ("https://api.test:8443/v1?a=b&c", "https", "api.test", 8443, "api.test:8443", "/v1?a=b&c"),
        ("http://127.0.0.1:80/?x", "http", "127.0.0.1", 80, "127.0.0.1", "/?x"),
        ("http://[::1]:8080/a", "http", "::1", 8080, "[::1]:8080", "/a"),
        ("https://[2001:db8::1]/", "https", "2001:db8::1", 443, "[2001:db8::1]", "/"),
        ("https://api.test./v1", "https", "api.test", 443, "api.test", "/v1"),
        ("https://api.test/a;b/c%20d?q=%2F#part", "https", "api.test", 443, "api.test", "/a;b/c%20d?q=%2F"),
        (
            "https://api.test/m:generateContent?alt=sse",
            "https",
            "api.test",
            443,
            "api.test",
            "/m:generateContent?alt=sse",
        ),
    ],
)
def test_a_url_is_taken_apart(url: str, scheme: str, host: str, port: int, authority: str, path: str) -> None:
    """Scheme, host, port, Host header and request path."""
    target = parse_target(url)
    assert (target.scheme, target.host, target.port) == (scheme, host, port)
    assert (target.authority, target.path) == (authority, path)
    assert target.tls is (scheme == "https")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.test/v1",
        "ftp://api.test/",
        "https:///v1",
        "https://api.test:port/",
        "https://api.test:99999/",
        "https://user:sesame@api.test/",
        "https://sesame@api.test/",
        "https://api.test/a b",
        "https://api.test/a\r\nX: 1",
        "https://api.test/\x00",
        "https://api.test/é",
        "https://[::1/",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_quoting_secrets(url: str) -> None:
    """Anything ambiguous is an error, and no user information is repeated in it."""
    with pytest.raises(InvalidURL) as caught:
        parse_target(url)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://proxy.test:3128", Proxy("http", "proxy.test", 3128)),
        ("http://proxy.test", Proxy("http", "proxy.test", 80)),
        ("HTTPS://proxy.test/", Proxy("https", "proxy.test", 443)),
        ("socks5://proxy.test", Proxy("socks5", "proxy.test", 1080)),
        ("SOCKS5://[::1]:9", Proxy("socks5", "::1", 9)),
        ("socks5h://u:p@proxy.test:9", Proxy("socks5", "proxy.test", 9, "u", "p")),
        ("http://us%40er:p%3Aw@proxy.test:1", Proxy("http", "proxy.test", 1, "us@er", "p:w")),
        ("direct", None),
        (" None ", None),
    ],
)
def test_a_proxy_url_is_read(url: str, proxy: Proxy | None) -> None:
    """http, https and socks5 with their ports; user and password decoded; ``direct`` and ``none`` are no proxy."""
    assert parse_proxy(url) == proxy


@pytest.mark.parametrize(
    "url", ["ftp://sesame@p:1", "proxy.test:3128", "http://", "http://u:sesame@p:x", "socks4://p", ""]
)
def test_a_proxy_url_that_cannot_be_used_is_refused_without_quoting_secrets(url: str) -> None:
    """Another scheme, no host or a bad port is an error that repeats no password."""
    with pytest.raises(InvalidURL) as caught:
        parse_proxy(url)
    assert "sesame" not in str(caught.value)


def test_a_proxy_shows_no_credentials() -> None:
    """Neither the label nor the repr holds user or password."""
    proxy = parse_proxy("http://user-name:sesame@proxy.test:3128")
    assert proxy is not None
    assert proxy.label == "http://proxy.test:3128"
    assert "sesame" not in repr(proxy) and "user-name" not in repr(proxy)
    assert proxy.authorization == "Basic dXNlci1uYW1lOnNlc2FtZQ=="
    assert Proxy("http", "proxy.test", 1).authorization is None


ENVIRONMENT = {"HTTP_PROXY": "http://h:1", "HTTPS_PROXY": "http://s:2", "ALL_PROXY": "socks5://a:3"}


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://api.test/", "direct"),
        (ENVIRONMENT, "http://api.test/", "http://h:1"),
        (ENVIRONMENT, "https://api.test/", "http://s:2"),
        ({"ALL_PROXY": "socks5://a:3"}, "https://api.test/", "socks5://a:3"),
        ({"https_proxy": "http://low:1"}, "https://api.test/", "http://low:1"),
        ({"HTTPS_PROXY": "http://up:1", "https_proxy": "http://low:1"}, "https://api.test/", "http://up:1"),
        ({"HTTPS_PROXY": "proxy.test:3128"}, "https://api.test/", "http://proxy.test:3128"),
        ({"HTTPS_PROXY": ""}, "https://api.test/", "direct"),
        ({"HTTP_PROXY": "http://h:1"}, "https://api.test/", "direct"),
        (ENVIRONMENT, "http://localhost:8080/", "direct"),
        (ENVIRONMENT, "http://llama.localhost/", "direct"),
        (ENVIRONMENT, "http://127.8.8.8/", "direct"),
        (ENVIRONMENT, "https://[::1]/", "direct"),
    ],
)
def test_the_environment_names_a_proxy(environment: dict[str, str], url: str, proxy: str) -> None:
    """By scheme, then ALL_PROXY; upper case first; never for loopback."""
    assert environment_proxy(environment, parse_target(url)) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "url", "exempt"),
    [
        ("*", "https://api.test/", True),
        ("api.test", "https://api.test/", True),
        ("API.test", "https://api.test/", True),
        ("test", "https://api.test/", True),
        (".api.test", "https://v1.api.test/", True),
        ("*.api.test", "https://v1.api.test/", True),
        ("pi.test", "https://api.test/", False),
        ("api.test.evil", "https://api.test/", False),
        ("a, api.test ,b", "https://api.test/", True),
        ("api.test:443", "https://api.test/", True),
        ("api.test:8443", "https://api.test/", False),
        ("10.0.0.0/8", "https://10.1.2.3/", True),
        ("10.0.0.0/8", "https://11.1.2.3/", False),
        ("10.1.2.3", "https://10.1.2.3/", True),
        ("2001:db8::/32", "https://[2001:db8::5]/", True),
        ("", "https://api.test/", False),
        (",,", "https://api.test/", False),
    ],
)
def test_no_proxy_exempts(no_proxy: str, url: str, exempt: bool) -> None:
    """NO_PROXY holds domains with their sub-domains, addresses, networks, ports, or ``*``."""
    environment = {**ENVIRONMENT, "NO_PROXY": no_proxy}
    assert environment_proxy(environment, parse_target(url)) == ("direct" if exempt else "http://s:2")
