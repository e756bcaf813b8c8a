"""What became of one request, whole: the access log reads it, and whoever counts. One value, made once, when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from cliproxy.ir.loss import Loss
from cliproxy.ir.usage import Usage
from cliproxy.pool.trace import Attempt
from cliproxy.routing.prices import NO_COST, Cost
from cliproxy.wire.escape import visible

#: So much of a model's name, of a path and of a reason is shown.
_LONGEST_NAME = 80
_LONGEST_PATH = 120
_LONGEST_REASON = 300
#: Who calls was not let in, or calls where nothing is.
_REFUSED = frozenset({401, 403, 421})


@attrs.define(kw_only=True)
class Record:
    """One answer.

    :ivar id: the ``X-Request-Id``.
    :ivar status: what the client was told; 0 when it left before.
    :ivar seconds: from the request's head, or the exchange's begin, to the end.
    :ivar peer: the caller's address.
    :ivar client: the label of its key, ``-`` for none.
    :ivar known: it was let in.
    :ivar method: of the request; ``path`` is without query. Both empty for an exchange.
    :ivar dialect: the client's; empty for an answer that was no exchange, as all that follows is.
    :ivar model: as the client asked for it; ``upstream_model`` as it was asked of the upstream.
    :ivar credential: the label of the credential that answered, or tried last; empty when none did.
    :ivar first: seconds until the first content; None when there was none.
    :ivar failure: why it failed, a sentence without a secret.
    :ivar time: when it was over, in Unix seconds.
    :ivar operation: what was asked for: ``generate``, ``count`` and so on.
    :ivar cancelled: the client left before the answer was whole.
    :ivar straight: the first attempt, made straightly, gave the answer.
    :ivar route: how Amp's request was routed; empty for everybody else's.
    :ivar session: the beginning of a digest of the conversation; empty where nobody needed to tell it apart.
    :ivar used: by number, counts and US dollars of the attempts of which they are known.
    """

    id: str
    status: int
    seconds: float
    peer: str = ""
    client: str = "-"
    known: bool = True
    method: str = ""
    path: str = ""
    dialect: str = ""
    model: str = ""
    upstream_model: str = ""
    credential: str = ""
    provider: str = ""
    stream: bool = False
    first: float | None = None
    usage: Usage | None = None
    attempts: Sequence[Attempt] = ()
    affinity: str = "none"
    losses: Sequence[Loss] = ()
    failure: str = ""
    time: float = 0.0
    operation: str = ""
    upstream_dialect: str = ""
    credential_id: str = ""
    cost: Cost = NO_COST
    cancelled: bool = False
    straight: bool = False
    route: str = ""
    session: str = ""
    used: Mapping[int, tuple[Usage, float]] = attrs.field(factory=dict)

    @property
    def alarming(self) -> bool:
        """Refused keys and failures are warnings; what a client got wrong, and its leaving, are not."""
        status = self.status
        return status in _REFUSED or status == 429 or status >= 500 or (status == 200 and self.failure != "")


def plain(record: Record) -> str:
    """The record as one line of ``name=value``, its id in front."""
    return f"[{record.id}] {said(record)}"


def said(record: Record) -> str:
    """The record in words and ``name=value``, for files and pipes. Nothing in it ends a line or steers a terminal."""
    ended = str(record.status) if record.status else "client gone"
    whole = "".join((_exchange(record, ended) if record.dialect else _other(record, ended), _why(record)))
    return visible(whole)


def _exchange(record: Record, ended: str) -> str:
    usage, first = record.usage, record.first
    tokens = "-" if usage is None else f"{_count(usage.input)}/{_count(usage.cached)}/{_count(usage.output)}"
    return (
        f"{record.client} {record.dialect} {record.model[:_LONGEST_NAME]} -> {record.credential or '-'} {ended}"
        f" attempts={len(record.attempts)} affinity={record.affinity} seconds={record.seconds:.3f}"
        f" first={'-' if first is None else f'{first:.3f}'} tokens={tokens}"
        + (f" losses={len(record.losses)}" if record.losses else "")
    )


def _other(record: Record, ended: str) -> str:
    return f"{record.client} {record.peer or '-'} {asked(record)} {ended} seconds={record.seconds:.3f}"


def asked(record: Record) -> str:
    """Method and path of an answer that was no exchange."""
    path = record.path if len(record.path) <= _LONGEST_PATH else record.path[:_LONGEST_PATH] + "..."
    return f"{record.method} {path}".strip() or "no request"


def _why(record: Record) -> str:
    return f" failed: {record.failure[:_LONGEST_REASON]!r}" if record.failure else ""


def _count(tokens: int | None) -> str:
    return "-" if tokens is None else str(tokens)
