"""The sockets under a fake vendor: one thread a connection, every request recorded, every hang-up noticed."""

from __future__ import annotations

import fcntl
import json
import select
import socket
import socketserver
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import attrs

#: How long a fake vendor waits for a gate or for its peer to leave before it gives up, in seconds.
PATIENCE = 15.0


class BadFraming(Exception):
    """What came in is not one well-formed HTTP/1.1 request."""


class PeerGone(Exception):
    """The other side hung up while it was being answered."""


@attrs.define(eq=False)
class Record:
    """One request as it came in, and how its answer went. Times are ``time.monotonic()``.

    :ivar headers: (lower-case name, value) in order.
    :ivar refused: the sentence with which the vendor's own checks refused the request, or None.
    :ivar heard: what the vendor understood (:class:`.script.Heard`), when the request was good.
    :ivar left: when the peer hung up before it was fully answered.
    :ivar stalled: a flood of words came to a halt because nobody took them.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    headers: list[tuple[str, str]]
    body: bytes
    arrived: float
    status: int = 0
    refused: str | None = None
    heard: Any = None
    sent: int = 0
    done: bool = False
    left: float | None = None
    stalled: bool = False

    def header(self, name: str) -> str | None:
        """The only value of a header, or None.

        :raises AssertionError: the header came more than once.
        """
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Exchange:
    """One request being answered on its connection."""

    def __init__(self, record: Record, connection: socket.socket, server: VendorServer) -> None:
        self.record = record
        self.keep_alive = True
        self._socket = connection
        self._server = server
        self._chunked = False

    def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A whole answer with its length."""
        self._head(status, {**headers, "Content-Length": str(len(body))})
        self.raw(body)

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of an answer whose length is not known yet."""
        self._chunked = True
        self._head(status, {**headers, "Transfer-Encoding": "chunked"})

    def send(self, data: bytes) -> None:
        """One chunk of an answer begun.

        :raises PeerGone: there is nobody to read it.
        """
        if self.gone(0):
            raise PeerGone
        self.raw(b"%x\r\n%s\r\n" % (len(data), data))
        self.record.sent += 1

    def end(self) -> None:
        """The answer is complete."""
        if self._chunked:
            self.raw(b"0\r\n\r\n")

    def cut(self, reset: bool) -> None:
        """Leave in the middle: the connection ends without the last chunk, ``reset`` as a crashed process ends it."""
        self.keep_alive = False
        if reset:
            self._wait_for_delivery()
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _wait_for_delivery(self) -> None:
        """Return when the peer's kernel has all that was sent (Linux; elsewhere at once): a reset would discard it."""
        deadline = time.monotonic() + 1.0
        while sys.platform == "linux":
            pending = struct.unpack("i", fcntl.ioctl(self._socket, termios.TIOCOUTQ, b"\0\0\0\0"))[0]
            if not pending or time.monotonic() > deadline:
                return

    def gone(self, seconds: float) -> bool:
        """Whether the peer hangs up within ``seconds``."""
        readable, _, _ = select.select([self._socket], [], [], seconds)
        if not readable:
            return False
        try:
            alive = bool(self._socket.recv(1, socket.MSG_PEEK))
        except OSError:
            alive = False
        if not alive:
            self._server.note(self.record, "left", time.monotonic())
        return not alive

    def wait_for_gate(self, name: str) -> None:
        """Hold the answer until the test opens the gate of this name.

        :raises PeerGone: the peer left first.
        """
        deadline = time.monotonic() + PATIENCE
        while not self._server.gate(name).is_set():
            if self.gone(0.02):
                raise PeerGone
            if time.monotonic() > deadline:
                raise PeerGone

    def wait_until_left(self) -> None:
        """Say nothing until the peer hangs up (or patience ends)."""
        self.keep_alive = False
        if self.gone(PATIENCE):
            raise PeerGone

    def flood(self, data: bytes) -> None:
        """Chunks of this as fast as they are taken, until the peer hangs up.

        :raises PeerGone: it has.
        """
        chunk = b"%x\r\n%s\r\n" % (len(data), data)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not self.gone(0):
            _, writable, _ = select.select([], [self._socket], [], 0.5)
            if writable:
                self.raw(chunk)
            else:
                self._server.note(self.record, "stalled", True)
        raise PeerGone

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            self._server.note(self.record, "left", time.monotonic())
            raise PeerGone from error

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.record.status = status
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.raw(f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\n{lines}\r\n".encode())


_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    529: "Overloaded",
}


