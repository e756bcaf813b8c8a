"""HTTP without an SDK: for what SDKs hide, and for clients that are no SDK."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs


@attrs.frozen
class Answer:
    """A whole answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def payloads(self) -> list[Any]:
        """The SSE body's data, parsed; ``[DONE]`` stays text.

        :raises AssertionError: the body is not SSE, or an event name contradicts its payload's ``type``.
        """
        assert self.headers["content-type"].startswith("text/event-stream"), self.headers["content-type"]
        found: list[Any] = []
        for block in self.body.replace(b"\r\n", b"\n").split(b"\n\n"):
            fields = [line.partition(b":") for line in block.split(b"\n") if line and not line.startswith(b":")]
            data = b"\n".join(value.removeprefix(b" ") for name, _, value in fields if name == b"data")
            names = [value.strip().decode() for name, _, value in fields if name == b"event"]
            if not data:
                assert not names, f"an event without data: {block!r}"
                continue
            payload: Any = data.decode() if data == b"[DONE]" else json.loads(data)
            assert not names or names == [payload["type"]], f"{names} announces {payload}"
            found.append(payload)
        return found


def call(
    url: str, body: Any = None, headers: Mapping[str, str] | None = None, *, method: str = "", timeout: float = 20.0
) -> Answer:
    """One request on a connection of its own. A body that is neither bytes nor None is sent as JSON."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **(headers or {})} if data is not None else dict(headers or {})
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method or ("GET" if data is None else "POST"), target, data, sent)
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()
