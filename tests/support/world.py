"""The whole daemon in memory: real parsers on both sides, fake vendors behind fake wires, and a clock that is told to pass.

world = World(Settings(...))
vendor = world.vendor("upstream.test", 80)
call = world.post("/v1/chat/completions", {...})
vendor.last.answer(200, {...})
world.flow(); call.status, call.json
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol

from cliproxy.jsontypes import dumps, loads
from cliproxy.service import CliproxyService
from cliproxy.settings.model import Settings
from tests.support.network import MemoryReactor, Transport

#: The Unix time at which a world begins.
EPOCH = 1_770_000_000.0


def _head(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        key = name.decode().strip().lower()
        text = value.decode("latin-1").strip()
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


class Received:
    """A request as the vendor got it, and the way to answer it."""

    def __init__(
        self, connection: _VendorConnection, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> None:
        self._connection = connection
        self.method, self.target, self.headers, self.body = method, target, headers, body

    @property
    def json(self) -> Any:
        return loads(self.body)

    @property
    def gone(self) -> bool:
        """Whether the daemon has closed the connection."""
        return self._connection.lost

    def answer(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        """A whole answer; a body that is not bytes becomes JSON."""
        data = body if isinstance(body, bytes) else dumps(body)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}
        self.write(_response_head(status, fields) + data)

    def begin(self, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """The head of a stream."""
        fields = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **(headers or {})}
        self.write(_response_head(status, fields))

    def event(self, payload: Any, name: str = "") -> None:
        """One SSE event of a stream begun with :meth:`begin`."""
        data = payload if isinstance(payload, bytes) else dumps(payload)
        lead = f"event: {name}\n".encode() if name else b""
        self.chunk(lead + b"data: " + data + b"\n\n")

    def chunk(self, data: bytes) -> None:
        """Raw bytes, as one HTTP chunk."""
        self.write(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self) -> None:
        """The stream's clean end."""
        self.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """The connection breaks."""
        transport: Any = self._connection.transport
        transport.loseConnection()

    def write(self, data: bytes) -> None:
        transport: Any = self._connection.transport
        transport.write(data)


def _response_head(status: int, headers: Mapping[str, str]) -> bytes:
    return b"".join(
        [f"HTTP/1.1 {status} Whatever\r\n".encode(), *(f"{k}: {v}\r\n".encode() for k, v in headers.items()), b"\r\n"]
    )


class _VendorConnection(Protocol):
    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._buffer = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            first, *lines = head.split(b"\r\n")
            headers = _head(lines)
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            method, target, _ = first.decode().split(" ", 2)
            self._vendor.accept(Received(self, method, target, headers, rest[:length]))

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True


