"""``make stall``: every shape, of one and of ten megabytes, for every pair of dialects. The ten worst are printed.

It fails where the loop computes for more than 250 ms without a break, or three times the run's idle 99th percentile if that is
more. How long a health check took from outside is printed beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cliproxy.jsontypes import dumps
from tests.stall.shapes import answers, requests
from tests.support.answers import whole
from tests.support.settings import KEY

ROOT = Path(__file__).parents[2]
DIALECTS = ("openai", "responses", "claude", "gemini")
MOST = 0.25
PATHS = {"openai": "/v1/chat/completions", "responses": "/v1/responses", "claude": "/v1/messages"}


class Vendor(BaseHTTPRequestHandler):
    """Answers what it was told to, in the dialect of the path."""

    protocol_version = "HTTP/1.1"
    told: tuple[str, bytes] | None = None

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        kind, body = Vendor.told or ("application/json", dumps(whole(self.path.split("/")[1], "x")))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the daemon lets go of an answer it wants no more of
            super().handle()

    def log_message(self, *_: Any) -> None:
        pass


class Meter:
    """A daemon, what its ticker says, and how long its health check takes from another thread's connection.

    :ivar held: (monotonic time, seconds that the loop computed without a break).
    :ivar late: (monotonic time, seconds that a health check took), which counts what else the machine does, too.
    """

    def __init__(self, port: int, upstream: int) -> None:
        self.held: list[tuple[float, float]] = []
        self.late: list[tuple[float, float]] = []
        self.port = port
        command = [sys.executable, "-m", "tests.stall.daemon", str(port), str(upstream)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        probe = [sys.executable, "-m", "tests.stall.probe", str(port)]
        self._wait()
        self.probe = subprocess.Popen(probe, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for source, told in ((self.process, self.held), (self.probe, self.late)):
            threading.Thread(target=self._listen, args=(source.stdout, told), daemon=True).start()

    @staticmethod
    def _listen(lines: Any, told: list[tuple[float, float]]) -> None:
        for line in lines:
            at, seconds = map(float, line.split())
            told.append((at, seconds))

    def _wait(self) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the daemon does not start")

    def worst(self, since: float) -> tuple[float, float]:
        """The longest computing, and the longest health check, since then."""
        time.sleep(0.05)
        held, late = (
            max((seconds for at, seconds in list(told) if at >= since), default=0.0) for told in (self.held, self.late)
        )
        return held, late

    def stop(self) -> None:
        for process in (self.probe, self.process):
            process.terminate()
            process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def send(port: int, client: str, upstream: str, body: bytes, stream: bool) -> int:
    """One request, its answer read to the end; gives the status."""
    path = PATHS.get(client)
    if path is None:
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        path = f"/v1beta/models/up-{upstream}:{method}"
    else:
        body = dumps({"model": f"up-{upstream}", "stream": stream})[:-1] + b"," + body[1:]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", path, body, {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
        answer = connection.getresponse()
        while answer.read(1 << 20):
            pass
        return answer.status
    finally:
        connection.close()


def cases(sizes: list[int], only: str) -> Any:
    """(label, client, upstream, request, answer, whether it is streamed) of everything."""
    for size in sizes:
        for client in DIALECTS:
            for name, body in requests(client, size).items():
                for upstream in DIALECTS:
                    yield (
                        f"{size >> 20} MB request, {name}: {client} -> {upstream}",
                        client,
                        upstream,
                        body,
                        None,
                        False,
                    )
            small = requests(client, 100)["text"]
            for upstream in DIALECTS:
                for name, answer in answers(upstream, size).items():
                    stream = answer[0] != "application/json"
                    label = f"{size >> 20} MB answer, {name}: {client} <- {upstream}"
                    yield label, client, upstream, small, answer, stream


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1,10", help="megabytes")
    parser.add_argument("--only", default="", help="cases whose label holds this")
    asked = parser.parse_args()
    vendor = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    threading.Thread(target=vendor.serve_forever, daemon=True).start()
    meter = Meter(free_port(), vendor.server_port)
    try:
        return measure(meter, [int(size) << 20 for size in asked.sizes.split(",")], asked.only)
    finally:
        meter.stop()


def measure(meter: Meter, sizes: list[int], only: str) -> int:
    """Send everything; print the ten worst; 1 where one is over the limit."""
    begun = time.monotonic()
    time.sleep(3)
    idle = sorted(seconds for _, seconds in list(meter.held))
    limit = max(MOST, 3 * (idle[int(len(idle) * 0.99)] if idle else 0.0))
    found = []
    for label, client, upstream, body, answer, stream in cases(sizes, only):
        if only in label:
            Vendor.told = answer
            since = time.monotonic()
            status = send(meter.port, client, upstream, body, stream)
            found.append((*meter.worst(since), label, status))
    found.sort(reverse=True)
    for held, late, label, status in found[:10]:
        print(f"{held * 1000:7.0f} ms computing, {late * 1000:6.0f} ms for a health check  {status}  {label}")
    over = [case for case in found if case[0] > limit]
    print(f"{len(over)} of {len(found)} messages over {limit * 1000:.0f} ms, in {time.monotonic() - begun:.0f} s")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
