"""What only a daemon that owns its process does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = """
import resource, sys
from cliproxy.daemon.process import allow_descriptors
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
allow_descriptors()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def limits(soft: int, hard: int) -> tuple[int, int]:
    """The limits of a process that began with these."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(soft), str(hard)], capture_output=True, text=True, check=True
    )
    left, right = map(int, done.stdout.split())
    return left, right


def test_descriptors_are_raised_to_what_is_allowed() -> None:
    """A soft limit of 256 becomes the hard one; one that is enough stays."""
    assert limits(256, 512) == (512, 512)
    assert limits(512, 512) == (512, 512)


@pytest.mark.real
@pytest.mark.parametrize("words", [["run"], ["run", "--daemon", "--pidfile", "d.pid", "--logfile", "d.log"]])
def test_a_port_that_is_taken_is_said(tmp_path: Path, words: list[str]) -> None:
    """In the foreground it is one sentence and no traceback; in either way it is said, and the exit code is 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = tmp_path / "config.yaml"
        config.write_text(f"port: {port}\ndemo: true\napi-keys: [k]\nauth-dir: {tmp_path}\n")
        command = [sys.executable, "-m", "cliproxy", *words, "--config", str(config)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stdout + done.stderr
    if "--daemon" not in words:
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr


STEPPED = """
import time
wall, step = time.time, [0]
time.time = lambda: wall() + step[0]
from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from cliproxy.daemon.process import steady_clock
steady_clock(reactor)
ticks = []
LoopingCall(ticks.append, 1).start(0.01)
reactor.callLater(0.05, step.__setitem__, 0, -3600)
reactor.callLater(0.2, reactor.stop)
reactor.run()
print(len(ticks) > 2, abs(reactor.seconds() - time.monotonic()) < 60)
"""


@pytest.mark.real
def test_the_wall_clock_may_step_back() -> None:
    """Timers do not notice an hour that comes again; under Twisted's own clock they would stand still for it."""
    done = subprocess.run([sys.executable, "-c", STEPPED], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "True"]
