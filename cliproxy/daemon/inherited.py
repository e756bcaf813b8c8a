"""Sockets that listen already when the process begins: systemd's, by its protocol (``man sd_listen_fds``)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from twisted.logger import Logger

_FIRST: Final = 3
_log = Logger()


def begun_with() -> Mapping[str, str]:
    """The variables that the process began with. Twisted takes systemd's away as soon as its endpoints are imported, and has
    no use for descriptors without names."""
    try:
        lines = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:  # no Linux, and no systemd
        return os.environ
    return dict(os.fsdecode(line).partition("=")[::2] for line in lines if b"=" in line)


def inherited(variables: Mapping[str, str], process: int) -> list[int]:
    """The descriptors of listening stream sockets that were handed to ``process``; no others inherit them from it."""
    if variables.get("LISTEN_PID") != str(process):
        return []
    try:
        number = int(variables.get("LISTEN_FDS", ""))
    except ValueError:
        return []
    found = []
    for descriptor in range(_FIRST, _FIRST + number):
        if _listens(descriptor):
            os.set_inheritable(descriptor, False)
            found.append(descriptor)
        else:
            _log.warn("descriptor {number}, handed over in LISTEN_FDS, is no listening socket", number=descriptor)
    return found


def _listens(descriptor: int) -> bool:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as handed:
            listens = handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            return bool(listens) and handed.type == socket.SOCK_STREAM
    except OSError:
        return False
