"""The daemon as its users run it: a ``twistd`` process with a configuration file, on a port of its own."""

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
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
CLIENT_KEY = "sk-client-canary-c0ffee-11"
#: Seconds within which the daemon must be ready, and within which it must have ended.
PATIENCE = 30.0
#: Exit codes of a clean end: twistd, having stopped in good order, ends itself with the signal that told it to.
CLEAN = (0, -signal.SIGTERM)


class Daemon:
    """A running daemon; a context manager.

    :param settings: the configuration, as the parsed YAML. Address, keys and directories of the daemon's own are added.
    :param directory: where its files go.
    :param secrets: what must never show in its log.
    :param prefix: the words of a command that starts it, when it is not started plainly.
    :param sign: what answers 200 when it has started; one without credentials is never ready.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        directory: Path,
        secrets: tuple[str, ...] = (),
        prefix: tuple[str, ...] = (),
        sign: str = "/readyz",
    ) -> None:
        self._prefix = prefix
        self._sign = sign
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = CLIENT_KEY
        self.log = directory / "daemon.log"
        self._secrets = (CLIENT_KEY, *secrets)
        self._config = directory / "config.yaml"
        self.settings = {
            "host": "127.0.0.1",
            "port": self.port,
            "api-keys": [CLIENT_KEY],
            "auth-dir": str(directory / "auth"),
            "state-file": str(directory / "state.json"),
            **settings,
        }
        self.write(json.dumps(self.settings, indent=1))  # JSON is YAML
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Daemon:
        twistd = Path(sys.executable).with_name("twistd")
        command = [*self._prefix, str(twistd), "--nodaemon", "--pidfile=", "cliproxy", "--config", str(self._config)]
        inherited = {name: value for name, value in os.environ.items() if not name.upper().endswith(("_KEY", "_PROXY"))}
        environment = {**inherited, "HOME": str(self._config.parent), "PYTHONPATH": str(ROOT)}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self.until(self._ready)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if kind is None:
            self.check_log()

    def write(self, config: str) -> None:
        """Replace the configuration file, as an editor does: whole or not at all."""
        new = self._config.with_suffix(".new")
        new.write_text(config)
        new.replace(self._config)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def ended(self, seconds: float = PATIENCE) -> int:
        """Its exit code, once it has ended.

        :raises AssertionError: it has not within ``seconds``.
        """
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the daemon did not end within {seconds} s") from None

    def stop(self) -> None:
        """End it as an init script would, and see that it ends well."""
        assert self._process is not None
        if self._process.poll() is None:
            self.signal(signal.SIGTERM)
        code = self.ended()
        assert code in CLEAN, f"exit code {code}"

    @property
    def alive(self) -> bool:
        """Whether the process runs and says that it can serve."""
        assert self._process is not None
        return self._process.poll() is None and self._ready()

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def memory(self) -> int:
        """Resident memory in bytes (Linux)."""
        assert self._process is not None
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    def check_log(self) -> None:
        """No traceback and no secret has been logged.

        :raises AssertionError: one has.
        """
        text = self.log.read_text(errors="replace")
        for sign in ("Traceback (most recent call last)", "Unhandled error", "Unhandled Error"):
            assert sign not in text, text[max(0, text.index(sign) - 500) : text.index(sign) + 3000]
        for secret in self._secrets:
            assert secret not in text, f"{secret} was logged: {text[max(0, text.index(secret) - 200) :][:300]}"

    def until(self, what: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Look again and again until something is so.

        :raises AssertionError: it is not within ``seconds``, or the daemon has ended.
        """
        assert self._process is not None
        deadline = time.monotonic() + seconds
        tick = threading.Event()
        while not what():
            ended = self._process.poll()
            log = self.log.read_text(errors="replace")[-3000:]
            assert ended is None, f"the daemon ended with {ended}: {log}"
            assert time.monotonic() < deadline, f"not within {seconds} s: {log}"
            tick.wait(0.05)

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self._sign)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