class Vendor:
    """A fake upstream. Requests wait in ``requests`` until a test answers them, or ``script`` does at once."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.connections: list[_VendorConnection] = []
        self.script: Callable[[Received], None] | None = None

    def connect(self) -> _VendorConnection:
        connection = _VendorConnection(self)
        self.connections.append(connection)
        return connection

    def accept(self, request: Received) -> None:
        self.requests.append(request)
        if self.script is not None:
            self.script(request)

    @property
    def last(self) -> Received:
        return self.requests[-1]

    @property
    def open(self) -> int:
        """Connections that are not closed."""
        return sum(not connection.lost for connection in self.connections)


class Call(Protocol):
    """A client's request under way; what has come back of the answer can be read at any time."""

    def __init__(self) -> None:
        self.raw = b""
        self.closed = False

    def dataReceived(self, data: bytes) -> None:
        self.raw += data

    def connectionLost(self, reason: Any = None) -> None:
        self.closed = True

    @property
    def status(self) -> int:
        """0 until an answer has begun."""
        return int(self.raw.split(b" ", 2)[1]) if b"\r\n\r\n" in self.raw else 0

    @property
    def headers(self) -> dict[str, str]:
        return _head(self.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:])

    @property
    def body(self) -> bytes:
        """As much of the body as has come, chunks joined."""
        rest = self.raw.partition(b"\r\n\r\n")[2]
        if self.headers.get("transfer-encoding") != "chunked":
            return rest
        out = b""
        while b"\r\n" in rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            out += rest[:length]
            rest = rest[length + 2 :]
        return out

    @property
    def ended(self) -> bool:
        """Whether the answer is framed as whole."""
        if self.headers.get("transfer-encoding") == "chunked":
            return self.raw.endswith(b"0\r\n\r\n")
        return "content-length" in self.headers and len(self.body) == int(self.headers["content-length"])

    @property
    def json(self) -> Any:
        return loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The payloads of an SSE answer; what is not JSON stays text."""
        found: list[Any] = []
        for line in self.body.split(b"\n"):
            if line.startswith(b"data: "):
                found.append(line[6:].decode() if line[6:].startswith(b"[") else loads(line[6:]))
        return found

    def leave(self) -> None:
        """The client hangs up."""
        transport: Any = self.transport
        transport.abortConnection()


class World:
    """A daemon with ``settings``, its clients and its vendors.

    :ivar step: by how many seconds somebody has set the wall clock.
    """

    KEY = "sk-test"
    #: Whether plain requests go their own way (``pytest --whole-channel``: they do not).
    plain = True
    step = 0.0

    def __init__(self, settings: Settings, environment: Mapping[str, str] | None = None) -> None:
        self.reactor = MemoryReactor()
        self.service = CliproxyService(
            settings,
            self.reactor,
            listen=False,
            environment=environment or {},
            entropy=random.Random(1),
            now=lambda: EPOCH + self.reactor.seconds() + self.step,
        )
        if not self.plain:
            self.service.site.plain = None
        self.service.startService()

    def vendor(self, host: str, port: int = 80) -> Vendor:
        """A fake upstream that is reached at host and port, over clear TCP."""
        vendor = Vendor()
        self.reactor.servers[host, port] = vendor.connect
        return vendor

    def send(self, data: bytes, peer: str = "127.0.0.1", site: Any = None) -> Call:
        """Raw bytes on a new connection, to the daemon's own site or another."""
        call = Call()
        server = (site or self.service.site).buildProtocol(IPv4Address("TCP", peer, 1))
        transport: Transport = self.reactor.connect(call, server, peer=peer)
        transport.write(data)
        self.flow()
        return call

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = KEY,
        site: Any = None,
    ) -> Call:
        """One request on a new connection. A body that is not bytes becomes JSON."""
        data = b"" if body is None else body if isinstance(body, bytes) else dumps(body)
        fields = {"Host": "127.0.0.1:8317", "Content-Length": str(len(data))}
        if key is not None:
            fields["Authorization"] = f"Bearer {key}"
        if body is not None:
            fields["Content-Type"] = "application/json"
        fields.update(headers or {})
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return self.send(head.encode() + b"\r\n" + data, site=site)

    def post(
        self, path: str, body: Any, headers: Mapping[str, str] | None = None, key: str | None = KEY, site: Any = None
    ) -> Call:
        """A POST."""
        return self.request("POST", path, body, headers, key, site)

    def get(self, path: str, headers: Mapping[str, str] | None = None, key: str | None = KEY, site: Any = None) -> Call:
        """A GET."""
        return self.request("GET", path, None, headers, key, site)

    def flow(self) -> None:
        """Let everything move that can, without time passing."""
        self.reactor.flow()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in steps small enough for every timer to find the world settled."""
        end = self.reactor.seconds() + seconds
        while self.reactor.seconds() < end:
            due = [call.getTime() for call in self.reactor.calls]
            upto = min([end, *(time for time in due if time > self.reactor.seconds())])
            self.reactor.advance(upto - self.reactor.seconds())
            self.flow()

    def close(self) -> None:
        """Hang up, stop the daemon, and find nothing left on the clock."""
        for transport in list(self.reactor.transports):
            transport.abortConnection()
        self.flow()
        stopped = self.service.stopService()
        self.pass_time(120)
        assert stopped.called, "the service does not stop"
        left = [str(call) for call in self.reactor.calls]
        assert not left, f"left on the clock: {left}"
