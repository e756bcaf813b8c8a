"""What is held: memory of many streams, of readers slower than their upstreams, of large requests; and for how long
after the client has gone."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from bench import bodies, rig
from bench.beside import CHAT as PATH
from bench.beside import slow_streams, stream_command, warm
from bench.figures import Figure
from bench.rig import KEY, Running
from cliproxy.jsontypes import dumps

MESSAGES = "/v1/messages"


def figures(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Memory under load, and hang-ups, of the real daemon.

    :raises Unavailable: gcc is missing.
    """
    with rig.mock(folder) as upstream:
        with rig.daemon(upstream.port, folder / "streams") as proxy:
            warm(proxy)
            count = 200 if quick else 1000
            kilobytes = slow_streams(proxy, folder / "streams", count) * count
            yield Figure(f"{count:,} slow streams, over idle", kilobytes / 1000, "MB", most=30 * count / 1000)
        with rig.daemon(upstream.port, folder / "readers") as proxy:
            warm(proxy)
            yield Figure("20 readers at 40 kB/s", _slow_readers(proxy, folder / "readers", quick), "MB", most=10)
        for name, path, claude in (
            ("unchanged", PATH, False),
            ("translated, chat to claude", PATH, True),
            ("translated, claude to chat", MESSAGES, False),
        ):
            with rig.daemon(upstream.port, folder / name.replace(" ", "-")) as proxy:
                warm(proxy)
                yield _large_request(proxy, name, path, claude)
    yield from hang_ups(folder / "hang-ups")


def _slow_readers(proxy: Running, folder: Path, quick: bool) -> float:
    """MB by which memory grows at most, while upstreams send as fast as they can."""
    before = proxy.resident
    body = dumps(bodies.paced(99_999, 0))
    command = stream_command(proxy, folder, body, PATH, "-c", 20, "-d", 5 if quick else 10, "-slow", 40_000)
    highest = before
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as load:
        while load.poll() is None:
            highest = max(highest, proxy.resident)
            time.sleep(0.1)
    return (highest - before) / 1e6


def _large_request(proxy: Running, name: str, path: str, claude: bool) -> Figure:
    """By how many times its size a request of 2 MB raises the peak."""
    body = bodies.large(2_000_000, claude=claude)
    proxy.forget_peak()
    before = proxy.resident
    status, answer = proxy.post(path, body)
    if status != 200:
        raise RuntimeError(f"{name}: {status}: {answer[:300]!r}")
    return Figure(f"2 MB request, {name}", (proxy.peak - before) / len(body), "times its size", most=5)


# -- hang-ups


@attrs.define
class _Phase:
    """How far an upstream goes with its answer before it falls silent."""

    name: str
    says: bytes


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


_ROLE = _chunk(
    b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
)
_WORD = _chunk(
    b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
)

_PHASES = (
    _Phase("before the head", b""),
    _Phase("before content", _HEAD + _ROLE),
    _Phase("in the stream", _HEAD + _ROLE + _WORD),
    _Phase("unread stream", _HEAD + _ROLE + _WORD * 100_000),
)


def hang_ups(folder: Path) -> Iterator[Figure]:
    """Seconds from a client's leaving to the end of its upstream connection, over real sockets."""
    for phase in _PHASES:
        with _silent_upstream(phase.says) as upstream, rig.daemon(upstream.port, folder) as proxy:
            with socket.create_connection(("127.0.0.1", proxy.port)) as client:
                client.sendall(_raw_request(dumps(bodies.small(stream=True))))
                if not upstream.reached.wait(10):
                    raise RuntimeError("the upstream was not asked")
                time.sleep(0.5)
            left = time.monotonic()
            gone = upstream.left.wait(10)
            yield Figure(
                f"client leaves {phase.name}", upstream.at - left if gone else 10, "s to the upstream's end", most=1
            )


def _raw_request(body: bytes) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@attrs.define
class _Upstream:
    """An upstream that answers so far and no further, and notes when it is left."""

    port: int = 0
    reached: threading.Event = attrs.field(factory=threading.Event)
    left: threading.Event = attrs.field(factory=threading.Event)
    at: float = 0.0

    def serve(self, connection: socket.socket, says: bytes) -> None:
        """One connection, until the other side closes it."""
        connection.recv(65536)
        self.reached.set()
        try:
            connection.sendall(says)
            while connection.recv(65536):
                pass
        except OSError:
            pass
        self.at = time.monotonic()
        self.left.set()


@contextmanager
def _silent_upstream(says: bytes) -> Iterator[_Upstream]:
    upstream = _Upstream()

    class Serve(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            upstream.serve(self.request, says)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Serve) as server:
        server.daemon_threads = True
        upstream.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield upstream
        finally:
            server.shutdown()
            thread.join()
