"""A house for the console to look at: a daemon, and vendors that do what a credential's key says.

A key that ends in ``-429``, ``-401`` or ``-500`` is refused so; ``-slow`` streams a word at a time, and ``-gate`` stops after
the first until the scene lets it go on. ``-left-N`` in a key tells that N percent of a quota are left. Chat and Anthropic
Messages are spoken, as far as a console needs.
"""

from __future__ import annotations

import http.client
import json
import re
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.real.daemon import Daemon

CONSOLE_KEY = "console-canary-5f0c"
SECRET = "management-canary-77aa"
PATIENCE = 60.0


class _Vendor(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    gate: threading.Event
    pace: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Connection(socketserver.StreamRequestHandler):
    server: _Vendor
    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            while head := self._head():
                self._answer(*head)
        except OSError:
            return

    def _head(self) -> tuple[str, str, dict[str, Any]] | None:
        lines = []
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            lines.append(line.decode("latin-1").strip())
        if not lines:
            return None
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        body = json.loads(self.rfile.read(int(fields.get("content-length", 0))) or b"{}")
        key = fields.get("x-api-key") or fields.get("authorization", "")
        return lines[0].split(" ")[1], key, body

    def _answer(self, path: str, key: str, body: dict[str, Any]) -> None:
        refused = re.search(r"-(429|401|500|503)$", key)
        if refused:
            status = int(refused[1])
            self._whole(status, {"error": {"message": "no", "type": "refused", "code": "refused"}}, _after(status))
            return
        left = _left(key, path)
        pieces = list(_claude(body) if path.endswith("/messages") else _chat(body))
        if not body.get("stream"):
            return self._whole(200, pieces[-1], left)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n{left}\r\n"
        self._write(head.encode())
        for place, piece in enumerate(pieces[:-1]):
            if place == 3 and key.endswith("-gate"):
                self.server.gate.wait(PATIENCE)
            if key.endswith("-slow"):
                threading.Event().wait(self.server.pace)
            name = f"event: {piece['type']}\n" if "type" in piece else ""
            data = f"{name}data: {json.dumps(piece)}\n\n".encode()
            self._write(b"%x\r\n%s\r\n" % (len(data), data))
        end = b"" if path.endswith("/messages") else b"e\r\ndata: [DONE]\n\n\r\n"
        self._write(end + b"0\r\n\r\n")

    def _whole(self, status: int, told: Any, headers: str = "") -> None:
        data = json.dumps(told).encode()
        head = f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(data)}\r\n\r\n"
        self._write(head.encode() + data)

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)


def _after(status: int) -> str:
    return "Retry-After: 540\r\n" if status == 429 else ""


def _left(key: str, path: str) -> str:
    """The vendor's headers on what is left, as Anthropic and OpenAI spell them."""
    told = re.search(r"-left-(\d+)", key)
    if told is None:
        return ""
    left = int(told[1])
    if path.endswith("/messages"):
        stem = "anthropic-ratelimit-unified"
        resets = {"5h": time.time() + 7140, "7d": time.time() + 310_000}
        used = {"5h": 1 - left / 100, "7d": (1 - left / 100) * 0.6}
        return "".join(
            f"{stem}-{name}-utilization: {used[name]:.2f}\r\n{stem}-{name}-reset: {resets[name]:.0f}\r\n"
            for name in used
        )
    return (
        f"x-ratelimit-limit-tokens: 200000\r\nx-ratelimit-remaining-tokens: {left * 2000}\r\n"
        "x-ratelimit-reset-tokens: 4m12s\r\n"
    )