class _Connection(socketserver.StreamRequestHandler):
    server: VendorServer
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.server.opened(+1)
        try:
            while (record := self._read()) is not None:
                self.server.arrived(record)
                exchange = Exchange(record, self.connection, self.server)
                try:
                    self.server.answer(exchange)
                    self.server.note(record, "done", True)
                except PeerGone:
                    return
                if not exchange.keep_alive or record.header("connection") == "close":
                    return
        except (BadFraming, ValueError) as error:
            self.server.framing_faults.append(str(error))
        except OSError:
            pass  # hung up between requests
        finally:
            self.server.opened(-1)

    def _read(self) -> Record | None:
        line = self.rfile.readline(65537)
        if not line:
            return None
        words = line.decode("latin-1").rstrip("\r\n").split(" ")
        if len(words) != 3 or words[2] != "HTTP/1.1" or not line.endswith(b"\r\n"):
            raise BadFraming(f"request line {line!r}")
        headers = self._headers()
        target = urlsplit(words[1])
        return Record(
            method=words[0],
            path=unquote(target.path),
            query=parse_qs(target.query, keep_blank_values=True),
            headers=headers,
            body=self._body(headers),
            arrived=time.monotonic(),
        )

    def _headers(self) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] = []
        while (line := self.rfile.readline(65537)) != b"\r\n":
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not name or name != name.strip() or not line.endswith(b"\r\n"):
                raise BadFraming(f"header line {line!r}")
            headers.append((name.lower(), value.strip()))
        return headers

    def _body(self, headers: list[tuple[str, str]]) -> bytes:
        lengths = [value for name, value in headers if name == "content-length"]
        codings = [value for name, value in headers if name == "transfer-encoding"]
        if len(lengths) + len(codings) > 1 or len([1 for name, _ in headers if name == "host"]) != 1:
            raise BadFraming(f"ambiguous framing: {headers!r}")
        if codings:
            return self._chunks()
        return self.rfile.read(int(lengths[0])) if lengths else b""

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(1024), 16):
            body += self.rfile.read(size)
            if self.rfile.read(2) != b"\r\n":
                raise BadFraming("a chunk without its end")
        if self.rfile.readline(1024) != b"\r\n":
            raise BadFraming("trailers")
        return body


class VendorServer(socketserver.ThreadingTCPServer):
    """A fake vendor's listening socket. ``answer`` is called in the connection's own thread, a request at a time."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, answer: Callable[[Exchange], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.answer = answer
        self.records: list[Record] = []
        self.framing_faults: list[str] = []
        self.connections = 0
        self._changed = threading.Condition()
        self._gates: dict[str, threading.Event] = {}
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``, without a slash at its end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        """Stop listening. Connections still open end with their threads."""
        self.shutdown()
        self.server_close()

    def gate(self, name: str) -> threading.Event:
        """The gate of this name: an answer may wait for it, a test opens it with ``set()``."""
        with self._changed:
            return self._gates.setdefault(name, threading.Event())

    def arrived(self, record: Record) -> None:
        """A request has been read whole."""
        with self._changed:
            self.records.append(record)
            self._changed.notify_all()

    def opened(self, by: int) -> None:
        """A connection came (+1) or went (-1)."""
        with self._changed:
            self.connections += by
            self._changed.notify_all()

    def note(self, record: Record, what: str, value: Any) -> None:
        """Set one member of a record, and tell those who wait."""
        with self._changed:
            if not getattr(record, what):
                setattr(record, what, value)
            self._changed.notify_all()

    def until(self, what: Callable[[], Any], seconds: float = 5.0) -> Any:
        """Wait for something about this server to become true, and give it.

        :raises AssertionError: it did not within ``seconds``.
        """
        with self._changed:
            value = self._changed.wait_for(what, seconds)
        assert value, (
            f"nothing of the kind within {seconds} s; {len(self.records)} requests, {self.connections} connections"
        )
        return value
