"""A real daemon and the places that its log goes to."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 60
NOBODY = pwd.getpwnam("nobody")
#: twistd ends with the signal that ended it.
CLEAN = (0, -signal.SIGTERM)
pytestmark = pytest.mark.real


class Running:
    """``cliproxy run`` with the demo, and where it writes."""

    def __init__(self, directory: Path, *words: str, stdout: Any, **settings: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config = directory / "config.yaml"
        self.settings = {"port": self.port, "demo": True, "api-keys": ["sk-log-test"], "auth-dir": str(directory)}
        self.change(**settings)
        command = [sys.executable, "-m", "cliproxy", "run", *words, "--config", str(self.config)]
        self.process = subprocess.Popen(
            command,
            cwd=directory,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(directory)},
        )
        self.until(lambda: self.answers("/healthz"))

    def change(self, **settings: Any) -> None:
        """Write the configuration."""
        self.config.write_text(json.dumps({**self.settings, **settings}))

    def answers(self, path: str) -> bool:
        """Whether it answers with 200."""
        request = Request(f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": "Bearer sk-log-test"})
        try:
            with urlopen(request, timeout=20) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def until(self, what: Callable[[], object]) -> None:
        """Look again and again until something is so."""
        deadline, tick = time.monotonic() + PATIENCE, threading.Event()
        while not what():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            tick.wait(0.05)

    def stop(self) -> int:
        """End it as an operator does."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts daemons, and ends those that are left."""
    running: list[Running] = []

    def start(*words: str, stdout: Any = subprocess.DEVNULL, **settings: Any) -> Running:
        running.append(Running(tmp_path, *words, stdout=stdout, **settings))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_a_pipe_that_nobody_reads(started: Callable[..., Running]) -> None:
    """The daemon goes on and ends; the pipe is far too small for what was said."""
    daemon = started("-v", stdout=subprocess.PIPE)
    padding = "/" + "x" * 110
    for _ in range(800):
        assert not daemon.answers(padding)  # 404, and a line
    assert daemon.answers("/v1/models")
    assert daemon.stop() in CLEAN
    assert daemon.process.stdout is not None
    assert 0 < len(daemon.process.stdout.read()) <= 1 << 17


def test_main_log(started: Callable[..., Running], tmp_path: Path) -> None:
    """``logging-to-file`` is followed by a reload, and the folder may go away."""
    daemon = started()
    main = tmp_path / "logs" / "main.log"
    daemon.change(**{"logging-to-file": True})
    daemon.until(lambda: daemon.answers("/v1/models") and main.exists() and "GET /v1/models" in main.read_text())
    main.parent.rename(tmp_path / "gone")
    daemon.until(lambda: daemon.answers("/v1/models") and main.exists())
    assert daemon.stop() in CLEAN
    assert "cliproxy stops" in main.read_text()
    assert "twisted" not in main.read_text()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that is another user's, where that user comes: pytest closes its own folders to others at every start."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as directory:
        os.chown(directory, NOBODY.pw_uid, NOBODY.pw_gid)
        yield Path(directory)


def as_nobody(home: Path) -> list[str]:
    """The words that give up root."""
    return ["--uid", str(NOBODY.pw_uid), "--gid", str(NOBODY.pw_gid), "--logfile", str(home / "d.log")]


def test_root_opens_no_log(started: Callable[..., Running], home: Path) -> None:
    """The log is opened as the user that the daemon runs as, so that it can open it again."""
    daemon = started(*as_nobody(home), **{"auth-dir": str(home)})
    daemon.until((home / "d.log").exists)
    assert (home / "d.log").stat().st_uid == NOBODY.pw_uid
    assert (home / "d.log").stat().st_mode & 0o777 == 0o600
    (home / "d.log").rename(home / "d.log.1")
    daemon.until(lambda: daemon.answers("/v1/models") and (home / "d.log").exists())
    assert daemon.stop() in CLEAN


def test_a_start_that_fails_is_logged_as_that_user(tmp_path: Path, home: Path) -> None:
    """A port that is taken leaves no file that the daemon cannot open the next time."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = tmp_path / "config.yaml"
        config.write_text(f"port: {taken.getsockname()[1]}\ndemo: true\napi-keys: [k]\nauth-dir: {home}\n")
        command = [sys.executable, "-m", "cliproxy", "run", "-v", *as_nobody(home), "--config", str(config)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=PATIENCE, env=environment)
    assert done.returncode == 1
    assert (home / "d.log").stat().st_uid == NOBODY.pw_uid


def test_a_failed_request_has_a_file(started: Callable[..., Running], tmp_path: Path) -> None:
    """Written by the daemon's own thread, for its owner alone."""
    daemon = started()
    request = Request(
        f"http://127.0.0.1:{daemon.port}/v1/chat/completions",
        b'{"model": "nobody", "messages": []}',
        {"Authorization": "Bearer sk-log-test", "Content-Type": "application/json"},
    )
    with pytest.raises(OSError, match="400"):
        urlopen(request, timeout=20)
    logs = tmp_path / "logs"
    daemon.until(
        lambda: list(logs.glob("error-*.log")) and list(logs.glob("error-*.log"))[0].read_text().endswith("}\n")
    )
    (path,) = logs.glob("error-*.log")
    assert "=== REQUEST BODY ===\n" + '{"model": "nobody", "messages": []}' in path.read_text()
    assert "sk-log-test" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