def _sizes(body: dict[str, Any]) -> tuple[int, int, int]:
    """Input, cached and output tokens: such as the prompt's first word says, ``1200/800/90``."""
    text = json.dumps(body.get("messages", ""))
    found = re.search(r"(\d+)/(\d+)/(\d+)", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else (120, 0, 12)


def _chat(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    given, cached, output = _sizes(body)
    usage = {
        "prompt_tokens": given,
        "completion_tokens": output,
        "total_tokens": given + output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    base = {"id": "c1", "created": 1763900000, "model": body.get("model", "")}
    for word in ("Hello", " from", " the", " scene", ".", " That", " is", " all", "."):
        choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
        yield {**base, "object": "chat.completion.chunk", "choices": [choice]}
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    yield {**base, "object": "chat.completion.chunk", "choices": [last], "usage": usage}
    message = {"role": "assistant", "content": "Hello from the scene."}
    whole = {"index": 0, "message": message, "finish_reason": "stop"}
    yield {**base, "object": "chat.completion", "choices": [whole], "usage": usage}


def _claude(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    given, cached, output = _sizes(body)
    usage = {"input_tokens": given - cached, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model", "")}
    rest = {"stop_reason": None, "stop_sequence": None}
    yield {"type": "message_start", "message": {**head, **rest, "content": [], "usage": {**usage, "output_tokens": 1}}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for word in ("Hello", " from", " the", " scene", "."):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
    yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": output}}
    yield {"type": "message_stop"}
    content = [{"type": "text", "text": "Hello from the scene."}]
    yield {**head, **ended, "content": content, "usage": {**usage, "output_tokens": output}}


class Traffic:
    """Clients of a daemon.

    :ivar gate: lets the gated answers go on.
    """

    def __init__(self, port: int, key: str, gate: threading.Event) -> None:
        self.gate = gate
        self._port = port
        self._key = key
        self._threads: list[threading.Thread] = []

    def ask(
        self, model: str, text: str = "hello", *, key: str = "", stream: bool = False, claude: bool = False
    ) -> tuple[int, bytes]:
        """One request, to its end: status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            return self.send(connection, model, text, key=key, stream=stream, claude=claude)
        finally:
            connection.close()

    def send(
        self,
        connection: http.client.HTTPConnection,
        model: str,
        text: str = "hello",
        *,
        key: str = "",
        stream: bool = False,
        claude: bool = False,
    ) -> tuple[int, bytes]:
        """The same on a connection of one's own."""
        body = {"model": model, "stream": stream, "max_tokens": 100, "messages": [{"role": "user", "content": text}]}
        if stream and not claude:
            body["stream_options"] = {"include_usage": True}
        headers = {"Authorization": f"Bearer {key or self._key}", "Content-Type": "application/json"}
        path = "/v1/messages" if claude else "/v1/chat/completions"
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def begin(self, *arguments: Any, **options: Any) -> None:
        """:meth:`ask`, and do not wait for it; :meth:`join` does."""
        self.spawn(lambda: self.ask(*arguments, **options))

    def spawn(self, work: Callable[[], object]) -> None:
        """Do something in a thread."""
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        """Wait for what was begun."""
        self.gate.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a request does not end"
        self._threads.clear()


class Scene(Traffic):
    """A daemon with its vendors and clients."""

    def __init__(self, daemon: Daemon, gate: threading.Event) -> None:
        super().__init__(daemon.port, daemon.key, gate)
        self.daemon = daemon


@contextmanager
def vendors(pace: float = 0.05) -> Iterator[_Vendor]:
    """All vendors, at one address.

    :param pace: seconds between two words of a slow answer.
    """
    with _Vendor(("127.0.0.1", 0), _Connection) as vendor:
        vendor.gate, vendor.pace = threading.Event(), pace
        threading.Thread(target=vendor.serve_forever, daemon=True).start()
        try:
            yield vendor
        finally:
            vendor.shutdown()


@contextmanager
def open_scene(directory: Path, make: Callable[[str], dict[str, Any]], sign: str = "/readyz") -> Iterator[Scene]:
    """Start the vendors and the daemon.

    :param make: gives the settings, from the vendors' base URL.
    :param sign: :class:`Daemon`'s.
    """
    with vendors() as vendor:
        settings = {
            "remote-management": {"secret-key": SECRET, "console-key": CONSOLE_KEY},
            "affinity": {"enabled": False},
            "max-retry-interval": 0,
            "drain-seconds": 2,
            **make(vendor.url),
        }
        with Daemon(settings, directory, (CONSOLE_KEY, SECRET), sign=sign) as daemon:
            scene = Scene(daemon, vendor.gate)
            try:
                yield scene
            finally:
                scene.join()
