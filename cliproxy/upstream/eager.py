"""Writing without waiting for the reactor."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import ITransport
from twisted.internet.tcp import Connection
from twisted.protocols.tls import TLSMemoryBIOProtocol


def write_now(transport: ITransport, data: bytes) -> None:
    """Write ``data``, trying the socket at once when nothing is queued before it.

    A plain ``transport.write`` waits for the reactor's next turn and costs two ``epoll_ctl`` calls; nearly always the
    socket has room. What it does not take, and every error, is left to the transport's own way of writing.
    """
    if (
        isinstance(transport, Connection)
        and transport.connected
        and not (transport.disconnecting or transport._aborting or transport.dataBuffer or transport._tempDataBuffer)
    ):
        try:
            sent = transport.socket.send(data)
        except OSError:
            sent = 0
        if sent == len(data):
            return
        if sent:
            data = data[sent:]
    transport.write(data)


def unsent(transport: Any) -> int:
    """How many bytes wait in the process for the socket to take them; 0 where that cannot be told."""
    while isinstance(transport, TLSMemoryBIOProtocol):
        transport = transport.transport
    if not isinstance(transport, Connection):
        return 0
    return len(transport.dataBuffer) - transport.offset + transport._tempDataLen
