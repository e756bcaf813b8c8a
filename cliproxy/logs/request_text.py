"""A request log's text: the original's sections, secrets taken out of headers and bodies alike. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable

import attrs

from cliproxy import __version__
from cliproxy.logs.redaction import Redaction
from cliproxy.pool.trace import Attempt
from cliproxy.relay.capture import Pieces, Sent


@attrs.frozen
class Asked:
    """A client's request.

    :ivar path: with its query.
    :ivar began: Unix seconds.
    """

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    missing: int
    began: float


@attrs.frozen
class Told:
    """What the client was told; ``status`` 0 when it left before."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    missing: int = 0
    failure: str = ""


def request_text(
    asked: Asked, told: Told, redaction: Redaction, sent: Iterable[Sent] = (), tried: Iterable[Attempt] = ()
) -> bytes:
    """The whole file.

    :param sent: attempts with all that crossed.
    :param tried: what else is known of attempts: status and reason.
    """
    parts = [
        f"=== REQUEST INFO ===\nVersion: {__version__}\nURL: {redaction.target(asked.path)}\nMethod: POST\n"
        f"Timestamp: {_stamp(asked.began)}\n\n=== HEADERS ===\n{_headers(asked.headers, redaction)}"
        "\n=== REQUEST BODY ===\n".encode(),
        _body(asked.body, asked.missing, redaction),
    ]
    for number, attempt in enumerate(sent, 1):
        parts += _attempt(number, attempt, asked.began, redaction)
    for one in tried:
        why = redaction.text(one.why)
        parts.append(
            f"=== API ERROR RESPONSE ===\nCredential: {one.credential}\nModel: {one.model}\n"
            f"HTTP Status: {one.status}\n{why}\n\n".encode("utf-8", "replace")
        )
    failure = f"Failure: {redaction.text(told.failure)}\n" if told.failure else ""
    head = f"=== RESPONSE ===\nStatus: {told.status}\n{failure}{_headers(told.headers, redaction)}\n"
    return b"".join(
        [
            *parts,
            head.encode("utf-8", "replace"),
            _body(told.body, told.missing, redaction, empty="").rstrip(b"\n"),
            b"\n",
        ]
    )


def _attempt(number: int, sent: Sent, began: float, redaction: Redaction) -> list[bytes]:
    credential = sent.candidate.credential
    head = (
        f"=== API REQUEST {number} ===\nTimestamp: {_stamp(began + sent.at)}\n"
        f"Upstream URL: {redaction.target(sent.url)}\nHTTP Method: {sent.method}\n"
        f"Auth: provider={credential.channel}, label={credential.label}, auth_id={credential.id}\n\n"
        f"Headers:\n{_headers(sorted(sent.sent_headers), redaction) or '<none>'}\nBody:\n"
    )
    answer = f"=== API RESPONSE {number} ===\nTimestamp: {_stamp(began + (sent.answered or sent.ended or sent.at))}\n\n"
    if sent.status:
        answer += f"Status: {sent.status}\nHeaders:\n{_headers(sent.headers, redaction) or '<none>'}\nBody:\n"
    failed = f"Error: {redaction.text(sent.failed)}\n\n" if sent.failed else ""
    return [
        head.encode("utf-8", "replace"),
        _body(*kept(sent.asked), redaction),
        answer.encode("utf-8", "replace"),
        _body(*kept(sent.body), redaction) if sent.status else b"",
        failed.encode("utf-8", "replace"),
    ]


def _body(data: bytes, missing: int, redaction: Redaction, empty: str = "<empty>") -> bytes:
    clean = redaction.body(data) or empty.encode()
    more = f"\n[{missing} more bytes are not kept]".encode() if missing else b""
    return clean + more + b"\n\n"


def _headers(headers: Iterable[tuple[str, str]], redaction: Redaction) -> str:
    lines = [f"{name}: {' '.join(value.split())}\n" for name, value in redaction.headers(headers)]
    return "".join(lines).encode("utf-8", "replace").decode()


def _stamp(at: float) -> str:
    whole, rest = divmod(round(at * 1e6), 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{rest:06}Z"


def kept(pieces: Pieces) -> tuple[bytes, int]:
    """A captured body, and how many bytes of it are missing."""
    return pieces.whole(), pieces.missing
