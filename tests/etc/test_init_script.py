"""The init script, with a real daemon under it: what it does, and the exit codes of the Linux Standard Base."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase

from tests.support.scratch import scratch

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "etc" / "init.d" / "cliproxy"
PATIENCE = 60


class InitScript(SynchronousTestCase):
    """Everything it is told comes from a file of defaults, so it needs no root."""

    def setUp(self) -> None:
        self.home = scratch(self)
        self.config = self.home / "config.yaml"
        self.pidfile = self.home / "run" / "cliproxy.pid"
        self.logfile = self.home / "log" / "cliproxy.log"
        self.command = self.home / "cliproxy"
        self.command.write_text(f'#!/bin/sh\nexec {sys.executable} -m cliproxy "$@"\n')
        self.command.chmod(0o755)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.configure("one")
        (self.home / "default").write_text(
            f"CONFIG={self.config}\nDAEMON={self.command}\nPIDFILE={self.pidfile}\nLOGFILE={self.logfile}\n"
            "RUN_AS=\nSTOP_SECONDS=20\n"
        )
        self.addCleanup(self.kill)

    def configure(self, key: str) -> None:
        self.config.write_text(
            f"port: {self.port}\ndemo: true\napi-keys: [{key}]\ndrain-seconds: 1\n"
            f"auth-dir: {self.home}/auth\nstate-file: {self.home}/state.json\n"
        )

    def kill(self) -> None:
        """Nothing a failed test started outlives it."""
        try:
            os.kill(int(self.pidfile.read_text()), signal.SIGKILL)
        except (OSError, ValueError):
            return

    def do(self, *action: str) -> tuple[int, str]:
        """Run the script; its exit code and words."""
        environment = {**os.environ, "CLIPROXY_DEFAULTS": str(self.home / "default"), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [str(SCRIPT), *action],
            env=environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def status_for(self, key: str) -> int:
        """How the daemon answers a client with this key."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
            return connection.getresponse().status
        finally:
            connection.close()

    def await_key(self, key: str) -> None:
        """Until the daemon serves this key."""
        deadline = time.monotonic() + PATIENCE
        while self.status_for(key) != 200:
            if time.monotonic() > deadline:  # not before: a log that has just been moved is not there yet
                self.fail(self.logfile.read_text())

    def test_life(self) -> None:
        """Start, start again, reload, reload a broken file, restart, stop, stop again."""
        self.assertEqual(self.do("status")[0], 3)
        self.assertEqual(self.do("reload")[0], 7)

        code, words = self.do("start")
        self.assertEqual(code, 0, words)
        first = self.pidfile.read_text()
        self.assertIn(first, words)
        self.assertEqual(self.status_for("one"), 200)
        self.assertEqual(self.status_for("two"), 401)
        self.assertEqual(self.do("status")[0], 0)

        self.assertEqual(self.do("start")[0], 0)
        self.assertEqual(self.pidfile.read_text(), first)

        self.configure("two")
        self.assertEqual(self.do("reload")[0], 0)
        self.await_key("two")
        self.assertEqual(self.status_for("one"), 401)

        self.config.write_text("port: nonsense\n")
        self.assertEqual(self.do("force-reload")[0], 0)
        self.assertEqual(self.status_for("two"), 200)

        self.configure("three")
        code, words = self.do("restart")
        self.assertEqual(code, 0, words)
        self.assertNotEqual(self.pidfile.read_text(), first)
        self.assertEqual(self.status_for("three"), 200)

        self.assertEqual(self.do("stop")[0], 0)
        self.assertEqual(self.do("status")[0], 3)
        self.assertRaises(OSError, self.status_for, "three")
        self.assertEqual(self.do("stop")[0], 0)
        self.assertEqual(self.do("try-restart")[0], 0)
        self.assertFalse(self.pidfile.exists())

    def test_killed(self) -> None:
        """A daemon that was killed is dead with a pid file (1), and starts again."""
        self.assertEqual(self.do("start")[0], 0)
        pid = int(self.pidfile.read_text())
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while self.do("status")[0] == 0:
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(self.do("status")[0], 1)
        self.assertEqual(self.do("start")[0], 0)
        self.assertEqual(self.do("stop")[0], 0)

    def test_log_moves(self) -> None:
        """A log that logrotate has moved is written anew."""
        self.assertEqual(self.do("start")[0], 0)
        self.logfile.rename(self.logfile.with_suffix(".1"))
        self.configure("two")
        self.assertEqual(self.do("reload")[0], 0)
        self.await_key("two")
        self.assertEqual(self.do("stop")[0], 0)
        self.assertIn("reloaded", self.logfile.read_text())

    def test_bad_configuration(self) -> None:
        """A configuration with an error: the start fails (1) and says what is wrong, with the line."""
        self.config.write_text("port: nonsense\n")
        code, words = self.do("start")
        self.assertEqual(code, 1)
        self.assertIn(f"{self.config}:1: port: is to be a whole number", words)
        self.assertEqual(self.do("status")[0], 3)

    def test_not_there(self) -> None:
        """No configuration is 6, no daemon is 5, no or an unknown action is 2."""
        self.config.unlink()
        self.assertEqual(self.do("start")[0], 6)
        self.command.unlink()
        self.assertEqual(self.do("start")[0], 5)
        self.assertEqual(self.do()[0], 2)
        self.assertEqual(self.do("dance")[0], 2)
