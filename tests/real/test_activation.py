"""systemd holds the port: the daemon takes the sockets it is handed over, as ``systemd-socket-activate`` hands them."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.real.daemon import CLEAN, PATIENCE, ROOT

pytestmark = pytest.mark.real

#: Puts descriptors where systemd puts them and becomes the daemon: LISTEN_PID is to be its own process's.
WRAPPER = """
import fcntl, os, sys
numbers = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in sys.argv[1].split(",")]
for place, number in enumerate(numbers, 3):
    os.dup2(number, place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(numbers)))
os.execv(sys.argv[2], sys.argv[2:])
"""
HERE = Path(sys.executable).parent
STARTS = {
    "cliproxy run": [str(HERE / "cliproxy"), "run"],
    "twistd": [str(HERE / "twistd"), "--nodaemon", "--pidfile=", "cliproxy"],
}


@contextmanager
def started(
    folder: Path, sockets: list[socket.socket], settings: dict[str, object], words: list[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon's process, which need not answer yet. Its log is ``folder/log``."""
    config = folder / "config.yaml"
    config.write_text(json.dumps({"demo": True, "auth-dir": str(folder / "auth"), "port": 1, **settings}))
    numbers = [one.fileno() for one in sockets]
    command = [sys.executable, "-c", WRAPPER, ",".join(map(str, numbers)), *words, "--config", str(config)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, pass_fds=numbers, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def status(connection: http.client.HTTPConnection, path: str = "/readyz") -> int:
    """Whoever connects to a socket that listens already waits until the daemon accepts."""
    try:
        connection.request("GET", path, headers={"Authorization": "Bearer sk-one"})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("start", STARTS)
def test_sockets_of_every_kind(tmp_path: Path, start: str) -> None:
    """Two TCP sockets and a UNIX one serve clients that came before the daemon did; the configured port is not opened."""
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "s"))
    unix.listen()
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)] + [unix]
    ports = [one.getsockname()[1] for one in sockets[:2]]
    with started(tmp_path, sockets, {"api-keys": ["sk-one"]}, STARTS[start]) as process:
        for one in sockets:
            one.close()
        for port in ports:
            assert status(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) == 200
        assert status(_Unix(str(tmp_path / "s")), "/v1/models") == 200
        assert status(_Unix(str(tmp_path / "s")), "/v0/management/cooldowns") == 404, "it is not its owner's socket"
        assert f"listens on http://127.0.0.1:{ports[0]}" in (tmp_path / "log").read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) in CLEAN


def test_an_open_socket_needs_keys(tmp_path: Path) -> None:
    """A socket on every interface, and no client keys: one sentence, and no start."""
    with socket.create_server(("0.0.0.0", 0)) as everywhere:
        with started(tmp_path, [everywhere], {"api-keys": []}, STARTS["cliproxy run"]) as process:
            assert process.wait(PATIENCE) == 1
    log = (tmp_path / "log").read_text()
    assert "cliproxy: host: is 0.0.0.0 while there are no api-keys" in log
    assert "Traceback" not in log


def test_the_socket_outlives_the_daemon(tmp_path: Path) -> None:
    """Over a restart of the daemon no client is refused: those that come meanwhile wait for the next one."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    seen: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            seen.append(status(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for last in (False, True):
            with started(tmp_path, [listening], {"api-keys": ["sk-one"]}, STARTS["cliproxy run"]) as process:
                end, before = time.monotonic() + PATIENCE, len(seen)
                while len(seen) < before + 5 and time.monotonic() < end:
                    done.wait(0.05)
                if last:
                    done.set()
                    thread.join(PATIENCE)
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE)
    finally:
        done.set()
        listening.close()
    assert len(seen) >= 10
    assert set(seen) == {200}
