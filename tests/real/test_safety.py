"""What only a real process can show: its limits of open files, its signals, its command line, its sockets' ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.real import raw
from tests.real.daemon import ROOT, Daemon
from tests.real.house import open_house

pytestmark = pytest.mark.real


#: What is started behind these words may have 256 files open, and cannot allow itself more.
FEW_FILES = ("sh", "-c", 'ulimit -n 256; exec "$0" "$@"')


def test_more_connections_than_files(tmp_path: Path) -> None:
    """Clients that connect and say nothing, far more than the process may have files, hold nobody else up."""
    with ExitStack() as stack:
        daemon = stack.enter_context(Daemon({"demo": True}, tmp_path, prefix=FEW_FILES))
        for _ in range(600):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port), timeout=5))
            connection.settimeout(5)
        for _ in range(3):
            answer = raw.call(f"{daemon.url}/v1/models", headers={"X-Api-Key": daemon.key})
            assert answer.status == 200
        files = len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))
        assert files < 160, files


@pytest.mark.parametrize("keys", [[], ["your-api-key-1"]], ids=["no keys", "sample keys"])
def test_open_on_the_command_line(tmp_path: Path, keys: list[str]) -> None:
    """A host on the command line opens no door that the file may not open: exit 1, and the reason."""
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"host": "127.0.0.1", "port": 0, "api-keys": keys, "auth-dir": str(tmp_path)}))
    twistd = str(Path(sys.executable).with_name("twistd"))
    for command in (
        [twistd, "--nodaemon", "--pidfile=", "cliproxy", "--config", str(config), "--host", "0.0.0.0"],
        [sys.executable, "-m", "cliproxy", "run", "--config", str(config), "--host", "::"],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, text=True)
        assert done.returncode == 1, done
        assert "api-keys" in done.stdout + done.stderr


def test_a_reload_that_would_open_the_door() -> None:
    """On every interface, a file that says loopback and takes the keys away is refused, and the keys stay."""
    with open_house(lambda settings: settings.update({"host": "0.0.0.0"})) as house:
        changed = {**house.daemon.settings, "host": "127.0.0.1", "api-keys": []}
        house.daemon.write(json.dumps(changed))
        house.daemon.signal(signal.SIGHUP)
        house.daemon.until(lambda: "not reloaded" in house.daemon.log.read_text(), 10)
        assert raw.call(f"{house.daemon.url}/v1/models").status == 401
        assert raw.call(f"{house.daemon.url}/v1/models", headers={"X-Api-Key": house.daemon.key}).status == 200


def test_signals_change_nothing_else() -> None:
    """A hundred SIGHUPs and SIGUSR1s while a stream is open neither end it nor the daemon."""
    with open_house() as house:
        client = house.clients["claude"]
        gate = house.vendor("openai").gate("pause")
        texts = client.texts("openai-fake", "scene:pause")
        first = next(texts)
        for _ in range(100):
            house.daemon.signal(signal.SIGHUP)
            house.daemon.signal(signal.SIGUSR1)
        house.daemon.until(lambda: "cool-downs are cleared" in house.daemon.log.read_text(), 10)
        assert house.daemon.alive
        gate.set()
        assert len(first + "".join(texts)) > len(first)


def test_a_refusal_is_read_to_its_end() -> None:
    """A client refused while it still sends gets the whole answer, and then the end of the connection."""
    with open_house() as house:
        head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {1 << 30}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", house.daemon.port), timeout=10) as connection:
            connection.sendall(head.encode() + b"x" * 300_000)
            data = b""
            while piece := connection.recv(65536):
                data += piece
        assert data.count(b"HTTP/1.1") == 1 and data.startswith(b"HTTP/1.1 413"), data
        assert json.loads(data.partition(b"\r\n\r\n")[2])["error"]["type"] == "request_too_large"
