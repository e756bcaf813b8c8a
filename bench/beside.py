"""Beside nginx and other proxies, all of them up at once and measured in turns: quote the ratios of one run."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import attrs

from bench import bodies, rig
from bench.latency import first_bytes
from bench.peers import Peer
from bench.recorded import claude_code
from bench.rig import KEY, LOAD, Running, compiled, needs
from cliproxy.jsontypes import dumps, loads

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"

_LUA = """local file = io.open("{body}", "rb")
wrk.method = "POST"; wrk.body = file:read("*a"); file:close()
wrk.headers["Content-Type"] = "application/json"; wrk.headers["Authorization"] = "Bearer {key}"
done = function(summary)
  local e = summary.errors
  print(string.format("DONE %d %d", summary.requests, e.connect + e.read + e.timeout + e.status))
end
"""


@attrs.frozen
class Cell:
    """What is measured of every peer.

    :ivar rate: requests a CPU-second, of which more is better; else microseconds of CPU a streamed chunk.
    :ivar translated: the client speaks Anthropic's dialect, the upstream OpenAI's; nginx passes it on as it is.
    :ivar goal: of nginx in the same run: of a rate at least, of a cost at most. ``must`` likewise.
    """

    name: str
    path: str
    body: bytes
    rate: bool = True
    translated: bool = False
    goal: float | None = None
    must: float | None = None

    @property
    def unit(self) -> str:
        """In words."""
        return "requests a CPU-second" if self.rate else "us of CPU a chunk"


#: Cells of one process afresh: what a held stream adds, what an idle daemon holds, what it adds to the first byte.
HELD: Final = "kB a held stream"
IDLE: Final = "MB idle"
ADDED: Final = "ms added to the first byte of 254 KB at 50/s, {}"


def cells() -> list[Cell]:
    """All that are measured in turns."""
    claude = dumps(claude_code(112_000, "claude-opus-4-8"))
    large = dumps(claude_code(300_000, "claude-opus-4-8"))
    turned = dumps(claude_code(112_000, bodies.MODEL))
    streamed = dumps({**claude_code(2_000, bodies.MODEL), **bodies.paced(250, 20)})
    return [
        Cell("identity 252 B", CHAT, dumps(bodies.small()), goal=0.40, must=0.25),
        Cell("identity 112 KB, Claude Code", MESSAGES, claude, goal=0.60, must=0.28),
        Cell("identity 112 KB, Chat", CHAT, dumps(bodies.agent())),
        Cell("identity 300 KB, Claude Code", MESSAGES, large),
        Cell("claude to openai 252 B", MESSAGES, dumps(bodies.small()), translated=True),
        Cell("claude to openai 112 KB", MESSAGES, turned, translated=True, goal=0.08, must=0.05),
        Cell("paced chunk, identity", CHAT, dumps(bodies.paced(250, 20)), rate=False, goal=1.3, must=1.75),
        Cell("paced chunk, claude to openai", MESSAGES, streamed, False, translated=True, goal=2.5, must=3.5),
        Cell("back-to-back chunk, identity", CHAT, dumps(bodies.paced(5000, 0)), rate=False),
    ]


Results = dict[str, dict[str, float]]


def measure(peers: Sequence[Peer], folder: Path, *, quick: bool) -> Results:
    """By cell and peer: medians.

    :raises Unavailable: wrk or gcc is missing.
    """
    needs("wrk", "gcc")
    found: Results = {}
    with rig.mock(folder) as upstream:
        _in_turns(found, peers, upstream.port, folder, quick)
        for peer in peers:
            _afresh(found, peer, upstream.port, folder / f"{peer.name}-afresh", quick)
        _first_bytes(found, peers, upstream.port, folder, quick)
    return found


def _in_turns(found: Results, peers: Sequence[Peer], upstream: int, folder: Path, quick: bool) -> None:
    rounds, seconds = (1, 2) if quick else (5, 3)
    taken: dict[tuple[str, str], list[float]] = {}
    with ExitStack() as up:
        running = {peer: up.enter_context(peer.start(upstream, folder / peer.name)) for peer in peers}
        for proxy in running.values():
            warm(proxy)
        for _ in range(rounds):
            for cell in cells():
                for peer, proxy in running.items():
                    if peer.translates or not cell.translated and cell.path == CHAT:
                        value = _rate(proxy, cell, folder, seconds) if cell.rate else _chunk(proxy, cell, folder)
                        taken.setdefault((cell.name, peer.name), []).append(value)
    for (name, who), values in taken.items():
        found.setdefault(name, {})[who] = statistics.median(values)


def _rate(proxy: Running, cell: Cell, folder: Path, seconds: int) -> float:
    """Requests per CPU-second of the proxy."""
    body, script = folder / "body.json", folder / "load.lua"
    body.write_bytes(cell.body)
    script.write_text(_LUA.format(body=body, key=KEY))
    before = proxy.cpu
    said = _load(["wrk", "-t1", "-c32", f"-d{seconds}", "-s", str(script), f"http://127.0.0.1:{proxy.port}{cell.path}"])
    requests, errors = map(int, said[said.index("DONE ") :].split()[1:3])
    if errors:
        raise RuntimeError(f"{cell.name}: {errors} of {requests} requests failed")
    return requests / max(proxy.cpu - before, 0.01)


def _chunk(proxy: Running, cell: Cell, folder: Path) -> float:
    """Microseconds of CPU a chunk: of a hundred paced streams, or of eight that are as fast as they can be."""
    limit: int = loads(cell.body)["max_tokens"]  # type: ignore[call-overload,index,assignment]
    chunks, streams = limit % 100_000, 100 if limit >= 100_000 else 8
    before = proxy.cpu
    said = loads(_load(stream_command(proxy, folder, cell.body, cell.path, "-c", streams, "-n", streams)))
    if said["errs"]:
        raise RuntimeError(f"{cell.name}: {said['errs']} of {streams} streams failed")
    return 1e6 * (proxy.cpu - before) / (streams * chunks)


def _afresh(found: Results, peer: Peer, upstream: int, folder: Path, quick: bool) -> None:
    """On a fresh process each: load leaves freed pages behind."""
    for count in (200,) if quick else (1000, 5000):
        with peer.start(upstream, folder) as proxy:
            warm(proxy)
            found.setdefault(IDLE, {})[peer.name] = proxy.resident / 1e6
            found.setdefault(f"{HELD}, {count:,}", {})[peer.name] = slow_streams(proxy, folder, count)


def _first_bytes(found: Results, peers: Sequence[Peer], upstream: int, folder: Path, quick: bool) -> None:
    """Milliseconds until the first byte of an answer, less what the upstream alone takes."""
    body = dumps(
        {**claude_code(254_000, bodies.MODEL), **bodies.paced(5, 0), "messages": bodies.agent()["messages"] * 4}
    )
    count = 100 if quick else 500
    direct = first_bytes(upstream, CHAT, body, count)
    for peer in peers:
        with peer.start(upstream, folder / f"{peer.name}-first") as proxy:
            warm(proxy)
            for name, took, alone in zip(
                ("p50", "p99"), first_bytes(proxy.port, CHAT, body, count), direct, strict=True
            ):
                found.setdefault(ADDED.format(name), {})[peer.name] = 1e3 * (took - alone)


def warm(proxy: Running) -> None:
    """
    :raises RuntimeError: it does not answer.
    """
    deadline = time.monotonic() + 60
    answered = 0
    while answered < 50:
        try:
            status, body = proxy.post(CHAT, dumps(bodies.small()))
        except OSError as error:
            status, body = 0, repr(error).encode()
        answered += status == 200
        if status != 200 and time.monotonic() > deadline:
            raise RuntimeError(f"the proxy answered {status}: {body[:300]!r}")


def slow_streams(proxy: Running, folder: Path, count: int) -> float:
    """kB of memory a stream, with ``count`` of them under way, five chunks a second each."""
    before, seconds = proxy.resident, 4 + count // 250
    body = dumps(bodies.paced(5 * seconds + 20, 200))
    load = subprocess.Popen(
        stream_command(proxy, folder, body, CHAT, "-c", count, "-d", seconds + 2, "-ramp", 250),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        os.sched_setaffinity(load.pid, {rig.core_of(LOAD)})
        time.sleep(seconds)
        return (proxy.resident - before) / 1000 / count
    finally:
        load.kill()
        load.wait()


def stream_command(proxy: Running, folder: Path, body: bytes, path: str, *arguments: object) -> list[str]:
    """The load that reads streams."""
    program = compiled("streams", folder.parent)
    file = folder / "stream.json"
    file.write_bytes(body)
    return [str(word) for word in (program, proxy.port, path, file, "-H", f"Authorization: Bearer {KEY}", *arguments)]


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


def ratios(found: Results, name: str) -> dict[str, float]:
    """A cell in times nginx's, by peer; without nginx nothing."""
    row = found.get(name, {})
    base = row.get("nginx")
    return {who: value / base for who, value in row.items()} if base else {}


def missed(found: Results, every: Iterable[Cell]) -> list[str]:
    """The cells in which this daemon falls short of what it must."""
    short: list[str] = []
    for cell in every:
        own: Any = ratios(found, cell.name).get("cliproxy")
        if own is not None and cell.must is not None and (own < cell.must if cell.rate else own > cell.must):
            short.append(cell.name)
    return short
