"""One request as the front knows it: who calls, with which headers, query and body."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.web.server import Request

from cliproxy.errors import RequestFault
from cliproxy.front.access import Client
from cliproxy.front.plain_request import PlainRequest
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject
from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.permission import permitted
from cliproxy.routing.snapshot import Snapshot
from cliproxy.settings.model import ClientKey
from cliproxy.shallow import ambiguous, loads_body
from cliproxy.wire.coding import DamagedCoding, decoder_for

#: A packed body may grow to this many bytes, or to so many times its size if that is more: a small one is no bomb.
UNPACKED_FREELY: Final = 64 * 1024
MOST_UNPACKED: Final = 50
#: What decides where a request goes and how its answer is read must be the same for us and for an upstream that gets the bytes.
_DECIDING: Final = ("model", "stream")


@attrs.frozen
class Answer:
    """A whole answer that needs no upstream."""

    body: JSON | bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


class UnderWay(enum.Enum):
    """An answer that the relay gives by itself."""

    UNDER_WAY = "under way"


UNDER_WAY: Final = UnderWay.UNDER_WAY
#: What a route gives that had the relay answer.
Relayed = Deferred[None] | UnderWay
#: What a route may return, and what entering it gives.
Result = Answer | None | Awaitable[Answer | None] | UnderWay
Entered = Deferred[bytes | None] | bytes | None | UnderWay


@attrs.define
class Call:
    """One admitted request: what a route needs to know of it. Header names are lower case, first values."""

    request: Any
    id: str
    client: Client
    snapshot: Snapshot
    headers: Mapping[str, str]
    query: Mapping[str, str]
    _raw: bytes | None = None
    _json: JSONObject | None = None

    def raw(self) -> bytes:
        """The body's bytes, their content coding undone.

        :raises RequestFault: 415 for a coding we do not know, 400 for a damaged one, 413 for what unpacks to too much.
        """
        if self._raw is None:
            data = body_of(self.request)
            coding = self.headers.get("content-encoding", "") if data else ""
            limit = self.snapshot.settings.max_body_mb * 1024 * 1024
            if len(data) > limit:  # our own site has refused that earlier; another one has not
                raise RequestFault.bad("the body is larger than this server accepts (max-body-mb)", status=413)
            self._raw = _unpacked(data, coding, limit) if coding else data
        return self._raw

    def json(self) -> JSONObject:
        """The body as a JSON object, read once.

        :raises RequestFault: 400 saying where it is not JSON, or that it is not an object.
        """
        if self._json is None:
            try:
                body, self._raw = loads_body(self.raw())
            except InvalidJSON as error:
                raise RequestFault.bad(f"the body is not valid JSON: {error}") from None
            if not isinstance(body, dict):
                raise RequestFault.bad("the body is not a JSON object")
            if (why := ambiguous(body, self._raw, _DECIDING)) is not None:
                raise RequestFault.bad(f"the body could be read in two ways: {why}")
            self._json = body
        return self._json

    def models(self) -> Sequence[ModelInfo]:
        """The models listed for the caller: those that its key may use."""
        models, key = self.snapshot.catalog.listed(), self.client.key
        if key is None or not (key.models or key.deny or key.providers):
            return models
        return [model for model in models if self._may_use(key, model)]

    def _may_use(self, key: ClientKey, model: ModelInfo) -> bool:
        try:
            permitted(key, self.snapshot.router.resolve(model.id))
        except RequestFault:
            return False
        return True

    def listed(self, name: str) -> ModelInfo:
        """The listed model of that name, in any case of letters; Google's ``models/`` in front is understood.

        :raises RequestFault: 404, there is none.
        """
        wanted = name.removeprefix("models/").lower()
        listed = {model.id.lower(): model for model in self.models()}
        prefix = self.snapshot.settings.claude_models_prefix.lower()
        for spelling in (wanted, wanted.removeprefix(prefix)):
            if spelling in listed:
                return listed[spelling]
        raise RequestFault.bad(f"there is no model named {name[:200]}", status=404, code="model_not_found")


def body_of(request: Request | PlainRequest) -> bytes:
    """A request's body as it came. In a site that is not ours it may be in a file."""
    if isinstance(request, PlainRequest):
        return request.body
    content: Any = request.content
    if isinstance(content, BytesIO):
        return content.getvalue()
    content.seek(0)
    data: bytes = content.read()
    return data


def drop_body(request: Request | PlainRequest) -> None:
    """Let go of a request's body: an answer can take long."""
    if isinstance(request, PlainRequest):
        request.body = b""
    else:
        content: Any = request.content
        content.close()


def _unpacked(data: bytes, coding: str, limit: int) -> bytes:
    try:
        decoder = decoder_for(coding)
    except DamagedCoding:
        raise RequestFault.bad(f"the content-encoding {coding[:40]} is not understood", status=415) from None
    if decoder is None:
        return data
    out = bytearray()
    try:
        decoder.feed(data)
        while piece := decoder.read():
            out += piece
            if len(out) > max(UNPACKED_FREELY, MOST_UNPACKED * len(data)):
                raise RequestFault.bad(f"the body unpacks to more than {MOST_UNPACKED} times its size", status=413)
            if len(out) > limit:
                raise RequestFault.bad("the body unpacks to more than this server accepts (max-body-mb)", status=413)
        decoder.close()
    except DamagedCoding as fault:
        raise RequestFault.bad(f"the body cannot be unpacked: {fault}") from None
    return bytes(out)


def header_map(request: Request | PlainRequest) -> dict[str, str]:
    """The request's headers, lower-case names, first values; undecodable bytes survive as surrogates.

    The hops of ``X-Forwarded-For`` are all there, in whatever number of lines they came.
    """
    if isinstance(request, PlainRequest):
        return request.headers
    found = {
        name.decode("ascii", "surrogateescape").lower(): values[0].decode("utf-8", "surrogateescape")
        for name, values in request.requestHeaders.getAllRawHeaders()
    }
    if "x-forwarded-for" in found:
        hops = request.requestHeaders.getRawHeaders(b"x-forwarded-for") or []
        found["x-forwarded-for"] = b", ".join(hops).decode("utf-8", "surrogateescape")
    return found


def query_map(request: Request | PlainRequest) -> dict[str, str]:
    """The query's parameters, first values."""
    arguments: dict[bytes, list[bytes]] = request.args or {}
    return {
        name.decode("utf-8", "surrogateescape"): values[0].decode("utf-8", "surrogateescape")
        for name, values in arguments.items()
        if values
    }
