"""How long a client waits for the first byte, at a rate that leaves the proxy idle between requests."""

from __future__ import annotations

import os
import socket
import time

from bench import rig
from bench.rig import KEY, LOAD

#: Requests a second.
RATE = 50


def first_bytes(port: int, path: str, body: bytes, count: int) -> tuple[float, float]:
    """Seconds until the first event of the answer, median and 99th of a hundred, of so many requests one after the other."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {rig.core_of(LOAD)})
    try:
        waits = sorted(_waits(port, path, body, count))
    finally:
        os.sched_setaffinity(0, before)
    return waits[len(waits) // 2], waits[len(waits) * 99 // 100]


def _waits(port: int, path: str, body: bytes, count: int) -> list[float]:
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    waits = []
    due = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            due += 1 / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            asked = time.monotonic()
            client.sendall(head + body)
            answer = client.recv(65536)
            while b"data:" not in answer:  # some send the head of a stream before they know what follows
                answer += client.recv(65536)
            waits.append(time.monotonic() - asked)
            while not answer.endswith(b"0\r\n\r\n"):
                more = client.recv(65536)
                if not more:
                    raise RuntimeError(f"the answer broke off: {answer[-200:]!r}")
                answer += more
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"no stream: {answer[:300]!r}")
    return waits
