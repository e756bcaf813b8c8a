"""Sockets that listen already when the process begins: systemd's, by its protocol (``man sd_listen_fds``), or those of an
earlier process of ours."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from twisted.logger import Logger

#: Where systemd's sockets begin.
_FIRST: Final = 3
#: The process that hands over; the descriptors of its sockets, and of the pipe on which the new one says that it serves.
_FROM: Final = "CLIPROXY_HANDED_FROM"
_SOCKETS: Final = "CLIPROXY_HANDED_SOCKETS"
_PIPE: Final = "CLIPROXY_HANDED_PIPE"
_log = Logger()


def begun_with() -> Mapping[str, str]:
    """The variables that the process began with. Twisted takes systemd's away as soon as its endpoints are imported, and has
    no use for descriptors without names."""
    try:
        lines = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:  # no Linux, and no systemd
        return os.environ
    return dict(os.fsdecode(line).partition("=")[::2] for line in lines if b"=" in line)


def inherited(variables: Mapping[str, str], process: int, parent: int) -> tuple[list[int], int | None]:
    """The descriptors of listening stream sockets that were handed to ``process``, and of the pipe to the one before it.

    :param parent: the process that began it.
    """
    if succeeds(variables, parent):
        pipe = int(variables[_PIPE])
        os.set_inheritable(pipe, False)
        return _kept(map(int, variables[_SOCKETS].split(","))), pipe
    if variables.get("LISTEN_PID") != str(process):
        return [], None
    try:
        return _kept(range(_FIRST, _FIRST + int(variables.get("LISTEN_FDS", "")))), None
    except ValueError:
        return [], None


def succeeds(variables: Mapping[str, str], parent: int) -> bool:
    """Whether an earlier process of ours is there, and lets go when this one serves."""
    return variables.get(_FROM) == str(parent)


def handing(process: int, sockets: Sequence[int], pipe: int) -> dict[str, str]:
    """The variables for a child of ``process`` that inherits these descriptors."""
    return {_FROM: str(process), _SOCKETS: ",".join(map(str, sockets)), _PIPE: str(pipe)}


def _kept(descriptors: Iterable[int]) -> list[int]:
    found = []
    for descriptor in descriptors:
        if _listens(descriptor):
            os.set_inheritable(descriptor, False)
            found.append(descriptor)
        else:
            _log.warn("descriptor {number}, handed over as a socket, is no listening one", number=descriptor)
    return found


def announce(variables: Mapping[str, str], process: int) -> None:
    """Tell systemd that the service is ready, and which process it is now (``man sd_notify``)."""
    place = variables.get("NOTIFY_SOCKET", "")
    if not place:
        return
    address = "\0" + place[1:] if place.startswith("@") else place
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        try:
            told.connect(address)
            told.send(f"READY=1\nMAINPID={process}".encode())
        except OSError as error:
            _log.warn("systemd was not told that this process is ready: {why}", why=error.strerror)


def _listens(descriptor: int) -> bool:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as handed:
            listens = handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            return bool(listens) and handed.type == socket.SOCK_STREAM
    except OSError:
        return False
