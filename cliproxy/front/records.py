"""Answers that were no exchange, as the access log has them."""

from __future__ import annotations

from typing import Any

from cliproxy.errors import ErrorDetail
from cliproxy.front.access import Client
from cliproxy.relay.record import Record


def answered(request: Any, now: float, gone: bool) -> Record:
    """What became of a :class:`cliproxy.front.site.BoundedRequest` that was routed.

    :param now: on the clock of the request's ``began``.
    :param gone: the client left before the end.
    """
    client: Client | None = request.caller
    return Record(
        id=request.id,
        status=0 if gone and not request.startedWriting else request.code,
        seconds=now - request.began,
        peer=client.peer if client is not None else address_of(request.getClientAddress()),
        client=client.label if client is not None else "-",
        known=client is not None,
        method=request.method.decode("latin-1"),
        path=request.path.decode("latin-1"),
        failure=request.why or ("the client left" if gone else ""),
        route=request.amp[0],
        model=request.amp[1],
        operation="pass" if request.amp[0] else "",
        provider="ampcode" if request.amp[0] else "",
    )


def refused_early(
    call_id: str, detail: ErrorDetail, *, peer: str, method: bytes = b"", path: bytes = b"", seconds: float = 0.0
) -> Record:
    """A request that was refused before it was whole; ``method`` and ``path`` are empty where not even its head was."""
    return Record(
        id=call_id,
        status=detail.status,
        seconds=seconds,
        peer=peer,
        known=False,
        method=method.decode("latin-1"),
        path=path.partition(b"?")[0].decode("latin-1"),
        failure=detail.message,
    )


def address_of(peer: Any) -> str:
    """A peer's address; a UNIX socket's has none."""
    return getattr(peer, "host", "unix")
