"""Exception families: whose fault it was, what status the client sees, when to try again.

Every failure a client can be told about carries one :class:`ErrorDetail`; dialects render it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs


@attrs.frozen
class ErrorDetail:
    """A failure in no dialect's spelling.

    :ivar status: the HTTP status that names it (502 when the transport failed).
    :ivar message: one sentence for the person who reads it; never holds a secret.
    :ivar type: the upstream's own type word, when it gave one.
    :ivar code: the machine-readable code, when there is one.
    :ivar param: the JSON path or parameter at fault.
    :ivar retry_after: seconds until it is worth trying again, when known.
    :ivar more: further members for dialects whose error object is open (OpenAI's), as pairs.
    """

    status: int
    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None
    retry_after: float | None = None
    more: tuple[tuple[str, str | int], ...] = ()


class CliproxyError(Exception):
    """Everything this package raises on purpose."""


class SettingsError(CliproxyError):
    """A configuration that cannot be used. ``problems`` are sentences, one a problem, each with its place."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class RequestFault(CliproxyError):
    """The client's request is at fault: it is answered as it is, and no credential is tried for it."""

    def __init__(self, detail: ErrorDetail, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail.message)
        self.detail = detail
        self.headers = dict(headers or {})

    @classmethod
    def bad(cls, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> RequestFault:
        """The usual one: ``status`` (400) with a sentence and, where known, the JSON path at fault."""
        return cls(ErrorDetail(status, message, code=code, param=param))


class NotExpressible(RequestFault):
    """``strict-translation``: the target dialect cannot say what the request means."""


class FailureKind(enum.Enum):
    """In which phase an upstream attempt failed."""

    STATUS = "status"
    """The upstream answered with a status that is not 2xx, or with an error in a 200."""
    TRANSPORT = "transport"
    """Refused, DNS, TLS, reset, end of input or silence: no whole answer."""
    STALE = "stale"
    """A pooled connection was found dead before any response byte: replayable at once."""


class UpstreamFailure(CliproxyError):
    """One upstream attempt failed.

    :ivar detail: what the client would be told; ``status`` is the class the fault table reads.
    :ivar kind: the phase.
    :ivar headers: the upstream's response headers, lower-case names; empty for transport.
    :ivar body: the upstream's decoded error body (capped), relayed verbatim within one dialect.
    :ivar dialect: the dialect ``body`` is in.
    """

    def __init__(
        self,
        detail: ErrorDetail,
        kind: FailureKind = FailureKind.STATUS,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        dialect: str = "",
    ) -> None:
        super().__init__(detail.message)
        self.detail = detail
        self.kind = kind
        self.headers = dict(headers or {})
        self.body = body
        self.dialect = dialect

    def with_detail(self, detail: ErrorDetail) -> UpstreamFailure:
        """The same failure, told differently."""
        return UpstreamFailure(detail, self.kind, self.headers, self.body, self.dialect)

    @classmethod
    def transport(cls, message: str, *, stale: bool = False, status: int = 502) -> UpstreamFailure:
        """A failure of the wire, with no answer to quote."""
        return cls(ErrorDetail(status, message), FailureKind.STALE if stale else FailureKind.TRANSPORT)
