"""``cliproxy restart``: a new process serves before the old one goes, under load and with open streams."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.real.daemon import PATIENCE, ROOT

pytestmark = pytest.mark.real

CLIPROXY = [str(Path(sys.executable).parent / "cliproxy")]
KEY = "sk-restarted"


class Vendor(BaseHTTPRequestHandler):
    """Streams one word, and the rest when ``gate`` is open."""

    protocol_version = "HTTP/1.1"
    gate = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for text, finish in (("one ", None), ("two", "stop")):
            choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
            event = {"id": "c", "object": "chat.completion.chunk", "model": "m", "created": 1, "choices": [choice]}
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            self.wfile.flush()
            if finish is None:
                self.gate.wait(240)
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: Any) -> None:
        pass


class Run:
    """A daemon in the background or not, which may become another process."""

    def __init__(self, folder: Path, upstream: int, daemonised: bool) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        entry = {"name": "v", "base-url": f"http://127.0.0.1:{upstream}/v1", "models": [{"name": "m"}]}
        entry["api-key-entries"] = [{"api-key": "up"}]
        self.settings: dict[str, Any] = {
            "port": self.port,
            "api-keys": [KEY],
            "auth-dir": str(folder / "auth"),
            "openai-compatibility": [entry],
            "drain-seconds": 240,
        }
        self.config = folder / "config.yaml"
        self.write()
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)}
        words = ["--daemon", f"--logfile={folder / 'log'}"] if daemonised else []
        command = [*CLIPROXY, "run", "--config", str(self.config), f"--pidfile={folder / 'pid'}", *words]
        with (folder / "out").open("wb") as out:
            self.process = subprocess.Popen(command, cwd=folder, env=self.environment, stdout=out, stderr=out)
        self.until(lambda: self.get("/readyz") == 200)

    def write(self, **more: Any) -> None:
        fresh = self.config.with_suffix(".new")
        fresh.write_text(json.dumps({**self.settings, **more}))
        fresh.replace(self.config)

    @property
    def pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
            return connection.getresponse().status
        except ConnectionError:
            return 0
        finally:
            connection.close()

    def command(self, word: str) -> subprocess.CompletedProcess[str]:
        command = [*CLIPROXY, word, "--config", str(self.config)]
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)

    def said(self) -> str:
        return "".join(path.read_text() for name in ("out", "log") if (path := self.folder / name).exists())

    def until(self, what: Callable[[], object]) -> None:
        end, tick = time.monotonic() + PATIENCE, threading.Event()
        while not what():
            assert time.monotonic() < end, self.said()[-2000:]
            tick.wait(0.05)

    def stop(self) -> None:
        pid = self.pid
        os.kill(pid, signal.SIGTERM)
        self.until(lambda: not runs(pid))


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def daemon(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Run]:
    vendor = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    threading.Thread(target=vendor.serve_forever, daemon=True).start()
    Vendor.gate.clear()
    run = Run(tmp_path, vendor.server_port, request.param)
    try:
        yield run
    finally:
        Vendor.gate.set()
        run.stop()
        if run.process.poll() is None:
            run.process.wait(PATIENCE)
        vendor.shutdown()
        vendor.server_close()


def streamed(run: Run) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=PATIENCE)
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]})
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    return connection, connection.getresponse()


@pytest.mark.parametrize("daemon", [False, True], ids=["foreground", "background"], indirect=True)
def test_nobody_is_refused(daemon: Run) -> None:
    """Clients that ask all the time, on fresh and on kept connections, are all answered over two restarts; a stream that began
    in the first process ends whole in it; pid file and control socket are the newest process's."""
    connection, answer = streamed(daemon)
    begun = answer.readline() + answer.readline()
    seen: list[int] = []
    done = threading.Event()

    def ask(kept: bool) -> None:
        kept_one = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=PATIENCE)
        while not done.is_set():
            if kept:
                kept_one.request("GET", "/v1/models", headers={"Authorization": f"Bearer {KEY}"})
                answer = kept_one.getresponse()
                answer.read()
                seen.append(answer.status)
            else:
                seen.append(daemon.get("/v1/models"))
        kept_one.close()

    threads = [threading.Thread(target=ask, args=(kept,)) for kept in (True, False)]
    for thread in threads:
        thread.start()
    pids = [daemon.pid]
    try:
        for _ in range(2):
            told = daemon.command("restart")
            assert told.returncode == 0, told.stderr + daemon.said()[-3000:]
            pids.append(daemon.pid)
            before = len(seen)
            daemon.until(lambda before=before: len(seen) > before + 20)  # type: ignore[misc]
            daemon.until(lambda: daemon.command("cooldowns").returncode == 0)
    finally:
        done.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert len(set(pids)) == 3
    assert set(seen) == {200}
    assert runs(pids[0]), "it has a stream to end"
    Vendor.gate.set()
    assert (begun + answer.read()).endswith(b"data: [DONE]\n\n")
    connection.close()
    daemon.until(lambda: not runs(pids[0]) and not runs(pids[1]))
    assert daemon.pid == pids[2]
    assert runs(pids[2])
    assert "Traceback" not in daemon.said()


@pytest.mark.parametrize("daemon", [False], indirect=True)
def test_a_new_process_that_cannot_start(daemon: Run) -> None:
    """With a configuration that cannot be used nothing changes, and the command says so."""
    before = daemon.pid
    daemon.write(port="many")
    told = daemon.command("restart")
    assert told.returncode == 1
    assert "port" in told.stderr
    daemon.write(**{"api-keys": [KEY, "your-api-key-1"], "host": "0.0.0.0"})
    assert daemon.command("restart").returncode == 1
    daemon.write()
    assert daemon.get("/v1/models") == 200
    assert daemon.command("restart").returncode == 0
    assert daemon.pid != before
