"""Cassettes: one exchange each, all that crossed it, as JSON without secrets. ``cliproxy replay`` runs one again. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from cliproxy import __version__
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, dumps, loads
from cliproxy.logs.facts import facts, made
from cliproxy.logs.redaction import Redaction
from cliproxy.providers.registry import PROVIDERS
from cliproxy.relay.capture import Capture, Pieces, Sent
from cliproxy.relay.record import Record
from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.credential import Credential
from cliproxy.routing.route import Candidate
from cliproxy.settings.model import Settings

#: The form's version; a reader refuses others.
VERSION: Final = 1
#: What of the configuration decides how an exchange goes.
SETTINGS: Final = (
    "payload",
    "streaming",
    "nonstream_keepalive_interval",
    "request_retry",
    "max_retry_interval",
    "max_retry_credentials",
    "quota_exceeded",
    "strict_translation",
    "connect_timeout_seconds",
    "first_byte_timeout_seconds",
    "stream_idle_seconds",
)
#: Headers that are of a connection or a place, not of what is asked.
_LOCAL: Final = re.compile(
    "host|connection|content-length|transfer-encoding|content-encoding|accept-encoding|te|origin|referer|keep-alive|upgrade"
    "|forwarded|x-forwarded-.*|x-real-ip|authorization|x-api-key|x-goog-api-key|cookie"
)

#: (seconds, bytes) in order.
Timed = Sequence[tuple[float, bytes]]


class BadCassette(Exception):
    """A file that is no cassette; the sentence says why."""


@attrs.frozen
class Played:
    """One attempt, as it was recorded; times in seconds since it was sent.

    :ivar status: 0 where no answer began.
    :ivar ended: when the body was over; None where nobody waited for that.
    """

    candidate: Candidate
    url: str
    asked: bytes
    status: int
    headers: dict[str, str]
    answered: float
    body: Timed
    ended: float | None
    failed: str


@attrs.frozen
class Cassette:
    """One exchange.

    :ivar left: when the client hung up, in seconds; None when it did not.
    """

    id: str
    began: float
    path: str
    headers: dict[str, str]
    body: bytes
    strict: bool
    settings: Settings
    candidates: tuple[Candidate, ...]
    attempts: tuple[Played, ...]
    status: int
    answer: bytes
    seconds: float
    left: float | None
    losses: tuple[str, ...]
    cut: bool


def cassette(
    capture: Capture,
    record: Record,
    settings: Settings,
    strict: bool,
    chosen: Sequence[Candidate],
    redaction: Redaction,
) -> bytes:
    """An exchange that is over, as a cassette.

    :param chosen: candidates to which nothing may have been sent.
    """
    candidates = list(dict.fromkeys(sent.candidate for sent in capture.attempts)) or list(chosen)
    headers = [(name, value) for name, value in capture.headers if not _LOCAL.fullmatch(name.lower())]
    whole: JSONObject = {
        "cassette": VERSION,
        "cliproxy": __version__,
        "id": record.id,
        "time": capture.began,
        "request": {
            "path": redaction.target(capture.path),
            "headers": [[name, value] for name, value in redaction.headers(headers)],
            "body": _body(capture.raw, redaction),
            "strict": strict,
        },
        "settings": _settings(settings, redaction),
        "candidates": [_candidate(one, redaction) for one in candidates],
        "attempts": [_attempt(sent, candidates.index(sent.candidate), redaction) for sent in capture.attempts],
        "answer": {
            "status": capture.status,
            "headers": [[name, value] for name, value in redaction.headers(capture.answer_headers)],
            "body": _body(capture.answer, redaction),
        },
        "seconds": record.seconds,
        "left": record.cancelled,
        "losses": [loss.what for loss in record.losses],
        "failure": redaction.text(record.failure),
    }
    return dumps(whole) + b"\n"


def _settings(settings: Settings, redaction: Redaction) -> JSONObject:
    said = facts(attrs.evolve(Settings(), **{name: getattr(settings, name) for name in SETTINGS}), redaction.text)
    assert isinstance(said, dict)
    return {name: said[name] for name in SETTINGS if name in said}


def _candidate(candidate: Candidate, redaction: Redaction) -> JSON:
    headers = tuple((name, "***") for name, _ in candidate.credential.headers)
    plain = attrs.evolve(candidate.credential, headers=headers, proxy_url="", account="", serves=())
    return facts(attrs.evolve(candidate, credential=plain), redaction.target)


def _attempt(sent: Sent, candidate: int, redaction: Redaction) -> JSONObject:
    return {
        "candidate": candidate,
        "request": {
            "method": sent.method,
            "url": redaction.target(sent.url),
            "headers": [[name, value] for name, value in redaction.headers(sent.sent_headers)],
            "body": _body(sent.asked, redaction),
        },
        "response": {
            "status": sent.status,
            "headers": [[name, value] for name, value in redaction.headers(sent.headers)],
            "after": sent.answered - sent.at if sent.status else None,
            "body": _body(sent.body, redaction, sent.answered),
            "ended": None if sent.ended is None else sent.ended - (sent.answered or sent.at),
            "failed": redaction.text(sent.failed),
        },
    }


def _body(pieces: Pieces, redaction: Redaction, since: float = 0.0) -> JSONObject:
    """The pieces as ``[seconds, text]``; as ``[seconds, base64, "base64"]`` where a piece is no text by itself."""
    told: list[JSON] = []
    for at, data in redaction.pieces(pieces.pieces):
        seconds = round(max(0.0, at - since), 6)
        try:
            told.append([seconds, data.decode()])
        except UnicodeDecodeError:
            told.append([seconds, base64.b64encode(data).decode(), "base64"])
    return {"pieces": told, "missing": pieces.missing}


def read(data: bytes) -> Cassette:
    """A cassette from its bytes.

    :raises BadCassette: it is none, or of another version.
    """
    try:
        found = loads(data)
        if not isinstance(found, dict) or "cassette" not in found:
            raise BadCassette("the file is no cassette")
        if found["cassette"] != VERSION:
            raise BadCassette(
                f"the cassette has version {found['cassette']}, and {VERSION} is what this cliproxy reads"
            )
        return _read(found)
    except InvalidJSON as error:
        raise BadCassette(f"the file is not valid JSON: {error}") from None
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadCassette(f"the cassette cannot be read: {type(error).__name__}: {error}") from None


def _read(found: Any) -> Cassette:
    request, answer = found["request"], found["answer"]
    bodies = [request["body"], answer["body"]]
    bodies += [attempt[side]["body"] for attempt in found["attempts"] for side in ("request", "response")]
    seconds = float(found["seconds"])
    candidates = tuple(map(_told, found["candidates"]))
    return Cassette(
        id=str(found["id"]),
        began=float(found["time"]),
        path=_line(request["path"]),
        headers={_line(name): _line(value) for name, value in request["headers"]},
        body=_joined(request["body"]),
        strict=bool(request["strict"]),
        settings=made(Settings, found["settings"]),
        candidates=candidates,
        attempts=tuple(_played(attempt, candidates) for attempt in found["attempts"]),
        status=int(answer["status"]),
        answer=_joined(answer["body"]),
        seconds=seconds,
        left=seconds if found["left"] else None,
        losses=tuple(map(str, found["losses"])),
        cut=any(body["missing"] for body in bodies),
    )


def _told(found: Any) -> Candidate:
    credential = made(Credential, found["credential"])
    if credential.provider not in PROVIDERS:
        raise ValueError(f"there is no provider {credential.provider!r}")
    suffix = found.get("suffix")
    info, listed = made(ModelInfo, found["info"]), bool(found.get("listed", True))
    return Candidate(
        credential, str(found["model"]), None if suffix is None else str(suffix), str(found["alias"]), info, listed
    )


def _played(found: Any, candidates: Sequence[Candidate]) -> Played:
    request, response = found["request"], found["response"]
    return Played(
        candidate=candidates[int(found["candidate"])],
        url=str(request["url"]),
        asked=_joined(request["body"]),
        status=int(response["status"]),
        headers={str(name): str(value) for name, value in response["headers"]},
        answered=float(response["after"] or 0.0),
        body=tuple(_pieces(response["body"])),
        ended=None if response["ended"] is None else float(response["ended"]),
        failed=str(response["failed"]),
    )


def _pieces(body: Any) -> Iterable[tuple[float, bytes]]:
    for at, text, *coding in body["pieces"]:
        yield float(at), base64.b64decode(text) if coding else str(text).encode()


def _joined(body: Any) -> bytes:
    return b"".join(data for _, data in _pieces(body))


def _line(text: Any) -> str:
    """Text of a request's head.

    :raises ValueError: it would be more than a line.
    """
    if not isinstance(text, str) or not text.isprintable():
        raise ValueError("a header or path is no line of text")
    return text
