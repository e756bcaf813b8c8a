"""Logins and renewals against OAuth servers that others wrote: oidc-provider and oauth2-mock-server, from npm."""

from __future__ import annotations

import http.cookiejar
import json
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.real.daemon import CLIENT_KEY, PATIENCE, ROOT, Daemon

NODE = ROOT / ".venv/node/node_modules"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        shutil.which("node") is None or not NODE.is_dir(), reason="the OAuth servers need node, and `make .venv/.node`"
    ),
]
SECRET = "secret-canary-77"
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "model": "x", "content": [{"type": "text", "text": "hi"}]}


class Server:
    """One of the node servers. ``lines`` is what it said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.lines = process, list[str]()
        self._said: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        while not (line := self._said.get(timeout=PATIENCE)).startswith("listening "):
            pass
        self.url = line.split()[1].replace("localhost", "127.0.0.1")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())
            self._said.put(line)

    def said(self, what: str) -> int:
        return sum(line.startswith(what) for line in self.lines)


@contextmanager
def server(name: str, directory: Path, *words: str) -> Iterator[Server]:
    directory.mkdir(exist_ok=True)
    shutil.copy(ROOT / "tests/real/oauth" / name, directory)
    (directory / "node_modules").symlink_to(NODE)
    (directory / "package.json").write_text('{"type": "module"}')
    command = ["node", str(directory / name), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield Server(process)
    finally:
        process.kill()
        process.wait()


@contextmanager
def vendor() -> Iterator[tuple[str, list[str]]]:
    """(address, tokens it was sent): Anthropic's shape, for any token."""
    tokens: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            tokens.append(self.headers["Authorization"].removeprefix("Bearer "))
            data = json.dumps(MESSAGE).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}", tokens
    finally:
        listening.shutdown()
        listening.server_close()


def settings(issuer: str, base: str, directory: Path, **more: Any) -> dict[str, Any]:
    provider = {
        "name": "company",
        "dialect": "claude",
        "base-url": base,
        "token-url": f"{issuer}/token",
        "client-id": "cli",
        "client-secret": SECRET,
        "scopes": ["openid", "email", "offline_access"],
        **more,
    }
    return {"auth-dir": str(directory / "auth"), "api-keys": [CLIENT_KEY], "oauth-providers": [provider]}


def run_login(config: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cliproxy", "login", "company", "--no-browser", "-c", str(config), *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    )


def line_with(process: subprocess.Popen[str], what: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if what in line:
            return line
    raise AssertionError(f"the login ended without a word of {what}")


class Browser:
    """Cookies, redirects and the forms of oidc-provider's own pages."""

    def __init__(self) -> None:
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def visit(self, url: str, form: dict[str, str] | None = None) -> str:
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        with self._opener.open(url, data, timeout=PATIENCE) as answer:
            self._at = answer.url
            page: str = answer.read().decode()
        return page

    def agree(self, url: str) -> str:
        """Log in and consent, until there is no form any more."""
        page = self.visit(url)
        for _ in range(6):
            found = re.search(r'<form[^>]*action="([^"]+)"', page)
            if found is None:
                return page
            fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page))
            form = {**fields, **({"login": "alice", "password": "x"} if 'name="login"' in page else {})}
            page = self.visit(urllib.parse.urljoin(self._at, found[1].replace("&amp;", "&")), form)
        raise AssertionError(page)


