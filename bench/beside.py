"""Beside nginx: requests per CPU-second, CPU per streamed chunk, memory per stream. Quote the ratios."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import attrs

from bench import bodies, rig
from bench.figures import Figure
from bench.rig import KEY, LOAD, Running, compiled, needs
from cliproxy.jsontypes import dumps, loads

PATH = "/v1/chat/completions"
#: What Go's ReverseProxy, which looks into nothing, reached of nginx on one machine: 8,900 of 50,400, and 2,900 of 13,900.
GO_SMALL, GO_AGENT = 0.177, 0.209

_LUA = """local file = io.open("{body}", "rb")
wrk.method = "POST"; wrk.body = file:read("*a"); file:close()
wrk.headers["Content-Type"] = "application/json"; wrk.headers["Authorization"] = "Bearer {key}"
done = function(summary)
  local e = summary.errors
  print(string.format("DONE %d %d", summary.requests, e.connect + e.read + e.timeout + e.status))
end
"""

Start = Callable[[int, Path], AbstractContextManager[Running]]


@attrs.frozen
class Measured:
    """One proxy's numbers: requests a CPU-second, microseconds a chunk, kB a stream, and MB when idle."""

    small: float
    agent: float
    chunk: float
    stream: float
    idle: float


def figures(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """nginx first, then the daemon.

    :raises Unavailable: wrk or gcc is missing. Without nginx the daemon is measured alone.
    """
    needs("wrk")
    with rig.mock(folder) as upstream:
        try:
            nginx = _measure(rig.nginx, upstream.port, folder / "nginx", quick)
        except rig.Unavailable:
            nginx = None
        ours = _measure(rig.daemon, upstream.port, folder / "cliproxy", quick)
    beside = attrs.asdict(nginx) if nginx is not None else {}
    go = "Go's ReverseProxy: {} of nginx".format
    yield Figure("252 B requests", ours.small, "a CPU-second", beside.get("small"), note=go(GO_SMALL))
    yield Figure("112 KB requests", ours.agent, "a CPU-second", beside.get("agent"), note=go(GO_AGENT))
    yield Figure("a streamed chunk", ours.chunk, "us of CPU", beside.get("chunk"))
    yield Figure("a slow stream", ours.stream, "kB", beside.get("stream"), most=30)
    yield Figure("idle", ours.idle, "MB", beside.get("idle"))


def _measure(start: Start, upstream: int, folder: Path, quick: bool) -> Measured:
    folder.mkdir(parents=True, exist_ok=True)
    rounds, seconds = (1, 2) if quick else (3, 4)
    scripts = {}
    for name, body in (("small", bodies.small()), ("agent", bodies.agent())):
        (folder / f"{name}.json").write_bytes(dumps(body))
        scripts[name] = folder / f"{name}.lua"
        scripts[name].write_text(_LUA.format(body=folder / f"{name}.json", key=KEY))
    with start(upstream, folder) as proxy:
        warm(proxy)
        idle = proxy.resident / 1e6
        rates = {
            name: statistics.median(_rate(proxy, script, seconds) for _ in range(rounds))
            for name, script in scripts.items()
        }
        chunk = _chunk_cost(proxy, folder)
    # On a fresh process: the load above left freed pages behind.
    with start(upstream, folder) as proxy:
        warm(proxy)
        stream = slow_streams(proxy, folder, 200 if quick else 1000)
    return Measured(rates["small"], rates["agent"], chunk, stream, idle)


def warm(proxy: Running) -> None:
    for _ in range(20):
        status, body = proxy.post(PATH, dumps(bodies.small()))
        if status != 200:
            raise RuntimeError(f"the proxy answered {status}: {body[:300]!r}")


def _rate(proxy: Running, script: Path, seconds: int) -> float:
    """Requests per CPU-second of the proxy."""
    before = proxy.cpu
    said = _load(["wrk", "-t1", "-c32", f"-d{seconds}", "-s", str(script), f"http://127.0.0.1:{proxy.port}{PATH}"])
    requests, errors = map(int, said[said.index("DONE ") :].split()[1:3])
    if errors:
        raise RuntimeError(f"{errors} of {requests} requests failed")
    return requests / max(proxy.cpu - before, 0.01)


def _chunk_cost(proxy: Running, folder: Path) -> float:
    """Microseconds of CPU a chunk: a hundred streams of 250 chunks, 20 ms apart."""
    streams, chunks = 100, 250
    before = proxy.cpu
    said = loads(_load(stream_command(proxy, folder, bodies.paced(chunks, 20), "-c", streams, "-n", streams)))
    if said["errs"]:
        raise RuntimeError(f"{said['errs']} of {streams} streams failed")
    return 1e6 * (proxy.cpu - before) / (streams * chunks)


def slow_streams(proxy: Running, folder: Path, count: int) -> float:
    """kB of memory a stream, with ``count`` of them under way, five chunks a second each."""
    before = proxy.resident
    load = subprocess.Popen(
        stream_command(proxy, folder, bodies.paced(600, 200), "-c", count, "-d", 10, "-ramp", 250),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        os.sched_setaffinity(load.pid, {rig.core_of(LOAD)})
        time.sleep(8)
        return (proxy.resident - before) / 1000 / count
    finally:
        load.kill()
        load.wait()


def stream_command(proxy: Running, folder: Path, body: object, *arguments: object) -> list[str]:
    program = compiled("streams", folder.parent)
    path = folder / "stream.json"
    path.write_bytes(dumps(body))
    return [str(word) for word in (program, proxy.port, PATH, path, "-H", f"Authorization: Bearer {KEY}", *arguments)]


def _load(command: list[str]) -> str:
    core = {rig.core_of(LOAD)}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        preexec_fn=lambda: os.sched_setaffinity(0, core),
    )
    return done.stdout
