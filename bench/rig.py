"""Processes and their figures: the daemon, nginx, the mock upstream and the load, each on a core of its own."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import attrs

HERE = Path(__file__).resolve().parent
KEY = "sk-bench-0123456789"
_START_SECONDS = 30
_STOP_SECONDS = 10

_NGINX = """worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
worker_rlimit_nofile 20000; events {{ worker_connections 16000; }}
http {{
  access_log off; client_max_body_size 64m; client_body_buffer_size 512k; keepalive_requests 10000000; tcp_nodelay on;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 6000; keepalive_requests 10000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}"""

CONFIG = """host: 127.0.0.1
port: {port}
api-keys: [{key}]
openai-compatibility:
  - name: mock
    base-url: http://127.0.0.1:{upstream}/v1
    api-key-entries: [{{api-key: upstream-key}}]
    models: [{{name: mock-model, alias: mock-model}}]
claude-api-key:
  - api-key: upstream-key-claude
    base-url: http://127.0.0.1:{upstream}
    models: [{{name: mock-model, alias: mock-claude}}, {{name: claude-opus-4-8, alias: claude-opus-4-8}}]
"""


#: The same with limits for the client, and two credentials to choose from.
OURS = CONFIG.replace("[{key}]", "[{{key: {key}, rpm: 100000000, tpm: 1000000000000}}]").replace(
    "[{{api-key: upstream-key}}]", "[{{api-key: upstream-key}}, {{api-key: upstream-key-2}}]"
)


class Unavailable(Exception):
    """Something this machine lacks; the message names it."""


def needs(*tools: str) -> None:
    """
    :raises Unavailable: one of the programs is not installed.
    """
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)}")


def compiled(name: str, folder: Path) -> Path:
    """The program made from ``name``.c.

    :raises Unavailable: there is no compiler.
    """
    needs("gcc")
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / f"{name}.bin"
    if not program.exists():
        subprocess.run(["gcc", "-O2", "-o", program, HERE / f"{name}.c"], check=True)
    return program


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def headers() -> dict[str, str]:
    """What a client sends."""
    return {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}


@attrs.define
class Running:
    """A process under measure.

    :ivar port: where it listens.
    """

    process: subprocess.Popen[bytes]
    port: int

    @property
    def cpu(self) -> float:
        """Seconds of CPU it and its children have used."""
        total = 0
        for pid in _tree(self.process.pid):
            for thread in _threads(pid):
                total += int((_proc(pid, f"task/{thread}/schedstat").split() or ["0"])[0])
        return total / 1e9

    @property
    def resident(self) -> int:
        """Bytes of memory it and its children occupy."""
        fields = [_proc(pid, "statm").split() for pid in _tree(self.process.pid)]
        return sum(int(field[1]) for field in fields if field) * os.sysconf("SC_PAGE_SIZE")

    @property
    def peak(self) -> int:
        """The most bytes it occupied since :meth:`forget_peak`, or since it started."""
        for line in _proc(self.process.pid, "status").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def forget_peak(self) -> None:
        """Let :attr:`peak` begin anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """One request, answered whole: status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", path, body, headers())
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def _tree(pid: int) -> list[int]:
    children = [int(child) for child in _proc(pid, f"task/{pid}/children").split()]
    return [pid, *(below for child in children for below in _tree(child))]


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _proc(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


@contextmanager
def started(command: Sequence[str | Path], port: int, folder: Path, core: int) -> Iterator[Running]:
    """A process that listens on ``port``, on one core, ended with the block.

    :raises RuntimeError: it does not come up; its log is named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log.txt", "ab") as log:
        process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, cwd=folder)
    try:
        os.sched_setaffinity(process.pid, {core_of(core)})
        _until_listening(process, port, folder)
        yield Running(process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def core_of(wanted: int) -> int:
    cores = sorted(os.sched_getaffinity(0))
    return cores[wanted % len(cores)]


def _until_listening(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} did not come up; see {folder}/log.txt")


#: Who is measured gets a core, load and mock share the other.
MEASURED, LOAD = 0, 1


@contextmanager
def by_command(command: Sequence[str], config: str, upstream: int, folder: Path) -> Iterator[Running]:
    """A proxy in front of the upstream on that port.

    :param command: in it ``{folder}`` holds ``config.yaml``, ``{port}`` is where it has to listen.
    """
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    words = {"port": port, "upstream": upstream, "folder": folder, "key": KEY}
    (folder / "config.yaml").write_text(config.format(**words))
    with started([word.format(**words) for word in command], port, folder, MEASURED) as running:
        yield running


def daemon(upstream: int, folder: Path) -> AbstractContextManager[Running]:
    """cliproxy in front of the upstream on that port, with everything switched on."""
    twistd = str(Path(sys.executable).with_name("twistd"))
    command = (twistd, "--nodaemon", "--pidfile=", "cliproxy", "--config", "{folder}/config.yaml")
    return by_command(command, OURS, upstream, folder)


@contextmanager
def nginx(upstream: int, folder: Path) -> Iterator[Running]:
    """nginx as a plain reverse proxy in front of the upstream on that port.

    :raises Unavailable: it is not installed.
    """
    needs("nginx")
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(port=port, folder=folder, upstream=upstream))
    with started(["nginx", "-c", config, "-p", folder], port, folder, MEASURED) as running:
        yield running


@contextmanager
def mock(folder: Path) -> Iterator[Running]:
    """The mock upstream: answers chat and messages, streamed at the pace the request names (see upstream.c)."""
    port = free_port()
    with started([compiled("upstream", folder), str(port)], port, folder / "upstream-log", LOAD) as running:
        yield running
