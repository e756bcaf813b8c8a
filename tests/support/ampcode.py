"""A fake ampcode.com on loopback: real sockets, real TLS with a CA of its own, and every request on record."""

from __future__ import annotations

import contextlib
import gzip
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import trustme

#: The operator's key; nobody else's may arrive.
KEY = "sgamp-operator-canary-77"
#: The body of a flood, in bytes.
FLOOD = 10 * 1024 * 1024
_PIECE = b"data: " + b"x" * 16_376 + b"\n\n"

MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-of-amp",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip


@attrs.define(eq=False)
class Seen:
    """One request as it came in.

    :ivar headers: (lower-case name, value) in order.
    :ivar left: ``time.monotonic()`` when the peer was found gone in the middle of an answer.
    :ivar heard: what came through a WebSocket.
    :ivar sent: bytes of a flood that were taken.
    """

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    left: float | None = None
    heard: bytes = b""
    sent: int = 0

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]


class Ampcode:
    """The server; a context manager. ``?play=NAME`` chooses how a request is answered."""

    def __init__(self, directory: Path) -> None:
        self.seen: list[Seen] = []
        authority = trustme.CA()
        self.trust = directory / "ca.pem"
        authority.cert_pem.write_to_path(str(self.trust))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self._server = _Server(("127.0.0.1", 0), _Answers)
        self._server.ampcode = self
        self._server.context = context
        self.url = f"https://localhost:{self._server.server_address[1]}"

    def __enter__(self) -> Ampcode:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def last(self) -> Seen:
        """The newest request."""
        return self.seen[-1]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    ampcode: Ampcode
    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        with contextlib.suppress(OSError):  # the peer does not trust us, or left
            super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        seen = Seen(self.command, self.path, headers, body)
        self.server.ampcode.seen.append(seen)
        play = parse_qs(urlsplit(self.path).query).get("play", [""])[0]
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._upgrade(seen, play)
        elif play:
            getattr(self, f"_{play}")(seen)
        elif "/api/provider/" in self.path and b'"stream": true' in body:
            self._stream()
        elif "/api/provider/" in self.path:
            self._send(200, json.dumps(MESSAGE).encode())
        elif self.path == "/api/thread-actors":
            self._send(200, b'{"threadId":"T-1","wsToken":"token","ownerUserId":"u","threadVersion":1}')
        else:
            self._send(200, b'{"ok":true,"result":{}}')

    def _send(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self, *headers: tuple[str, str]) -> None:
        self.send_response(200)
        for name, value in (("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"), *headers):
            self.send_header(name, value)
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _event(self, payload: dict[str, Any]) -> None:
        self._chunk(b"event: %s\ndata: %s\n\n" % (payload["type"].encode(), json.dumps(payload).encode()))

    def _stream(self) -> None:
        self._begin()
        self._event({"type": "message_start", "message": {**MESSAGE, "content": []}})
        self._event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        self._event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}})
        self._event({"type": "content_block_stop", "index": 0})
        self._event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}})
        self._event({"type": "message_stop"})
        self._chunk(b"")

    # -- plays

    def _flood(self, seen: Seen) -> None:
        """A stream of :data:`FLOOD` bytes, or ``times`` as many, as fast as it is taken."""
        times = int(parse_qs(urlsplit(self.path).query).get("times", ["1"])[0])
        self._begin()
        for _ in range(times * FLOOD // len(_PIECE)):
            self._chunk(_PIECE)
            seen.sent += len(_PIECE)
        self._chunk(b"")

    def _drip(self, seen: Seen) -> None:
        """A stream that says a word now and then, until nobody listens."""
        self._begin()
        pause = threading.Event()
        try:
            while True:
                self._chunk(b"data: drop\n\n")
                pause.wait(0.05)
        except OSError:
            seen.left = time.monotonic()
            self.close_connection = True

    def _cutlength(self, seen: Seen) -> None:
        """A body that ends before its length."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"ten bytes!")
        self.close_connection = True

    def _cutchunks(self, seen: Seen) -> None:
        """A stream that breaks off."""
        self._begin()
        self._chunk(b"data: one\n\n")
        self.close_connection = True

    def _gzip(self, seen: Seen) -> None:
        """gzip that does not say so, on an error."""
        self._send(500, gzip.compress(b'{"error":"unmarked"}'))

    def _marked(self, seen: Seen) -> None:
        """gzip that says so."""
        self._send(200, gzip.compress(b'{"marked":true}'), ("Content-Encoding", "gzip"))

    def _redirect(self, seen: Seen) -> None:
        """Elsewhere."""
        self._send(302, b"", ("Location", "https://elsewhere.invalid/"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))

    def _upgrade(self, seen: Seen, play: str) -> None:
        """A WebSocket that says back what it hears; ``play=refuse`` says no, ``play=bye`` ends after the first words."""
        if play == "refuse":
            self._send(401, b'{"error":"no"}')
            return
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.send_header("Sec-WebSocket-Protocol", "rivet")
        self.end_headers()
        self.close_connection = True
        try:
            while data := self.connection.recv(65_536):
                seen.heard += data
                self.connection.sendall(data)
                if play == "bye":
                    return
        except OSError:
            pass
        finally:
            seen.left = time.monotonic()
