"""What the vendors share: one POST of JSON, an honest User-Agent, the operator's headers last, errors read one way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlencode

import attrs

from cliproxy import __version__
from cliproxy.dialects.registry import DIALECTS
from cliproxy.errors import ErrorDetail, RequestFault
from cliproxy.ir.loss import Loss
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, dumps, loads
from cliproxy.providers.interface import Address, Operation, UpstreamCall, UpstreamRequest
from cliproxy.providers.retry_hints import retry_hint
from cliproxy.routing.credential import Credential
from cliproxy.settings.model import ClientHeader
from cliproxy.settings.model import Headers as Configured
from cliproxy.shallow import look
from cliproxy.vendors.preset import Endpoint

USER_AGENT = f"cliproxy/{__version__}"

#: So much is remembered of what was made for one credential.
_MOST_PREPARED: Final = 256
_KEY_HEADERS: Final = ("x-api-key", "api-key", "x-goog-api-key")
_NOTHING: Final = object()
#: Members without which a request means something else.
_MEANT: Final = frozenset(
    ["stop", "tools", "tool_choice", "n", "audio", "modalities", "logit_bias", "web_search_options"]
)

Headers = Iterable[tuple[str, str]]


class Vendor(ABC):
    """The parts of :class:`~cliproxy.providers.interface.Provider` that do not differ between vendors."""

    kind: str
    dialect: str
    protocol: str
    counts_upstream = False
    auth = "bearer"

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

    def authorization(self, credential: Credential) -> Headers:
        """The key or token, in the header it belongs in; nothing for an endpoint that asks for none."""
        if credential.key:
            scheme = credential.auth or self.auth
            key = credential.key.reveal()
            yield (scheme, key) if scheme in _KEY_HEADERS else ("Authorization", f"Bearer {key}")

    def prepare(self, call: UpstreamCall, credential: Credential) -> UpstreamRequest:
        """See :meth:`Provider.prepare <cliproxy.providers.interface.Provider.prepare>`."""
        streams = self.asks_for_stream(call, credential.base_url)
        _fit(call, credential.endpoint)
        address = self._known_address(call, credential, streams)
        return UpstreamRequest("POST", address.url, address.headers, dumps(call.body), streams, address=address)

    def said(self, call: UpstreamCall) -> tuple[Hashable, ...]:
        """What of the client's own the :meth:`headers` depend on."""
        return ()

    def _known_address(self, call: UpstreamCall, credential: Credential, streams: bool) -> Address:
        """The address that was made for the last such call: it depends on little of a request."""
        copies = any(isinstance(value, ClientHeader) for _, value in credential.headers)
        if copies or call.operation is not Operation.GENERATE:
            return self._made_address(call, credential, streams)
        key = (self.kind, call.model, streams, call.alt, self.said(call))
        known: Address | None = credential.prepared.get(key)
        if known is None:
            if len(credential.prepared) >= _MOST_PREPARED:
                credential.prepared.clear()
            known = credential.prepared[key] = self._made_address(call, credential, streams)
        return known

    def _made_address(self, call: UpstreamCall, credential: Credential, streams: bool) -> Address:
        named = [
            ("Content-Type", "application/json"),
            ("User-Agent", USER_AGENT),
            ("Accept", "text/event-stream" if streams else "application/json"),
            *self.authorization(credential),
            *self.headers(call, credential),
        ]
        headers = _overridden(named, _copied(credential.headers, call.client_headers))
        return Address(self._address(call, credential), headers)

    def judge(self, status: int, headers: Mapping[str, str], body: bytes, now: float) -> ErrorDetail:
        """See :meth:`Provider.judge <cliproxy.providers.interface.Provider.judge>`."""
        value = _json_or_text(body)
        detail = DIALECTS[self.dialect].decode_error(status, value)
        return attrs.evolve(detail, status=status, retry_after=retry_hint(status, headers, value, now))

    def _address(self, call: UpstreamCall, credential: Credential) -> str:
        """The URL of a call: the operator's path where there is one, else the dialect's. A query of the ``base_url``
        (``?api-version=...``) goes behind the path, and so does the operator's."""
        base, _, query = credential.base_url.partition("?")
        base = base.rstrip("/") if query else base
        path = dict(credential.endpoint.paths).get(call.operation.value)
        url = self.url(call, base) if path is None else base + path.replace("{model}", model_in_path(call.model))
        added = "&".join(part for part in (query, urlencode(credential.endpoint.query)) if part)
        return f"{url}{'&' if '?' in url else '?'}{added}" if added else url

    def asks_for_stream(self, call: UpstreamCall, base_url: str) -> bool:
        """Whether this call is sent as a stream: only generation ever is."""
        return call.operation is Operation.GENERATE and self.streams(call.stream, call.client_dialect, base_url)


def _fit(call: UpstreamCall, endpoint: Endpoint) -> None:
    """Give members the names they have at this endpoint, and take out what it refuses, each a loss."""
    body = call.body
    for name, here in endpoint.renamed:
        if name in body:
            value = body.pop(name)
            body.setdefault(here, value)
    take_out(call, endpoint.strip)


def take_out(call: UpstreamCall, names: Sequence[str]) -> None:
    """Leave out members that the endpoint refuses, each a loss."""
    for name in names:
        if _taken_out(call.body, name) and name != "stream_options":  # that is said by us
            call.losses.append(Loss(f"{name}: the endpoint refuses it", name, meaning=name in _MEANT))


def _taken_out(body: JSONObject, path: str) -> bool:
    """Delete a member, one of an object's (``reasoning.summary``) or one of each item of a list (``messages[].name``); says
    whether there was one. What ``body`` holds is copied where it changes, for others may hold it too."""
    first, dot, rest = path.partition(".")
    if not dot:
        return body.pop(path, _NOTHING) is not _NOTHING
    name = first.removesuffix("[]")
    held = look(body, name)
    before = held if isinstance(held, list) else [held]
    after = [_without(each, rest) for each in before]
    if all(old is new for old, new in zip(before, after, strict=True)):
        return False
    body[name] = after if isinstance(held, list) else after[0]
    return True


def _without(value: JSON, path: str) -> JSON:
    """An object without a member, or the very value where there is none."""
    if not isinstance(value, dict):
        return value
    copy = dict(value)
    return copy if _taken_out(copy, path) else value


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


def _copied(configured: Configured, client: Mapping[str, str]) -> Headers:
    """The operator's headers, those among them that are copied with the client's own values; who sent none gets none."""
    for name, value in configured:
        if not isinstance(value, ClientHeader):
            yield name, value
        elif said := client.get(value.lower()):
            yield name, said


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
