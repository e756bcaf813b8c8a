"""What a provider is: pure functions from a credential and a call to an HTTP request, and from a failure to its reading."""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Protocol

import attrs

from cliproxy.errors import ErrorDetail
from cliproxy.ir.loss import Loss
from cliproxy.jsontypes import JSONObject
from cliproxy.routing.credential import Credential


class Operation(enum.Enum):
    """What the client wants done."""

    GENERATE = "generate"
    COUNT = "count"
    COMPACT = "compact"
    EMBED = "embed"


@attrs.define
class UpstreamCall:
    """One call, in the provider's dialect, ready for the provider's own finishing touches.

    :ivar model: the upstream's model name, without prefix and suffix.
    :ivar body: the provider-dialect body after thinking and payload rules. ``finish_body`` may change it in place.
    :ivar stream: whether the client wants a stream.
    :ivar client_dialect: the dialect the client speaks.
    :ivar client_headers: the client's headers, lower-case names; a provider forwards only those it names.
    :ivar alt: a Gemini client's ``alt`` when neither empty nor ``sse``.
    :ivar thinking_by_client: the client's own body said ``thinking`` literally, in this dialect and without a suffix.
    :ivar thinking_by_suffix: the model's name said how to think; what it says is not second-guessed.
    :ivar claude_user_id: an Anthropic client's ``metadata.user_id``, for a cache key of ours; never sent.
    :ivar losses: the request's account; what ``finish_body`` drops or changes is added to it.
    :ivar betas: beta names a body carried where a header is wanted; ``finish_body`` moves them here for ``prepare``.
    """

    model: str
    body: JSONObject
    stream: bool
    client_dialect: str
    operation: Operation = Operation.GENERATE
    client_headers: Mapping[str, str] = attrs.field(factory=dict)
    alt: str = ""
    thinking_by_client: bool = False
    thinking_by_suffix: bool = False
    claude_user_id: str | None = None
    losses: list[Loss] = attrs.field(factory=list)
    betas: list[str] = attrs.field(factory=list)


@attrs.define(eq=False)
class Address:
    """What requests of one kind to one upstream have in common: where they go, and their headers as (name, value) in order.

    :ivar sent: what whoever sends them has made of it; it is not made twice.
    """

    url: str
    headers: list[tuple[str, str]]
    sent: dict[Hashable, Any] = attrs.field(factory=dict)


@attrs.define
class UpstreamRequest:
    """An HTTP request to an upstream, whole. Headers are (name, value) in order; ``url`` holds no credential.

    :ivar address: where ``url`` and ``headers`` come from, if they are those of many requests.
    :ivar streams: whether the answer is expected as a stream, whatever the client asked.
    :ivar reshape: for an answer that is not in the provider's dialect (Imagen): makes the whole 2xx body one that is.
    """

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    streams: bool = False
    reshape: Callable[[bytes], bytes] | None = None
    address: Address | None = None


class Provider(Protocol):
    """One vendor's contract. ``dialect`` is a dialect's name, ``protocol`` the word payload rules know it by; without
    ``counts_upstream`` tokens are estimated here."""

    kind: str
    dialect: str
    protocol: str
    counts_upstream: bool

    def streams(self, call_stream: bool, client_dialect: str, base_url: str) -> bool:
        """Whether the upstream is asked to stream (ChatGPT's backend always, claude across dialects)."""

    def keeps_state(self, credential: Credential) -> bool:
        """Whether the upstream keeps what requests in its dialect may name: answers, conversations, files."""

    def finish_body(self, call: UpstreamCall, credential: Credential) -> None:
        """The provider's own rules on the body (providers.md 3-7), last before sending. Changes ``call.body`` in place.

        :raises RequestFault: the provider cannot do the operation (501) or the body cannot be sent.
        """

    def prepare(self, call: UpstreamCall, credential: Credential) -> UpstreamRequest:
        """URL, headers and bytes."""

    def authorization(self, credential: Credential) -> Iterable[tuple[str, str]]:
        """The key or token, in the header it belongs in; nothing for an endpoint that asks for none."""

    def urls(self, credential: Credential, model: str) -> list[tuple[str, str]]:
        """(what, exact URL) for ``cliproxy check`` and ``explain``."""

    def judge(self, status: int, headers: Mapping[str, str], body: bytes, now: float) -> ErrorDetail:
        """Read an error answer: the dialect's reading, with ``retry_after`` from providers.md 9.3 (``now`` is Unix time)."""
