"""What the vendors share: one POST of JSON, an honest User-Agent, the operator's headers last, errors read one way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import attrs

from cliproxy import __version__
from cliproxy.dialects.registry import DIALECTS
from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, dumps, loads
from cliproxy.providers.interface import Operation, UpstreamCall, UpstreamRequest
from cliproxy.providers.retry_hints import retry_hint
from cliproxy.routing.credential import Credential

USER_AGENT = f"cliproxy/{__version__}"

Headers = Iterable[tuple[str, str]]


class Vendor(ABC):
    """The parts of :class:`~cliproxy.providers.interface.Provider` that do not differ between vendors."""

    kind: str
    dialect: str
    protocol: str
    counts_upstream = False

    def streams(self, call_stream: bool, client_dialect: str, base_url: str) -> bool:
        """As the client asked."""
        return call_stream

    def keeps_state(self, credential: Credential) -> bool:
        """Anyone may; who does not says so himself."""
        return True

    @abstractmethod
    def url(self, call: UpstreamCall, base_url: str) -> str:
        """The exact URL of a call."""

    @abstractmethod
    def headers(self, call: UpstreamCall, credential: Credential) -> Headers:
        """The vendor's own headers: authentication and what it asks for by name."""

    def prepare(self, call: UpstreamCall, credential: Credential) -> UpstreamRequest:
        """See :meth:`Provider.prepare <cliproxy.providers.interface.Provider.prepare>`."""
        streams = self.asks_for_stream(call, credential.base_url)
        named = [
            ("Content-Type", "application/json"),
            ("User-Agent", USER_AGENT),
            ("Accept", "text/event-stream" if streams else "application/json"),
            *self.headers(call, credential),
        ]
        return UpstreamRequest(
            "POST",
            self._address(call, credential.base_url),
            _overridden(named, credential.headers),
            dumps(call.body),
            streams,
        )

    def judge(self, status: int, headers: Mapping[str, str], body: bytes, now: float) -> ErrorDetail:
        """See :meth:`Provider.judge <cliproxy.providers.interface.Provider.judge>`."""
        value = _json_or_text(body)
        detail = DIALECTS[self.dialect].decode_error(status, value)
        return attrs.evolve(detail, status=status, retry_after=retry_hint(status, headers, value, now))

    def _address(self, call: UpstreamCall, base_url: str) -> str:
        """The URL of a call. A query of ``base_url`` (``?api-version=...``) goes behind the path."""
        base, _, query = base_url.partition("?")
        url = self.url(call, base.rstrip("/") if query else base)
        return f"{url}{'&' if '?' in url else '?'}{query}" if query else url

    def asks_for_stream(self, call: UpstreamCall, base_url: str) -> bool:
        """Whether this call is sent as a stream: only generation ever is."""
        return call.operation is Operation.GENERATE and self.streams(call.stream, call.client_dialect, base_url)


def refuse(message: str) -> RequestFault:
    """The 501 for an operation the vendor does not have."""
    return RequestFault.bad(message, status=501)


def say_stream(body: JSONObject, streams: bool) -> None:
    """Make the ``stream`` member true, or false where the client wrote one."""
    if streams:
        body["stream"] = True
    elif "stream" in body:
        body["stream"] = False


def model_in_path(model: str) -> str:
    """A model's name as a path, its slashes kept."""
    return quote(model, safe="/")


def _overridden(named: Headers, configured: Headers) -> list[tuple[str, str]]:
    """The operator's headers come last and replace any of the same name. What cannot be a header value is left out."""
    configured = list(configured)
    if configured:
        replaced = {name.lower() for name, _ in configured}
        named = [*((name, value) for name, value in named if name.lower() not in replaced), *configured]
    return [(name, value) for name, value in named if _sendable(name) and _sendable(value)]


def _sendable(text: str) -> bool:
    return "\n" not in text and "\r" not in text and "\0" not in text


def _json_or_text(body: bytes) -> JSON:
    try:
        return loads(body)
    except InvalidJSON:
        return body.decode("utf-8", "replace")