def ask(daemon: Daemon) -> int:
    body = json.dumps({"model": "claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}).encode()
    headers = {"Authorization": f"Bearer {CLIENT_KEY}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{daemon.url}/v1/messages", body, headers), timeout=PATIENCE
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def log_in(config: Path, issuer: Server) -> Path:
    process = run_login(config)
    url = line_with(process, f"{issuer.url}/auth?").strip()
    assert "You are logged in" in Browser().agree(url)
    written = line_with(process, "is written").split()[0]
    assert process.wait(PATIENCE) == 0
    return Path(written)


def test_a_login_in_a_browser_serves_and_is_renewed_by_one_of_two_daemons(tmp_path: Path) -> None:
    with server("oidc.mjs", tmp_path / "node", "14") as issuer, vendor() as (base, tokens):
        made = settings(issuer.url, base, tmp_path, **{"authorize-url": f"{issuer.url}/auth"})
        config = tmp_path / "login.yaml"
        config.write_text(json.dumps(made))
        path = log_in(config, issuer)
        assert (path.name, path.stat().st_mode & 0o777) == ("company-alice@example.org.json", 0o600)
        first = json.loads(path.read_text())
        homes = [tmp_path / "one", tmp_path / "two"]
        for home in homes:
            home.mkdir()
        secrets = (SECRET, first["refresh_token"])
        with Daemon(made, homes[0], secrets) as one, Daemon(made, homes[1], secrets) as two:

            def renewed() -> bool:
                assert [ask(one), ask(two)] == [200, 200]
                return len(set(tokens)) >= 4

            one.until(renewed, 60)
            assert issuer.said("grant.error") == issuer.said("grant.revoked") == 0
            assert issuer.said("grant.success refresh_token") >= 3
        assert json.loads(path.read_text())["refresh_token"] != first["refresh_token"]


def test_killed_while_it_renews_a_daemon_leaves_a_whole_file_and_says_what_to_do(tmp_path: Path) -> None:
    with server("oidc.mjs", tmp_path / "node") as issuer, vendor() as (base, _):
        made = settings(issuer.url, base, tmp_path, **{"authorize-url": f"{issuer.url}/auth"})
        config = tmp_path / "login.yaml"
        config.write_text(json.dumps(made))
        path = log_in(config, issuer)
        held = json.loads(path.read_text())
        path.write_text(json.dumps(held | {"expired": "2020-01-01T00:00:00Z"}))
        with between(issuer.url) as (address, asked):
            made["oauth-providers"][0]["token-url"] = f"{address}/token"
            daemon = Daemon(made, tmp_path, (SECRET, held["refresh_token"])).__enter__()
            threading.Thread(target=lambda: _ignored(daemon), daemon=True).start()
            assert asked.wait(PATIENCE)  # the issuer has answered, and the answer is on its way
            daemon.signal(signal.SIGKILL)
            daemon.ended()
        assert json.loads(path.read_text())["refresh_token"] == held["refresh_token"]
        made["oauth-providers"][0]["token-url"] = f"{issuer.url}/token"
        with Daemon(made, tmp_path, (SECRET, held["refresh_token"])) as daemon:
            assert [ask(daemon) for _ in range(5)] == [502] * 5
            assert issuer.said("grant.error refresh_token") == 1
            config.write_text(json.dumps(made))
            log_in(config, issuer)
            daemon.until(lambda: ask(daemon) == 200, 10)


def _ignored(daemon: Daemon) -> None:
    with suppress(OSError):  # it is killed
        ask(daemon)


@contextmanager
def between(issuer: str) -> Iterator[tuple[str, threading.Event]]:
    """A way to the issuer on which answers stay: (address, whether one has come so far)."""
    asked = threading.Event()
    over = threading.Event()

    class Way(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = {"Content-Type": self.headers["Content-Type"]}
            with urllib.request.urlopen(urllib.request.Request(f"{issuer}/token", body, kind)) as answer:
                answer.read()
            asked.set()
            over.wait(PATIENCE)

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Way)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}", asked
    finally:
        over.set()
        listening.shutdown()
        listening.server_close()


def test_a_code_that_is_entered_elsewhere(tmp_path: Path) -> None:
    with server("oidc.mjs", tmp_path / "node") as issuer:
        made = settings(issuer.url, "http://127.0.0.1:9", tmp_path, **{"device-url": f"{issuer.url}/device/auth"})
        config = tmp_path / "login.yaml"
        config.write_text(json.dumps(made))
        process = run_login(config, "--device")
        url = line_with(process, "and enter the code").split()[1]
        assert "Success" in Browser().agree(url)
        assert "is written" in line_with(process, "is written")
        assert process.wait(PATIENCE) == 0
        (held,) = [json.loads(path.read_text()) for path in (tmp_path / "auth").glob("*.json")]
        assert (held["type"], bool(held["refresh_token"])) == ("company", True)


def test_the_clients_own_credentials_serve_and_a_taken_port_has_its_own_code(tmp_path: Path) -> None:
    with server("mock.mjs", tmp_path / "node") as issuer, vendor() as (base, tokens):
        made = settings(issuer.url, base, tmp_path)
        config = tmp_path / "login.yaml"
        config.write_text(json.dumps(made))
        process = run_login(config)
        assert "is written" in line_with(process, "is written")
        assert process.wait(PATIENCE) == 0
        with Daemon(made, tmp_path, (SECRET,)) as daemon:
            assert ask(daemon) == 200
        (token,) = tokens
        assert token.count(".") == 2
        assert issuer.said("grant.success client_credentials") == 1
        made["oauth-providers"][0]["authorize-url"] = f"{issuer.url}/authorize"
        config.write_text(json.dumps(made))
        port = urllib.parse.urlsplit(base).port
        busy = run_login(config, "--callback-port", str(port))
        assert "is taken by another program" in line_with(busy, "taken")
        assert busy.wait(PATIENCE) == 3
